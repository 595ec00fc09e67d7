"""The sandbox's Tracking API, over HTTP."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx
import pytest
from segment.analytics.client import Client

from airflow_provider_segment.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("frozen_clock")

EVENTS = {
    "track": {"userId": "u1", "event": "Order Completed"},
    "identify": {"userId": "u1", "traits": {"plan": "pro"}},
    "page": {"anonymousId": "a1", "name": "Home"},
    "screen": {"anonymousId": "a1", "name": "Home"},
    "group": {"userId": "u1", "groupId": "g1"},
    "alias": {"userId": "u1", "previousId": "a1"},
}


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


def track(message_id: str, **more: object) -> dict[str, object]:
    return {"type": "track", "userId": "u1", "event": "Order Completed", "messageId": message_id, **more}


def of_size(size: int, message_id: str = "big") -> bytes:
    """A track event of exactly so many bytes."""
    empty = json.dumps(track(message_id, properties={"x": ""})).encode()
    return empty.replace(b'"x": ""', b'"x": "%s"' % (b"x" * (size - len(empty))))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def reasons(sandbox: Sandbox) -> list[str]:
    return [drop["reason"] for drop in sandbox.dropped]


@pytest.mark.parametrize("type", EVENTS)
def test_each_kind_of_single_event_is_accepted(sandbox: Sandbox, http: httpx.Client, type: str) -> None:
    answer = http.post(f"/v1/{type}", json=EVENTS[type])

    assert (answer.status_code, answer.json()) == (200, {"success": True})
    (event,) = sandbox.accepted
    assert event["type"] == type
    assert event.items() >= EVENTS[type].items()
    assert event["projectId"] == sandbox.source_id


@pytest.mark.parametrize("short", "tipsga")
def test_segments_short_paths(sandbox: Sandbox, http: httpx.Client, short: str) -> None:
    [type] = [type for type in EVENTS if type.startswith(short)]
    assert http.post(f"/v1/{short}", json=EVENTS[type]).json() == {"success": True}
    assert [event["type"] for event in sandbox.accepted] == [type]


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/json; charset=utf-8", 200),
        ("text/plain", 200),
        ("application/x-www-form-urlencoded", 400),
        ("multipart/form-data; boundary=x", 400),
    ],
)
def test_the_media_type_is_checked(
    sandbox: Sandbox, http: httpx.Client, media_type: str, status: int
) -> None:
    content = json.dumps(EVENTS["track"]).encode()
    answer = http.post("/v1/track", content=content, headers={"Content-Type": media_type})
    assert answer.status_code == status
    assert len(sandbox.accepted) == (status == 200)


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/batch/", "/v1/import", "/v1/b"])
def test_a_batch_is_accepted_in_order(sandbox: Sandbox, http: httpx.Client, path: str) -> None:
    answer = http.post(path, json={"batch": [{"type": type, **event} for type, event in EVENTS.items()]})

    assert answer.json() == {"success": True}
    assert [event["type"] for event in sandbox.accepted] == list(EVENTS)
    assert sandbox.summary["batches"] == 1


def test_context_and_integrations_of_the_batch_are_merged_and_those_of_the_item_win(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    http.post(
        "/v1/batch",
        json={
            "batch": [track("m1", context={"ip": "10.0.0.1"}), track("m2", integrations={"All": True})],
            "context": {"ip": "10.0.0.2", "locale": "en-US"},
            "integrations": {"All": False},
        },
    )

    first, second = sandbox.accepted
    assert first["context"] == {"ip": "10.0.0.1", "locale": "en-US"}
    assert first["integrations"] == {"All": False}
    assert second["context"] == {"ip": "10.0.0.2", "locale": "en-US"}
    assert second["integrations"] == {"All": True}


def test_a_timestamp_is_corrected_by_the_difference_of_the_clocks(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    # The client's clock says 2020; the event happened one second before it was sent.
    batch = [track("m1", timestamp="2020-01-01T00:00:00Z")]
    http.post("/v1/batch", json={"batch": batch, "sentAt": "2020-01-01T02:00:01.000+02:00"})

    (event,) = sandbox.accepted
    assert event["originalTimestamp"] == "2020-01-01T00:00:00Z"
    assert moment(event["receivedAt"]) - moment(event["timestamp"]) == timedelta(seconds=1)


def test_without_sent_at_a_timestamp_stays_and_without_timestamp_it_is_the_time_of_receipt(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    http.post("/v1/batch", json={"batch": [track("m1", timestamp="2020-01-01T01:00:00+01:00"), track("m2")]})

    first, second = sandbox.accepted
    assert first["timestamp"] == "2020-01-01T00:00:00.000Z"
    assert second["timestamp"] == second["receivedAt"]


def test_a_missing_message_id_is_made_up(sandbox: Sandbox, http: httpx.Client) -> None:
    for _ in range(2):
        http.post("/v1/track", json=EVENTS["track"])

    first, second = sandbox.accepted
    assert first["messageId"] and second["messageId"]
    assert first["messageId"] != second["messageId"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"type": "track", "event": "E"}, "no_user_anon_id"),
        ({"type": "identify", "userId": ""}, "no_user_anon_id"),
        ({"type": "track", "userId": "u1"}, "missing_event"),
        ({"type": "group", "userId": "u1"}, "missing_group_id"),
        ({"type": "alias", "userId": "u1"}, "missing_previous_id"),
        ({"type": "alias", "previousId": "a1"}, "missing_user_id"),
        ({"type": "purchase", "userId": "u1"}, "unknown_type"),
        ({"userId": "u1"}, "unknown_type"),
        (track("x" * 101), "message_id_too_long"),
        (track("m1", userId="gone"), "suppressed_user"),
        ("not an event", "not_an_object"),
    ],
)
def test_what_segment_drops_silently_is_answered_200_and_recorded_with_its_reason(
    sandbox: Sandbox, http: httpx.Client, event: object, reason: str
) -> None:
    sandbox.state.suppressed.add("gone")

    answer = http.post("/v1/batch", json={"batch": [event, track("good")]})

    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert reasons(sandbox) == [reason]
    assert [event["messageId"] for event in sandbox.accepted] == ["good"]


def test_a_message_id_of_a_hundred_characters_is_accepted(sandbox: Sandbox, http: httpx.Client) -> None:
    http.post("/v1/track", json=track("x" * 100))

    assert len(sandbox.accepted) == 1


def test_a_message_id_is_accepted_once_in_a_day_across_all_sources(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    bearer = {"Authorization": f"Bearer {sandbox.token}"}
    other = {"slug": "other", "enabled": True, "metadataId": "iUM16Md8P2"}
    made = httpx.post(f"{sandbox.url}/sources", json=other, headers=bearer, timeout=600).json()
    (other_key,) = made["data"]["source"]["writeKeys"]

    http.post("/v1/batch", json={"batch": [track("m1"), track("m1")]})
    http.post("/v1/track", json=track("m1"))
    http.post("/v1/track", json=track("m1"), auth=(other_key, ""))
    assert len(sandbox.accepted) == 1
    assert reasons(sandbox) == ["duplicate"] * 3
    assert sandbox.summary["duplicates"] == 3

    sandbox.advance_clock(24 * 60 * 60)
    http.post("/v1/track", json=track("m1"))
    assert len(sandbox.accepted) == 2


def test_an_event_that_was_dropped_may_come_again_corrected(sandbox: Sandbox, http: httpx.Client) -> None:
    http.post("/v1/track", json={"userId": "u1", "messageId": "m1"})
    http.post("/v1/track", json=track("m1"))

    assert reasons(sandbox) == ["missing_event"]
    assert len(sandbox.accepted) == 1


def test_2500_events_are_accepted_and_2501_are_dropped_whole(sandbox: Sandbox, http: httpx.Client) -> None:
    assert http.post("/v1/batch", json={"batch": [track(f"a{n}") for n in range(2_500)]}).status_code == 200
    assert http.post("/v1/batch", json={"batch": [track(f"b{n}") for n in range(2_501)]}).status_code == 200

    assert sandbox.summary["accepted"] == 2_500
    assert sandbox.summary["dropped"] == {"too_many_events": 2_501}


@pytest.mark.parametrize("key", ["unknown", "other_region_write_key"])
def test_an_unknown_write_key_and_one_of_the_other_region_are_answered_200(
    sandbox: Sandbox, http: httpx.Client, key: str
) -> None:
    write_key = getattr(sandbox, key, key)
    answer = http.post("/v1/track", json=track("m1"), auth=(write_key, ""))

    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert reasons(sandbox) == ["unknown_write_key" if key == "unknown" else "wrong_region"]
    assert sandbox.accepted == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"batch": {}}',
        b'{"events": []}',
        b'{"batch": [{"userId": "u1",}]}',
        b'{"batch": [{"userId": NaN}]}',
        b'{"batch": [{"userId": "\xff"}]}',
        b'{"batch": [], "context": []}',
        b'{"batch": ' + b"[" * 10_000,
    ],
)
def test_malformed_json_is_refused(sandbox: Sandbox, http: httpx.Client, body: bytes) -> None:
    answer = http.post("/v1/batch", content=body)

    assert answer.status_code == 400
    assert answer.json()["success"] is False
    assert answer.json()["code"] == "invalid_request"
    assert "Malformed JSON" in answer.json()["message"]


def test_an_event_of_32_kb_is_accepted_and_one_byte_more_is_refused(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    for path, wrap in (("/v1/track", b"%s"), ("/v1/batch", b'{"batch":[%s]}')):
        assert http.post(path, content=wrap % of_size(32 * 1024, path)).status_code == 200
        answer = http.post(path, content=wrap % of_size(32 * 1024 + 1, f"{path}+"))
        assert (answer.status_code, answer.json()["message"]) == (400, "Exceed payload limit")

    assert [event["messageId"] for event in sandbox.accepted] == ["/v1/track", "/v1/batch"]


def test_one_event_too_large_refuses_the_whole_batch(sandbox: Sandbox, http: httpx.Client) -> None:
    events = b",".join([json.dumps(track("good")).encode(), of_size(33 * 1024)])

    assert http.post("/v1/batch", content=b'{"batch":[%s]}' % events).status_code == 400
    assert sandbox.accepted == [] and sandbox.dropped == []


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_batch_of_500_kb_is_accepted_and_one_byte_more_is_refused_also_when_packed(
    sandbox: Sandbox, http: httpx.Client, packed: bool
) -> None:
    def post(body: bytes) -> httpx.Response:
        if packed:
            return http.post("/v1/batch", content=gzip.compress(body), headers={"Content-Encoding": "gzip"})
        return http.post("/v1/batch", content=body)

    body = b'{"batch":[%s]}' % b",".join(of_size(10_000, f"m{n}") for n in range(50))
    body += b" " * (500 * 1024 - len(body))

    assert post(body).status_code == 200
    assert post(body + b" ").status_code == 400
    assert sandbox.summary["accepted"] == 50


def test_a_body_that_says_gzip_and_is_not_is_refused(sandbox: Sandbox, http: httpx.Client) -> None:
    body = json.dumps(track("m1")).encode()
    for content in (body, gzip.compress(body)[:-12], b""):
        answer = http.post("/v1/track", content=content, headers={"Content-Encoding": "gzip"})
        assert answer.status_code == 400
    assert sandbox.accepted == []


def test_a_write_key_comes_by_basic_or_in_the_body(sandbox: Sandbox) -> None:
    key = sandbox.write_key
    basic = {"Authorization": f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"}

    with httpx.Client(base_url=sandbox.url, timeout=600) as http:
        http.post("/v1/track", json=track("1"), headers=basic)
        http.post("/v1/track", json=track("2", writeKey=key))
        http.post("/v1/batch", json={"batch": [track("3")], "writeKey": key})

    assert [event["messageId"] for event in sandbox.accepted] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "authorization",
    [None, "Basic", "Basic sandbox-write-key", "Basic " + base64.b64encode(b"sandbox-write-key").decode()],
)
def test_without_a_write_key_it_is_401(sandbox: Sandbox, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}

    answer = httpx.post(f"{sandbox.url}/v1/track", json=track("m1"), headers=headers, timeout=600)

    assert answer.status_code == 401
    assert sandbox.accepted == []


def test_a_request_is_recorded_without_secrets(sandbox: Sandbox, http: httpx.Client) -> None:
    body = {"batch": [track("m1")], "sentAt": "2026-01-01", "writeKey": sandbox.write_key}
    headers = {"X-Retry-Count": "2", "User-Agent": "test/1", "Content-Encoding": "gzip"}
    http.post("/v1/batch", content=gzip.compress(json.dumps(body).encode()), headers=headers)
    http.post("/v1/track", json=track("m2", writeKey=sandbox.write_key))

    record = sandbox.requests[0]
    assert (record["method"], record["path"], record["status"]) == ("POST", "/v1/batch", 200)
    assert (record["events"], record["sentAt"]) == (1, "2026-01-01")
    assert record["headers"].items() >= headers.items()
    pages = ("", "/state", "/accepted", "/dropped", "/requests")
    shown = [http.get(f"/_sandbox{page}").text for page in pages]
    for text in [*shown, repr(sandbox.accepted), repr(sandbox.requests)]:
        assert sandbox.write_key not in text


def test_inspection_pages_through_what_came_newest_last(sandbox: Sandbox, http: httpx.Client) -> None:
    http.post("/v1/batch", json={"batch": [track(f"m{n}") for n in range(5)] + [{"type": "?"}]})

    page = http.get("/_sandbox/accepted?limit=2&offset=3").json()
    assert page["total"] == 5
    assert [event["messageId"] for event in page["items"]] == ["m3", "m4"]
    assert http.get("/_sandbox/dropped").json()["items"][0]["reason"] == "unknown_type"
    assert http.get("/_sandbox/requests").json()["total"] == 1
    assert http.get("/_sandbox/state").json() == sandbox.summary
    assert "unknown_type" in http.get("/_sandbox/events").text

    assert http.post("/_sandbox/reset").json()["accepted"] == 0
    assert sandbox.accepted == []


def test_what_came_is_shown_escaped(sandbox: Sandbox, http: httpx.Client) -> None:
    http.post("/v1/track", json=track("m1", event="<script>alert(1)</script>"))

    assert "<script>" not in http.get("/_sandbox").text


def test_an_unknown_path_is_404_and_another_method_405(sandbox: Sandbox, http: httpx.Client) -> None:
    assert http.post("/v1/nothing", json={}).status_code == 404
    assert http.get("/v1/track").status_code == 405


def test_segments_own_python_client_works_against_it(sandbox: Sandbox) -> None:
    for packed in (False, True):
        client = Client(sandbox.write_key, host=sandbox.url, gzip=packed, max_retries=0)
        for n in range(250):
            client.track(user_id=f"u{n}", event="Order Completed", properties={"n": n, "gzip": packed})
        client.shutdown()

    assert sandbox.summary["accepted"] == 500
    assert sandbox.summary["dropped"] == {}
    assert sandbox.requests[0]["headers"]["User-Agent"].startswith("analytics-python/")
    assert {event["context"]["library"]["name"] for event in sandbox.accepted} == {"analytics-python"}
