"""A fake API over HTTP: it answers as a test specifies, and records its requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

TOKEN, PROFILE_TOKEN = "sgp_a_public_api_token", "a_profile_api_token"


@dataclass
class Request:
    """A request as it was sent."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass
class ScriptedAPI:
    """Answers by method and path: with data, with a status and a body, or as a function of the request."""

    port: int = 0
    answers: dict[str, Any] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> tuple[int, Any]:
        self.requests.append(request)
        answer = self.answers.get(f"{request.method} {request.path}")
        if callable(answer):
            answer = answer(request)
        if answer is None:
            return 404, {"errors": [{"type": "not-found", "message": "no such thing"}]}
        return answer if isinstance(answer, tuple) else (200, {"data": on_one_page(answer)})

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.requests]

    @property
    def last(self) -> Request:
        return self.requests[-1]


def on_one_page(data: Any) -> Any:
    """The data of an answer; beside a list the pagination of its last page, unless there is one."""
    is_list = isinstance(data, dict) and any(isinstance(value, list) for value in data.values())
    return {**data, "pagination": {"current": "x"}} if is_list and "pagination" not in data else data


def pages(key: str, items: list[Any], name: str = "pagination") -> Callable[[Request], dict[str, Any]]:
    """A list that comes in pages; the cursor is the index of the first item."""

    def page(request: Request) -> dict[str, Any]:
        prefix = f"{name}." if name else ""
        start = int(request.query.get(f"{prefix}cursor", 0))
        end = start + int(request.query.get(f"{prefix}count", 200))
        cursor = {"current": str(start), "next": str(end) if end < len(items) else None}
        return {key: items[start:end], name or "pagination": cursor}

    return page


def going_round(
    key: str, cursors: list[str], name: str = "pagination"
) -> Callable[[Request], dict[str, Any]]:
    """A list whose pages return these cursors in turn; the page after them is the last."""
    left = iter(cursors)

    def page(_: Request) -> dict[str, Any]:
        return {key: [{"id": "x"}], name: {"next": next(left, None)}}

    return page


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: ScriptedAPI

    def respond(self) -> None:
        url = urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(
            self.command,
            url.path,
            dict(parse_qsl(url.query, keep_blank_values=True)),
            json.loads(content) if content else None,
            {name.lower(): value for name, value in self.headers.items()},
        )
        status, body = self.api.answer(request)
        if status == 0:  # the answer is lost
            self.close_connection = True
            return
        document = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Request-Id", f"request-{len(self.api.requests)}")
        self.send_header("Content-Length", str(len(document)))
        self.end_headers()
        self.wfile.write(document)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def scripted_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedAPI]:
    """A new scripted API, which the Airflow connection `segment_default` points to."""
    api = ScriptedAPI()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"api": api}))
    api.port = server.server_port
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    connection = {
        "conn_type": "segment",
        "password": TOKEN,
        "host": f"http://127.0.0.1:{api.port}",
        "extra": {"profile_api_token": PROFILE_TOKEN, "retries": 0},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(connection))
    yield api
    server.shutdown()
    server.server_close()
