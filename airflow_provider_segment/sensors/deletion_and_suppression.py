"""Sensors for deletion and suppression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_segment.tasks.declarative import Arg
from airflow_provider_segment.tasks.sensor import SegmentSensor

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.waiting.condition import Condition


class SegmentRegulationSensor(SegmentSensor):
    """Waits until users are deleted or suppressed in Segment and in every destination. It may take 30 days.

    Returns the regulation's ``status`` and ``finished_at``, the number of destinations that are ``done``, and
    the list of those that are ``undone``.

    :param regulate_id: the regulation
    :param on_unsupported: what to do if a destination does not support deletion: ``accept`` or ``fail``.
        Segment then reports the overall status FAILED, although its own part is done
    :param on_partial: what to do if some destinations failed: ``fail`` or ``accept``
    """

    regulate_id: Arg[str]
    on_unsupported: Arg[Literal["accept", "fail"]] = "accept"
    on_partial: Arg[Literal["accept", "fail"]] = "fail"

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """The regulation is carried out."""
        from airflow_provider_segment.waiting.regulations import Regulated

        names = ("on_unsupported", "on_partial")
        return Regulated(regulate_id=arguments["regulate_id"], **{name: arguments[name] for name in names})
