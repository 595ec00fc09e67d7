"""Who changed what in the workspace."""

from __future__ import annotations

from airflow_provider_segment.tasks.declarative import Arg, query
from airflow_provider_segment.tasks.operation import SegmentListOperator


class SegmentListAuditEventsOperator(SegmentListOperator):
    """Return who changed what in the workspace.

    The trail keeps growing: pass ``start_time`` or ``limit``.

    :param start_time: only events after this time, ISO 8601
    :param end_time: only events before this time, ISO 8601
    :param resource_id: only events about this resource
    :param resource_type: only events about resources of this type
    """

    endpoint = "GET /audit-events"
    returns = "events"

    start_time: Arg[str | None] = query(default=None)
    end_time: Arg[str | None] = query(default=None)
    resource_id: Arg[str | None] = query(default=None)
    resource_type: Arg[str | None] = query(default=None)
