"""Sensors that count events: how many arrived, and how many were delivered."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.tasks.declarative import Arg
from airflow_provider_segment.tasks.sensor import SegmentSensor, interval_of, utc

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.waiting.condition import Condition
    from airflow_provider_segment.waiting.window import Window


LAG = 60.0
"""Seconds after which Segment has counted what came."""


class _OfWindow(SegmentSensor):
    start: Arg[datetime | None] = None
    end: Arg[datetime | None] = None
    lag: Arg[float] = LAG

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
    what a task before this one has sent with a window that begins when the run did: ``start="{{
    dag_run.start_date }}"``. It counts whole minutes: what came earlier in the same minute counts, too.

    Once the window and the lag are over, a low count is final: the task fails at once, without a retry, or is
    skipped (``soft_fail=True``). Segment allows 60 requests a minute for a workspace.

    Returns ``{"count": ..., "series": [{"time": ..., "count": ...}], "start": ..., "end": ...}``, the series
    by the day, hour or minute, whatever fits the window. Where the task fails because of the count, the same
    is its XCom ``failed``.

    :param source_id: the source
    :param event_name: only events of this name
    :param event_type: only events of this type: ``track``, ``identify``...
    :param min_count: events at least; by default 1, or any number where there is a ``max_count``
    :param max_count: events at most, which is only known when the window is over
    :param start: begin of the window, ISO 8601; by default that of the run's data interval. A run without
        one, or with one that has no length, as cron schedules have them in Airflow 3: when the run was due
    :param end: end of the window, exclusive; by default that of the data interval. A window with only a start
        is open: it waits for ``min_count`` until ``timeout``
    :param lag: seconds after which Segment has counted what came; Segment advises a minute
    """

    source_id: Arg[str]
    event_name: Arg[str | None] = None
    event_type: Arg[str | None] = None
    min_count: Arg[int | None] = None
    max_count: Arg[int | None] = None

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """So many events."""
        from airflow_provider_segment.waiting.volume import EventVolume

        window = self.window(arguments, context)
        least, most = arguments["min_count"], arguments["max_count"]
        if least is None:
            least = 1 if most is None else 0
        if most is not None and window.end is None:
            raise AirflowFailException("max_count needs a window with an end: give an end")
        if most is not None and least > most:
            raise AirflowFailException(f"min_count ({least}) is more than max_count ({most})")
        names = ("source_id", "event_name", "event_type")
        given = {name: arguments[name] for name in names}
        return EventVolume(window=window, min_count=least, max_count=most, **given)


class SegmentDeliverySensor(_OfWindow):
    """Waits until as many events as expected got to where they should: Segment's Delivery Overview.

    The only way to notice events that Segment took with a 200 and then dropped::

        expect={"received": {"min": 1000}, "failed_on_ingest": {"max": 0}, "filtered_at_source": {"max": 0}}

    Stages at the source: ``received``, ``failed_on_ingest``, ``filtered_at_source``; at a destination:
    ``delivered``, ``failed_delivery``, ``filtered_at_destination``. Bounds of a stage: ``min``, ``max``
    (events), ``min_rate``, ``max_rate`` (0 to 1: its share of the events of the three stages at its place).

    A ``min`` alone is done as soon as it is reached, a ``max`` that is exceeded fails at once; all else is
    judged when the window and the lag are over. Only destinations in cloud mode. Segment goes back 30 days;
    of what is more than 48 hours ago it knows whole hours only.

    Returns the counts of the stages that were asked for, with start and end. Where the task fails because of
    them, the same is its XCom ``failed``.

    :param source_id: the source
    :param expect: bounds by stage
    :param destination_id: the destination
    :param event_name: only events of this name
    :param event_type: only events of this type
    :param start: begin of the window, as of :class:`SegmentEventVolumeSensor`
    :param end: end of the window, exclusive
    :param lag: seconds after which Segment has counted what came; by default 60. To be given for the stages
        at a destination, where Segment tries again for hours
    """

    source_id: Arg[str]
    expect: Arg[dict[str, dict[str, float]]]
    lag: Arg[float | None] = None  # type: ignore[assignment]
    destination_id: Arg[str | None] = None
    event_name: Arg[str | None] = None
    event_type: Arg[str | None] = None

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """The counts."""
        from airflow_provider_segment.waiting.delivery import AT_DESTINATION, PATHS, Bounds, Delivered

        expect = arguments["expect"]
        wrong = [stage for stage in expect if stage not in PATHS]
        wrong += [
            bound for bounds in expect.values() for bound in bounds if bound not in Bounds.__annotations__
        ]
        if wrong or not all(expect.values()) or not expect:
            raise AirflowFailException(f"expect names no stage or no bound: {', '.join(wrong) or expect}")
        rates = [
            bounds[rate] for bounds in expect.values() for rate in ("min_rate", "max_rate") if rate in bounds
        ]
        if any(not 0 <= rate <= 1 for rate in rates):
            raise AirflowFailException("rates are from 0 to 1")
        if at_destination := [stage for stage in expect if stage in AT_DESTINATION]:
            for name in ("destination_id", "lag"):
                if arguments[name] is None:
                    raise AirflowFailException(f"{', '.join(at_destination)}: give a {name}")
        lag = LAG if arguments["lag"] is None else arguments["lag"]
        window = self.window({**arguments, "lag": lag}, context)
        if window.end is None and any(bounds.keys() - {"min"} for bounds in expect.values()):
            raise AirflowFailException("all but min needs a window with an end: give an end")
        names = ("source_id", "expect", "destination_id", "event_name", "event_type")
        return Delivered(window=window, **{name: arguments[name] for name in names})
