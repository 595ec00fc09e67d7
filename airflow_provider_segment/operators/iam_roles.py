"""Roles."""

from __future__ import annotations

from airflow_provider_segment.tasks.operation import SegmentListOperator


class SegmentListRolesOperator(SegmentListOperator):
    """Return all roles that a permission can grant."""

    endpoint = "GET /roles"
    returns = "roles"
