"""A newcomer's path through the demo, in a real browser: form, Test, a run, an event in the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.newcomer import CHROMIUM, Newcomer, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]

DAG, TASK = "events_from_parquet", "send_events"


def test_from_the_form_to_the_event(tmp_path: Path) -> None:
    pytest.importorskip("playwright.sync_api")
    from example_dags.demo.__main__ import running

    with running(tmp_path, examples=True) as (airflow, segment, _), chromium() as browser:
        newcomer = Newcomer(browser, airflow, segment)
        newcomer.fill_in_form("segment_mine")
        newcomer.save()
        found = newcomer.test("segment_mine")
        assert found["status"] is True, found
        assert found["message"].startswith("Works.\n"), found

        run_id = newcomer.trigger(DAG)
        assert airflow.wait_for_run(DAG, run_id)["state"] == "success"
        sent = airflow.xcom(DAG, run_id, TASK)
        assert sent["sent"] == 425  # 200 orders that are paid, and 225 emails

        newcomer.open_task(DAG, run_id, TASK, "details")
        page = newcomer.follow_link()
        assert page.url.startswith(f"{segment.url}/_sandbox#")
        page.locator("#list a.row", has_text="Order Completed").first.click()
        detail = page.locator("#event")
        detail.get_by_text("accepted").first.wait_for()
        assert "order_id" in detail.inner_text()
