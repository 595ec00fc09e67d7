"""How many events Segment received."""

from __future__ import annotations

from typing import Any, Literal

from airflow_provider_segment.tasks.declarative import Arg, query
from airflow_provider_segment.tasks.operation import SegmentListOperator


class SegmentGetEventsVolumeFromWorkspaceOperator(SegmentListOperator):
    """Count the events that Segment received, in time buckets.

    Events are counted when they arrive: a backfill counts today, not at its events' timestamps. Segment
    advises ending the window a minute ago, and returns at most 5,000 results: filter rather than group
    widely. If no events arrived, ``result`` is empty.

    :param granularity: size of the buckets
    :param start_time: start of the window, ISO 8601, inclusive
    :param end_time: end of the window, ISO 8601, exclusive
    :param group_by: any of ``eventName``, ``eventType``, ``source``
    :param source_id: only these sources
    :param event_name: only these events
    :param event_type: only these types: ``track``, ``identify``, ...
    :param app_version: only these versions of the sending app
    """

    endpoint = "GET /events/volume"
    items = "result"
    beside = {"path": str, "query": dict[str, Any]}

    granularity: Arg[Literal["DAY", "HOUR", "MINUTE"]] = query()
    start_time: Arg[str] = query()
    end_time: Arg[str] = query()
    group_by: Arg[list[str] | None] = query(default=None)
    source_id: Arg[list[str] | None] = query(default=None)
    event_name: Arg[list[str] | None] = query(default=None)
    event_type: Arg[list[str] | None] = query(default=None)
    app_version: Arg[list[str] | None] = query(default=None)
