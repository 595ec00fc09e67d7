"""What a bulk send counts, as Airflow's own metrics (StatsD, OpenTelemetry)."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import Stats

from airflow_provider_segment.events.report import SendReport

PREFIX = "segment."


class SendMetrics:
    """Emits what happened since it was last called.

    :param segment_conn_id: a tag of each metric
    """

    def __init__(self, segment_conn_id: str) -> None:
        self._tags = {"segment_conn_id": segment_conn_id}
        self._emitted: dict[str, int] = {}

    def __call__(self, report: SendReport) -> None:
        """Emit what the report counts.

        :param report: of the run, as far as it got
        """
        counts = {
            "events.sent": report.sent - report.sent_before,
            "events.rejected": report.rejected_total,
            "requests.rate_limited": report.rate_limited,
        }
        for name, count in counts.items():
            if new := count - self._emitted.get(name, 0):
                Stats.incr(PREFIX + name, new, tags=self._tags)
            self._emitted[name] = count
        if report.lag is not None:
            Stats.gauge(PREFIX + "events.lag", report.lag, tags=self._tags)
