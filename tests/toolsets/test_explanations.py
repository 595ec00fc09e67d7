"""Errors explained: by their class, their request, and what people reported."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("airflow.providers.common.ai", reason="the extra common-ai is not installed")

from airflow_provider_segment.errors import ERROR_OF_STATUS, SegmentRateLimitError, SegmentTransportError
from airflow_provider_segment.toolsets import explanations
from airflow_provider_segment.toolsets.explanations import explain


@pytest.mark.parametrize("status", ERROR_OF_STATUS)
def test_a_status(status: int) -> None:
    said = explain(f"what does {status} mean?")
    kind = ERROR_OF_STATUS[status]
    assert said["error"] == kind.__name__
    assert said["advice"] == kind.advice
    assert said["trying_again_may_help"] is kind.passing
    assert ("refusal" in said) is (status in (400, 401, 403, 404, 422))


def test_an_error_of_the_package_as_a_log_shows_it() -> None:
    error = SegmentTransportError("GET", "/sources", "ConnectError: refused")
    for text in (f"{type(error).__name__}: {error}", str(error)):
        said = explain(text)
        assert (said["error"], said["trying_again_may_help"]) == ("SegmentTransportError", True)


def test_the_published_limit_of_the_request() -> None:
    error = SegmentRateLimitError("GET", "/warehouses/w/syncs", 429, [])
    assert explain(str(error))["rate_limit"] == "2 requests in 60 seconds"


def test_the_advice_depends_on_the_api() -> None:
    assert "write key" in explain("POST /v1/batch: Segment answered 401: x")["advice"]
    assert "Profile API token" in explain("GET /v1/spaces/s/x: Segment answered 401: x")["advice"]


def test_what_people_reported_of_the_same() -> None:
    reason = "cannot replace the rules of a plan with over 200 rules"
    error = f"PUT /tracking-plans/p/rules: Segment answered 400: {reason}"
    [report, *_] = explain(error)["known"]
    assert "over 200 rules" in report["segment"]
    assert "SegmentReplaceRulesInTrackingPlanOperator" in report["here"]


@pytest.mark.parametrize("error", ["401", "GET /sources: Segment answered 401: Unauthorized", "no answer"])
def test_what_has_little_in_common_with_a_report_is_not_likened_to_it(error: str) -> None:
    assert "known" not in explain(error)


def test_what_is_no_error() -> None:
    assert explain("it does not work")["error"] == "unknown"


def test_every_row_of_the_page_is_a_report() -> None:
    page = Path(__file__).parents[2] / "docs" / "refusals.md"
    rows = [line for line in page.read_text().splitlines() if line.startswith("| ")]
    assert len(explanations._reports()) == len(rows) - 1 > 20
