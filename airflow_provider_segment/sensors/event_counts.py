"""Sensors that count events: received ones and delivered ones."""

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
"""Seconds until Segment has counted an event that arrived."""


class _OfWindow(SegmentSensor):
    start: Arg[datetime | None] = None
    end: Arg[datetime | None] = None
    lag: Arg[float] = LAG

    @staticmethod
    def window(arguments: dict[str, Any], context: Context) -> Window:
        """The window from the arguments, by default the run's data interval."""
        from airflow_provider_segment.waiting.window import Window

        start, end = utc(arguments["start"]), utc(arguments["end"])
        if start is None:
            begin, until = interval_of(context)
            start, end = begin or until, end or (until if begin else None)
        if end is not None and end <= start:
            raise AirflowFailException(f"the window must end after its start: start {start}, end {end}")
        return Window(start=start, end=end, lag=arguments["lag"])


class SegmentEventVolumeSensor(_OfWindow):
    """Waits until a source has received a number of events.

    Segment counts an event at the time of arrival, regardless of its timestamp: a backfill counts today. To
    wait for events that an upstream task sent, start the window when the run started: ``start="{{
    dag_run.start_date }}"``. Segment counts whole minutes, so earlier events of the first minute count, too.

    Once the window and the lag are over, a count that is too low is final: the task fails at once, without a
    retry, or is skipped (``soft_fail=True``). Segment allows 60 requests per minute and workspace.

    Returns ``{"count": ..., "series": [{"time": ..., "count": ...}], "start": ..., "end": ...}``, the series
    by day, hour or minute, depending on the window. If the task fails because of the count, it pushes the
    same as the XCom ``failed``.

    :param source_id: the source
    :param event_name: only events with this name
    :param event_type: only events of this type: ``track``, ``identify``...
    :param min_count: minimum number of events; by default 1, or 0 if ``max_count`` is given
    :param max_count: maximum number of events, which is only known when the window is over
    :param start: start of the window, ISO 8601; by default the start of the run's data interval. If the run
        has no data interval, or an empty one (Airflow 3's default for cron schedules): the time the run was
        due
    :param end: end of the window, exclusive; by default the end of the data interval, if ``start`` is not
        given either. A window without an end is open: the sensor waits for ``min_count`` until ``timeout``
    :param lag: seconds until Segment has counted an event that arrived; Segment recommends a minute
    """

    source_id: Arg[str]
    event_name: Arg[str | None] = None
    event_type: Arg[str | None] = None
    min_count: Arg[int | None] = None
    max_count: Arg[int | None] = None

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """The number of events is within the bounds."""
        from airflow_provider_segment.waiting.volume import EventVolume

        window = self.window(arguments, context)
        least, most = arguments["min_count"], arguments["max_count"]
        if least is None:
            least = 1 if most is None else 0
        if most is not None and window.end is None:
            raise AirflowFailException("max_count needs the end of the window: give an end")
        if most is not None and least > most:
            raise AirflowFailException(f"min_count ({least}) is greater than max_count ({most})")
        names = ("source_id", "event_name", "event_type")
        given = {name: arguments[name] for name in names}
        return EventVolume(window=window, min_count=least, max_count=most, **given)


class SegmentDeliverySensor(_OfWindow):
    """Waits until the counts of Segment's Delivery Overview are as expected.

    This is the only way to detect events that Segment accepted with a 200 and dropped later::

        expect={"received": {"min": 1000}, "failed_on_ingest": {"max": 0}, "filtered_at_source": {"max": 0}}

    Stages of the source: ``received``, ``failed_on_ingest``, ``filtered_at_source``; of a destination:
    ``delivered``, ``failed_delivery``, ``filtered_at_destination``. Bounds of a stage: ``min`` and ``max``
    (events), ``min_rate`` and ``max_rate`` (0 to 1: share of the events in all three stages of the source or
    of the destination).

    A stage with only a ``min`` is met as soon as the count reaches it. A ``max`` that is exceeded fails the
    task at once. All other bounds are checked when the window and the lag are over. Segment covers cloud-mode
    destinations only, and the last 30 days; beyond 48 hours it counts whole hours only.

    Returns the counts of the stages, with ``start`` and ``end``. If the task fails because of them, it pushes
    the same as the XCom ``failed``.

    :param source_id: the source
    :param expect: bounds by stage
    :param destination_id: the destination
    :param event_name: only events with this name
    :param event_type: only events of this type
    :param start: start of the window, as for :class:`SegmentEventVolumeSensor`
    :param end: end of the window, exclusive
    :param lag: seconds until Segment has counted an event that arrived; by default 60. Required for the
        stages of a destination, where Segment retries for hours
    """

    source_id: Arg[str]
    expect: Arg[dict[str, dict[str, float]]]
    lag: Arg[float | None] = None  # type: ignore[assignment]
    destination_id: Arg[str | None] = None
    event_name: Arg[str | None] = None
    event_type: Arg[str | None] = None

    def condition(self, arguments: dict[str, Any], context: Context) -> Condition:
        """The counts are within their bounds."""
        from airflow_provider_segment.waiting.delivery import AT_DESTINATION, PATHS, Bounds, Delivered

        expect = arguments["expect"]
        wrong = [stage for stage in expect if stage not in PATHS]
        wrong += [
            bound for bounds in expect.values() for bound in bounds if bound not in Bounds.__annotations__
        ]
        if wrong or not all(expect.values()) or not expect:
            raise AirflowFailException(
                f"expect has no bounds, or an unknown stage or bound: {', '.join(wrong) or expect}"
            )
        rates = [
            bounds[rate] for bounds in expect.values() for rate in ("min_rate", "max_rate") if rate in bounds
        ]
        if any(not 0 <= rate <= 1 for rate in rates):
            raise AirflowFailException("min_rate and max_rate must be from 0 to 1")
        if at_destination := [stage for stage in expect if stage in AT_DESTINATION]:
            for name in ("destination_id", "lag"):
                if arguments[name] is None:
                    raise AirflowFailException(f"{', '.join(at_destination)} needs {name}")
        lag = LAG if arguments["lag"] is None else arguments["lag"]
        window = self.window({**arguments, "lag": lag}, context)
        if window.end is None and any(bounds.keys() - {"min"} for bounds in expect.values()):
            raise AirflowFailException("bounds other than min need the end of the window: give an end")
        names = ("source_id", "expect", "destination_id", "event_name", "event_type")
        return Delivered(window=window, **{name: arguments[name] for name in names})
