"""Sensors of deletion and suppression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_segment.tasks.declarative import Arg
from airflow_provider_segment.tasks.sensor import SegmentSensor

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.waiting.condition import Condition


class SegmentRegulationSensor(SegmentSensor):
    """Waits until people are deleted or suppressed, in Segment and in every destination. It may take 30 days.

    Returns how it stands: ``status``, ``finished_at``, how many destinations are ``done``, and which are
    ``undone``.

    :param regulate_id: the regulation
    :param on_unsupported: what to do about destinations that cannot delete: ``accept`` or ``fail``. Segment's
        overall status is FAILED because of them, though its own part is done.
    :param on_partial: what to do where some destinations failed: ``fail`` or ``accept``
    """

    regulate_id: Arg[str]
    on_unsupported: Arg[Literal["accept", "fail"]] = "accept"
    on_partial: Arg[Literal["accept", "fail"]] = "fail"

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """The regulation."""
        from airflow_provider_segment.waiting.regulations import Regulated

        names = ("on_unsupported", "on_partial")
        return Regulated(regulate_id=arguments["regulate_id"], **{name: arguments[name] for name in names})
