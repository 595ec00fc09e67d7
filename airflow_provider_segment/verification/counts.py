"""The condition that all counts of a finished send are in: received, refused, filtered, delivered, synced.

Sources: https://docs.segmentapis.com/tag/Events and https://docs.segmentapis.com/tag/Delivery-Overview
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import msgspec
from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.api.media_types import BETA
from airflow_provider_segment.api.paths import fill_path
from airflow_provider_segment.errors import REFUSALS
from airflow_provider_segment.verification.comparison import (
    FILTERED,
    RECEIVED,
    REFUSED,
    SYNC,
    Comparison,
    Limits,
    Sent,
    Step,
    ended,
    not_known,
    passed,
)
from airflow_provider_segment.waiting.condition import Ask, Check, Condition, Verdict, pages
from airflow_provider_segment.waiting.delivery import PATHS
from airflow_provider_segment.waiting.volume import MOST_GROUPS
from airflow_provider_segment.waiting.warehouses import WarehouseSynced
from airflow_provider_segment.waiting.window import HOUR, MINUTES_BACK_TO, Window, ceil, floor

COUNTED_AFTER = timedelta(minutes=1)
"""How long Segment takes to count what it received, at the usual."""
DEDUPLICATED = timedelta(days=1)
"""How long Segment remembers a message id, at least."""


class Group(TypedDict):
    """What is read of a group of events."""

    total: int | float
    eventName: NotRequired[str | None]
    eventType: NotRequired[str | None]


class Named(TypedDict):
    """What is read of a destination."""

    id: str
    name: NotRequired[str | None]
    enabled: NotRequired[bool]


Counts = Counter[str]
Known = Counts | str
"""Counts by name, or why they are not known."""
Asking = Generator[Ask, Any, Any]


class SendVerified(Condition, frozen=True, kw_only=True):
    """All counts of sends are known, or will not be.

    :param until: when what is still missing counts as missing, or as unknown
    :param final_after: seconds after a send when the counts of its source no longer rise
    :param destination_ids: the destinations that everything should reach; None for those that are connected
    :param warehouse_id: waits for a sync that began after the send
    """

    moving = True

    sends: list[Sent]
    until: datetime
    final_after: float
    limits: Limits
    destination_ids: list[str] | None = None
    warehouse_id: str | None = None

    def check(self, now: datetime) -> Check:
        """Ask for all counts."""
        over = now >= self.until
        early = [sent for sent in self.sends if sent.sent and now < sent.end + COUNTED_AFTER]
        if early and not over:
            return Verdict("waiting", f"the events are counted after {early[0].end + COUNTED_AFTER:%T %Z}")
        found, undecided = [], []
        for sent in self.sends:
            look = _Look(self, sent, now)
            steps = yield from look.steps()
            found.append({"source_id": sent.source_id, "steps": msgspec.to_builtins(steps)})
            undecided += [f"{sent.source_id}: {step}" for step in look.undecided]
        result = {"sources": found, "until": self.until.isoformat()}
        if undecided and not over:
            return Verdict("waiting", "; ".join(undecided), result)
        return Verdict("done", "all counts are known" if not undecided else "the time is up", result)

    def describe(self) -> str:
        """The condition in a few words, for logs and errors."""
        return f"the counts of what was sent to {', '.join(sent.source_id for sent in self.sends)}"


class _Look:
    """One look at the counts of a source."""

    def __init__(self, condition: SendVerified, sent: Sent, now: datetime) -> None:
        self.condition = condition
        self.sent = sent
        self.now = now
        self.undecided: list[str] = []
        """What may still change."""
        self.settled = now >= sent.end + timedelta(seconds=condition.final_after)

    def steps(self) -> Generator[Ask, Any, list[Step]]:
        sent, limits = self.sent, self.condition.limits
        if not sent.sent:
            return []
        received = yield from self._volume(sent.window)
        before = yield from self._volume(sent.before)
        window = _to_hours(sent.window, self.now)
        refused = yield from self._overview(window, "failed_on_ingest")
        filtered = yield from self._overview(window, "filtered_at_source")

        expected = sent.sent - sent.duplicates
        others = frozenset(before) if isinstance(before, Counter) else frozenset(sent.names)
        known = {"refused": _or_none(refused), "filtered": _or_none(filtered)}
        compared = Comparison(
            sent.names,
            sent.names if isinstance(received, str) else received,
            known,
            others,
            sent.duplicates,
        )
        steps = []
        if isinstance(received, str):
            steps.append(not_known(RECEIVED, received, expected))
        else:
            steps.append(passed(RECEIVED, compared, expected, received, limits))
            if compared.vanished.total():
                steps[0].detail += yield from self._seen_before(compared)
        for step, reason, counts in ((REFUSED, "refused", refused), (FILTERED, "filtered", filtered)):
            if isinstance(counts, str):
                steps.append(not_known(step, counts))
            else:
                steps.append(ended(step, reason, compared, counts, expected, limits))
        if any(step.finding == "missing" for step in steps) and not self.settled:
            self.undecided.append(_said(steps))
        steps += yield from self._destinations(compared)
        steps += yield from self._sync()
        return steps

    def _seen_before(self, compared: Comparison) -> Generator[Ask, Any, str]:
        """What else may have become of events that are counted nowhere: duplicates are not."""
        start = self.sent.start
        earlier = yield from self._volume(Window(start=start - DEDUPLICATED, end=start, lag=0.0))
        count = (compared.vanished & _or_none(earlier)).total()
        if not count:
            return ""
        return (
            f"; {count:,} with these names came in the 24 hours before: if they had the same ids, as those "
            "of a cleared task or of a re-run have, Segment dropped these as duplicates"
        )

    def _destinations(self, source: Comparison) -> Generator[Ask, Any, list[Step]]:
        steps: list[Step] = []
        ids = self.condition.destination_ids
        try:
            destinations = [{"id": id} for id in ids] if ids is not None else (yield from self._connected())
        except REFUSALS as error:
            return [not_known("destinations", str(error))]
        for destination in destinations:
            steps += yield from self._destination(destination, source, named=ids is not None)
        return steps

    def _connected(self) -> Asking:
        path = fill_path("/sources/{id}/connected-destinations", {"id": self.sent.source_id})
        connected = yield from pages(path, "destinations", item=Named)
        return [destination for destination in connected if destination.get("enabled", True)]

    def _destination(
        self, destination: dict[str, Any], source: Comparison, *, named: bool
    ) -> Generator[Ask, Any, list[Step]]:
        sent, limits = self.sent, self.condition.limits
        title = destination.get("name") or destination["id"]
        spare = sent.duplicates if source.others else source.dropped
        stages = ("delivered", "failed_delivery", "filtered_at_destination")
        others = source.others
        # Segment does not say whether it counts a delivery when it is made, or when the event was received.
        for window in (sent.window, Window(start=sent.start, end=self.now, lag=0.0)):
            if window != sent.window:  # what others have sent since could stand in for what is lost
                since = yield from self._volume(Window(start=sent.end, end=self.now, lag=0.0))
                others |= frozenset(since if isinstance(since, Counter) else sent.names)
            counts = []
            for stage in stages:
                known = yield from self._overview(_to_hours(window, self.now), stage, destination["id"])
                if isinstance(known, str):
                    return [not_known(f"delivered to {title}", known, sum(source.left.values()))]
                counts.append(known)
            delivered, failed, filtered = counts
            lost = {"failed": failed, "filtered": filtered}
            compared = Comparison(source.left, delivered, lost, others, spare)
            pending = compared.vanished.total()
            if not pending:
                break
        expected = sum(source.left.values()) - spare
        if not named and not delivered and not failed:
            if not self.settled:
                self.undecided.append(f"nothing is counted at {title} yet")
            said = f"it filtered {filtered.total():,}" if filtered else "it counted none"
            reason = (
                f"{said}: it may be meant for other events, or not be in cloud mode; give destination_ids to "
                "say which destinations the events should reach"
            )
            return [not_known(f"delivered to {title}", reason, expected)]
        if pending and limits.finding(pending, expected) == "missing":
            self.undecided.append(f"{pending:,} not yet delivered to {title}")
        return [
            passed(f"delivered to {title}", compared, expected, delivered, limits),
            ended(f"failed at {title}", "failed", compared, failed, expected, limits),
            ended(f"filtered at {title}", "filtered", compared, filtered, expected, limits),
        ]

    def _sync(self) -> Generator[Ask, Any, list[Step]]:
        id = self.condition.warehouse_id
        if id is None:
            return []
        sent = self.sent
        synced = WarehouseSynced(
            warehouse_id=id, since=sent.end, source_ids=[sent.source_id], on_partial="wait", on_failed="wait"
        )
        try:
            verdict = yield from synced.check(self.now)
        except REFUSALS as error:
            return [not_known(SYNC, str(error))]
        if verdict.state == "done":
            [report] = verdict.result["syncs"]
            return [
                Step(step=SYNC, finding="ok", detail=f"one that began at {report['start']} has succeeded")
            ]
        self.undecided.append(f"no sync to warehouse {id} that began after the send has succeeded")
        return [
            Step(
                step=SYNC,
                finding="missing",
                detail=f"none that began at or after {sent.end:%F %T %Z} has succeeded: {verdict.message}",
            )
        ]

    def _volume(self, window: Window) -> Generator[Ask, Any, Known]:
        counts = Counts()
        query = {"sourceId": [self.sent.source_id], "groupBy": ["eventName", "eventType"]}
        for part in window.parts(self.now):
            try:
                groups = yield from pages("/events/volume", "result", {**part.query, **query}, item=Group)
            except REFUSALS as error:
                return str(error)
            if len(groups) >= MOST_GROUPS:
                return f"the source has more names than the {MOST_GROUPS:,} that Segment lists"
            counts += self.sent.count(groups)
        return counts

    def _overview(
        self, window: Window, stage: str, destination_id: str | None = None
    ) -> Generator[Ask, Any, Known]:
        counts = Counts()
        query: dict[str, Any] = {"sourceId": self.sent.source_id, "groupBy": ["eventName", "eventType"]}
        if destination_id:
            query["destinationConfigId"] = destination_id
        try:
            for part in window.recent_parts(self.now):
                groups = yield from pages(
                    PATHS[stage], "dataset", {**query, **part.query}, media_type=BETA, item=Group
                )
                counts += self.sent.count(groups)
        except (*REFUSALS, ValueError) as error:
            return str(error)
        return counts


def _or_none(counts: Known) -> Counts:
    return Counts() if isinstance(counts, str) else counts


def _said(steps: list[Step]) -> str:
    return ", ".join(f"{step.missing:,} missing at {step.step!r}" for step in steps if step.missing)


def _to_hours(window: Window, now: datetime) -> Window:
    """A window that the Delivery Overview can count: of whole hours, if it is old."""
    if now - window.start < MINUTES_BACK_TO - HOUR or window.end is None:
        return window
    return Window(start=floor(window.start, HOUR), end=ceil(window.end, HOUR), lag=window.lag)
