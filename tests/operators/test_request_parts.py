"""What a raw request is made of, and what its answer may be."""

from __future__ import annotations

import gzip
import json
import stat
import threading
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.api.bodies import MAX_BYTES
from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.api.rate_limits import RATE_LIMITERS
from airflow_provider_segment.errors import (
    SegmentAnswerError,
    SegmentConfigurationError,
    SegmentNotFoundError,
    SegmentOutputError,
)
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.operators import SegmentRequestOperator
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.scripted_api import TOKEN, ScriptedAPI
from tests.harness.task_runner import RunTask

pytestmark = pytest.mark.core

SECRET = "s3cr3t-of-a-partner"


class RawAPI:
    """Answers in turn, byte for byte, and keeps the bodies that it was sent."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []


@pytest.fixture
def raw_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[RawAPI]:
    """The Airflow connection `segment_default` points to it."""
    api = RawAPI()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            api.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            api.headers.append({name.lower(): value for name, value in self.headers.items()})
            status, headers, content = api.answers.pop(0)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = respond

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    connection = {
        "conn_type": "segment",
        "password": TOKEN,
        "host": f"http://127.0.0.1:{server.server_port}",
        "extra": {"retries": 2},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(connection))
    passed = [0.0]
    monkeypatch.setattr(Clock, "monotonic", lambda _: passed[0])
    monkeypatch.setattr(Clock, "sleep", lambda _, seconds: passed.append(passed.pop() + seconds))
    RATE_LIMITERS.clear()
    yield api
    RATE_LIMITERS.clear()
    server.shutdown()
    server.server_close()


def request(**given: Any) -> SegmentRequestOperator:
    return SegmentRequestOperator(**{"task_id": "t", "path": "/thing", "retries": 1, **given})


# The path


def test_the_path_is_filled(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["GET /a/x%2Fy%20%C3%A9%3F/b/7"] = {"thing": 1}
    run = run_task(request(path="/a/{name}/b/{number}", path_params={"name": "{{ 'x/y é?' }}", "number": 7}))
    assert run.xcom == {"thing": 1}, run.error


@pytest.mark.parametrize(
    ("path", "given", "why"),
    [
        ("/a/{b}", {}, "no value for b"),
        ("/a/{b}/{c}", {"b": "x"}, "no value for c"),
        ("/a", {"b": "x"}, "no placeholder for b"),
        ("/a/{b}", {"b": "x", "sourceId": "y"}, "no placeholder for sourceId"),
        ("/a/{b-c}", {}, "a placeholder is a name in braces"),
        *(("/a/{b}", {"b": value}, "b must not be") for value in ("", ".", "..")),
        *(("/a/{b}", {"b": value}, "b must be a text") for value in (None, True, 1.5, ["x"], {})),
        ("/{b}", {"b": "/evil.example"}, None),
        ("/a/{b}", {"b": "%2e%2e"}, None),
        ("/a/{b}", {"b": "\r\nHost: evil.example"}, None),
    ],
)
def test_a_path_that_cannot_be_filled(
    run_task: RunTask, scripted_api: ScriptedAPI, path: str, given: Any, why: str | None
) -> None:
    run = run_task(request(path=path, path_params=given))
    if why is None:  # it is a part of a path, whatever is in it
        assert len(scripted_api.requests) == 1
        assert scripted_api.last.path.count("/") == path.count("/")
    else:
        assert why in str(run.error) and isinstance(run.error, AirflowFailException)
        assert scripted_api.requests == []


# Headers


def test_headers_are_sent_and_their_secrets_masked(
    run_task: RunTask, scripted_api: ScriptedAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked: list[str] = []
    monkeypatch.setattr("airflow_provider_segment.version_compat.mask_secrets", masked.extend)
    scripted_api.answers["GET /thing"] = lambda sent: (
        404,
        {"errors": [{"message": sent.headers["x-token"]}]},
    )
    given = {"X-Day": "{{ ds }}", "x-token": SECRET, "ACCEPT": "text/csv", "user-agent": "mine"}
    run = run_task(request(headers=given, log_requests=True))
    sent = scripted_api.last.headers
    assert (sent["x-day"], sent["x-token"]) == ("2026-01-02", SECRET)
    assert (sent["accept"], sent["user-agent"]) == ("text/csv", "mine")
    assert sent["authorization"] == f"Bearer {TOKEN}"
    assert SECRET in masked
    assert "404" in str(run.error) and SECRET not in str(run.error)


def test_headers_go_with_each_page(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    scripted_api.answers["GET /thing"] = {"things": [{"id": "a"}]}
    assert run_task(request(paginate=True, headers={"X-A": "b"})).xcom == [{"id": "a"}]
    assert scripted_api.last.headers["x-a"] == "b"


OURS = [
    *(
        "Authorization",
        "authorization",
        "AUTHORIZATION",
        "Authorization ",
        " Authorization",
        "Authorization\t",
    ),
    *("Host", "hOsT", "Host\r\n", "Cookie", "Proxy-Authorization", "proxy-connection", "Content-Length"),
    *(
        "Transfer-Encoding",
        "transfer_encoding",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
    ),
    *("X-HTTP-Method-Override", "x-http-method", "X_HTTP_Method_Override", "X-Method-Override"),
    *("X-Forwarded-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL", ":authority", "Accept-Encoding"),
    *("Authorization\t", "Expect", "Content-Type", "", "a b", "a\nb", "é"),
]


@pytest.mark.parametrize("name", OURS)
def test_no_header_replaces_the_credential_or_leaves_the_host(
    run_task: RunTask, scripted_api: ScriptedAPI, name: str
) -> None:
    run = run_task(request(headers={name: SECRET}))
    assert isinstance(run.error, AirflowFailException) and run.state == "failed"
    assert SECRET not in str(run.error)
    with pytest.raises(SegmentConfigurationError):
        SegmentHook().request("GET", "/thing", headers={name: SECRET})
    assert scripted_api.requests == []


@pytest.mark.parametrize("value", ["a\r\nAuthorization: Bearer x", "a\nb", "a\0", "é", None, ["a"]])
def test_a_value_that_no_header_has(run_task: RunTask, scripted_api: ScriptedAPI, value: Any) -> None:
    assert isinstance(run_task(request(headers={"X-A": value})).error, AirflowFailException)
    assert scripted_api.requests == []


# The body


@pytest.mark.parametrize(
    ("given", "content", "kind"),
    [
        ({"data": "é {{ ds }}"}, "é 2026-01-02".encode(), "text/plain; charset=utf-8"),
        ({"data": b"a,b\n", "content_type": "{{ 'text/csv' }}"}, b"a,b\n", "text/csv"),
        ({"data": b"\x00\xff", "method": "PUT"}, b"\x00\xff", "application/octet-stream"),
        ({"data": ""}, b"", "text/plain; charset=utf-8"),
        ({"data": '{"a": 1}', "content_type": "application/json"}, b'{"a": 1}', "application/json"),
    ],
)
def test_a_raw_body_is_sent_as_it_is_and_again(
    run_task: RunTask, raw_api: RawAPI, given: dict[str, Any], content: bytes, kind: str
) -> None:
    raw_api.answers = [(429, {"Retry-After": "1"}, b"{}"), (200, {}, b'{"data": {"done": true}}')]
    run = run_task(request(**{"method": "POST", **given}))
    assert run.xcom == {"done": True}, run.error
    assert raw_api.bodies == [content] * 2
    assert raw_api.headers[-1]["content-type"] == kind
    assert raw_api.headers[-1]["accept"] == "application/json"


WRONG = [
    {"data": "a", "json": {}},
    {"content_type": "text/csv"},
    {"data": "a", "content_type": "text/csv\r\nX-A: b"},
    {"data": "a", "content_type": ""},
    {"data": {"a": 1}},
    {"data": True},
    {"data": "a", "paginate": True},
    {"response_format": "xml"},
    {"response_format": "bytes"},
    {"response_format": "text", "to_path": "/tmp/x"},
    {"to_path": "/tmp/x"},
    {"response_format": "text", "paginate": True},
    {"response_format": "text", "api": "tracking"},
    {"headers": ["a"]},
    {"path_params": ["a"]},
    {"response_filter": "lambda x: x"},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_arguments_that_make_no_sense_fail_before_anything_is_sent(
    run_task: RunTask, segment_sandbox: Sandbox, wrong: dict[str, Any]
) -> None:
    run = run_task(request(raise_on_error=False, **wrong))
    assert isinstance(run.error, AirflowFailException) and run.state == "failed", run.error
    assert segment_sandbox.requests == []


# The answer


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        (b"a,b\n1,2\n", "text/csv", "a,b\n1,2\n"),
        (b"", "text/plain", ""),
        ("é".encode("latin-1"), "text/plain; charset=latin-1", "é"),
        (b"\xff", "text/plain", "\N{REPLACEMENT CHARACTER}"),
        (b"\xe9", "text/plain; charset=klingon", "\N{REPLACEMENT CHARACTER}"),
        (f"token {TOKEN}".encode(), "text/plain", "token ***"),
        (b'{"a":  1}', "application/json", '{"a":  1}'),
        (b'{"writeKeys": ["abcdefgh"]}', "application/json", '{"writeKeys":["•••efgh"]}'),
        (
            b'{"id": 1}\r\n{"settings": {"apiKey": "abcdefgh"}}\nno JSON',
            "text/plain",
            '{"id": 1}\r\n{"settings":{"apiKey":"•••"}}\nno JSON',
        ),
        (
            '{"id": "\u2028"}\n{"writeKeys": ["abcdefgh"], "name": "\u2028"}'.encode(),
            "text/plain",
            '{"id": "\u2028"}\n{"writeKeys":["•••efgh"],"name":"\u2028"}',
        ),
    ],
)
def test_text(run_task: RunTask, raw_api: RawAPI, content: bytes, kind: str, text: str) -> None:
    raw_api.answers = [(500, {}, b""), (200, {"Content-Type": kind}, content)]
    run = run_task(request(response_format="text"))
    assert run.xcom == text, run.error
    assert raw_api.headers[-1]["accept"] == "*/*"


def test_a_filter_of_text_sees_no_secret(run_task: RunTask, raw_api: RawAPI) -> None:
    raw_api.answers = [(200, {}, f"{TOKEN}\nlast".encode())]
    run = run_task(request(response_format="text", response_filter=lambda text: text.splitlines()))
    assert run.xcom == ["***", "last"]


def test_an_error_is_read_as_one_whatever_was_asked_for(
    run_task: RunTask, raw_api: RawAPI, tmp_path: Path
) -> None:
    answer = (404, {"Content-Type": "application/json"}, b'{"errors": [{"message": "no such thing"}]}')
    for given in ({"response_format": "text"}, {"response_format": "bytes", "to_path": str(tmp_path / "f")}):
        raw_api.answers = [answer]
        run = run_task(request(**given))
        assert isinstance(run.error, SegmentNotFoundError) and "no such thing" in str(run.error)
    assert list(tmp_path.iterdir()) == []


def test_bytes_go_to_the_path(run_task: RunTask, raw_api: RawAPI, tmp_path: Path) -> None:
    content = bytes(range(256)) * 10
    whole = (200, {"Content-Type": "application/zip"}, content)
    cut_off = (200, {"Content-Length": str(len(content) + 1)}, content)
    raw_api.answers = [cut_off, whole]
    file = tmp_path / "new" / "2026-01-02.zip"
    run = run_task(request(response_format="bytes", to_path=f"{tmp_path}/new/{{{{ ds }}}}.zip"))
    assert run.xcom == {"path": str(file), "size": len(content), "media_type": "application/zip"}, run.error
    assert file.read_bytes() == content
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_bytes_that_are_not_whole_replace_nothing(run_task: RunTask, raw_api: RawAPI, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("of yesterday")
    packed = gzip.compress(b"x" * 1_000)
    for headers, content in (
        ({"Content-Length": "99"}, b"half"),
        ({"Content-Encoding": "gzip"}, packed[:-9]),
        ({"Content-Encoding": "gzip"}, b"no gzip"),
        ({"Content-Encoding": "br"}, b"abc"),
    ):
        raw_api.answers = [(200, headers, content)] * 3
        run = run_task(request(response_format="bytes", to_path=str(file)))
        assert run.state == "up_for_retry" and run.error, run.xcom
        assert raw_api.answers == []
    assert isinstance(run.error, SegmentAnswerError) and "expected bytes" in str(run.error)
    assert file.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [file]


def test_bytes_of_any_size_take_little_memory(run_task: RunTask, raw_api: RawAPI, tmp_path: Path) -> None:
    """More than an answer in memory may have; and packed, so that a small piece of it is a large one."""
    size = MAX_BYTES["public"] + 1
    raw_api.answers = [(200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(size), 1))]
    task = request(response_format="bytes", to_path=str(tmp_path / "zeros"))
    tracemalloc.start()
    try:
        run = run_task(task)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert run.xcom["size"] == size == (tmp_path / "zeros").stat().st_size, run.error
    assert peak < 16 << 20


def test_a_path_that_cannot_be_written_is_told_before_anything_is_sent(
    run_task: RunTask, raw_api: RawAPI, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for path in ("", "/", f"{tmp_path}/", f"{tmp_path}/file/x", "no://x/y", "a\0b", "x" * 5_000):
        run = run_task(request(method="POST", response_format="bytes", to_path=path))
        assert isinstance(run.error, AirflowFailException), (path, run.error)
    assert raw_api.bodies == []


def test_a_folder_in_the_place_of_the_file(run_task: RunTask, raw_api: RawAPI, tmp_path: Path) -> None:
    raw_api.answers = [(200, {}, b"abc")]
    (tmp_path / "folder").mkdir()
    run = run_task(request(response_format="bytes", to_path=str(tmp_path / "folder")))
    assert isinstance(run.error, (SegmentOutputError, AirflowFailException))
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]
