"""The pictures of the guides, taken in the demo by a real browser: `make pictures`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from example_dags.demo.__main__ import running
from tests.harness.newcomer import USUAL, Newcomer, chromium

PICTURES = Path(__file__).parent / "pictures"
WIDE = {"width": 1800, "height": 620}
"""For lines of a log."""
SETTLED_MS = 2_500
"""Until Airflow's pages have drawn what they have."""


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, running(Path(folder), examples=True) as (airflow, segment, _):
        with chromium() as browser:
            newcomer = Newcomer(browser, airflow, segment)

            newcomer.fill_in_form("segment_shop")
            take(newcomer.page, "form")
            newcomer.save()

            run_id = newcomer.trigger("provision_workspace")
            airflow.wait_for_run("provision_workspace", run_id)
            newcomer.go(f"dags/provision_workspace/runs/{run_id}")
            take(newcomer.page, "run")

            run_id = newcomer.trigger("nightly_backfill")
            airflow.wait_for_run("nightly_backfill", run_id)
            newcomer.open_task("nightly_backfill", run_id, "send_events")
            newcomer.page.set_viewport_size(WIDE)
            take(newcomer.page, "rejects")
            newcomer.page.set_viewport_size(USUAL)

            newcomer.open_task("nightly_backfill", run_id, "send_events", "details")
            sandbox = newcomer.follow_link()
            sandbox.locator("#list a.row", has_text="Order Completed").first.click()
            take(sandbox, "sandbox")

            run_id = newcomer.trigger("preview_and_approve")
            airflow.wait_for_task("preview_and_approve", run_id, "approve", "awaiting_input")
            newcomer.open_task("preview_and_approve", run_id, "approve", "required_actions")
            take(newcomer.page, "preview")


def take(page: Any, name: str) -> None:
    page.wait_for_timeout(SETTLED_MS)
    page.screenshot(path=PICTURES / f"{name}.png")
    print(f"docs/pictures/{name}.png")


if __name__ == "__main__":
    main()
