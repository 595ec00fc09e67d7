"""How many API calls the workspace makes."""

from __future__ import annotations

from airflow_provider_segment.tasks.declarative import Arg, query
from airflow_provider_segment.tasks.operation import SegmentListOperator


class SegmentGetDailyWorkspaceApiCallsUsageOperator(SegmentListOperator):
    """Return how many API calls the workspace made, per day of a usage period.

    The counts are cumulative, and strings.

    :param period: first day of the usage month, ISO 8601: ``2026-01-01``
    """

    endpoint = "GET /usage/api-calls/daily"
    returns = "dailyWorkspaceAPICallsUsage"

    period: Arg[str] = query()


class SegmentGetDailyPerSourceApiCallsUsageOperator(SegmentListOperator):
    """Return how many API calls each source made, per day of a usage period.

    The counts are cumulative, and strings.

    :param period: first day of the usage month, ISO 8601: ``2026-01-01``
    """

    endpoint = "GET /usage/api-calls/sources/daily"
    returns = "dailyPerSourceAPICallsUsage"

    period: Arg[str] = query()
