"""Events as the sandbox's page lists them: accepted and dropped, newest first, filtered and counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from airflow_provider_segment.sandbox.clock import iso
from airflow_provider_segment.sandbox.kept import Kept
from airflow_provider_segment.sandbox.outcomes import GROUPS, WHY_DROPPED, because
from airflow_provider_segment.sandbox.state import State
from airflow_provider_segment.sandbox.stored_events import StoredEvent, text_of

LOOKED_AT = 10_000
"""The events that one search looks at, so that it takes the same short time however many there are. The next
search goes on `before` them."""

BARS = 60
NAMES = 100


class Search(msgspec.Struct, forbid_unknown_fields=True):
    """What is looked for. An empty field finds everything.

    `event` is a name, also that of a page or screen; `user` a user id or an anonymous id; `source` an id;
    `text` any part of the event as it was sent (upper and lower case of A to Z are the same); `outcome` is
    `accepted`, `dropped`, `rejected` (dropped, but no duplicate), or the reason of a drop; `before` is
    what the answer before called `older`.
    """

    type: str = ""
    event: str = ""
    user: str = ""
    source: str = ""
    text: str = ""
    outcome: str = ""
    limit: Annotated[int, Meta(ge=0, le=1000)] = 100
    before: Annotated[str, Meta(pattern=r"^(\d{1,18}-\d{1,18})?$")] = ""

    def __post_init__(self) -> None:
        outcomes = [*GROUPS, *WHY_DROPPED]
        if self.outcome and self.outcome not in outcomes:
            raise ValueError(f"outcome is one of {', '.join(outcomes)}")

    @property
    def finds_everything(self) -> bool:
        return not (self.type or self.event or self.user or self.source or self.text or self.outcome)


class Glance(msgspec.Struct, rename="camel"):
    """What is searched in an event; of any type, because a dropped event may be anything."""

    type: Any = None
    event: Any = None
    name: Any = None
    user_id: Any = None
    anonymous_id: Any = None


GLANCE = msgspec.json.Decoder(Glance)


def glance(stored: StoredEvent) -> Glance:
    try:
        seen = GLANCE.decode(stored.raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        seen = Glance()  # the body of a duplicate is not kept
    seen.type = stored.delivery.type or seen.type
    return seen


class Text:
    """A text in events as they were sent, where it may be escaped."""

    def __init__(self, text: str) -> None:
        forms = (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
        self._forms = {form.encode("utf-8", "replace").lower() for form in forms}

    def is_in(self, raw: bytes) -> bool:
        low = raw.lower()
        return any(form in low for form in self._forms)


def fits(search: Search, text: Text, stored: StoredEvent, seen: Glance) -> bool:
    return (
        search.outcome in ("", *GROUPS, stored.reason)  # see `lists_of`
        and search.source in ("", stored.delivery.source_id)
        and search.type in ("", seen.type)
        and search.event in ("", seen.event, seen.name)
        and search.user in ("", seen.user_id, seen.anonymous_id)
        and (not search.text or text.is_in(stored.raw))
    )


def lists_of(state: State, outcome: str) -> tuple[Kept[StoredEvent], Kept[StoredEvent]]:
    """Where events with an outcome are, accepted and dropped."""
    state.catch_up()
    nothing: Kept[StoredEvent] = Kept()
    return (
        state.accepted if outcome in ("", "accepted") else nothing,
        state.dropped
        if outcome in ("", "dropped", "duplicate")
        else nothing
        if outcome == "accepted"
        else state.totals.rejected,
    )


class Walk(Iterator[StoredEvent]):
    """Accepted and dropped events, the newest first.

    :param before: where an earlier walk ended; empty begins with the newest
    """

    def __init__(self, accepted: Kept[StoredEvent], dropped: Kept[StoredEvent], before: str = "") -> None:
        self._lists = (accepted, dropped)
        ends = [int(total) for total in before.split("-")] if before else [each.total for each in self._lists]
        self._left = [
            max(min(end - each.forgotten, len(each)), 0) for end, each in zip(ends, self._lists, strict=True)
        ]

    def __next__(self) -> StoredEvent:
        accepted, dropped = (
            each[left - 1] if left else None for each, left in zip(self._lists, self._left, strict=True)
        )
        if accepted is None and dropped is None:
            raise StopIteration
        is_drop = accepted is None or (
            dropped is not None and dropped.delivery.received_at >= accepted.delivery.received_at
        )
        self._left[is_drop] -= 1
        newest = dropped if is_drop else accepted
        assert newest is not None
        return newest

    @property
    def older(self) -> str | None:
        """Where the rest begins; None if there is none."""
        if not any(self._left):
            return None
        return "-".join(
            str(left + each.forgotten) for left, each in zip(self._left, self._lists, strict=True)
        )


def found(state: State, search: Search) -> dict[str, Any]:
    """The events that a search finds, with their counts by type and name, and over time.

    A search for everything counts all that was ever received. Another one counts what it found among the
    events that it looked at.
    """
    walk = Walk(*lists_of(state, search.outcome), search.before)
    answer: dict[str, Any] = {
        "total": state.accepted.total + state.dropped.total,
        "forgotten": state.accepted.forgotten + state.dropped.forgotten,
    }
    if search.finds_everything:
        items = [row(stored, glance(stored)) for stored in islice(walk, search.limit)]
        counts = state.totals.by_name
        return answer | {
            "searched": answer["total"],
            "found": answer["total"],
            "items": items,
            "older": walk.older,
            "counts": named(counts.items()),
            "chart": chart(state.totals.times()),
        }
    items = []
    older: str | None = None
    by_name: Counter[tuple[str, str, str]] = Counter()
    times: list[tuple[float, bool, int]] = []
    searched = 0
    text = Text(search.text)
    for stored in islice(walk, LOOKED_AT):
        searched += 1
        seen = glance(stored)
        if not fits(search, text, stored, seen):
            continue
        if len(items) < search.limit:
            items.append(row(stored, seen))
            older = walk.older
        shown = row(stored, seen)
        by_name[shown["type"], shown["name"], shown["outcome"]] += 1
        times.append((stored.delivery.received_at, stored.reason is None, 1))
    return answer | {
        "searched": searched,
        "found": len(times),
        "items": items,
        "older": older if len(items) < len(times) else walk.older,
        "counts": named(by_name.items()),
        "chart": chart(times),
    }


def row(stored: StoredEvent, seen: Glance) -> dict[str, Any]:
    """What a list shows of an event."""
    return {
        "outcome": stored.reason or "accepted",
        "type": text_of(seen.type),
        "name": text_of(seen.event or seen.name),
        "user": text_of(seen.user_id or seen.anonymous_id),
        "messageId": stored.message_id,
        "source": stored.delivery.source_id,
        "receivedAt": iso(stored.delivery.received_at),
    }


def named(counts: Iterable[tuple[tuple[str, str, str], int]]) -> list[dict[str, Any]]:
    """The most frequent types and names, with how many events were accepted and dropped."""
    sums: dict[tuple[str, str], list[int]] = {}
    for (type, name, outcome), count in counts:
        sums.setdefault((type, name), [0, 0])[outcome != "accepted"] += count
    most = sorted(sums.items(), key=lambda each: -sum(each[1]))[:NAMES]
    return [
        {"type": type, "name": name, "accepted": accepted, "dropped": dropped}
        for (type, name), (accepted, dropped) in most
    ]


def chart(times: Iterable[tuple[float, bool, int]]) -> dict[str, Any] | None:
    """How many events were accepted and dropped in each of equal spans of time; None if there were none."""
    times = list(times)
    if not times:
        return None
    end = max(times)[0]
    start = min(min(times)[0], end - BARS)
    span = (end - start) / BARS
    bars = [[0] * BARS, [0] * BARS]
    for time, accepted, count in times:
        bars[not accepted][min(int((time - start) / span), BARS - 1)] += count
    return {"from": iso(start), "seconds": span, "accepted": bars[0], "dropped": bars[1]}


SAME_ID = 100


def history(state: State, message_id: str) -> dict[str, Any]:
    """What became of each event with a message id, in order: more than one if it was sent again.

    :raises LookupError: there is none
    """
    same = [
        stored
        for events in (state.accepted, state.dropped)
        for stored in events
        if stored.message_id == message_id
    ]
    if not same:
        raise LookupError(f"No event with the messageId {message_id!r} is kept.")
    same.sort(key=lambda stored: stored.delivery.received_at)
    shown = same[:SAME_ID]
    wanted = {stored.delivery.request_id for stored in shown}
    requests = {each.request_id: each for each in state.requests if each.request_id in wanted}
    return {
        "messageId": message_id,
        "total": len(same),
        "items": [
            {
                **row(stored, glance(stored)),
                "because": because(stored.reason),
                "request": requests.get(stored.delivery.request_id),
                "event": stored.as_event() if stored.raw else None,
            }
            for stored in shown
        ],
    }
