"""The workspace."""

from __future__ import annotations

from airflow_provider_segment.tasks.operation import SegmentOperator


class SegmentGetWorkspaceOperator(SegmentOperator):
    """Return the workspace that the connection's token belongs to."""

    endpoint = "GET /"
    returns = "workspace"
    answers = {"id": str, "name": str}
