"""A newcomer's way through the demo in a browser: for its test, and for the pictures of the documentation."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_segment.sandbox import Sandbox
    from example_dags.demo.throwaway_airflow import ThrowawayAirflow

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE_MS = 300_000
USUAL = {"width": 1280, "height": 860}
"""Of a window."""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser. Needs the dependency group `browser`, and Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


class Newcomer:
    """Somebody with a browser window.

    :param browser: of `chromium`
    """

    def __init__(self, browser: Any, airflow: ThrowawayAirflow, segment: Sandbox) -> None:
        self._context = browser.new_context(viewport=USUAL)
        self._context.set_default_timeout(PATIENCE_MS)
        self.page = self._context.new_page()
        self._airflow = airflow
        self._segment = segment

    def go(self, place: str) -> None:
        self.page.goto(f"{self._airflow.url}/{place}")

    def fill_in_form(self, conn_id: str) -> None:
        """Open the form, and fill in what the sandbox needs; the section with the keys stays open."""
        page, connection = self.page, self._segment.connection
        self.go("connections")
        page.get_by_role("button", name="Add Connection").first.click()
        page.locator("input[name=connection_id]").fill(conn_id)
        page.get_by_role("combobox").last.click()
        page.keyboard.type("Segment")
        page.get_by_role("option", name="Segment", exact=True).click()
        page.locator("input[name=host]").fill(connection["host"])
        page.locator("input[name=password]").fill(connection["password"])
        page.locator("input[name=port]").fill("0")
        page.get_by_role("button", name="Region and keys").click()
        page.locator("[name=element_secret_write_key]").fill(connection["extra"]["secret_write_key"])

    def save(self) -> None:
        self.page.get_by_role("button", name="Save").click()
        self.page.get_by_role("dialog").wait_for(state="detached")

    def test(self, conn_id: str) -> dict[str, Any]:
        """Press the Test button of a connection; Airflow's answer."""
        row = self.page.get_by_role("row", name=conn_id)
        with self.page.expect_response("**/connections/test") as answer:
            row.get_by_role("button", name="Test Connection").click()
        found: dict[str, Any] = answer.value.json()
        return found

    def trigger(self, dag_id: str) -> str:
        """Start a run of a DAG as it stands; its id."""
        self.go(f"dags/{dag_id}")
        self.page.get_by_role("button", name="Trigger").first.click()
        dialog = self.page.get_by_role("dialog")
        with self.page.expect_response("**/dagRuns") as answer:
            dialog.get_by_role("button", name="Trigger", exact=True).click()
        return str(answer.value.json()["dag_run_id"])

    def open_task(self, dag_id: str, run_id: str, task_id: str, tab: str = "") -> None:
        self.go(f"dags/{dag_id}/runs/{run_id}/tasks/{task_id}/{tab}")

    def follow_link(self) -> Any:
        """Follow the task's link; the page of the sandbox that it opens."""
        with self._context.expect_page() as opened:
            self.page.get_by_role("link", name="Segment", exact=True).click()
        page = opened.value
        page.set_viewport_size(USUAL)
        return page
