"""The ASGI application: one origin for the three APIs and the sandbox's own endpoints.

`Gate` stands before them all: it reads each request whole, unpacks gzip, lets the faults have their way, and
keeps a record.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import uuid
import zlib
from collections.abc import Callable

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_segment.sandbox import control, profile_api, public_api, tracking
from airflow_provider_segment.sandbox.clock import iso
from airflow_provider_segment.sandbox.faults import Fault, reset_connection, send_truncated
from airflow_provider_segment.sandbox.state import RequestRecord, State

ERRORS: dict[str, Callable[[int, str], Response]] = {
    "tracking": tracking.error,
    "public": public_api.error,
    "profile": profile_api.error,
    "control": control.error,
}
RECORDED_HEADERS = ("User-Agent", "Accept", "Content-Type", "Content-Encoding", "X-Retry-Count")


def create_app(state: State) -> ASGIApp:
    async def failed(request: Request, failure: Exception) -> Response:
        error = ERRORS[api_of(request.scope["path"])]
        if isinstance(failure, HTTPException):
            return error(failure.status_code, failure.detail)
        return error(400, str(failure))

    router = Starlette(
        routes=[
            *tracking.routes(state),
            *profile_api.routes(state),
            *public_api.routes(state),
            *control.routes(state),
        ],
        exception_handlers=dict.fromkeys((HTTPException, ValueError, msgspec.MsgspecError), failed),
    )
    return Gate(state, router)


def api_of(path: str) -> str:
    if path.startswith(control.PREFIX):
        return "control"
    if path.startswith("/v1/spaces/"):
        return "profile"
    return "tracking" if path.startswith("/v1/") else "public"


class Gate:
    def __init__(self, state: State, app: ASGIApp) -> None:
        self.state = state
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Routes match what was sent: an encoded slash is part of an id. A last slash is no matter: Segment's
        # Java client sends one.
        path = scope["path"] = scope["raw_path"].decode("ascii").rstrip("/") or "/"
        api = api_of(path)
        headers = Headers(scope=scope)
        wire_body = await read(receive)
        if wire_body is None:
            return
        record = scope["state"]["record"] = RequestRecord(
            api=api,
            method=scope["method"],
            path=re.sub(r"(?<=/writekey/)[^/]+", "***", path),
            query=scope["query_string"].decode("ascii"),
            headers={name: headers[name] for name in RECORDED_HEADERS if name in headers},
            bytes=len(wire_body),
            received_at=iso(self.state.clock.now()),
            request_id=str(uuid.uuid4()),
        )
        body = unpacked(wire_body, headers)
        fault = None if api == "control" else self.state.faults.pick(api, path, body or wire_body)
        kind = fault.kind if fault else None

        if fault and kind == "slow" and fault.when == "before":
            resets = self.state.resets
            await asyncio.sleep(fault.seconds)
            if resets != self.state.resets:  # it belongs to an earlier test, and must not leak into this one
                return await reset_connection(scope, receive)
        if body is None:
            response = ERRORS[api](400, "Content-Encoding is gzip, the body is not.")
        elif fault and kind != "slow" and fault.when == "before":
            response = Response(b'{"success": true}', media_type="application/json")  # a lie
        else:
            response = await self.answer(scope, body)
        if fault and kind == "slow" and fault.when == "after":
            await asyncio.sleep(fault.seconds)
        if fault:
            response = distorted(response, fault, api)

        response.headers["X-Request-Id"] = record.request_id
        if api == "profile":
            response.headers["Request-Id"] = record.request_id
        record.fault = kind
        record.status = None if kind == "reset" else response.status_code
        if api != "control":
            self.state.requests.append(record)

        if kind == "reset":
            await reset_connection(scope, receive)
        elif kind == "truncated":
            await send_truncated(response, scope, receive, send)
        else:
            await response(scope, receive, send)

    async def answer(self, scope: Scope, body: bytes) -> Response:
        """What the application behind the gate answers to this request."""
        response = Response()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                response.status_code = message["status"]
                response.raw_headers = list(message["headers"])
            else:
                response.body += message.get("body", b"")

        await self.app(scope, receive, send)
        return response


async def read(receive: Receive) -> bytes | None:
    """The whole body; None if the client left before it was sent."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def unpacked(body: bytes, headers: Headers) -> bytes | None:
    """The body without its gzip; None if it says that it is gzip and is not."""
    if headers.get("Content-Encoding", "").lower() != "gzip":
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        return None


def distorted(response: Response, fault: Fault, api: str) -> Response:
    """The answer that the fault puts in place of the true one."""
    if fault.kind == "not_json":
        return Response("<html><body>Welcome to the network.</body></html>", media_type="text/html")
    if fault.kind != "status":
        return response
    if fault.body is msgspec.UNSET:
        response = ERRORS[api](fault.status, "A fault that was ordered.")
    else:
        response = Response(msgspec.json.encode(fault.body), fault.status, media_type="application/json")
    if fault.retry_after is not None:
        wait = fault.retry_after
        response.headers["Retry-After"] = wait if isinstance(wait, str) else f"{wait:g}"
    response.headers.update(fault.headers)
    return response
