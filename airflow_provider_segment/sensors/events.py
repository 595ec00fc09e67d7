"""Sensors of events: how many came, and what became of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.declarative import Arg, option
from airflow_provider_segment.sensors.base import SegmentSensor, interval_of, utc

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.waiting.condition import Condition
    from airflow_provider_segment.waiting.window import Window


class _OfWindow(SegmentSensor):
    start: Arg[datetime | None] = option(default=None)
    end: Arg[datetime | None] = option(default=None)
    lag: Arg[float] = option(default=60.0)

    @staticmethod
    def window(arguments: dict[str, Any], context: Context) -> Window:
        """The window of the arguments, else the run's data interval."""
        from airflow_provider_segment.waiting.window import Window

        start, end = utc(arguments["start"]), utc(arguments["end"])
        if start is None:
            begin, until = interval_of(context)
            start, end = begin or until, end or (until if begin else None)
        if end is not None and end <= start:
            raise AirflowFailException(f"the window ends ({end}) before it begins ({start})")
        return Window(start=start, end=end, lag=arguments["lag"])


class SegmentEventVolumeSensor(_OfWindow):
    """Waits until so many events of a source have come.

    Segment counts an event when it arrives, whatever its timestamp says: a backfill counts today. So wait for
    what a task before this one has sent with a window that begins when that task did: ``start="{{
    dag_run.start_date }}"``.

    Once the window and the lag are over, a low count is final: the task fails at once, without a retry, or is
    skipped (``soft_fail=True``). Segment allows 60 requests a minute for a workspace.

    Returns ``{"count": ..., "series": [{"time": ..., "count": ...}], "start": ..., "end": ..., "granularity":
    ...}``.

    :param source_id: the source
    :param event_name: only events of this name
    :param event_type: only events of this type: ``track``, ``identify``...
    :param min_count: events at least
    :param max_count: events at most, which is only known when the window is over
    :param start: begin of the window, ISO 8601; by default that of the run's data interval, or for a run that
        has none when it was due
    :param end: end of the window, exclusive; by default that of the data interval. A window with only a start
        is open: it waits for ``min_count`` until ``timeout``
    :param lag: seconds after which Segment has counted what came; Segment advises a minute
    """

    source_id: Arg[str] = option()
    event_name: Arg[str | None] = option(default=None)
    event_type: Arg[str | None] = option(default=None)
    min_count: Arg[int] = option(default=1)
    max_count: Arg[int | None] = option(default=None)

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """So many events."""
        from airflow_provider_segment.waiting.volume import EventVolume

        window = self.window(arguments, context)
        if window.end is None and arguments["max_count"] is not None:
            raise AirflowFailException("max_count needs a window with an end: give an end")
        names = ("source_id", "event_name", "event_type", "min_count", "max_count")
        return EventVolume(window=window, **{name: arguments[name] for name in names})


class SegmentDeliverySensor(_OfWindow):
    """Waits until as many events as expected got to where they should: Segment's Delivery Overview.

    The only way to notice events that Segment took with a 200 and then dropped::

        expect={"received": {"min": 1000}, "failed_on_ingest": {"max": 0}, "filtered_at_source": {"max": 0}}

    Stages at the source: ``received``, ``failed_on_ingest``, ``filtered_at_source``; at a destination:
    ``delivered``, ``failed_delivery``, ``filtered_at_destination``. Bounds of a stage: ``min``, ``max``
    (events), ``min_rate``, ``max_rate`` (0 to 1: its share of the events of the three stages at its place).

    A ``min`` alone is done as soon as it is reached, a ``max`` that is exceeded fails at once; all else is
    judged when the window and the lag are over. Only destinations in cloud mode; a window is at most 30 days
    long and old, by the minute 4 hours long and 48 hours old.

    Returns the counts of the stages that were asked for, with start and end.

    :param source_id: the source
    :param expect: bounds by stage
    :param destination_id: the destination
    :param event_name: only events of this name
    :param event_type: only events of this type
    :param start: begin of the window, as of :class:`SegmentEventVolumeSensor`
    :param end: end of the window, exclusive
    :param lag: seconds after which Segment has counted what came; deliveries are tried again for hours
    """

    source_id: Arg[str] = option()
    expect: Arg[dict[str, dict[str, float]]] = option()
    destination_id: Arg[str | None] = option(default=None)
    event_name: Arg[str | None] = option(default=None)
    event_type: Arg[str | None] = option(default=None)

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """The counts."""
        from airflow_provider_segment.waiting.delivery import AT_DESTINATION, PATHS, Bounds, Delivered

        window, expect = self.window(arguments, context), arguments["expect"]
        wrong = {stage for stage in expect if stage not in PATHS}
        wrong |= {
            bound for bounds in expect.values() for bound in bounds if bound not in Bounds.__annotations__
        }
        if wrong or not expect:
            raise AirflowFailException(
                f"expect has no stages or bounds named {', '.join(sorted(wrong)) or 'so'}"
            )
        if arguments["destination_id"] is None and expect.keys() & {*AT_DESTINATION}:
            raise AirflowFailException(f"{', '.join(AT_DESTINATION)} need a destination_id")
        if window.end is None and any(bounds.keys() - {"min"} for bounds in expect.values()):
            raise AirflowFailException("all but min needs a window with an end: give an end")
        names = ("source_id", "expect", "destination_id", "event_name", "event_type")
        return Delivered(window=window, **{name: arguments[name] for name in names})
