"""Compares what was sent with what Segment counted. Nothing here asks Segment.

Segment counts all traffic of a source; only names, types and times tell whose it is. So a comparison tells
what is missing for certain, what may be missing although the counts suffice, because others sent the same
names, and what is left of the run for the next step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from airflow_provider_segment.events.event_names import split
from airflow_provider_segment.waiting.window import MINUTE, Window

Finding = Literal["ok", "missing", "unknown"]

ALL = ""
"""The name of all events of a source, where a report does not say what they are."""
MARGIN = MINUTE
"""How far Segment's clock may be from that of a worker."""
BEFORE = (timedelta(minutes=10), timedelta(hours=1))
"""At least and at most how long before a run its source is looked at for the traffic of others."""
SHOWN = 5
"""How many names a step lists."""


class Sent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one or several sends report about a source.

    :param left_out: events that earlier runs had sent, as the ledger says
    :param brought: events that brought a message id that this package had not derived, at most
    :param names: events sent by type and name, see :mod:`airflow_provider_segment.events.event_names`
    :param start: of the window of receipt, to the minute
    :param end: of it, exclusive, to the minute
    """

    source_id: str
    start: datetime
    end: datetime
    read: int
    rejected: int
    sent: int
    unsent: int
    duplicates: int
    left_out: int
    brought: int
    names: dict[str, int]

    @property
    def window(self) -> Window:
        """When Segment received the events."""
        return Window(start=self.start, end=self.end, lag=0.0)

    @property
    def before(self) -> Window:
        """When only others sent."""
        least, most = BEFORE
        return Window(
            start=self.start - min(max(self.end - self.start, least), most), end=self.start, lag=0.0
        )

    def key_of(self, kind: str | None, name: str | None) -> str | None:
        """What such an event is counted as; None if none like it was sent."""
        keys = (f"{kind} {name}", kind, ALL) if kind == "track" else (kind, ALL)
        return next((key for key in keys if key in self.names), None)

    def count(self, groups: Iterable[Mapping[str, Any]]) -> Counter[str]:
        """Segment's counts of what was sent, by what it is counted as."""
        counts = Counter[str]()
        for group in groups:
            key = self.key_of(group.get("eventType"), group.get("eventName"))
            if key is not None:
                counts[key] += int(group["total"])
        return counts


class Step(msgspec.Struct, kw_only=True):
    """One number of the way of the events.

    :param expected: how many there should be; None where no number can be expected
    :param found: how many there are; None if that is not known
    :param missing: how many events of the run ended here, at least
    :param finding: None for what is only told
    """

    step: str
    expected: int | None = None
    found: int | None = None
    missing: int = 0
    finding: Finding | None = None
    detail: str = ""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is tolerated at each step.

    :param filtered: whether filtered events are as they should be
    """

    missing: int
    share: float
    filtered: bool

    def finding(self, missing: int, of: int) -> Finding:
        """Whether so many are too many."""
        return "missing" if missing > self.missing and missing > self.share * of else "ok"


class Comparison:
    """What became of the events of each name on one stretch of their way.

    :param expected: events of the run, by name
    :param arrived: those that passed, with those of others
    :param lost: those that ended, by reason, with those of others; the first reason counts first
    :param others: the names that others send, too
    :param duplicates: how many of the run need not arrive: Segment keeps one of equal ids
    """

    def __init__(
        self,
        expected: Mapping[str, int],
        arrived: Mapping[str, int],
        lost: Mapping[str, Mapping[str, int]],
        others: frozenset[str],
        duplicates: int,
    ) -> None:
        self.ended: dict[str, Counter[str]] = {reason: Counter() for reason in lost}
        """How many of the run ended for a reason, by name."""
        self.unclear: Counter[str] = Counter()
        """How many more ended for a reason, which may be others'."""
        self.vanished: Counter[str] = Counter()
        """How many of the run are not counted anywhere."""
        self.others = others | {name for name, count in expected.items() if arrived.get(name, 0) > count}
        for name, count in expected.items():
            deficit = max(0, count - arrived.get(name, 0))
            for reason, counts in lost.items():
                ours = min(deficit, counts.get(name, 0))
                self.ended[reason][name] += ours
                self.unclear[reason] += counts.get(name, 0) - ours
                deficit -= ours
            self.vanished[name] = deficit
        self.dropped = spare_names(self.vanished, duplicates)
        """How many were dropped as duplicates."""
        self.left = {
            name: count - self.vanished[name] - sum(ended[name] for ended in self.ended.values())
            for name, count in expected.items()
        }


def spare_names(missing: Counter[str], spare: int) -> int:
    """Take so many from what is missing, of whatever names; how many were taken."""
    left = spare
    for name in [*missing]:
        taken = min(left, missing[name])
        missing[name] -= taken
        left -= taken
    return spare - left


def passed(
    step: str, compared: Comparison, expected: int, arrived: Mapping[str, int], limits: Limits
) -> Step:
    """The step at which events arrive."""
    missing = compared.vanished.total()
    finding = limits.finding(missing, expected)
    detail = in_words(compared.vanished) if missing else ""
    if finding == "ok" and compared.others:
        finding = "unknown"
        detail = (
            f"others sent events with the same names ({_listed(compared.others)}), so a loss would not show"
        )
    elif missing and compared.others:
        detail = f"at least; others sent the same names, too. {detail}"
    return Step(
        step=step,
        expected=expected,
        found=sum(arrived.values()),
        missing=missing,
        finding=finding,
        detail=detail,
    )


def ended(
    step: str, reason: str, compared: Comparison, counts: Mapping[str, int], of: int, limits: Limits
) -> Step:
    """The step at which events end, such as a filter."""
    missing, unclear = compared.ended[reason].total(), compared.unclear[reason]
    finding = limits.finding(missing, of)
    detail = in_words(compared.ended[reason]) if missing else ""
    if limits.filtered and reason == "filtered":
        finding = "ok"
    elif finding == "ok" and unclear:
        finding = "unknown"
    if unclear:
        detail += f"{'; ' if detail else ''}{unclear:,} may be of the run, or of others with the same names"
    return Step(
        step=step, expected=0, found=sum(counts.values()), missing=missing, finding=finding, detail=detail
    )


def not_known(step: str, reason: str, expected: int | None = None) -> Step:
    """A step whose number cannot be known."""
    return Step(step=step, expected=expected, finding="unknown", detail=reason)


def overall(steps: Iterable[Step]) -> Finding:
    """The finding over all steps."""
    found = [(step.step, step.finding) for step in steps]
    if any(finding == "missing" for _, finding in found):
        return "missing"
    # All that was sent is in the warehouse, by its ids: so Segment had received it, and filtered nothing.
    proven = AT_SOURCE if (ROWS, "ok") in found else ()
    findings = [finding for step, finding in found if step not in proven]
    return "unknown" if "unknown" in findings else "ok"


RECEIVED, REFUSED, FILTERED = "received", "refused at ingest", "filtered at source"
AT_SOURCE = (RECEIVED, REFUSED, FILTERED)
ROWS, SYNC = "rows in the warehouse", "sync to the warehouse"


def in_words(counts: Mapping[str, int]) -> str:
    """How many there are of each name, the most frequent first."""
    found = [(count, name) for name, count in counts.items() if count]
    found.sort(reverse=True)
    listed = [f"{count:,} {named(name)}" for count, name in found[:SHOWN]]
    return ", ".join(listed) + (", ..." if len(found) > SHOWN else "")


def _listed(names: Iterable[str]) -> str:
    found = sorted(map(named, names))
    return ", ".join(found[:SHOWN]) + (", ..." if len(found) > SHOWN else "")


def named(key: str) -> str:
    """What a key counts, in words."""
    kind, name = split(key)
    if name is not None:
        return f"{kind} {name!r}"
    return "events" if key == ALL else kind


def sent_steps(sent: Sent) -> list[Step]:
    """What the senders say themselves."""
    steps = [Step(step="read", found=sent.read)]
    if sent.left_out:
        detail = "not read, because earlier runs had sent them: they are not verified here"
        steps.append(Step(step="left out", found=sent.left_out, detail=detail))
    steps += [
        Step(step="rejected before sending", found=sent.rejected),
        Step(
            step="sent",
            expected=sent.read - sent.rejected,
            found=sent.sent,
            missing=sent.unsent,
            finding="missing" if sent.unsent else "ok",
        ),
    ]
    if sent.duplicates:
        detail = "with the messageId of another: Segment keeps one"
        steps.append(Step(step="duplicates", found=sent.duplicates, detail=detail))
    return steps
