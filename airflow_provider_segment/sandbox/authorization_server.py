"""The authorization server: `POST /token`, where an app gets a token for an assertion that it signed.

Segment has one for each region. This one stands for both: an app gets tokens of its own region, which only
that region's APIs take.

What is refused, and how, follows Segment's page on OAuth, the token managers of its Python and Node clients,
and RFC 6749 and 7523. Where these are silent:

- A request that is not understood, or an assertion out of its time, is a 400; one that proves nothing a 401.
- `aud` is an authorization server of Segment's, or this one's origin. The clients always send the US one.
- `exp` may be as far ahead as `LONGEST_ASSERTION`; `iat` and `nbf` may be absent.
- `scope` is needed, and may name several scopes of the app.
"""

from __future__ import annotations

from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs

import jwt
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_segment.sandbox.oauth import RegisteredApp
from airflow_provider_segment.sandbox.state import State

PATH = "/token"
SERVERS = ("https://oauth2.segment.io", "https://oauth2.eu1.segmentapis.com")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_ASSERTION = 60.0  # seconds
LEEWAY = 5.0  # seconds between the clocks: the `Date` of an answer tells whole seconds
CODES = {401: "invalid_client", 429: "rate_limited"}


class Refused(Exception):
    """Answered with this status, and an error in OAuth's shape."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status, self.error = status, error


def routes(state: State) -> list[Route]:
    async def token(request: Request) -> Response:
        try:
            return respond(granted(state, request, await request.body()))
        except Refused as refused:
            return refusal(refused.status, refused.error, str(refused))

    return [Route(PATH, token, methods=["POST"])]


def error(status: int, message: str) -> Response:
    return refusal(status, CODES.get(status, "invalid_request" if status < 500 else "server_error"), message)


def refusal(status: int, error: str, description: str) -> Response:
    return respond({"error": error, "error_description": description}, status)


def respond(body: Any, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")


def granted(state: State, request: Request, body: bytes) -> dict[str, Any]:
    """Judge a request for a token; what grants it."""
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise Refused(415, "invalid_request", "The body must be application/x-www-form-urlencoded.")
    form = read_form(body)
    if form.get("grant_type") != "client_credentials":
        raise Refused(400, "unsupported_grant_type", "grant_type must be client_credentials.")
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise Refused(400, "invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}.")

    now = state.clock.now()
    audiences = (*SERVERS, f"{request.url.scheme}://{request.url.netloc}")
    app, claims = verified(state, form.get("client_assertion", ""), audiences)
    check_times(claims, now + request.state.skew)
    scopes = tuple(form.get("scope", "").split())
    if not scopes or not set(scopes) <= set(app.scopes):
        raise Refused(400, "invalid_scope", "scope must name scopes that the app has.")
    if claims["jti"] in state.oauth.assertions:
        raise Refused(401, "invalid_client", "The assertion was used before: jti must be new.")
    state.oauth.assertions.add(claims["jti"])
    token = state.oauth.grant(app, scopes, now)
    request.state.record.token = state.oauth.number_of(token)
    return {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": app.expires_in,
        "scope": " ".join(scopes),
    }


def read_form(body: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, strict_parsing=bool(body), errors="strict")
    except ValueError:
        raise Refused(400, "invalid_request", "The body is not a form.") from None
    if any(len(values) > 1 for values in fields.values()):
        raise Refused(400, "invalid_request", "A field of the form is given twice.")
    return {name: value for name, (value,) in fields.items()}


def verified(
    state: State, assertion: str, audiences: tuple[str, ...]
) -> tuple[RegisteredApp, dict[str, Any]]:
    """The app that signed an assertion, and its claims, whose times are not checked yet."""
    try:
        claimed = jwt.decode(assertion, options={"verify_signature": False})
        app = state.oauth.apps.get(str(claimed.get("sub")))
        key = app.keys.get(str(jwt.get_unverified_header(assertion).get("kid"))) if app else None
        if app is None or key is None:
            raise Refused(401, "invalid_client", "No app with this id (sub) has a key of this id (kid).")
        claims = jwt.decode(
            assertion,
            key,
            algorithms=["RS256"],
            audience=audiences,
            # The times are the sandbox's, which PyJWT does not know.
            options={
                "require": ["sub", "aud", "exp", "jti"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.InvalidTokenError as error:
        raise Refused(401, "invalid_client", f"The client assertion is not valid: {error}") from None
    if claims.get("iss", app.id) not in (app.id, *audiences):
        raise Refused(401, "invalid_client", "iss must be the id of the app, or an authorization server.")
    if not isinstance(claims["jti"], str) or not claims["jti"]:
        raise Refused(401, "invalid_client", "jti must be a text.")
    return app, claims


def check_times(claims: dict[str, Any], now: float) -> None:
    """The words are those that tell Segment's Python client to correct its clock by `Date`, and try again."""
    times = {name: claims[name] for name in ("exp", "iat", "nbf") if name in claims}
    if any(isinstance(time, bool) or not isinstance(time, (int, float)) for time in times.values()):
        raise Refused(400, "invalid_request", "exp, iat and nbf must be seconds since 1970.")
    if not times.pop("exp") > now:  # nor is NaN
        raise Refused(400, "invalid_request", "Token is expired")
    if any(time > now + LEEWAY for time in times.values()):
        raise Refused(400, "invalid_request", "Token used before issued")
    if claims["exp"] > now + LONGEST_ASSERTION + LEEWAY:
        longest = f"{LONGEST_ASSERTION:g} s after {formatdate(now, usegmt=True)}"
        raise Refused(400, "invalid_request", f"exp is too far ahead: at most {longest}.")
