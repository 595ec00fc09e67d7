"""What an error means: from the classes of errors, the published limits, and what people reported."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from airflow_provider_segment import errors
from airflow_provider_segment.api.advice import ADVICE
from airflow_provider_segment.api.published_limits import limit_of
from airflow_provider_segment.api.regions import Api
from airflow_provider_segment.catalogue.ranking import stems_of
from airflow_provider_segment.docstrings import plain
from airflow_provider_segment.errors import REFUSALS, SegmentRequestError, error_of_status
from airflow_provider_segment.toolsets.offer import EXPLAIN_ERROR
from airflow_provider_segment.toolsets.tool import Tool, object_of

PAGE = "refusals.md"
PAGES = (Path(__file__).with_name(PAGE), Path(__file__).parents[2] / "docs" / PAGE)
"""Where the page of refusals is: in an installed package, and in a checkout."""

MOST_REPORTS = 3
SHARED_WORDS, SHARED = 3, 0.3
"""How many words of a report an error must have, and which part of them."""

_STATUS = re.compile(r"\b([45]\d\d)\b")
_REQUEST = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[^\s:?]*)")
_CLASS = re.compile(r"\bSegment\w+Error\b")
_FRAME = re.compile(rf"{_REQUEST.pattern}|{_CLASS.pattern}|Segment answered \d+|\(request id .*")
"""What is around the reason in every error."""


class Report(NamedTuple):
    """A row of the page of refusals."""

    segment: str
    """What Segment does."""
    here: str
    """What this package does about it."""


def explanation() -> Tool:
    """The tool."""
    what = "The error as a log shows it, or the HTTP status that Segment answered with."
    return Tool(
        name=EXPLAIN_ERROR,
        description="Say what an error of Segment's, or of its Airflow provider, means: what to do about it, "
        "whether trying again may help, and what is known of similar ones. Sends nothing.",
        schema=object_of({"error": {"type": "string", "description": what}}),
        run=lambda arguments, hook: explain(**arguments),
    )


def explain(error: str) -> dict[str, Any]:
    """What an error means.

    :param error: its text, or a status
    """
    kind = _kind_of(error)
    said: dict[str, Any] = {}
    if kind is not None:
        said["error"] = kind.__name__
        said["means"] = plain(kind.__doc__ or "")
    if kind is not None and issubclass(kind, SegmentRequestError):
        said["advice"] = _advice(error, kind)
        said["trying_again_may_help"] = kind.passing
    if kind is not None and kind in REFUSALS:
        said["refusal"] = (
            "Segment refuses this for good, as long as the token, the workspace's features and the request "
            "stay as they are"
        )
    if limit := _limit(error):
        said["rate_limit"] = limit
    if reports := [report._asdict() for report in _similar(error)]:
        said["known"] = reports
    return said or {"error": "unknown", "advice": "give the whole text of the error, or the HTTP status"}


def _kind_of(error: str) -> type[errors.SegmentError] | None:
    for name in _CLASS.findall(error):
        kind = getattr(errors, name, None)
        if isinstance(kind, type):
            return kind
    status = re.search(r"answered (\d{3})\b", error) or _STATUS.search(error)
    if status and int(status[1]) >= 400:
        return error_of_status(int(status[1]))
    return errors.SegmentTransportError if "no answer from Segment" in error else None


def _advice(error: str, kind: type[SegmentRequestError]) -> str:
    status = next((number for number, one in errors.ERROR_OF_STATUS.items() if one is kind), 0)
    return ADVICE.get((_api_of(error), status), kind.advice)


def _api_of(error: str) -> Api:
    request = _REQUEST.search(error)
    path = request[2] if request else ""
    if not path.startswith("/v1/"):
        return "public"
    return "profile" if path.startswith("/v1/spaces/") else "tracking"


def _limit(error: str) -> str | None:
    request = _REQUEST.search(error)
    limit = request and limit_of(request[1], request[2])
    return f"{limit.requests} requests in {limit.seconds:g} seconds" if limit else None


def _similar(error: str) -> Iterator[Report]:
    """The reports that have the most words of an error, as far as they have enough."""
    words = frozenset(stems_of(_FRAME.sub(" ", error)))
    scores = {
        report: len(words & stems) / len(stems)
        for report, stems in _reports().items()
        if len(words & stems) >= SHARED_WORDS
    }
    best = sorted((one for one in scores if scores[one] >= SHARED), key=lambda one: -scores[one])
    yield from best[:MOST_REPORTS]


@cache
def _reports() -> dict[Report, frozenset[str]]:
    """The reports on the page, and the words in them."""
    page = next(path for path in PAGES if path.exists()).read_text()
    rows = [line.strip("|").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    found = [Report(row[1].strip(), row[2].strip()) for row in rows[1:]]
    return {report: frozenset(stems_of(report.segment)) for report in found}
