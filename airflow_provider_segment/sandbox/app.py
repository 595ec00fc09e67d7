"""The ASGI application: one origin for the three APIs, the authorization server and the sandbox's endpoints.

`Gate` is in front of all: it refuses the pages of other sites, reads the whole request, decompresses it,
applies a fault, and keeps a record.
"""

from __future__ import annotations

import gzip
import io
import re
import uuid
import zlib
from collections.abc import Callable
from email.utils import formatdate

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_segment.sandbox import authorization_server, control, profile_api, public_api, tracking
from airflow_provider_segment.sandbox.browsers import Visitors, protect
from airflow_provider_segment.sandbox.clock import iso
from airflow_provider_segment.sandbox.faults import Exchange
from airflow_provider_segment.sandbox.oauth import bearer_of
from airflow_provider_segment.sandbox.state import RequestRecord, State

ERRORS: dict[str, Callable[[int, str], Response]] = {
    "tracking": tracking.error,
    "public": public_api.error,
    "profile": profile_api.error,
    "oauth": authorization_server.error,
    "control": control.error,
}
RECORDED_HEADERS = ("User-Agent", "Accept", "Content-Type", "Content-Encoding", "X-Retry-Count")


MAX_BYTES = 20 << 20
"""Of a body, also after it was decompressed: more than any of Segment's APIs takes."""


def create_app(state: State, visitors: Visitors) -> ASGIApp:
    async def failed(request: Request, failure: Exception) -> Response:
        error = ERRORS[api_of(request.scope["path"])]
        if isinstance(failure, HTTPException):
            return error(failure.status_code, failure.detail)
        return error(400, str(failure))

    router = Starlette(
        routes=[
            *control.routes(state),
            *tracking.routes(state),
            *profile_api.routes(state),
            *authorization_server.routes(state),
            *public_api.routes(state),
        ],
        exception_handlers=dict.fromkeys(
            (HTTPException, ValueError, RecursionError, msgspec.MsgspecError), failed
        ),
    )
    return Gate(state, visitors, router)


def api_of(path: str) -> str:
    if path.startswith(control.PREFIX):
        return "control"
    if path.startswith("/v1/spaces/"):
        return "profile"
    if path == authorization_server.PATH:
        return "oauth"
    return "tracking" if path.startswith("/v1/") else "public"


class Gate:
    """The application around the router: reads and records each request, and has it answered."""

    def __init__(self, state: State, visitors: Visitors, router: ASGIApp) -> None:
        self.state = state
        self.visitors = visitors
        self.router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wire_body = await read(receive)
        if wire_body is None:
            return
        # Routes match the path as it was sent: an encoded slash is part of an id. Segment's Java client adds
        # a trailing slash, which is ignored.
        path = scope["path"] = scope["raw_path"].decode("ascii", "replace").rstrip("/") or "/"
        api = "control" if control.is_browser(scope) else api_of(path)
        any_origin = api == "tracking"
        if refusal := self.visitors.refusal(Headers(scope=scope), any_origin=any_origin):
            await ERRORS[api](403, refusal)(scope, receive, send)
            return
        record = scope["state"]["record"] = self.new_record(scope, api, wire_body)
        scope["state"]["skew"] = 0.0
        body = unpacked(wire_body, Headers(scope=scope))
        content = body if isinstance(body, bytes) else wire_body
        fault = None if api == "control" else self.state.faults.pick(api, path, content)

        requests = self.state.requests  # after a reset it is another list
        exchange = Exchange(
            answer=lambda skew=0.0: self.answer(scope, api, body, skew),
            error=ERRORS[api],
            oauth=self.state.oauth,
            token=bearer_of(Headers(scope=scope)),
            is_stale=lambda: requests is not self.state.requests,
        )
        response = await (fault.answer(exchange) if fault else exchange.answer())

        response.headers["X-Request-Id"] = record.request_id
        response.headers["X-Segment-Sandbox"] = self.state.region  # for whoever wonders who answers
        response.headers["Date"] = formatdate(self.state.clock.now() + scope["state"]["skew"], usegmt=True)
        protect(response.headers, any_origin=any_origin)
        if api == "profile":
            response.headers["Request-Id"] = record.request_id
        record.fault = fault.kind if fault else None
        record.status = response.status_code or None
        if api != "control":
            requests.append(record)
            self.state.make_room()
        await response(scope, receive, send)

    def new_record(self, scope: Scope, api: str, wire_body: bytes) -> RequestRecord:
        headers = Headers(scope=scope)
        return RequestRecord(
            api=api,
            method=scope["method"],
            path=re.sub(r"(?<=/writekey/)[^/]+", "***", scope["path"]),
            query=scope["query_string"].decode("ascii"),
            headers={name: headers[name] for name in RECORDED_HEADERS if name in headers},
            bytes=len(wire_body),
            received_at=iso(self.state.clock.now()),
            request_id=str(uuid.uuid4()),
            token=self.state.oauth.number_of(bearer_of(headers)),
        )

    async def answer(self, scope: Scope, api: str, body: bytes | str, skew: float = 0.0) -> Response:
        """Let the request take effect; what the router answers.

        :param body: or why it cannot be read
        :param skew: seconds that the clock which judges OAuth's assertions, and tells `Date`, is ahead
        """
        scope["state"]["skew"] = skew
        if isinstance(body, str):
            return ERRORS[api](400, body)
        response = Response()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                response.status_code = message["status"]
                response.raw_headers = list(message["headers"])
            else:
                response.body += message.get("body", b"")

        await self.router(scope, receive, send)
        return response


async def read(receive: Receive) -> bytes | None:
    """The body, at most one byte more than `MAX_BYTES`; None if the client left before it was sent."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")[: MAX_BYTES + 1 - len(body)]
        if not message.get("more_body"):
            return bytes(body)


def unpacked(body: bytes, headers: Headers) -> bytes | str:
    """The body, decompressed if it is gzip, or why it cannot be read."""
    if headers.get("Content-Encoding", "").lower() == "gzip":
        try:
            body = gzip.GzipFile(fileobj=io.BytesIO(body)).read(MAX_BYTES + 1)
        except (OSError, EOFError, zlib.error):
            return "Content-Encoding is gzip, the body is not."
    return body if len(body) <= MAX_BYTES else f"The body is longer than {MAX_BYTES:,} bytes."
