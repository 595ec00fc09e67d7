"""The Public API: a workspace token or one of OAuth, envelopes, pages and rate limits around `operations`.

Where Segment's documentation says nothing, the sandbox does this: a cursor is the base64 of an offset; the
last page has no `next`; a slug (a label, the name of a group) that is taken is a 400; unknown fields are
ignored; null counts as not given, except in settings, where it removes one; an id in a body that does not
exist is a 404; a body that is not announced as JSON is a 415, and an answer that may not be JSON a 406. JSON
is `application/json`, or `application/vnd.segment.*+json` with any version.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_segment.sandbox.collection import Handler
from airflow_provider_segment.sandbox.constants import TOKEN
from airflow_provider_segment.sandbox.enforced_limits import Standing
from airflow_provider_segment.sandbox.oauth import bearer_of
from airflow_provider_segment.sandbox.operation_table import all_operations
from airflow_provider_segment.sandbox.operations.audit_trail import audit
from airflow_provider_segment.sandbox.public_api_errors import PublicApiError
from airflow_provider_segment.sandbox.query import nested
from airflow_provider_segment.sandbox.received_call import ReceivedCall
from airflow_provider_segment.sandbox.state import Item, State

TYPES = {
    400: "bad-request",
    401: "Unauthorized",
    404: "NotFound",
    422: "ValidationFailure",
    429: "RateLimited",
    500: "InternalError",
}


def routes(state: State) -> list[Route]:
    def route(operation: str, handler: Handler) -> Route:
        method, path = operation.split()
        return Route(path, endpoint(state, operation, handler), methods=[method])

    return [route(operation, handler) for operation, handler in all_operations().items()]


def endpoint(state: State, operation: str, handler: Handler) -> Any:
    is_write = not operation.startswith("GET ")

    async def answer(request: Request) -> Response:
        headers: dict[str, str] = {}
        try:
            caller = authorize(state, request)
            check_media_types(request.headers)
            now = state.clock.now()
            for limit in state.limits_of(operation):
                standing = limit.take(caller, now)
                headers = standing.headers()
                if not standing.allowed:
                    return too_many(standing, now)
            params = {name: unquote(value) for name, value in request.path_params.items()}
            query = nested(request.query_params.multi_items())
            body = json_body(await request.body())
            call = ReceivedCall(state, request.scope["path"], params, query, body, request.headers)
            data = handler(call)
            if is_write:
                audit(call, operation)
        except PublicApiError as refused:
            return respond({"errors": refused.errors}, refused.status, headers)
        if call.delay:
            await asyncio.sleep(call.delay)
        return respond({"data": data}, call.status, headers)

    return answer


def error(status: int, message: str) -> Response:
    return respond({"errors": [{"type": TYPES.get(status, "RequestError"), "message": message}]}, status)


def respond(body: Item, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")


def too_many(standing: Standing, now: float) -> Response:
    """The exact time to wait is only in the body; there is no Retry-After."""
    data = {
        "msBeforeNext": round((standing.reset_at - now) * 1000),
        "remainingPoints": standing.remaining,
        "consumedPoints": standing.consumed,
    }
    body = {"errors": [{"type": "RateLimited", "message": "Too many requests.", "data": data}]}
    return respond(body, 429, standing.headers())


def authorize(state: State, request: Request) -> str:
    """Whose requests are counted together: those with the workspace's token, or those of an OAuth app."""
    token = bearer_of(request.headers)
    if token is None:
        raise PublicApiError(401, "Unauthorized", "The token is missing.")
    if hmac.compare_digest(token.encode(), TOKEN.encode()):
        return TOKEN
    if refusal := state.oauth.refusal(token, "public_api:read_write", state.clock.now()):
        raise PublicApiError(401, "Unauthorized", refusal)
    return state.oauth.tokens[token].app_id


JSON = re.compile(r"application/(json|vnd\.segment\.\w+\+json)")
ANY = ("", "*/*", "application/*")


def check_media_types(headers: Mapping[str, str]) -> None:
    sent = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if sent and not JSON.fullmatch(sent):
        raise PublicApiError(415, "UnsupportedMediaType", f"Content-Type is {sent}, not JSON.")
    accepted = [one.partition(";")[0].strip().lower() for one in headers.get("Accept", "").split(",")]
    if not any(one in ANY or JSON.fullmatch(one) for one in accepted):
        raise PublicApiError(406, "NotAcceptable", "Answers are JSON, which Accept does not allow.")


def json_body(body: bytes) -> Item:
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as failure:
        raise PublicApiError(400, "bad-request", f"The body is not a JSON object: {failure}") from None
