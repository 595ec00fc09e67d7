"""Monthly tracked users."""

from __future__ import annotations

from airflow_provider_segment.tasks.declarative import Arg, query
from airflow_provider_segment.tasks.operation import SegmentListOperator


class SegmentGetDailyWorkspaceMtuUsageOperator(SegmentListOperator):
    """Return the workspace's monthly tracked users, per day of a usage period.

    The counts are cumulative, and strings.

    :param period: first day of the usage month, ISO 8601: ``2026-01-01``
    """

    endpoint = "GET /usage/mtu/daily"
    returns = "dailyWorkspaceMTUUsage"

    period: Arg[str] = query()


class SegmentGetDailyPerSourceMtuUsageOperator(SegmentListOperator):
    """Return each source's monthly tracked users, per day of a usage period.

    The counts are cumulative, and strings.

    :param period: first day of the usage month, ISO 8601: ``2026-01-01``
    """

    endpoint = "GET /usage/mtu/sources/daily"
    returns = "dailyPerSourceMTUUsage"

    period: Arg[str] = query()
