"""Sensors for audiences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.tasks.declarative import Arg
from airflow_provider_segment.tasks.sensor import SegmentSensor

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.waiting.condition import Condition


class SegmentAudienceSensor(SegmentSensor):
    """Waits until an audience is computed and live, or until a preview is ready.

    If the audience is already live, the sensor succeeds at once, even if it was computed long ago: Segment
    does not report when.

    Returns its ``id``, ``status`` and ``size``.

    :param space_id: the space
    :param audience_id: the audience
    :param preview_id: the preview of an audience, instead of ``audience_id``
    """

    space_id: Arg[str]
    audience_id: Arg[str | None] = None
    preview_id: Arg[str | None] = None

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """The audience is computed, or the preview is ready."""
        from airflow_provider_segment.waiting.audiences import AudienceComputed, AudiencePreviewed

        if (arguments["audience_id"] is None) == (arguments["preview_id"] is None):
            raise AirflowFailException("give either audience_id or preview_id")
        if arguments["audience_id"] is not None:
            return AudienceComputed(space_id=arguments["space_id"], audience_id=arguments["audience_id"])
        return AudiencePreviewed(space_id=arguments["space_id"], preview_id=arguments["preview_id"])
