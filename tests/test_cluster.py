"""Airflow on Celery, whose worker, API server and supervisor are killed while it sends; see the demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_segment.sandbox import Sandbox

pytestmark = pytest.mark.cluster

pytest.importorskip("airflow.providers.celery", reason="the dependency group cluster is not installed")
pytest.importorskip("airflow.providers.redis", reason="the dependency group cluster is not installed")


def test_whatever_is_killed_each_event_arrives_once(tmp_path: Path) -> None:
    from example_dags.demo.celery_night import Size, running_cluster, send_through_faults
    from example_dags.demo.large_night import make_large_night

    size = Size(orders=40_000, parts=4, rate=800, api_away=5, heartbeat_timeout=40)
    make_large_night(tmp_path / "night", size.orders)
    with Sandbox() as segment, running_cluster(tmp_path / "airflow", segment, size) as airflow:
        outcome = send_through_faults(airflow, segment, tmp_path / "night", size)

    assert (outcome.reported, outcome.finding) == (size.orders, "ok")
    assert (outcome.accepted, outcome.missing, outcome.twice) == (size.orders, 0, 0)
    assert outcome.tries >= 2  # of the worker's tasks, and of the one whose supervisor was killed
    assert outcome.excess <= outcome.allowed_excess
