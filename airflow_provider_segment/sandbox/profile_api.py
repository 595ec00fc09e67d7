"""The Profile API: reads of the profiles that received events made, and of those in
`State.profiles[space, collection, id]`, which come first.

A profile is an object with any of `traits` (an object), `events`, `external_ids`, `links` (lists) and
`metadata`."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_segment.sandbox.constants import PROFILE_TOKEN
from airflow_provider_segment.sandbox.state import State

CODES = {401: "authentication_error", 404: "not_found", 429: "rate_limit_error"}
PATH = "/v1/spaces/{space}/collections/{collection}/profiles/{external_id}/{part}"
DEFAULT_PAGE = 10


def routes(state: State) -> list[Route]:
    async def read(request: Request) -> Response:
        if not authorized(request):
            return error(401, "The access token is missing or wrong.")
        space, collection, external_id, part = (unquote(value) for value in request.path_params.values())
        profile = {
            **(state.received_profiles.get(space, collection, external_id) or {}),
            **(state.profiles.get((space, collection, external_id)) or {}),
        }
        if not profile:
            return error(404, "Profile was not found.")
        if part == "metadata":
            return respond({"metadata": profile.get("metadata", {})})
        if part == "traits":
            traits, cursor = page(request, list(profile.get("traits", {}).items()))
            return respond({"traits": dict(traits), "cursor": cursor})
        if part in ("events", "external_ids", "links"):
            items, cursor = page(request, profile.get(part, []))
            return respond({"data": items, "cursor": cursor})
        return error(404, "No such part of a profile.")

    return [Route(PATH, read, methods=["GET"])]


def error(status: int, message: str) -> Response:
    return respond(
        {"error": {"code": CODES.get(status, "invalid_request_error"), "message": message}}, status
    )


def respond(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def authorized(request: Request) -> bool:
    """Basic authentication: the token is the user name, the password is empty."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    try:
        user = base64.b64decode(credentials).partition(b":")[0]
    except binascii.Error:
        return False
    return scheme.lower() == "basic" and hmac.compare_digest(user, PROFILE_TOKEN.encode())


def page(request: Request, items: list[Any]) -> tuple[list[Any], dict[str, Any]]:
    query = request.query_params
    start, limit = int(query.get("next") or 0), int(query.get("limit", DEFAULT_PAGE))
    has_more = start + limit < len(items)
    next = str(start + limit) if has_more else ""
    cursor = {"url": request.url.path, "has_more": has_more, "next": next, "limit": limit}
    return items[start : start + limit], cursor
