"""The sandbox's faults, its control endpoints, and the ways to start it."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from starlette.responses import Response

from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sandbox.clock import seconds
from airflow_provider_segment.sandbox.faults import Exchange, Fault


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: Sandbox) -> Sandbox:
    server.reset()
    return server


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, auth=(sandbox.write_key, ""), timeout=600) as client:
        yield client


def track(http: httpx.Client, message_id: str = "m1", **options: object) -> httpx.Response:
    return http.post("/v1/track", json={"userId": "u", "event": "E", "messageId": message_id}, **options)


GIVE_UP_SOON = httpx.Timeout(600, read=0.05)


def wait_until(http: httpx.Client, condition: Callable[[], bool]) -> None:
    """Wait for something that the sandbox is about to do: with each answer its event loop has turned."""
    for _ in range(100_000):
        if condition():
            return
        http.get("/_sandbox/state")
    raise AssertionError("the sandbox does not do it")


def accepted(sandbox: Sandbox) -> list[str]:
    return [event["messageId"] for event in sandbox.accepted]


def test_a_status_for_the_next_requests(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.faults.add("status", status=429, retry_after=2, next=2)

    answers = [track(http, f"m{n}") for n in range(3)]

    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "2"
    assert accepted(sandbox) == ["m2"]
    assert [record["fault"] for record in sandbox.requests] == ["status", "status", None]


def test_a_status_with_a_date_headers_and_a_body(sandbox: Sandbox, http: httpx.Client) -> None:
    date = "Fri, 01 Jan 2100 00:00:00 GMT"
    sandbox.faults.add("status", status=503, retry_after=date, headers={"X-Why": "test"}, body={"a": [1]})

    answer = track(http)

    assert (answer.status_code, answer.json()) == (503, {"a": [1]})
    assert (answer.headers["Retry-After"], answer.headers["X-Why"]) == (date, "test")


@pytest.mark.parametrize(
    ("path", "key"), [("/v1/track", "success"), ("/sources", "errors"), ("/v1/spaces/s/x", "error")]
)
def test_each_api_fails_in_its_own_words(sandbox: Sandbox, http: httpx.Client, path: str, key: str) -> None:
    sandbox.faults.add("status", status=500)

    answer = http.post(path, json={})

    assert answer.status_code == 500
    assert key in answer.json()


def test_a_fault_chooses_by_api_and_path(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.faults.add("status", api="public", status=500)
    sandbox.faults.add("status", path="/v1/identify", status=501)
    sandbox.faults.add("status", api="tracking", path="/sources", status=502)

    assert track(http).status_code == 200
    assert http.post("/v1/identify", json={"userId": "u"}).status_code == 501
    assert http.get("/sources").status_code == 500
    assert http.get("/_sandbox/state").status_code == 200


def test_a_rate_is_counted_not_drawn(sandbox: Sandbox, http: httpx.Client) -> None:
    fault = sandbox.faults.add("status", rate=0.1)

    statuses = [track(http, f"m{n}").status_code for n in range(30)]

    assert [n for n, status in enumerate(statuses, 1) if status == 503] == [10, 20, 30]
    assert (fault.seen, fault.hits) == (30, 3)


def test_a_rate_may_be_bounded(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.faults.add("status", rate=0.5, next=1)

    assert [track(http).status_code for _ in range(4)] == [200, 503, 200, 200]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_poisonous_event_is_found_by_bisecting(sandbox: Sandbox, http: httpx.Client, packed: bool) -> None:
    sandbox.faults.add("status", status=400, contains='"evil"')

    def send(events: list[dict[str, str]]) -> list[str]:
        """Send the events, halving what is refused; the ids of those refused alone."""
        body = json.dumps({"batch": events}).encode()
        headers = {"Content-Encoding": "gzip"} if packed else {}
        answer = http.post("/v1/batch", content=gzip.compress(body) if packed else body, headers=headers)
        if answer.status_code == 200:
            return []
        if len(events) == 1:
            return [events[0]["messageId"]]
        half = len(events) // 2
        return send(events[:half]) + send(events[half:])

    ids = [f"m{n}" for n in range(20)] + ["evil"] + [f"n{n}" for n in range(20)]
    guilty = send([{"type": "identify", "userId": "u", "messageId": id} for id in ids])

    assert guilty == ["evil"]
    assert sorted(accepted(sandbox)) == sorted(set(ids) - {"evil"})


@pytest.mark.parametrize(("when", "took_effect"), [("before", []), ("after", ["m1"])])
@pytest.mark.parametrize("kind", ["reset", "truncated", "not_json", "status"])
def test_a_fault_strikes_before_the_effect_or_only_the_answer_is_lost(
    sandbox: Sandbox, http: httpx.Client, kind: str, when: str, took_effect: list[str]
) -> None:
    sandbox.faults.add(kind, when=when, next=1)

    if kind == "reset":
        with pytest.raises(httpx.ReadError):
            track(http)
    elif kind == "truncated":
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            track(http)
    elif kind == "not_json":
        answer = track(http)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    else:
        assert track(http).status_code == 503

    assert accepted(sandbox) == took_effect
    assert track(http).status_code == 200
    assert accepted(sandbox) == ["m1"]
    assert sandbox.summary["duplicates"] == len(took_effect)


def test_a_reset_is_a_true_one(sandbox: Sandbox) -> None:
    sandbox.faults.add("reset")
    host, port = sandbox.url.removeprefix("http://").split(":")
    body = b'{"userId": "u", "event": "E", "padding": "%s"}' % (b"x" * 20_000)

    with socket.create_connection((host, int(port))) as connection:
        head = f"POST /v1/track HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)

    assert sandbox.requests[0]["status"] is None
    assert sandbox.requests[0]["bytes"] == len(body)  # it was read to its end


def test_a_client_that_dies_while_sending_has_sent_nothing(sandbox: Sandbox, http: httpx.Client) -> None:
    host, port = sandbox.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST /v1/track HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n\r\n"
        connection.sendall(head.encode() + b'{"userId": "u", "event": "E", "writeKey": "sandbox-write-key"}')
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""

    track(http, "next")
    assert accepted(sandbox) == ["next"]
    assert sandbox.summary["requests"] == 1


@pytest.mark.parametrize(("when", "took_effect"), [("before", []), ("after", ["m1"])])
def test_a_slow_answer(sandbox: Sandbox, http: httpx.Client, when: str, took_effect: list[str]) -> None:
    fault = sandbox.faults.add("slow", seconds=3_600, when=when, next=1)

    with pytest.raises(httpx.ReadTimeout):
        track(http, timeout=GIVE_UP_SOON)

    wait_until(http, lambda: fault.hits == 1 and accepted(sandbox) == took_effect)


def test_a_slow_request_does_not_outlive_a_reset_of_the_sandbox(sandbox: Sandbox, http: httpx.Client) -> None:
    fault = sandbox.faults.add("slow", seconds=1, next=1)
    with pytest.raises(httpx.ReadTimeout):
        track(http, "of-the-last-test", timeout=GIVE_UP_SOON)
    wait_until(http, lambda: fault.hits == 1)
    sandbox.reset()

    # Both wait on one event loop: the earlier request wakes up first, however late that is.
    sandbox.faults.add("slow", seconds=1, next=1)
    track(http, "of-this-test")

    assert accepted(sandbox) == ["of-this-test"]
    assert len(sandbox.requests) == 1


def test_a_slow_answer_is_the_true_one(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.faults.add("slow", seconds=0.01, next=1)

    assert track(http).json() == {"success": True}
    assert accepted(sandbox) == ["m1"]


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "meteor"},
        {"kind": "Fault"},
        {"kind": "slow", "sceonds": 1},
        {"kind": "slow", "next": "x"},
        {"kind": "slow", "status": 500},
        {"kind": "reset", "seconds": 1},
    ],
)
def test_a_wrong_fault_is_an_error(sandbox: Sandbox, http: httpx.Client, options: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        sandbox.faults.add(**options)
    assert http.post("/_sandbox/faults", json=options).status_code == 400
    assert list(sandbox.faults) == []


def test_a_new_kind_of_fault_is_one_class(sandbox: Sandbox, http: httpx.Client) -> None:
    class Shout(Fault, tag="shout"):
        times: int = 1

        def distorted(self, answer: Response, exchange: Exchange) -> Response:
            return Response(answer.body.upper() + b"!" * self.times, 418)

    fault = http.post("/_sandbox/faults", json={"kind": "shout", "times": 3, "when": "after"}).json()
    assert (fault["kind"], fault["times"]) == ("shout", 3)

    answer = track(http)

    assert (answer.status_code, answer.text) == (418, '{"SUCCESS": TRUE}!!!')
    assert accepted(sandbox) == ["m1"]
    assert [(record["fault"], record["status"]) for record in sandbox.requests] == [("shout", 418)]
    assert http.get("/_sandbox/requests?fault=shout").json()["total"] == 1
    assert http.post("/_sandbox/faults", json={"kind": "shout", "status": 500}).status_code == 400


def test_kinds_may_share_a_class(sandbox: Sandbox, http: httpx.Client) -> None:
    class Worded(Fault):
        word: str = "oh"

        def distorted(self, answer: Response, exchange: Exchange) -> Response:
            return Response(self.word, 418)

    class Loud(Worded, tag="loud"):
        pass

    class LoudToo(Loud):
        pass

    assert type(sandbox.faults.add("loud", word="OH")) is Loud
    assert track(http).text == "OH"
    for name in ("Worded", "LoudToo"):
        with pytest.raises(msgspec.ValidationError):
            sandbox.faults.add(name)


def test_a_fault_that_does_nothing_is_no_class() -> None:
    with pytest.raises(TypeError, match="Idle: a fault must say what it does"):

        class Idle(Fault, tag="idle"):
            pass


def test_faults_are_ordered_listed_and_cleared_from_outside(sandbox: Sandbox, http: httpx.Client) -> None:
    http.post("/_sandbox/faults", json={"kind": "status", "status": 500, "next": 5})
    assert track(http).status_code == 500

    (fault,) = http.get("/_sandbox/faults").json()
    assert (fault["kind"], fault["status"], fault["hits"]) == ("status", 500, 1)

    assert http.delete("/_sandbox/faults").json() == []
    assert track(http).status_code == 200


def test_the_clock_is_moved_from_outside(sandbox: Sandbox, http: httpx.Client) -> None:
    track(http)
    http.post("/_sandbox/clock", json={"advance": 86_400})
    track(http)

    assert accepted(sandbox) == ["m1", "m1"]


def test_a_frozen_clock_moves_only_when_it_is_advanced(sandbox: Sandbox, http: httpx.Client) -> None:
    def clock(**change: object) -> float:
        return float(http.post("/_sandbox/clock", json=change).json()["now"])

    frozen = clock(freeze=True)

    assert clock() == clock(freeze=True) == frozen  # each over HTTP, so real time has passed
    assert clock(advance=0.5) == frozen + 0.5
    sandbox.advance_clock(-1)
    assert clock() == frozen - 0.5
    track(http)
    assert seconds(sandbox.accepted[0]["receivedAt"]) == pytest.approx(frozen - 0.5, abs=0.001)
    assert http.post("/_sandbox/clock", json={"freese": True}).status_code == 400


def test_a_reset_lets_a_frozen_clock_run_again(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.freeze_clock()
    sandbox.reset()

    before = sandbox.state.clock.now()
    track(http)
    assert sandbox.state.clock.now() != before


def test_a_reset_of_the_sandbox_clears_all(sandbox: Sandbox, http: httpx.Client) -> None:
    track(http)
    sandbox.faults.add("status")
    sandbox.limit_rate(1)
    sandbox.reset()

    assert list(sandbox.faults) == []
    assert sandbox.state.rate_limit is None
    assert sandbox.summary == {
        "accepted": 0,
        "duplicates": 0,
        "dropped": {},
        "requests": 0,
        "batches": 0,
        "bytes": 0,
    }
    assert track(http).status_code == 200


def test_two_sandboxes_live_side_by_side() -> None:
    with Sandbox() as one, Sandbox() as other:
        assert one.url != other.url
        with httpx.Client(base_url=one.url, auth=(one.write_key, ""), timeout=600) as client:
            track(client)
        assert (len(one.accepted), len(other.accepted)) == (1, 0)


# --- ways to start it --------------------------------------------------------------------------------


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=600, check=False
    )


def test_without_the_extra_the_error_names_it() -> None:
    script = "import sys; sys.modules['uvicorn'] = None; from airflow_provider_segment.sandbox import Sandbox"

    result = python("-c", script)

    assert "pip install 'airflow-provider-segment[sandbox]'" in result.stderr.splitlines()[-1]


def test_the_package_alone_imports_no_server() -> None:
    script = "import sys, airflow_provider_segment.sandbox; print(*sorted(sys.modules))"

    imported = python("-c", script).stdout.split()

    assert "airflow_provider_segment.sandbox" in imported
    assert not {"starlette", "uvicorn"} & set(imported)


def test_it_starts_from_the_shell_and_says_how_to_connect() -> None:
    command = [sys.executable, "-m", "airflow_provider_segment.sandbox", "--port", "0", "--region", "eu"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            lines = [process.stdout.readline() for _ in range(3)]
            connection = json.loads(lines[2].partition("='")[2].rstrip("'\n"))
            assert connection["host"] in lines[0] and f"{connection['host']}/_sandbox" in lines[1]
            assert connection["host"].startswith("http://127.0.0.1:")
            assert connection["extra"]["region"] == "eu"
            key = connection["extra"]["secret_write_key"]
            with httpx.Client(base_url=connection["host"], auth=(key, ""), timeout=600) as client:
                assert track(client).status_code == 200
                assert client.get("/_sandbox/state").json()["accepted"] == 1
        finally:
            process.terminate()
        assert process.communicate() == ("", "")  # nothing is logged


def test_a_port_that_is_taken_is_told_in_one_line(sandbox: Sandbox) -> None:
    port = sandbox.url.rpartition(":")[2]

    result = python("-m", "airflow_provider_segment.sandbox", "--port", port)

    assert result.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in result.stderr.splitlines()[-1]


def test_the_pytest_plugin_gives_each_test_a_fresh_sandbox(tmp_path: Path) -> None:
    plugin = "airflow_provider_segment.sandbox.pytest_plugin"
    (tmp_path / "conftest.py").write_text(f"pytest_plugins = [{plugin!r}]")
    (tmp_path / "test_dag.py").write_text(
        """
import json, os, httpx, pytest

@pytest.mark.parametrize("n", range(2))
def test_events_arrive(segment_sandbox, n):
    connection = json.loads(os.environ["AIRFLOW_CONN_SEGMENT_DEFAULT"])
    assert connection == segment_sandbox.connection
    auth = (connection["extra"]["secret_write_key"], "")
    httpx.post(connection["host"] + "/v1/track", json={"userId": "u", "event": "E"}, auth=auth)
    assert len(segment_sandbox.accepted) == 1

def test_the_environment_is_left_alone():
    assert "AIRFLOW_CONN_SEGMENT_DEFAULT" not in os.environ
"""
    )

    result = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path))

    assert "3 passed" in result.stdout, result.stdout
