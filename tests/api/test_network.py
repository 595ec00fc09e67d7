"""What servers and networks do to a request: slow, endless and huge answers, certificates, proxies, forks."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import datetime
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
import trustme

from airflow_provider_segment import errors
from airflow_provider_segment.api import bodies, certificates
from airflow_provider_segment.api.client import AsyncSegmentClient, SegmentClient, http_client
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.events.transport import BulkClient
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from tests.harness.fake_clock import FakeClock
from tests.harness.raw_server import raw_server, read_request

pytestmark = pytest.mark.core

Ask = Callable[..., Any]


def ask_blocking(settings: Settings, *request: Any, **options: Any) -> Any:
    with SegmentClient(settings, clock=FakeClock()) as client:
        return client.request(*request, **options)


def ask_from_coroutine(settings: Settings, *request: Any, **options: Any) -> Any:
    async def main() -> Any:
        async with AsyncSegmentClient(settings, clock=FakeClock()) as client:
            return await client.request(*request, **options)

    return asyncio.run(main())


def ask_in_bulk(settings: Settings, *request: Any, **options: Any) -> Any:
    async def main() -> Any:
        http = http_client(BulkClient, settings, connections=2)
        async with AsyncSegmentClient(settings, http=http, clock=FakeClock()) as client:
            return await client.request(*request, **options)

    return asyncio.run(main())


@pytest.fixture(params=[ask_blocking, ask_from_coroutine, ask_in_bulk], ids=["blocking", "async", "bulk"])
def ask(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Ask:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", *certificates.VARIABLES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    chosen: Ask = request.param
    return chosen


def settings(port: int, scheme: str = "http", **fields: Any) -> Settings:
    given = {
        "public_api_token": "token",
        "write_key": "key",
        "retries": 0,
        "timeout": 600,
        "name": "segment_x",
    }
    return Settings.model_validate({**given, "base_url": f"{scheme}://127.0.0.1:{port}", **fields})


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def answer(body: bytes, headers: str = "", status: int = 200) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


def after_request(say: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        while True:
            read_request(connection)
            say(connection)

    return talk


# One deadline for all of a request


def drip(text: bytes) -> Callable[[socket.socket], None]:
    def say(connection: socket.socket) -> None:
        connection.sendall(text)
        for byte in repeat(b"x"):
            time.sleep(0.005)
            connection.sendall(byte)

    return say


DRIPS = {
    "status": b"HTTP/1.1 200 ",
    "headers": HEAD + b"X-Endless: ",
    "body": HEAD + b'Content-Length: 1000000000\r\n\r\n{"data": "',
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n8;",
}


@pytest.mark.parametrize("text", DRIPS.values(), ids=DRIPS)
def test_an_answer_that_drips_ends_in_a_timeout(ask: Ask, text: bytes) -> None:
    with raw_server(after_request(drip(text))) as port:
        with pytest.raises(errors.SegmentTimeoutError) as caught:
            ask(settings(port, timeout=0.05, retries=2), "GET", "/sources/s")
    assert caught.value.attempts == 3  # by the ordinary rules


def test_a_proxy_that_drips(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(after_request(drip(DRIPS["headers"]))) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        with pytest.raises(errors.SegmentTransportError):
            ask(settings(1, "https", timeout=0.05), "GET", "/sources/s")


def test_a_peer_that_reads_nothing(ask: Ask) -> None:
    def deaf(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        read_request(connection)
        while connection.recv(1):
            time.sleep(0.005)

    with raw_server(deaf) as port, pytest.raises(errors.SegmentTimeoutError):
        ask(settings(port, timeout=0.05), "PUT", "/x", body=lambda _: b"x" * (64 << 20))


def test_an_answer_in_many_small_pieces_is_one_answer(ask: Ask) -> None:
    def slowly(connection: socket.socket) -> None:
        for byte in answer(b'{"data": {"id": "s"}}'):
            connection.sendall(bytes([byte]))

    with raw_server(after_request(slowly)) as port:
        assert ask(settings(port), "GET", "/sources/s").data == {"id": "s"}


# Answers that are too large, or no JSON


def endless(head: bytes) -> Callable[[socket.socket], None]:
    """Send without end: whoever reads all of it never returns, or runs out of memory."""

    def say(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b" " * (1 << 16))

    return say


def chunked(piece: bytes) -> Callable[[socket.socket], None]:
    def say(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))

    return say


HUGE = b"Content-Length: 1000000000000\r\n\r\n"


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bodies.MAX_BYTES, "public", 1 << 20)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("say", [endless(HEAD + HUGE), chunked(b" " * 1000)], ids=["length", "chunked"])
def test_an_answer_that_is_too_large_is_not_read(ask: Ask, say: Callable[[socket.socket], None]) -> None:
    with raw_server(after_request(say)) as port:
        with pytest.raises(errors.SegmentAnswerError, match="larger than 1,048,576 bytes"):
            ask(settings(port), "GET", "/sources")


def test_the_answer_to_a_batch_is_tiny(ask: Ask) -> None:
    with raw_server(after_request(endless(HEAD + HUGE))) as port:
        with pytest.raises(errors.SegmentAnswerError, match="larger than 65,536 bytes"):
            ask(settings(port), "POST", "/v1/batch", api="tracking", json={})


@pytest.mark.parametrize("status", [404, 500, 429])
def test_an_error_that_is_too_large_is_still_this_error(ask: Ask, status: int) -> None:
    head = b"HTTP/1.1 %d X\r\n" % status
    with raw_server(after_request(endless(head + HUGE))) as port:
        with pytest.raises(errors.SegmentAPIError) as caught:
            ask(settings(port), "GET", "/sources/s")
    assert caught.value.status == status


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("status", [200, 500])
def test_a_bomb_is_not_unpacked(ask: Ask, status: int) -> None:
    bomb = gzip.compress(b" " * (32 << 20), 1)
    said = answer(bomb, "Content-Encoding: gzip\r\n", status)
    with raw_server(after_request(lambda connection: connection.sendall(said))) as port:
        with pytest.raises(errors.SegmentAnswerError if status == 200 else errors.SegmentServerError):
            tracemalloc.start()
            ask(settings(port), "GET", "/sources")
    peak, _ = tracemalloc.get_traced_memory()[1], tracemalloc.stop()
    assert peak < 16 << 20


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "x" * 5000])
def test_what_was_not_asked_for_is_not_unpacked(ask: Ask, encoding: str) -> None:
    said = answer(zlib.compress(b'{"data": 1}'), f"Content-Encoding: {encoding}\r\n")
    with raw_server(after_request(lambda connection: connection.sendall(said))) as port:
        with pytest.raises(errors.SegmentAnswerError, match="which was not asked for"):
            ask(settings(port), "GET", "/sources")


def test_gzip_is_asked_for_and_unpacked(ask: Ask) -> None:
    seen = []

    def say(connection: socket.socket) -> None:
        seen.append(read_request(connection).decode().lower())
        body = gzip.compress(b'{"data": {"id": "s"}}')
        connection.sendall(answer(body, "Content-Encoding: gzip\r\n"))

    with raw_server(say) as port:
        assert ask(settings(port), "GET", "/sources/s").data == {"id": "s"}
    assert "accept-encoding: gzip\r\n" in seen[0]


BROKEN = {
    "deep": b"[" * 200_000 + b"]" * 200_000,
    "deep objects": b'{"a":' * 101 + b"1" + b"}" * 101,
    "never closed": b"[" * 1_000_000,
    "huge number": b'{"data": %b}' % (b"1" * 5_000),
    "not UTF-8": b'{"data": "\xff\xfe"}',
    "NaN": b'{"data": NaN}',
    "empty": b"",
    "binary": bytes(range(256)),
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_document_that_cannot_be_read_is_no_answer(ask: Ask, body: bytes) -> None:
    with raw_server(after_request(lambda connection: connection.sendall(answer(body)))) as port:
        with pytest.raises(errors.SegmentAnswerError):
            ask(settings(port), "GET", "/sources/s")


@pytest.mark.parametrize("cut", [1, 10, 25])
def test_a_gzip_that_is_cut_off_is_no_answer(ask: Ask, cut: int) -> None:
    body = gzip.compress(b'{"data": {"id": "s"}}')[:-cut]
    with raw_server(after_request(lambda c: c.sendall(answer(body, "Content-Encoding: gzip\r\n")))) as port:
        with pytest.raises(errors.SegmentAnswerError):
            ask(settings(port), "GET", "/sources/s")


def test_a_hundred_levels_are_read(ask: Ask) -> None:
    body = b'{"data":' + b"[" * 99 + b"]" * 99 + b"}"
    with raw_server(after_request(lambda connection: connection.sendall(answer(body)))) as port:
        assert ask(settings(port), "GET", "/x").data


@pytest.mark.parametrize(
    "head",
    [
        *(
            b"Location: %b\r\n" % each
            for each in (b"http://[", b"https://xn--a/", b"\x7f", b"//\xff", b"x:" * 40_000)
        ),
        *(b"%b: 5\r\n" % each for each in (b"", b" ", b"\xff", b"a b", b"a" * 200_000)),
        *(b"Content-Length: %b\r\n" % each for each in (b"-1", b"x", b"9" * 5_000, b"1, 2")),
        *(b"Transfer-Encoding: %b\r\n" % each for each in (b"x", b"chunked, chunked", b"\xff")),
        *(
            b"Content-Type: %b\r\n" % each
            for each in (b"text/html; charset=\xff", b"a/b; charset=rot13", b"\xff" * 5_000)
        ),
        *(b"X-Request-Id: %b\r\n" % each for each in (b"\xff", b"x" * 5_000)),
    ],
    ids=lambda head: ascii(head)[:50],
)
@pytest.mark.parametrize(
    "status", [b"200 OK", b"301 Moved", b"404 \xff", b"0", b"99", b"999", b"x", b"2" * 5_000]
)
def test_a_head_that_cannot_be_read(ask: Ask, head: bytes, status: bytes) -> None:
    said = b"HTTP/1.1 %b\r\nConnection: close\r\n%b\r\n<html>" % (status, head)
    with raw_server(lambda connection: (read_request(connection), connection.sendall(said))[1]) as port:
        with pytest.raises(errors.SegmentRequestError) as caught:
            ask(settings(port), "GET", "/sources/s")
    assert len(str(caught.value)) < 3_000


# Certificates


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls(certificate: trustme.LeafCert) -> Callable[[socket.socket], socket.socket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return lambda connection: context.wrap_socket(connection, server_side=True)


def well(connection: socket.socket) -> None:
    connection.sendall(answer(b'{"data": {"id": "s"}}'))


@pytest.mark.parametrize("name", certificates.VARIABLES)
@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_certificates_of_the_environment_are_trusted(
    ask: Ask,
    authority: trustme.CA,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    folder: bool,
) -> None:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    if folder:
        if not shutil.which("openssl"):
            pytest.skip("needs the openssl command")
        # OpenSSL finds a certificate in a folder by the hash of its subject.
        command = ["openssl", "x509", "-in", str(file), "-noout", "-hash"]
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        file.rename(tmp_path / f"{found}.0")
    monkeypatch.setenv(name, str(tmp_path if folder else file))
    certificate = authority.issue_cert("127.0.0.1")
    with raw_server(after_request(well), tls(certificate)) as port:
        assert ask(settings(port, "https"), "GET", "/sources/s").data == {"id": "s"}
        monkeypatch.delenv(name)
        with pytest.raises(errors.SegmentConfigurationError, match="is not trusted"):
            ask(settings(port, "https"), "GET", "/sources/s")


@pytest.mark.parametrize("content", [None, "", "no certificate"])
@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_certificates_that_cannot_be_read(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv(name, str(file))
    with pytest.raises(errors.SegmentConfigurationError, match=rf"{name} names no certificates.*ca\.pem"):
        ask(settings(1, "https"), "GET", "/sources/s")


@pytest.mark.parametrize(
    ("certificate", "said"),
    [
        ({"not_before": datetime(2020, 1, 1), "not_after": datetime(2020, 1, 2)}, "has expired"),
        ({"not_before": datetime(2120, 1, 1), "not_after": datetime(2120, 1, 2)}, "is not valid yet"),
        ({"host": "elsewhere.example"}, "is one of another host"),
        ({"host": "127.0.0.2"}, "is one of another host"),
        ({"issuer": trustme.CA()}, "is not trusted"),
    ],
)
def test_a_wrong_certificate_is_final(
    ask: Ask,
    authority: trustme.CA,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    certificate: dict[str, Any],
    said: str,
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    given = dict(certificate)
    issued = given.pop("issuer", authority).issue_cert(given.pop("host", "127.0.0.1"), **given)
    asked = 0
    wrap = tls(issued)

    def count(connection: socket.socket) -> socket.socket:
        nonlocal asked
        asked += 1
        return wrap(connection)

    with raw_server(after_request(well), count) as port:
        with pytest.raises(errors.SegmentConfigurationError, match=f"certificate {said}.*SSL_CERT_FILE"):
            ask(settings(port, "https", retries=5), "GET", "/sources/s")
    assert asked == 1


def test_a_server_without_tls_is_named(ask: Ask) -> None:
    with raw_server(lambda connection: connection.sendall(answer(b"plain"))) as port:
        with pytest.raises(errors.SegmentConfigurationError, match="does not speak TLS"):
            ask(settings(port, "https", retries=5), "GET", "/sources/s")


@pytest.mark.parametrize("before", [b"", HEAD + b"Content-Length: 99\r\n\r\n{"], ids=["head", "body"])
def test_garbage_on_an_encrypted_connection_is_no_fault_of_the_configuration(
    ask: Ask, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: bytes
) -> None:
    """The request was sent: nobody knows whether it was carried out."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    wrap = tls(authority.issue_cert("127.0.0.1"))

    def say(connection: socket.socket) -> None:
        connection.sendall(before)
        os.write(connection.fileno(), answer(b"past the encryption"))

    with raw_server(after_request(say), wrap) as port:
        with pytest.raises(errors.SegmentTransportError) as caught:
            ask(settings(port, "https"), "POST", "/sources", json={})
    assert not caught.value.never_ran


def test_an_encrypted_answer_that_drips_ends_in_a_timeout(
    ask: Ask, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    wrap = tls(authority.issue_cert("127.0.0.1"))
    with raw_server(after_request(drip(DRIPS["headers"])), wrap) as port:
        with pytest.raises(errors.SegmentTimeoutError):
            ask(settings(port, "https", timeout=0.2), "GET", "/sources/s")


def test_a_handshake_that_never_ends_is_a_timeout(ask: Ask) -> None:
    with raw_server(
        lambda connection: (connection.recv(1 << 16), drip(b"\x16\x03\x03\x40\x00")(connection))[1]
    ) as port:
        with pytest.raises(errors.SegmentTransportError):
            ask(settings(port, "https", timeout=0.05), "GET", "/sources/s")


# Proxies


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_proxies_of_the_environment_are_used(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, refusing: str, name: str
) -> None:
    given = settings(int(refusing.rpartition(":")[2]))
    with raw_server(after_request(well)) as port:
        monkeypatch.setenv(name, f"http://user:password@127.0.0.1:{port}")
        assert ask(given, "GET", "/sources/s").data == {"id": "s"}
        for excepted in ("127.0.0.1", "*", "example.com,127.0.0.1"):
            monkeypatch.setenv("NO_PROXY", excepted)
            with pytest.raises(errors.SegmentTransportError) as caught:
                ask(given, "GET", "/sources/s")
            assert caught.value.never_ran


def test_https_goes_through_a_tunnel(
    ask: Ask, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []
    wrap = tls(authority.issue_cert("segment.example"))

    def tunnel(connection: socket.socket) -> None:
        asked.append(read_request(connection).split(b"\r\n")[0])
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with wrap(connection) as inner:
            after_request(well)(inner)

    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with raw_server(tunnel) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        given = settings(1, base_url="https://segment.example")
        assert ask(given, "GET", "/sources/s").data == {"id": "s"}
    assert asked == [b"CONNECT segment.example:443 HTTP/1.1"]


@pytest.mark.parametrize(
    "proxy",
    ["ftp://user:password@proxy", "http://user:password@proxy:port", "socks5://user:password@proxy", "://"],
)
def test_a_proxy_that_is_none_is_told_without_its_password(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(errors.SegmentConfigurationError, match="HTTPS_PROXY") as caught:
        ask(settings(1, "https"), "GET", "/sources/s")
    assert "password" not in str(caught.value)


# Forks


def test_a_forked_process_has_connections_of_its_own(segment_sandbox: Sandbox) -> None:
    hook = SegmentHook()
    names = [f"source-{number}" for number in range(4)]
    ids = {}
    for name in names:
        body = {"slug": name, "enabled": True, "metadataId": "IqDTy1TpoU"}
        ids[name] = hook.request("POST", "/sources", json=body).data["source"]["id"]
    client = hook.get_conn()
    before = len(segment_sandbox.requests)
    # Whoever forks may hold a lock at that moment, or be in a queue.
    limiter = client._limiter(client._call("GET", "/sources/s"))
    children = []
    with limiter.queue(), limiter._lock:
        for name in names:
            if pid := os.fork():
                children.append(pid)
                continue
            signal.alarm(300)  # a child that hangs ends, too
            wrong = 99
            try:
                slugs = [
                    hook.request("GET", f"/sources/{ids[name]}").data["source"]["slug"] for _ in range(20)
                ]
                wrong = sum(slug != name for slug in slugs)
            finally:
                os._exit(wrong)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0, 0, 0, 0]
    assert len(segment_sandbox.requests) - before == 80
    assert hook.request("GET", f"/sources/{ids[names[0]]}").data["source"]["slug"] == names[0]
