"""The report of a bulk send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from airflow_provider_segment.events.event_names import add_up

VIOLATIONS_SHOWN = 20
"""How many different violations the report lists, the most frequent first: it is an XCom."""


@dataclass
class SendReport:
    """What happened to the events of one input.

    ``read = sent + rejected + unsent``; ``unsent`` is zero unless the run ended early.
    """

    source_id: str | None = None
    """The source that the events went to, if it was named."""
    part: str | None = None
    """The name of the part of the input, if it was one."""
    watermark: Any = None
    """Up to where an incremental load has delivered the rows: a number, or text."""
    started: str | None = None
    """When the first try of the task began, ISO 8601, UTC."""
    ended: str | None = None
    """When the last answer had come, ISO 8601, UTC."""
    event_names: Counter[str] = field(default_factory=Counter)
    """How many events were sent of each type and name, if all were that were not rejected: ``track Order
    Completed``, ``identify``. ``track`` alone counts the events of all names that are not listed."""
    rows: int = 0
    """Rows read, if events are made of rows."""
    skipped: int = 0
    """How many of the rows made no event, as the mapping says."""
    read: int = 0
    """Events read, or made of rows, not counting blank lines."""
    sent: int = 0
    """Events in batches that Segment answered with 200."""
    sent_before: int = 0
    """How many of ``sent`` an earlier try of the same task had sent."""
    left_out: int = 0
    """Events that were not read, because earlier runs had sent them, as the ledger says. Estimated for files
    that were cut otherwise then. On Airflow before 3.3 also those of earlier tries of the same task."""
    rejected_earlier: int = 0
    """Events that were not read, because earlier runs had rejected them, as the ledger says."""
    changed: int = 0
    """Files that have changed since the ledger says that they were delivered."""
    duplicates: int = 0
    """Valid events with the ``messageId`` of another one in the same input, brought along or derived from
    ``message_id_fields``: Segment keeps only one. Other identical events are not counted. 0 after a stop."""
    brought_ids: int = 0
    """Valid events that brought a ``messageId`` that this package had not derived; the ids of all others
    begin with ``airflow-``."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Events rejected, by reason."""
    violations: Counter[str] = field(default_factory=Counter)
    """Violations of the tracking plan, by rule, path and keyword."""
    batches: int = 0
    """Batches that Segment accepted, in this try."""
    retries: int = 0
    """Requests sent again, in this try."""
    rate_limited: int = 0
    """How many of them after a 429."""
    lag: float | None = None
    """Seconds between the timestamp of the last event read and the last update of this report."""
    bytes: int = 0
    """Bytes of the accepted batches before compression, in this try."""
    seconds: float = 0.0
    """Duration of this try."""
    first: dict[str, Any] | None = None
    """Place of the first event read: file and line, or item."""
    last: dict[str, Any] | None = None
    """Place of the last event read."""
    rejects_path: str | None = None
    """Where the rejected events are."""
    rejects_failure: str | None = None
    """Why they could not all be written there."""
    ledger_failure: str | None = None
    """Why the ledger does not know all that was delivered: a re-run will send some of it again."""

    @classmethod
    def of_parts(cls, reports: Sequence[Mapping[str, Any]]) -> SendReport:
        """One report of the parts of an input.

        Counts are added. ``seconds`` is the time from the start of the first part to the end of the last,
        ``lag`` that of the part that lags most, and ``source_id`` the source of all, if it is one.
        ``duplicates`` counts those within a part: that an event has the id of one in another part is not
        known. Each part has its own ``rejects_path``, all of them none; and a part has no ``watermark``.

        :param reports: from :meth:`as_dict`, in the order of the parts
        """
        total = cls()
        for one in reports:
            for name in _COUNTS:
                setattr(total, name, getattr(total, name) + one.get(name, 0))
            total.rejected.update(one.get("rejected") or {})
            total.violations.update(one.get("violations") or {})
        total.event_names = add_up([one.get("event_names") or {} for one in reports])
        if sources := {one.get("source_id") for one in reports}:
            total.source_id = sources.pop() if len(sources) == 1 else None
        total.started = min(_given(reports, "started"), default=None)
        total.ended = max(_given(reports, "ended"), default=None)
        total.lag = max(_given(reports, "lag"), default=None)
        total.first = next(iter(_given(reports, "first")), None)
        total.last = next(iter(reversed(_given(reports, "last"))), None)
        if total.started and total.ended:
            # Python 3.10 does not read the Z.
            started, ended = (
                datetime.fromisoformat(time.replace("Z", "+00:00")) for time in (total.started, total.ended)
            )
            total.seconds = (ended - started).total_seconds()
        for name in ("rejects_failure", "ledger_failure"):
            setattr(total, name, "; ".join(dict.fromkeys(_given(reports, name))) or None)
        return total

    @property
    def rejected_total(self) -> int:
        """Events rejected, for any reason."""
        return sum(self.rejected.values())

    @property
    def unsent(self) -> int:
        """Events read that were neither delivered nor rejected."""
        return self.read - self.sent - self.rejected_total

    @property
    def distinct(self) -> int:
        """Events sent with different message ids: what Segment counts of them, unless it received some of the
        same ids within the last day."""
        return max(0, self.sent - self.duplicates)

    @property
    def events_per_second(self) -> float:
        """Events sent per second of this try."""
        return (self.sent - self.sent_before) / self.seconds if self.seconds else 0.0

    def too_many_rejected(self, most: int | None, share: float | None) -> str | None:
        """What is wrong with the number of rejected events, if anything is: also if it is all of them.

        Those count, too, that earlier runs rejected, as the ledger says: a run that has only the rest of an
        input must not hide what the one before failed for.

        :param most: how many may be; None for any number
        :param share: the same as a share of the events read, from 0 to 1
        """
        rejected, path = self.rejected_total + self.rejected_earlier, self.rejects_path
        seen = self.read + self.left_out + self.rejected_earlier
        if not rejected:
            return None
        if self.rejects_failure:
            return (
                f"{rejected:,} events were rejected and could not all be written to {path}: "
                f"{self.rejects_failure}"
            )
        where = f"they are in {path}" if path else "they are only logged: give a rejects_path"
        if rejected == seen:
            return f"all {rejected:,} events were rejected; {where}"
        if most is not None and rejected > most:
            return f"{rejected:,} events were rejected, {most:,} are allowed; {where}"
        if share is not None and rejected > share * seen:
            return f"{rejected:,} of {seen:,} events were rejected, {share:.3%} are allowed; {where}"
        return None

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON types, small enough for an XCom."""
        return {
            **asdict(self),
            "distinct": self.distinct,
            "event_names": dict(self.event_names),
            "rejected": dict(self.rejected),
            "violations": dict(self.violations.most_common(VIOLATIONS_SHOWN)),
            "unsent": self.unsent,
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.events_per_second, 1),
        }

    def __str__(self) -> str:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.rejected.most_common())
        made = f"{self.rows:,} rows" + (f" ({self.skipped:,} skipped)" if self.skipped else "") + ", "
        parts = [
            (made if self.rows else "") + f"{self.read:,} events read",
            f"{self.sent:,} sent" + (f" ({self.sent_before:,} by earlier tries)" if self.sent_before else ""),
            f"{self.rejected_total:,} rejected" + (f" ({reasons})" if reasons else ""),
        ]
        if self.left_out or self.rejected_earlier:
            parts.append(
                f"{self.left_out:,} left out, which earlier runs sent"
                + (f" ({self.rejected_earlier:,} more were rejected)" if self.rejected_earlier else "")
            )
        if self.changed:
            parts.append(f"{self.changed:,} files changed since they were delivered")
        if self.ledger_failure:
            parts.append(f"the ledger could not be written: {self.ledger_failure}")
        if self.duplicates:
            parts.append(f"{self.duplicates:,} with the messageId of another, which Segment drops")
        if self.violations:
            worst = ", ".join(f"{what} {count:,}" for what, count in self.violations.most_common(3))
            parts.append(f"{self.violations.total():,} violations of the tracking plan ({worst})")
        if self.unsent:
            parts.append(f"{self.unsent:,} NOT sent")
        parts.append(
            f"{self.batches:,} batches, {self.retries:,} retries, {self.bytes:,} bytes "
            f"in {self.seconds:.1f} s ({self.events_per_second:,.0f} events/s)"
        )
        return "; ".join(parts)


_COUNTS = tuple(one.name for one in fields(SendReport) if one.type == "int")


def _given(reports: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    return [one[name] for one in reports if one.get(name) is not None]
