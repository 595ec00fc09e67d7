"""Sensors of work that somebody else started: reverse ETL, deletions, audiences."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.tasks.declarative import Arg
from airflow_provider_segment.tasks.sensor import SegmentSensor, interval_of, utc

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.waiting.condition import Condition


class SegmentReverseEtlSyncSensor(SegmentSensor):
    """Waits for the end of a reverse ETL sync: of one sync, or of any of a mapping since a moment.

    Returns Segment's status of the sync, with the counts of its phases (as text).

    :param model_id: the model
    :param sync_id: the sync
    :param subscription_id: instead of a sync, the mapping: the number after ``/mappings/`` in the address of
        Segment's app
    :param since: of a mapping, the moment at or after which the sync started, ISO 8601; by default the end of
        the run's data interval, and where there is none when the run was due
    :param on_partial: what to do about a sync that could not deliver all rows: ``fail`` or ``accept``
    """

    model_id: Arg[str]
    sync_id: Arg[str | None] = None
    subscription_id: Arg[str | None] = None
    since: Arg[datetime | None] = None
    on_partial: Arg[Literal["accept", "fail"]] = "fail"

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """The sync, or one of the mapping."""
        from airflow_provider_segment.waiting.reverse_etl import ReverseEtlMappingSynced, ReverseEtlSynced

        common = {"model_id": arguments["model_id"], "on_partial": arguments["on_partial"]}
        if (arguments["sync_id"] is None) == (arguments["subscription_id"] is None):
            raise AirflowFailException("give a sync_id or a subscription_id")
        if arguments["sync_id"] is not None:
            return ReverseEtlSynced(sync_id=arguments["sync_id"], **common)
        since = utc(arguments["since"]) or interval_of(context)[1]
        return ReverseEtlMappingSynced(subscription_id=arguments["subscription_id"], since=since, **common)


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


class SegmentAudienceSensor(SegmentSensor):
    """Waits until an audience is computed and live, or until a preview is ready.

    An audience that is live already is not waited for, whenever it was computed: Segment does not tell.

    Returns its ``id``, ``status`` and ``size``.

    :param space_id: the space
    :param audience_id: the audience
    :param preview_id: instead of an audience, the preview of one
    """

    space_id: Arg[str]
    audience_id: Arg[str | None] = None
    preview_id: Arg[str | None] = None

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """The audience, or the preview."""
        from airflow_provider_segment.waiting.audiences import AudienceComputed, AudiencePreviewed

        if (arguments["audience_id"] is None) == (arguments["preview_id"] is None):
            raise AirflowFailException("give an audience_id or a preview_id")
        if arguments["audience_id"] is not None:
            return AudienceComputed(space_id=arguments["space_id"], audience_id=arguments["audience_id"])
        return AudiencePreviewed(space_id=arguments["space_id"], preview_id=arguments["preview_id"])
