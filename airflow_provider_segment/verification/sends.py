"""Reads the reports of senders: what was sent to which source, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import msgspec

from airflow_provider_segment.events.event_names import add_up
from airflow_provider_segment.values import Moment
from airflow_provider_segment.verification.comparison import ALL, MARGIN, Sent
from airflow_provider_segment.waiting.window import MINUTE, ceil, floor

LONG_AGO = datetime(1970, 1, 2, tzinfo=timezone.utc)
"""When what sent nothing was sent."""


class _Report(msgspec.Struct):
    """What is read of a report (:class:`airflow_provider_segment.events.report.SendReport`)."""

    read: int
    sent: int
    unsent: int
    rejected: dict[str, int] = {}
    duplicates: int = 0
    left_out: int = 0
    brought_ids: int | None = None
    source_id: str | None = None
    started: Moment | None = None
    ended: Moment | None = None
    event_names: dict[str, int] = {}

    @property
    def names(self) -> dict[str, int]:
        """The events by name, if the report names them all."""
        known = sum(self.event_names.values()) == self.sent
        return self.event_names if known else {ALL: self.sent}


def sends_of(reports: Sequence[Mapping[str, Any] | None], source_id: str | None) -> list[Sent]:
    """What was sent to each source.

    :param source_id: the source of reports that name none
    :raises ValueError: a report is missing, or lacks what must be known
    """
    if not reports:
        raise ValueError("there is none: nothing was sent that could be verified")
    by_source: dict[str, list[_Report]] = {}
    for number, given in enumerate(reports):
        if given is None:
            raise ValueError(f"number {number} is missing: that sender has failed, or returned no report")
        try:
            report = msgspec.convert(given, _Report)
        except msgspec.ValidationError as error:
            raise ValueError(f"number {number} is not the report of a sender: {error}") from None
        source = report.source_id or source_id
        if not source:
            raise ValueError(f"number {number} names no source: give source_id")
        if report.sent and (report.started is None or report.ended is None):
            raise ValueError(f"number {number} does not say when it began and ended")
        by_source.setdefault(source, []).append(report)
    return [_sum(source, of_source) for source, of_source in by_source.items()]


def _sum(source_id: str, reports: list[_Report]) -> Sent:
    names = add_up([report.names for report in reports])
    if ALL in names:  # of some it is not known
        names = Counter({ALL: names.total()})
    moments = [moment for report in reports for moment in (report.started, report.ended) if moment]
    start, end = (min(moments), max(moments)) if moments else (LONG_AGO, LONG_AGO)
    return Sent(
        source_id=source_id,
        start=floor(start - MARGIN, MINUTE),
        end=ceil(end + MARGIN, MINUTE),
        read=sum(report.read for report in reports),
        rejected=sum(sum(report.rejected.values()) for report in reports),
        sent=sum(report.sent for report in reports),
        unsent=sum(report.unsent for report in reports),
        duplicates=sum(report.duplicates for report in reports),
        left_out=sum(report.left_out for report in reports),
        brought=sum(report.sent if (ids := report.brought_ids) is None else ids for report in reports),
        names={name: count for name, count in names.items() if count},
    )
