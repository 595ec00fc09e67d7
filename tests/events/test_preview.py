"""What a preview tells: the statistics, the report, and the note."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events import distinct, preview
from airflow_provider_segment.events.check import Checker, Reason
from airflow_provider_segment.events.preview import LONGEST_NAME, NAMES, Statistics
from airflow_provider_segment.events.preview_note import code, plain
from airflow_provider_segment.events.preview_report import PreviewReport, RejectExamples
from airflow_provider_segment.events.rate import Ceiling
from airflow_provider_segment.events.report import SendReport

pytestmark = pytest.mark.core

NOW = datetime(2026, 1, 10, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)

NASTY = [
    "a|b",
    "`code` ``more",
    "\\|",
    "<script>alert(1)</script>",
    "[text](https://example.com) ![i](x)",
    "line\nbreak\r\n# heading",
    "\x00\x1b[31m\x7f",
    "\u202eright to left\u200b",
    "**bold** _em_ ~~no~~",
    " space ",
    "| --- |",
    "\\",
    "\U0001f600 \U000e0001",
    "&amp; www.example.com a@example.com",
]


def track(**fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Order", "userId": "u", **fields}


def checked(events: Sequence[dict[str, Any]]) -> list[bytes]:
    checker = Checker("key")
    return [checker.prepare(msgspec.json.encode(event)) for event in events]


def statistics_of(events: Sequence[dict[str, Any]], block: int = 100, **options: Any) -> Statistics:
    statistics = Statistics(NOW, **options)
    lines = checked(events)
    for start in range(0, len(lines), block):
        part = lines[start : start + block]
        statistics.add(part, range(start + 1, start + 1 + len(part)))
    return statistics


def preview_of(
    events: Sequence[dict[str, Any]],
    *,
    suppressed: Sequence[str] | None = None,
    rejected: dict[str, int] | None = None,
    **options: Any,
) -> PreviewReport:
    statistics = statistics_of(events, suppressed=suppressed)
    rejects = Counter(rejected or {})
    report = SendReport(
        read=len(events) + sum(rejects.values()), rejected=rejects, batches=1, bytes=statistics.bytes
    )
    given = {"examples": {}, "place": lambda number: {"item": number}, "keys": True, **options}
    return PreviewReport.of(report, statistics, **given)


def codes(markdown: str) -> list[str]:
    """The texts that a note shows as code."""
    return [
        part.content
        for token in MarkdownIt("commonmark").enable("table").parse(markdown)
        for part in token.children or ()
        if part.type == "code_inline"
    ]


# --- statistics ------------------------------------------------------------------------------------------


moments = st.datetimes(
    datetime(2026, 1, 5),
    datetime(2026, 1, 15),
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
events = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["track", "page", "screen", "identify", "group", "alias"]),
        "groupId": st.just("g"),
    },
    optional={
        "userId": st.sampled_from("abc"),
        "anonymousId": st.sampled_from("abc"),
        "name": st.sampled_from(["n", "", 1, {"x": 1}, ["n"]]) | st.text("é|", max_size=2),
        "timestamp": moments.map(lambda moment: moment.isoformat()),
        "messageId": st.sampled_from("xyz"),
    },
).map(lambda one: {"anonymousId": "z", "event": "e", "previousId": "p", **one})


def whole(event: dict[str, Any]) -> dict[str, Any]:
    return {"userId": "u", **event} if event["type"] == "alias" else event


@given(st.lists(events.map(whole), max_size=30), st.integers(1, 40), st.sets(st.sampled_from("abcd")))
def test_statistics_are_those_of_a_plain_count(
    all_events: list[dict[str, Any]], block: int, suppressed: set[str]
) -> None:
    found = statistics_of(all_events, block, suppressed=suppressed)
    lines = checked(all_events)
    read = [json.loads(line) for line in lines]

    def name(event: dict[str, Any]) -> str | None:
        label = {"track": event["event"], "page": event.get("name"), "screen": event.get("name")}.get(
            event["type"]
        )
        return label if isinstance(label, str) else None

    assert found.events == len(read)
    assert found.bytes == sum(map(len, lines))
    assert found.types == Counter(event["type"] for event in read)
    assert found.kinds == Counter((event["type"], name(event)) for event in read)
    if read:
        assert found.largest is not None
        first = max(range(len(lines)), key=lambda place: len(lines[place]))
        assert found.largest == (len(lines[first]), (read[first]["type"], name(read[first])), first + 1)
    times = [datetime.fromisoformat(event["timestamp"]) for event in read if "timestamp" in event]
    assert found.oldest == min(times, default=None)
    assert found.newest == max(times, default=None)
    assert found.without_timestamp == len(read) - len(times)
    assert found.old_traits == sum(
        event["type"] in ("identify", "group") and datetime.fromisoformat(event["timestamp"]) < NOW - DAY
        for event in read
        if "timestamp" in event
    )
    users = Counter(event["userId"] for event in read if "userId" in event)
    anonymous = Counter(event["anonymousId"] for event in read if "userId" not in event)
    assert found.users.count == len(users) + len(anonymous)
    assert dict(found.busiest_users.top(9)) == users
    assert dict(found.busiest_anonymous.top(9)) == anonymous
    assert found.suppressed_users == users.keys() & suppressed
    assert found.suppressed_events == sum(users[one] for one in suppressed)
    assert found.message_ids.count == len(read) - len({event["messageId"] for event in read})
    assert found.derived_ids == sum("messageId" not in event for event in all_events)


def test_times_are_compared_across_offsets() -> None:
    offsets = ["2026-01-02T01:00:00+05:30", "2026-01-01T21:00:00Z", "2026-01-01T15:30:00.5-04:00"]
    found = preview_of([track(timestamp=one) for one in offsets])
    assert (found.oldest, found.newest) == ("2026-01-01T19:30:00Z", "2026-01-01T21:00:00Z")
    ends = ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"]
    found = preview_of([track(timestamp=one) for one in ends])
    assert [found.oldest, found.newest] == ends


def test_no_more_names_are_kept_than_a_thousand() -> None:
    names = [f"{number} {'x' * 200}" for number in range(NAMES + 500)]
    found = statistics_of(
        [track(event=name) for name in names] + [track(event=names[0]), track(event=names[-1])]
    )
    assert len(found.kinds) == NAMES
    assert found.types == {"track": NAMES + 502}
    kept = f"0 {'x' * 200}"[:LONGEST_NAME] + "..."
    assert found.kinds.most_common(1) == [(("track", kept), 2)]


def test_nothing_is_no_fault() -> None:
    statistics = Statistics(NOW)
    statistics.add([], [])
    assert (statistics.events, statistics.largest, statistics.oldest) == (0, None, None)


# --- the report ------------------------------------------------------------------------------------------


def test_the_report() -> None:
    all_events = [
        track(messageId="1", timestamp="2026-01-09T00:00:00Z"),
        track(messageId="2", timestamp="2026-01-09T00:00:01Z", userId="v", properties={"x": "y" * 100}),
        {
            "type": "page",
            "name": "Home",
            "anonymousId": "a",
            "messageId": "2",
            "timestamp": "2026-01-09T00:00:02Z",
        },
    ]
    found = preview_of(
        all_events,
        rejected={"too_large": 2},
        suppressed=["v", "w"],
        ceiling=Ceiling(events=0.05),
        destinations=["Amplitude"],
        bodies=[b'{"batch":[{"type":"track"}]}'] * 4,
    )
    assert found.as_dict() | {"bytes": 0} == {
        "rows": 0,
        "skipped": 0,
        "read": 5,
        "limit": None,
        "events": 3,
        "api_calls": 3,
        "rejected": {"too_large": 2},
        "examples": {},
        "types": {"track": 2, "page": 1},
        "names": [
            {"type": "track", "name": "Order", "events": 2},
            {"type": "page", "name": "Home", "events": 1},
        ],
        "other_names": 0,
        "violations": {},
        "batches": 1,
        "bytes": 0,
        "users": 3,
        "users_exact": True,
        "users_at_most": 3,
        "suppressed_users": 1,
        "suppressed_events": 1,
        "oldest": "2026-01-09T00:00:00Z",
        "newest": "2026-01-09T00:00:02Z",
        "largest": {
            "bytes": len(checked(all_events)[1]),
            "type": "track",
            "name": "Order",
            "place": {"item": 2},
        },
        "busiest_users": [
            {"userId": "u", "events": 1},
            {"userId": "v", "events": 1},
            {"anonymousId": "a", "events": 1},
        ],
        "busiest_users_exact": True,
        "duplicates": 1,
        "duplicates_exact": True,
        "events_per_second": 0.05,
        "requests_per_second": None,
        "minutes": 1.0,
        "destinations": ["Amplitude"],
        "warnings": [
            "The events reach 1 destination: Amplitude.",
            "1 user is suppressed: Segment accepts the 1 event about them, and drops them.",
            "1 event has the message id of another one: Segment keeps only one of them.",
        ],
        "bodies": ['{"batch":[{"type":"track"}]}'] * 3,
    }


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"events": [track(timestamp="2026-01-10T11:00:00Z")]}, None),
        ({"events": []}, "no event was read. Is the time window empty?"),
        ({"events": [], "rejected": {"not_json": 1}}, "nothing to send: every event is rejected"),
        ({"events": [track(timestamp="2026-01-10T11:00:00Z")], "limit": 1_000}, "Only the first 1,000 rows"),
        (
            {"events": [track(), track(userId="v")]},
            "2 events have no timestamp, and will get the time of arrival",
        ),
        ({"events": [track(timestamp="2026-01-10T12:10:00Z")]}, "2026-01-10T12:10:00Z, lies in the future"),
        (
            {"events": [{"type": "identify", "userId": "u", "timestamp": "2026-01-09T11:59:59Z"}]},
            "1 identify or group event is more than a day old: that may overwrite newer traits",
        ),
        (
            {"events": [track(timestamp="2026-01-10T11:00:00Z")], "keys": False},
            "1 event has no message id, and there are no message_id_fields",
        ),
        ({"events": [track(messageId="1", timestamp="2026-01-10T11:00:00Z")], "keys": False}, None),
        (
            {"events": [track(messageId=f"{n}", timestamp="2026-01-10T11:00:00Z") for n in range(1_000)]},
            "100% of the events are about one user: is that id a placeholder",
        ),
        (
            {
                "events": [
                    track(event=f"Order {n}", userId=f"{n}", timestamp="2026-01-10T11:00:00Z")
                    for n in range(1_000)
                ]
            },
            "1,000 event names or more",
        ),
        (
            {"events": [track(timestamp="2026-01-10T11:00:00Z")], "destinations": []},
            "no destination but the source's warehouses",
        ),
        (
            {
                "events": [track(timestamp="2026-01-10T11:00:00Z")],
                "destinations": [f"D{n}" for n in range(30)],
            },
            "The events reach 30 destinations: D0, D1,",
        ),
        (
            {"events": [track(timestamp="2026-01-10T11:00:00Z")], "warnings": ["The window is empty."]},
            "The window is empty.",
        ),
    ],
)
def test_what_a_careful_reader_would_ask_about(given: dict[str, Any], sentence: str | None) -> None:
    found = preview_of(**given)
    if sentence is None:
        assert found.warnings == []
    else:
        [warning] = found.warnings
        assert sentence in warning
        assert plain(warning) in found.markdown()


def test_the_users_of_a_huge_input_are_called_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct, "EXACT", 30)
    monkeypatch.setattr(preview.MostFrequent, "KEPT", 10)
    monkeypatch.setattr(preview.MostFrequent, "MOST", 20)
    monkeypatch.setattr(preview.RepeatedIds, "MOST", 40)
    found = preview_of(
        [track(userId=f"{n % 60 if n % 3 else 'busy'}", messageId=f"{n % 90}") for n in range(180)]
    )
    assert (found.users_exact, found.busiest_users_exact, found.duplicates_exact) == (False, False, False)
    assert found.users < found.users_at_most
    assert found.busiest_users[0]["userId"] == "busy"
    assert found.busiest_users[0]["events"] <= 60
    note = found.markdown()
    assert f"At most about {found.users} monthly tracked users" in note
    assert f"it does not exceed {found.users_at_most}." in note
    assert "`busy` (at least " in note
    assert f"About {found.duplicates} events have the message id of another one" in note


def letters_of(rejects: Sequence[SegmentEventError], place: dict[str, Any]) -> RejectExamples:
    letters = RejectExamples(None, logging.getLogger("quiet"))
    for error in rejects:
        letters.add(place, error, None)
    return letters


def test_the_first_rejects_of_each_reason_are_shown(caplog: pytest.LogCaptureFixture) -> None:
    rejects = [SegmentEventError("invalid_timestamp", f"fault {n}", "ordered_at") for n in range(5)]
    rejects.append(SegmentEventError("too_large", "x" * 1_000))
    letters = letters_of(rejects, {"file": "f|" + "y" * 1_000, "row": 7})
    assert len(caplog.records) == 6  # as dead letters are
    examples = letters.examples
    assert [one["detail"] for one in examples["invalid_timestamp"]] == ["fault 0", "fault 1", "fault 2"]
    [large] = examples["too_large"]
    assert len(large["detail"]) <= 303
    assert len(large["place"]["file"]) <= 303
    found = preview_of([track()], rejected={"invalid_timestamp": 5, "too_large": 1}, examples=examples)
    note = found.markdown()
    assert "6 of 7 events:" in note
    assert "- 5 `invalid_timestamp`\n" in note
    assert "row 7, column `ordered_at`: `fault 0`" in note


@pytest.mark.parametrize(
    ("character", "names"),
    [("x", 100_000), ('"', 5_000), ("\x01", 5_000), ("é", 5_000), ("\U0001f600", 5_000)],
)
def test_the_report_is_small_whatever_is_in_the_data(character: str, names: int) -> None:
    long = character * 3_000
    rejects = [SegmentEventError(reason, long, long) for reason in get_args(Reason) for _ in range(3)]
    statistics = Statistics(NOW, ["u"])
    line = b'{"type":"track","event":%b,"userId":%b,"messageId":"%d"}'
    for start in range(0, names, 2_500):
        part = [
            line % (json.dumps(f"{n}{long[:300]}").encode(), json.dumps(f"{n}{long[:300]}").encode(), n)
            for n in range(start, start + 2_500)
        ]
        statistics.add(part, range(start, start + 2_500))
    found = PreviewReport.of(
        SendReport(read=names + 45, rejected=Counter(dict.fromkeys(get_args(Reason), 3)), batches=40),
        statistics,
        examples=letters_of(rejects, {"file": long, "line": 1}).examples,
        place=lambda number: {"file": long, "line": number},
        keys=False,
        bodies=[json.dumps({"batch": [long]}).encode(), *[f'{{"batch":["{long}"]}}'.encode()] * 2],
        destinations=[long] * 100,
        warnings=[long],
    )
    assert found.events == names
    assert found.other_names == names - sum(each["events"] for each in found.names)
    assert len(json.dumps(found.as_dict())) < 50_000
    assert len(found.markdown()) < 50_000


def test_the_report_has_plain_types_only() -> None:
    found = preview_of([track()], rejected={"not_json": 1}, suppressed=[])
    assert json.loads(json.dumps(found.as_dict())) == found.as_dict()
    assert set(found.as_dict()) == {field.name for field in dataclasses.fields(found)} | {
        "api_calls",
        "minutes",
    }


def test_a_body_is_cut() -> None:
    whole = b'{"batch":["%b"]}' % (b"x" * 400_000)
    [short] = preview_of([track()], bodies=[whole]).bodies
    assert short.startswith('{"batch":["xxx')
    assert short.endswith("...")
    assert len(short) < 3_100
    assert preview_of([track()], bodies=["é".encode() * 3]).bodies == ["ééé"]


# --- the note --------------------------------------------------------------------------------------------


NOTE = """\
**Nothing was sent.** A send would deliver 1,200 events, made of 1,300 rows (99 skipped), in 3 batches \
(1.2 MB).

### What would be sent

| Events | Type | Name |
|--:|---|---|
| 1,200 | track | `Order` |

- Timestamps from 2026-01-10T11:00:00Z to 2026-01-10T11:00:00Z.
- The largest event has 100 of at most 32,000 bytes: track `Order`, row 1001.
- Most events are about userId `u0` (600), userId `u1` (600).

### What it costs

- **1,200 API calls**: Segment counts each event of a batch.
- **At most 2 monthly tracked users** (MTU): Segment counts a user once a month, so those who have been \
active this month cost nothing more.
- 2 minutes at 10 events a second.
- With `max_events=1200` and `max_users=2` a send stops before it costs more.

### What would be rejected

1 of 1,201 events:

- 1 `missing_id`
    - row 3: `neither userId nor anonymousId`

### What to look at before you approve

- The events reach 1 destination: Amplitude.

### The first event

```json
{
  "type": "track",
  "total": 9.50
}
```
"""


def test_the_note() -> None:
    all_events = [
        track(messageId=f"{n}", timestamp="2026-01-10T11:00:00Z", userId=f"u{n % 2}") for n in range(1_200)
    ]
    statistics = statistics_of(all_events)
    letters = letters_of([SegmentEventError("missing_id", "neither userId nor anonymousId")], {"row": 3})
    found = PreviewReport.of(
        SendReport(
            rows=1_300, skipped=99, read=1_201, rejected=Counter(missing_id=1), batches=3, bytes=1_234_567
        ),
        statistics,
        examples=letters.examples,
        place=lambda number: {"row": number},
        keys=True,
        bodies=[b'{"batch":[{"type":"track","total":9.50},{"type":"track"}]}'],
        ceiling=Ceiling(events=10),
        destinations=["Amplitude"],
    )
    assert found.markdown() == NOTE


def test_the_note_of_nothing_is_short() -> None:
    assert (
        preview_of([]).markdown()
        == """\
**Nothing was sent.** A send would deliver 0 events, in 1 batch (0 bytes).

### What to look at before you approve

- There is nothing to send: no event was read. Is the time window empty?
"""
    )


def test_only_the_most_frequent_names_are_in_the_note() -> None:
    note = preview_of([track(event=f"E{n:02}") for n in range(60)]).markdown()
    assert note.count("| track |") == 20
    assert "| 40 | | all others |" in note


@pytest.mark.parametrize("name", NASTY)
def test_no_text_of_the_data_has_a_meaning_in_the_note(name: str) -> None:
    found = preview_of(
        [track(event=name, userId=name, properties={"q": name}), track(event=name, userId=name)],
        rejected={"not_json": 1},
        examples={"not_json": [{"place": {"file": name}, "detail": name, "column": name}]},
        destinations=[name],
        bodies=[b'{"batch":[%b]}' % msgspec.json.encode({"name": name, "more": "```\n"})],
        place=lambda number: {"file": name, "line": number},
    )
    note = found.markdown()
    tokens = MarkdownIt("commonmark").enable("table").parse(note)
    kinds = [token.type for token in tokens]
    assert kinds.count("fence") == 1
    assert kinds.count("heading_open") == 5
    assert kinds.count("td_open") == 3
    assert not {"html_block", "blockquote_open", "hr", "code_block"} & set(kinds)
    inner = {part.type for token in tokens for part in token.children or ()}
    assert inner <= {"text", "text_special", "code_inline", "strong_open", "strong_close", "softbreak"}
    shown = code(name)[1:-1]
    assert codes(note).count(shown) == 7
    assert note.isascii() or all(one.isprintable() or one == "\n" for one in note)
    [block] = [token.content for token in tokens if token.type == "fence"]
    assert json.loads(block)["name"] == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Order Completed", "`Order Completed`"),
        ("a|b`c", r"`a\u007cb\u0060c`"),
        ("", '`""`'),
        ("a ", '`"a "`'),
        ("\n\u202e\U000e0001\ud800", r"`\u000a\u202e\udb40\udc01\ud800`"),
    ],
)
def test_texts_of_the_data_are_code(text: str, shown: str) -> None:
    assert code(text) == shown
