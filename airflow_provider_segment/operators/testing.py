"""The echo endpoint, for testing requests and errors."""

from __future__ import annotations

from typing import Any

from airflow_provider_segment.tasks.declarative import Arg, query
from airflow_provider_segment.tasks.operation import SegmentOperator


class SegmentEchoOperator(SegmentOperator):
    """Call Segment's echo endpoint: it returns the message, or the requested error.

    :param delay: milliseconds to wait before answering
    :param trigger_error: answer with an error
    :param trigger_multiple_errors: answer with several errors
    :param trigger_unexpected_error: answer with an unexpected error
    :param status_code: answer with this status
    """

    endpoint = "GET /echo"
    answers = {"method": str, "message": str, "headers": dict[str, Any]}

    message: Arg[str] = query()
    delay: Arg[int | None] = query(default=None)
    trigger_error: Arg[bool | None] = query(default=None)
    trigger_multiple_errors: Arg[bool | None] = query(default=None)
    trigger_unexpected_error: Arg[bool | None] = query(default=None)
    status_code: Arg[int | None] = query(default=None)
