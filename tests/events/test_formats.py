"""Known shapes: what becomes of Segment's archive and of the exports of Mixpanel and Amplitude."""

from __future__ import annotations

import io
import json
from copy import deepcopy
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentEventError
from airflow_provider_segment.events.check import Checker
from airflow_provider_segment.events.formats import FORMATS, amplitude, format_function, mixpanel
from airflow_provider_segment.events.formats.format import Format
from airflow_provider_segment.events.sources.content import read_content

pytestmark = pytest.mark.core

GUIDE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
KEY = "key of the new source"
OLD_KEY = "key of the old source"

ARCHIVED: dict[str, Any] = {
    "_metadata": {"bundled": ["Segment.io"], "bundledIds": [], "unbundled": []},
    "anonymousId": "8a2c-laptop",
    "channel": "client",
    "context": {
        "consent": {"categoryPreferences": {"advertising": False}},
        "ip": "203.0.113.7",
        "library": {"name": "analytics.js", "version": "next-1.70.0"},
        "page": {"path": "/cart", "url": "https://shop.example/cart"},
    },
    "event": "Order Completed",
    "integrations": {"Mixpanel": False},
    "messageId": "ajs-next-1700000000000-order-17",
    "originalTimestamp": "2024-03-01T10:00:30.000Z",
    "projectId": "source of the archive",
    "properties": {"total": 49.9, "items": [{"sku": "A1"}], "coupon": None},
    "receivedAt": "2024-03-01T10:00:05.100Z",
    "sentAt": "2024-03-01T10:00:35.000Z",
    "timestamp": "2024-03-01T10:00:00.100Z",
    "type": "track",
    "userId": "u-17",
    "version": 2,
    "writeKey": OLD_KEY,
}

MIXPANEL: dict[str, Any] = {
    "event": "Checkout Started",
    "properties": {
        "time": 1709287200,
        "distinct_id": "u-17",
        "$user_id": "u-17",
        "$device_id": "18df-browser",
        "$insert_id": "k3v9xq2m7d1p",
        "$browser": "Firefox",
        "$browser_version": 123,
        "$city": "Lyon",
        "$region": "Auvergne-Rhône-Alpes",
        "mp_country_code": "FR",
        "$current_url": "https://shop.example/cart?utm_source=mail",
        "$referrer": "https://mail.example/",
        "$os": "Linux",
        "$screen_height": 1080,
        "$screen_width": 1920,
        "mp_lib": "web",
        "$lib_version": "2.49.0",
        "utm_source": "mail",
        "$mp_api_endpoint": "api-js.mixpanel.com",
        "$mp_api_timestamp_ms": 1709287201250,
        "mp_processing_time_ms": 1709287203000,
        "token": "the project's token",
        "cart": {"items": 3, "total": 49.9},
    },
}

AMPLITUDE: dict[str, Any] = {
    "$insert_id": "4d7a-insert",
    "$schema": 13,
    "adid": None,
    "amplitude_event_type": None,
    "amplitude_id": 512345678901,
    "app": 204060,
    "city": "Turku",
    "client_event_time": "2024-03-01 10:00:30.000000",
    "client_upload_time": "2024-03-01 10:00:35.000000",
    "country": "Finland",
    "data": {"group_ids": {}, "path": "/2/httpapi"},
    "device_brand": None,
    "device_carrier": "Elisa",
    "device_family": "Apple iPhone",
    "device_id": "D1C0-PHONE",
    "device_manufacturer": "Apple",
    "device_model": "iPhone14,5",
    "device_type": "Apple iPhone 13",
    "dma": None,
    "event_id": 42,
    "event_properties": {"screen": "Cart", "total": 49.9},
    "event_time": "2024-03-01 10:00:00.100000",
    "event_type": "Checkout Started",
    "group_properties": {},
    "groups": {"org": ["acme"]},
    "idfa": "AD-1",
    "ip_address": "203.0.113.7",
    "language": "Finnish",
    "library": "amplitude-ios/8.17.1",
    "location_lat": 60.45,
    "location_lng": 22.26,
    "os_name": "ios",
    "os_version": "17.3",
    "paying": None,
    "platform": "iOS",
    "processed_time": "2024-03-01 10:00:07.000000",
    "region": "Southwest Finland",
    "server_received_time": "2024-03-01 10:00:05.100000",
    "server_upload_time": "2024-03-01 10:00:05.200000",
    "session_id": 1709287100000,
    "start_version": "3.0.0",
    "user_id": "u-17",
    "user_properties": {"plan": "free", "email": "jane@example.com"},
    "uuid": "6a6bf5c2-d7b1-11ee-9c1f-0242ac120002",
    "version_name": "4.2.0",
}

GOOD = {"segment_archive": ARCHIVED, "mixpanel": MIXPANEL, "amplitude": AMPLITUDE}


def made(name: str, write_key: str = KEY, **options: str) -> Format:
    if name == "mixpanel":
        options.setdefault("naive_timezone", "UTC")
    return format_function(name, write_key, **options)


def event_of(name: str, row: dict[str, Any], write_key: str = KEY, **options: str) -> dict[str, Any]:
    """What is sent of a line: read as JSON, mapped, and checked."""
    event = made(name, write_key, **options)(json.loads(json.dumps(row)))
    assert event is not None
    sent: dict[str, Any] = json.loads(Checker(write_key).prepare(event))
    return sent


def rejection(name: str, row: dict[str, Any], **options: str) -> SegmentEventError:
    with pytest.raises(SegmentEventError) as caught:
        made(name, **options)(row)
    assert caught.value.column
    assert caught.value.column in caught.value.detail
    return caught.value


def archived(**changes: Any) -> dict[str, Any]:
    return {**ARCHIVED, **changes}


def exported(event: Any = "Checkout Started", **changes: Any) -> dict[str, Any]:
    """An event of Mixpanel; ``__`` stands for the dollar before a name."""
    changes = {name.replace("__", "$"): value for name, value in changes.items()}
    return {"event": event, "properties": {**MIXPANEL["properties"], **changes}}


def row_of(**changes: Any) -> dict[str, Any]:
    return {**AMPLITUDE, **changes}


# All formats


def test_each_format_has_a_name_and_says_what_it_is() -> None:
    assert list(FORMATS) == ["segment_archive", "mixpanel", "amplitude"] == list(GOOD)
    for name, kind in FORMATS.items():
        assert kind.what
        assert f"`{name}`" in GUIDE


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        SegmentConfigurationError, match=r"no 'posthog'.*segment_archive.*mixpanel.*amplitude"
    ):
        format_function("posthog", KEY)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("segment_archive", {"naive_timezone": "UTC"}),
        ("amplitude", {"naive_timezone": "Europe/Paris"}),
        ("amplitude", {"message_ids": "keep"}),
        ("mixpanel", {"message_ids": "new", "naive_timezone": "UTC"}),
    ],
)
def test_an_option_that_a_format_does_not_have_is_refused(name: str, options: dict[str, str]) -> None:
    with pytest.raises(SegmentConfigurationError, match="has no meaning with format="):
        format_function(name, KEY, **options)


@pytest.mark.parametrize("name", GOOD)
def test_a_row_stays_as_it_is(name: str) -> None:
    row = deepcopy(GOOD[name])
    made(name)(row)
    assert row == GOOD[name]


@pytest.mark.parametrize("name", GOOD)
def test_the_same_row_has_the_same_id_at_one_source_only(name: str) -> None:
    first = event_of(name, GOOD[name])["messageId"]
    assert event_of(name, GOOD[name])["messageId"] == first
    assert event_of(name, GOOD[name], "another key")["messageId"] != first
    for line in (GOOD[name], GOOD[name].get("properties", {})):
        assert first not in line.values()


ODD = [None, "", " ", "x", 0, -1, 1.5, 1e300, float("nan"), True, [], ["x"], {}, {"x": {"y": None}}]


@pytest.mark.parametrize("name", GOOD)
def test_whatever_a_line_holds_it_becomes_an_event_or_is_rejected_alone(name: str) -> None:
    checker, function = Checker(KEY), made(name)
    rows: list[dict[str, Any]] = [{}, {"a": 1}]
    for odd in ODD:
        for column in GOOD[name]:
            rows.append({**GOOD[name], column: odd})
        for key in MIXPANEL["properties"] if name == "mixpanel" else ():
            rows.append(exported(**{key: odd}))
    outcomes = {"event": 0, "rejected": 0}
    for row in rows:
        try:
            event = function(row)
            assert event is not None
            checker.prepare(event)
            outcomes["event"] += 1
        except SegmentEventError as error:
            assert error.detail
            outcomes["rejected"] += 1
    assert outcomes["event"] > len(rows) / 4
    assert outcomes["rejected"] > 10
    assert not function.skipped


# Segment's archive


def test_an_archived_event_is_sent_as_it_was_but_for_what_segment_added() -> None:
    sent = event_of("segment_archive", ARCHIVED, message_ids="keep")
    kept = ("anonymousId", "context", "event", "integrations", "messageId", "properties", "timestamp", "type")
    assert sent == {name: ARCHIVED[name] for name in (*kept, "userId")}


def test_nothing_of_the_old_source_is_sent() -> None:
    sent = json.dumps(event_of("segment_archive", ARCHIVED))
    assert OLD_KEY not in sent
    assert ARCHIVED["projectId"] not in sent


def test_an_archived_event_keeps_its_corrected_time() -> None:
    sent = event_of("segment_archive", ARCHIVED)
    assert sent["timestamp"] == "2024-03-01T10:00:00.100Z"
    assert not {"sentAt", "originalTimestamp", "receivedAt"} & sent.keys()


def test_new_ids_follow_the_old_ones() -> None:
    ids = {
        event_of("segment_archive", archived(messageId=f"id-{number}"))["messageId"] for number in range(9)
    }
    assert len(ids) == 9
    assert (
        event_of("segment_archive", ARCHIVED, message_ids="new")["messageId"]
        == (event_of("segment_archive", archived(event="Corrected"))["messageId"])
    )


def test_ids_that_segment_would_refuse_can_be_replaced() -> None:
    too_long = archived(messageId="x" * 101)
    assert len(event_of("segment_archive", too_long)["messageId"]) <= 100
    with pytest.raises(SegmentEventError, match="invalid_message_id"):
        event_of("segment_archive", too_long, message_ids="keep")


def test_an_archived_event_without_an_id_gets_one_of_its_content() -> None:
    for choice in ("keep", "new"):
        row = archived(messageId=None)
        assert event_of("segment_archive", row, message_ids=choice)["messageId"].startswith("airflow-")


def test_another_choice_of_ids_is_refused() -> None:
    with pytest.raises(SegmentConfigurationError, match="message_ids must be 'keep' or 'new', not 'old'"):
        format_function("segment_archive", KEY, message_ids="old")


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "identify", "event": None, "properties": None, "traits": {"plan": "free"}},
        {"type": "page", "event": None, "name": "Cart", "category": "Shop"},
        {"type": "screen", "event": None, "name": "Cart"},
        {"type": "group", "event": None, "groupId": "acme", "traits": {"seats": 5}},
        {"type": "alias", "event": None, "previousId": "8a2c-laptop"},
        {"userId": None},
        {"anonymousId": None},
        {"integrations": None, "context": None},
    ],
)
def test_every_type_of_archived_event_passes(changes: dict[str, Any]) -> None:
    sent = event_of("segment_archive", archived(**changes))
    assert {name: sent.get(name) for name in changes} == changes


def test_a_deletion_in_the_archive_is_skipped_and_counted() -> None:
    function = made("segment_archive")
    assert function({"type": "delete", "userId": "u-17", "timestamp": "2024-03-01T10:00:00Z"}) is None
    assert function.skipped == {"delete": 1}


def test_damaged_lines_of_the_archive_are_rejected_by_column() -> None:
    assert rejection("segment_archive", archived(timestamp=None)).reason == "missing_field"
    assert rejection("segment_archive", archived(messageId=["a"])).column == "messageId"
    with pytest.raises(SegmentEventError, match="unknown_type"):
        event_of("segment_archive", archived(type="object"))
    with pytest.raises(SegmentEventError, match="invalid_timestamp"):
        event_of("segment_archive", archived(timestamp="2024-03-01 10:00:00"))


@pytest.mark.parametrize("separator", [b"", b"\n", b"\r\n", b" "])
def test_firehose_files_hold_archived_events(separator: bytes) -> None:
    """Segment's Firehose destination writes lines; from its Kinesis destination, Firehose joins records."""
    records = [json.dumps(archived(messageId=f"id-{number}")).encode() for number in range(3)]
    content = read_content(io.BytesIO(separator.join(records) + separator))
    function, checker = made("segment_archive"), Checker(KEY)
    items = [item for block in content.blocks for item in block if item]
    events = [json.loads(checker.prepare(function(json.loads(item)) or {})) for item in items]
    assert [event["userId"] for event in events] == ["u-17"] * 3
    assert len({event["messageId"] for event in events}) == 3


# Mixpanel


def test_an_event_of_mixpanel() -> None:
    sent = event_of("mixpanel", MIXPANEL)
    assert sent.pop("messageId").startswith("airflow-")
    assert sent == {
        "type": "track",
        "event": "Checkout Started",
        "userId": "u-17",
        "anonymousId": "18df-browser",
        "timestamp": "2024-03-01T10:00:00Z",
        "properties": {
            "$browser": "Firefox",
            "$browser_version": 123,
            "utm_source": "mail",
            "cart": {"items": 3, "total": 49.9},
        },
        "context": {
            "library": {"name": "web", "version": "2.49.0"},
            "location": {"city": "Lyon", "region": "Auvergne-Rhône-Alpes", "country": "FR"},
            "os": {"name": "Linux"},
            "page": {
                "url": "https://shop.example/cart?utm_source=mail",
                "referrer": "https://mail.example/",
            },
            "screen": {"height": 1080, "width": 1920},
        },
    }


@pytest.mark.parametrize(
    ("ids", "user_id", "anonymous_id"),
    [
        pytest.param({"$user_id": "u", "$device_id": "d", "distinct_id": "u"}, "u", "d", id="logged in"),
        pytest.param({"$device_id": "d", "distinct_id": "$device:d"}, None, "d", id="nobody logged in"),
        pytest.param({"distinct_id": "$device:d"}, None, "d", id="old library, nobody logged in"),
        pytest.param(
            {"$device_id": "d", "distinct_id": "d"}, None, "d", id="original merge, nobody logged in"
        ),
        pytest.param({"$device_id": "d", "distinct_id": "u"}, "u", "d", id="logged in later: attributed"),
        pytest.param(
            {"$user_id": "u", "$device_id": "d", "distinct_id": "other-device"},
            "u",
            "d",
            id="a device is chosen",
        ),
        pytest.param({"distinct_id": "u"}, "u", None, id="from a server"),
        pytest.param({"distinct_id": 4711}, "4711", None, id="a number"),
        pytest.param({"$device_id": "d", "distinct_id": ""}, None, "d", id="only a device"),
        pytest.param({"$distinct_id": "u"}, "u", None, id="with a dollar"),
    ],
)
def test_who_it_was_in_mixpanel(ids: dict[str, Any], user_id: str | None, anonymous_id: str | None) -> None:
    sent = event_of("mixpanel", {"event": "e", "properties": {"time": 1709287200, **ids}})
    assert (sent.get("userId"), sent.get("anonymousId")) == (user_id, anonymous_id)
    assert not sent.get("properties")


@pytest.mark.parametrize(
    ("time", "zone", "sent"),
    [
        (1709287200, "UTC", "2024-03-01T10:00:00Z"),
        (1709287200250, "UTC", "2024-03-01T10:00:00.250000Z"),
        (1709287200.25, "UTC", "2024-03-01T10:00:00.250000Z"),
        (1709287200, "America/Los_Angeles", "2024-03-01T18:00:00Z"),
        (1709287200250, "Asia/Kolkata", "2024-03-01T04:30:00.250000Z"),
        pytest.param(1720000000, "Europe/Paris", "2024-07-03T07:46:40Z", id="summer"),
        pytest.param(
            1729996200, "Europe/Paris", "2024-10-27T00:30:00Z", id="an hour that comes twice: the first"
        ),
    ],
)
def test_the_time_of_mixpanel_is_that_of_the_project(time: float, zone: str, sent: str) -> None:
    event = event_of("mixpanel", exported(time=time), naive_timezone=zone)
    assert event["timestamp"] == sent


def test_mixpanels_zone_must_be_named() -> None:
    with pytest.raises(SegmentConfigurationError, match=r"needs naive_timezone.*created before 2023"):
        format_function("mixpanel", KEY)
    for zone in ("Mars/Olympus", "", "../etc"):
        with pytest.raises(SegmentConfigurationError, match="there is no time zone"):
            format_function("mixpanel", KEY, naive_timezone=zone)


def test_mixpanels_ids_are_what_mixpanel_takes_for_one_event() -> None:
    def message_id(row: dict[str, Any], **options: str) -> Any:
        return event_of("mixpanel", row, **options)["messageId"]

    first = message_id(MIXPANEL)
    assert message_id(exported(time=1709287200123)) == first  # an export with milliseconds
    assert message_id(exported(cart=None)) == first
    assert message_id(MIXPANEL, naive_timezone="Asia/Tokyo") == first
    others = [
        exported("Other"),
        exported(time=1709287201),
        exported(distinct_id="u-18"),
        exported(__insert_id="2"),
    ]
    assert len({first, *map(message_id, others)}) == 5


def test_an_event_of_mixpanel_without_an_insert_id_gets_one_of_its_content() -> None:
    ids = {event_of("mixpanel", exported(__insert_id=None, n=number))["messageId"] for number in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize("name", sorted(mixpanel.SKIPPED))
def test_what_mixpanel_says_of_its_own_ids_is_skipped_and_counted(name: str) -> None:
    function = made("mixpanel")
    row = {"event": name, "properties": {"$identified_id": "u-17", "$anon_id": "18df-browser"}}
    assert (function(row), function(row)) == (None, None)
    assert function.skipped == {name: 2}
    assert f"`{name}`" in GUIDE


def test_a_hot_shards_events_are_what_they_were() -> None:
    shard = {"mp_original_event_name": "Signed Up", "mp_original_distinct_id": "u-1", "distinct_id": ""}
    sent = event_of(
        "mixpanel", {"event": "$hotshard_events", "properties": {"time": 1709287200, "n": 1, **shard}}
    )
    assert (sent["event"], sent["userId"], sent["properties"]) == ("Signed Up", "u-1", {"n": 1})


@pytest.mark.parametrize(
    ("row", "reason", "column"),
    [
        ({}, "missing_field", "event"),
        ({"event": ""}, "missing_field", "event"),
        ({"event": {"a": 1}}, "invalid_value", "event"),
        ({"event": "e"}, "missing_id", "properties.distinct_id"),
        ({"event": "e", "properties": "{}"}, "invalid_value", "properties"),
        (exported(distinct_id={"a": 1}), "invalid_value", "properties.distinct_id"),
        (exported(distinct_id="", __user_id="", __device_id=None), "missing_id", "properties.distinct_id"),
        (exported(__device_id=1.5), "invalid_value", "properties.$device_id"),
        (exported(__insert_id=[]), "invalid_value", "properties.$insert_id"),
        (exported(time=None), "missing_field", "properties.time"),
        (exported(time="2024-03-01T10:00:00"), "invalid_timestamp", "properties.time"),
        (exported(time=True), "invalid_timestamp", "properties.time"),
        (exported(time=1e300), "invalid_timestamp", "properties.time"),
        (exported("$hotshard_events"), "missing_field", "mp_original_event_name"),
    ],
)
def test_damaged_lines_of_mixpanel_are_rejected_by_column(
    row: dict[str, Any], reason: str, column: str
) -> None:
    error = rejection("mixpanel", row)
    assert (error.reason, error.column) == (reason, column)


# Amplitude


def test_an_event_of_amplitude() -> None:
    sent = event_of("amplitude", AMPLITUDE)
    assert sent.pop("messageId").startswith("airflow-")
    assert sent == {
        "type": "track",
        "event": "Checkout Started",
        "userId": "u-17",
        "anonymousId": "D1C0-PHONE",
        "timestamp": "2024-03-01T10:00:00.100000Z",
        "properties": {"screen": "Cart", "total": 49.9},
        "context": {
            "app": {"version": "4.2.0"},
            "device": {
                "advertisingId": "AD-1",
                "manufacturer": "Apple",
                "model": "iPhone14,5",
                "name": "Apple iPhone 13",
                "type": "ios",
            },
            "ip": "203.0.113.7",
            "library": {"name": "amplitude-ios", "version": "8.17.1"},
            "location": {
                "city": "Turku",
                "country": "Finland",
                "latitude": 60.45,
                "longitude": 22.26,
                "region": "Southwest Finland",
            },
            "network": {"carrier": "Elisa"},
            "os": {"name": "ios", "version": "17.3"},
        },
    }


def test_old_traits_are_not_sent() -> None:
    sent = event_of("amplitude", AMPLITUDE)
    assert "jane@example.com" not in json.dumps(sent)


def test_a_browser_is_no_operating_system() -> None:
    sent = event_of("amplitude", row_of(platform="Web", os_name="Chrome", os_version="121", library="http"))
    assert "os" not in sent["context"]
    assert "type" not in sent["context"]["device"]
    assert sent["context"]["library"] == {"name": "http"}


@pytest.mark.parametrize(
    ("ids", "user_id", "anonymous_id"),
    [
        ({"user_id": None}, None, "D1C0-PHONE"),
        ({"user_id": ""}, None, "D1C0-PHONE"),
        ({"device_id": None}, "u-17", None),
        ({"user_id": 4711}, "4711", "D1C0-PHONE"),
    ],
)
def test_who_it_was_in_amplitude(ids: dict[str, Any], user_id: str | None, anonymous_id: str | None) -> None:
    sent = event_of("amplitude", row_of(**ids))
    assert (sent.get("userId"), sent.get("anonymousId")) == (user_id, anonymous_id)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("2015-05-13 07:08:09", "2015-05-13T07:08:09Z"),
        ("2015-05-13 07:08:09.120000", "2015-05-13T07:08:09.120000Z"),
        ("2015-05-13T07:08:09.120000", "2015-05-13T07:08:09.120000Z"),
        ("2015-05-13T07:08:09.120Z", "2015-05-13T07:08:09.120Z"),
    ],
)
def test_amplitudes_times_are_in_utc(written: str, sent: str) -> None:
    assert event_of("amplitude", row_of(event_time=written))["timestamp"] == sent


def test_a_time_that_a_database_read_is_in_utc_too() -> None:
    event = made("amplitude")(row_of(event_time=datetime(2015, 5, 13, 7, 8, 9)))
    assert event is not None
    assert event["timestamp"] == datetime(2015, 5, 13, 7, 8, 9, tzinfo=timezone.utc)


def test_amplitudes_ids_follow_the_row_or_else_the_device() -> None:
    def message_id(**changes: Any) -> Any:
        return event_of("amplitude", row_of(**changes))["messageId"]

    first = message_id()
    assert message_id(**{"$insert_id": "another", "user_id": None}) == first
    assert message_id(uuid="another") != first
    of_device = message_id(uuid=None)
    assert message_id(uuid=None, event_properties={}) == of_device
    # What somebody made up is unique for a device at most.
    assert message_id(uuid=None, device_id="another") != of_device
    of_content = {
        message_id(uuid=None, event_id=n, event_properties={"n": n}, **{"$insert_id": None}) for n in range(3)
    }
    assert len(of_content) == 3


@pytest.mark.parametrize("name", sorted(amplitude.SKIPPED))
def test_changes_of_properties_are_skipped_and_counted(name: str) -> None:
    function = made("amplitude")
    assert function(row_of(event_type=name, user_properties={"plan": "free"})) is None
    assert function.skipped == {name: 1}
    assert f"`{name}`" in GUIDE


def test_the_list_of_merged_users_is_skipped_and_counted() -> None:
    function = made("amplitude")
    merged = {"scope": 204060, "merge_time": 1709287200000, "amplitude_id": 1, "merged_amplitude_id": 2}
    assert function(merged) is None
    assert function.skipped == {"merged_amplitude_id": 1}


def test_events_that_amplitude_adds_are_events() -> None:
    for name in ("session_start", "[Amplitude] Page Viewed"):
        assert event_of("amplitude", row_of(event_type=name))["event"] == name


@pytest.mark.parametrize(
    ("row", "reason", "column"),
    [
        ({}, "missing_field", "event_type"),
        (row_of(event_type=None), "missing_field", "event_type"),
        (row_of(event_type=5), "invalid_value", "event_type"),
        (row_of(user_id=None, device_id=None), "missing_id", "user_id"),
        (row_of(user_id={"id": 1}), "invalid_value", "user_id"),
        (row_of(event_time=None), "missing_field", "event_time"),
        (row_of(event_time="2024-13-01 10:00:00"), "invalid_timestamp", "event_time"),
        (row_of(event_time=1709287200000), "invalid_timestamp", "event_time"),
        (row_of(event_properties='{"a": 1}'), "invalid_value", "event_properties"),
        (row_of(uuid=1.5), "invalid_value", "uuid"),
    ],
)
def test_damaged_lines_of_amplitude_are_rejected_by_column(
    row: dict[str, Any], reason: str, column: str
) -> None:
    error = rejection("amplitude", row)
    assert (error.reason, error.column) == (reason, column)


# The guide


@pytest.mark.parametrize("module", [mixpanel, amplitude])
def test_the_guide_shows_each_place_in_the_context(module: Any) -> None:
    for column, place in module.CONTEXT.items():
        assert f"| `{column}` | `context.{'.'.join(place)}` |" in GUIDE


def test_the_guide_names_what_is_left_out() -> None:
    assert [name for name in sorted(mixpanel.LEFT_OUT) if f"`{name}`" not in GUIDE] == []
    mapped = {*amplitude.CONTEXT, "event_type", "user_id", "device_id", "event_time", "event_properties"}
    assert [name for name in AMPLITUDE.keys() - mapped if f"`{name}`" not in GUIDE] == []
