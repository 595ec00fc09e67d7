"""The report of a preview: what a send would do, what it costs, and what to look at before it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from heapq import nlargest
from math import ceil
from typing import Any

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.dead_letters import DeadLetters
from airflow_provider_segment.events.preview import Statistics
from airflow_provider_segment.events.preview_note import note
from airflow_provider_segment.events.preview_warnings import DESTINATIONS_SHOWN, warnings_of
from airflow_provider_segment.events.rate import NO_CEILING, Ceiling
from airflow_provider_segment.events.report import VIOLATIONS_SHOWN, SendReport

EXAMPLES = 3
"""Rejected events that are shown of each reason."""
BODIES = 3
"""Requests that are shown."""
NAMES_SHOWN = 50
USERS_SHOWN = 10

# How much of the texts of the data is shown, in bytes of JSON: the report must be small enough for an XCom.
BODY_BYTES = 3_000
EXAMPLES_BYTES = 15_000
DETAIL_BYTES = 300
NAME_BYTES = 120
SENTENCE_BYTES = 800


Body = bytes  # which is a field of the report


class RejectExamples(DeadLetters):
    """Dead letters that also keep the first few of each reason for a report."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.examples: dict[str, list[dict[str, Any]]] = {}
        self._room = EXAMPLES_BYTES

    def add(self, place: dict[str, Any], error: SegmentEventError, item: Any) -> None:
        """Keep a rejected event."""
        super().add(place, error, item)
        kept = self.examples.setdefault(error.reason, [])
        if len(kept) < EXAMPLES and self._room > 0:
            example = {"place": _cut_place(place), "detail": _cut(error.detail, DETAIL_BYTES)}
            if error.column is not None:
                example["column"] = _cut(error.column, NAME_BYTES)
            kept.append(example)
            self._room -= len(json.dumps(example))


@dataclass
class PreviewReport:
    """What a send of the same input would do. Nothing was sent.

    It holds ids of users and the beginnings of some requests, but no more of the data.
    """

    rows: int
    """Rows read, if events are made of rows."""
    skipped: int
    """How many of the rows made no event, as the mapping says."""
    read: int
    """Events read, or made of rows."""
    limit: int | None
    """How many rows or events were looked at, if there are more: all numbers are of these only."""
    events: int
    """Events that would be sent."""
    rejected: dict[str, int]
    """Events that would be rejected, by reason."""
    examples: dict[str, list[dict[str, Any]]]
    """The first of them: place, detail and, if it is one's fault, column."""
    types: dict[str, int]
    """Events by type."""
    names: list[dict[str, Any]]
    """Events by type and name, the most frequent first."""
    other_names: int
    """Events whose names are not among these."""
    violations: dict[str, int]
    """Violations of the tracking plan, by rule, path and keyword; the most frequent."""
    batches: int
    """Requests."""
    bytes: int
    """Bytes of the requests before compression."""
    users: int
    """Different users: the most that can be added to the monthly tracked users (MTU)."""
    users_exact: bool
    """Whether their number is exact; otherwise it is about that."""
    users_at_most: int
    """If it is not exact, what it does not exceed."""
    suppressed_users: int | None
    """How many of the users are suppressed; None if that is not known."""
    suppressed_events: int
    """Events about them, which Segment drops."""
    oldest: str | None
    """The earliest timestamp, in UTC."""
    newest: str | None
    """The latest timestamp, in UTC."""
    largest: dict[str, Any] | None
    """The largest event: bytes, type, name and place."""
    busiest_users: list[dict[str, Any]]
    """The users with the most events: ``userId`` or ``anonymousId``, and ``events``."""
    busiest_users_exact: bool
    """Whether their numbers are exact; otherwise there are at least as many."""
    duplicates: int
    """Events with the message id of another one: Segment keeps one of them."""
    duplicates_exact: bool
    """Whether their number is exact; otherwise it is about that."""
    events_per_second: float | None
    """The ceiling of the events."""
    requests_per_second: float | None
    """The ceiling of the requests."""
    destinations: list[str] | None
    """Names of the destinations that the events reach, the first 25; None if that is not known."""
    warnings: list[str] = field(default_factory=list)
    """What to look at before the events are sent, in sentences."""
    bodies: list[str] = field(default_factory=list)
    """The beginnings of the first requests, of ``BODY_BYTES`` each."""

    @property
    def api_calls(self) -> int:
        """What Segment counts: each event of a batch."""
        return self.events

    @property
    def minutes(self) -> float | None:
        """How long it takes below the ceilings; None without one."""
        ceilings = ((self.events, self.events_per_second), (self.batches, self.requests_per_second))
        seconds = [number / per_second for number, per_second in ceilings if per_second]
        return round(max(seconds) / 60, 1) if seconds else None

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON types, small enough for an XCom."""
        return {**asdict(self), "api_calls": self.api_calls, "minutes": self.minutes}

    def markdown(self) -> str:
        """The report as a note for the person who approves the send."""
        return note(self)

    @classmethod
    def of(
        cls,
        report: SendReport,
        statistics: Statistics,
        *,
        examples: dict[str, list[dict[str, Any]]],
        place: Callable[[int], dict[str, Any]],
        keys: bool,
        bodies: Sequence[Body] = (),
        ceiling: Ceiling = NO_CEILING,
        destinations: Sequence[str] | None = None,
        limit: int | None = None,
        warnings: Sequence[str] = (),
    ) -> PreviewReport:
        """The report of a run that sent nothing.

        :param report: what the run counted
        :param statistics: of its valid events
        :param examples: of its rejected events: :attr:`RejectExamples.examples`
        :param place: of a position in the input: :meth:`.Source.place`
        :param keys: whether ``message_id_fields`` are given
        :param bodies: the first request bodies
        :param ceiling: of the rate at which they would be sent
        :param destinations: names of the destinations that the events reach, if known
        :param limit: how many rows or events were looked at, if there are more
        :param warnings: what else to look at
        """
        users, suppressed = statistics.users, statistics.suppressed_users
        names = statistics.kinds.most_common(NAMES_SHOWN)
        duplicates = statistics.message_ids
        preview = cls(
            rows=report.rows,
            skipped=report.skipped,
            read=report.read,
            limit=limit,
            events=statistics.events,
            rejected=dict(report.rejected.most_common()),
            examples=examples,
            types=dict(statistics.types.most_common()),
            names=[{**_kind(kind), "events": count} for kind, count in names],
            other_names=statistics.events - sum(count for _, count in names),
            violations=dict(report.violations.most_common(VIOLATIONS_SHOWN)),
            batches=report.batches,
            bytes=report.bytes,
            users=users.count,
            users_exact=users.exact,
            users_at_most=users.at_most,
            suppressed_users=None if suppressed is None else len(suppressed),
            suppressed_events=statistics.suppressed_events,
            oldest=_utc(statistics.oldest),
            newest=_utc(statistics.newest),
            largest=_largest(statistics, place),
            busiest_users=_busiest(statistics),
            busiest_users_exact=not (
                statistics.busiest_users.missing or statistics.busiest_anonymous.missing
            ),
            # Of ids that events brought, the run knows the exact number.
            duplicates=max(duplicates.count, report.duplicates),
            duplicates_exact=duplicates.exact,
            events_per_second=ceiling.events,
            requests_per_second=ceiling.requests,
            destinations=None if destinations is None else [_cut(name, NAME_BYTES) for name in destinations],
            bodies=[_cut_body(body) for body in bodies[:BODIES]],
        )
        found = (*warnings, *warnings_of(preview, statistics, keys))
        preview.warnings = [_cut(sentence, SENTENCE_BYTES) for sentence in found]
        if preview.destinations is not None:
            del preview.destinations[DESTINATIONS_SHOWN:]
        return preview


def _largest(statistics: Statistics, place: Callable[[int], dict[str, Any]]) -> dict[str, Any] | None:
    largest = statistics.largest
    if largest is None:
        return None
    return {"bytes": largest.size, **_kind(largest.kind), "place": _cut_place(place(ceil(largest.position)))}


def _kind(kind: tuple[str, str | None]) -> dict[str, Any]:
    event_type, name = kind
    return {"type": event_type, "name": None if name is None else _cut(name, NAME_BYTES)}


def _busiest(statistics: Statistics) -> list[dict[str, Any]]:
    users = [
        {id_field: _cut(user, NAME_BYTES), "events": count}
        for id_field, busiest in (
            ("userId", statistics.busiest_users),
            ("anonymousId", statistics.busiest_anonymous),
        )
        for user, count in busiest.top(USERS_SHOWN)
    ]
    return nlargest(USERS_SHOWN, users, key=lambda user: user["events"])


def _utc(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    try:
        return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    except OverflowError:  # at the first or the last day that there is
        return moment.isoformat()


def _cut_place(place: dict[str, Any]) -> dict[str, Any]:
    return {name: _cut(one, DETAIL_BYTES) if isinstance(one, str) else one for name, one in place.items()}


def _cut_body(body: bytes) -> str:
    return _cut(body[: BODY_BYTES + 8].decode(errors="ignore"), BODY_BYTES)


def _cut(text: str, most: int) -> str:
    """A text, or as much of it from the beginning that it takes at most so many bytes as JSON."""
    kept = text[:most]
    while len(json.dumps(kept)) > most:
        kept = kept[: len(kept) * 9 // 10]
    return kept if len(kept) == len(text) else kept + "..."
