"""Conditions on deletions and suppressions.

Source: https://docs.segmentapis.com/tag/Deletion-and-Suppression
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from datetime import datetime
from typing import Any, Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.api.paths import fill_path
from airflow_provider_segment.waiting.condition import Ask, Check, Condition, State, Verdict, moment, pages
from airflow_provider_segment.waiting.words import meaning_of

Reaction = Literal["accept", "fail"]


class DestinationStatus(TypedDict):
    """What is read of a regulation in a destination."""

    status: str
    id: NotRequired[str | None]
    name: NotRequired[str | None]
    errString: NotRequired[str | None]


class StreamStatus(TypedDict):
    """What is read of a regulation in a source."""

    destinationStatus: NotRequired[list[DestinationStatus] | None]


class Regulation(TypedDict):
    """What is read of a regulation."""

    overallStatus: str
    finishedAt: NotRequired[str | None]
    streamStatus: NotRequired[list[StreamStatus] | None]


class _Regulated(Condition, frozen=True, kw_only=True):
    """Regulations are carried out in Segment and in every destination.

    Segment reports the overall status FAILED even if a destination merely does not support deletion. Only the
    status of each destination shows the difference.

    :param on_unsupported: what to do if a destination does not support deletion
    :param on_partial: what to do if some destinations failed and others did not
    """

    on_unsupported: Reaction = "accept"
    on_partial: Reaction = "fail"

    def _verdict(self, reports: list[dict[str, Any]]) -> Verdict:
        states = [self._judge(report) for report in reports]
        counts = Counter(report["status"] for report in reports)
        message = ", ".join(f"{count} {status}" for status, count in counts.items())
        if failed := [
            place_of(each) for each, state in zip(reports, states, strict=True) if state == "failed"
        ]:
            message += f" ({', '.join(failed[:5])})"
        undone = {
            f"{destination['name']} ({destination['status']})"
            for report in reports
            for destination in report["undone"]
        }
        if undone:
            message += f"; not done in {', '.join(sorted(undone))}"
        if "waiting" in states:
            return Verdict("waiting", message, reports)
        return Verdict("failed" if "failed" in states else "done", message, reports)

    def _judge(self, report: dict[str, Any]) -> State:
        meaning = meaning_of(report["status"])
        undone = {meaning_of(destination["status"]) for destination in report["undone"]}
        if meaning == "running" or report["running"] or (meaning == "unknown" and not report["finished_at"]):
            return "waiting"
        if meaning in ("unknown", "invalid") or not undone <= {"failed", "partial", "unsupported"}:
            return "failed"
        if not undone:
            good = meaning == "success" or (meaning == "partial" and self.on_partial == "accept")
            return "done" if good else "failed"  # all destinations are done: Segment's own part decides
        if "unsupported" in undone and self.on_unsupported == "fail":
            return "failed"
        if undone == {"unsupported"}:
            return "done"
        some = meaning == "partial" or report["done"]
        return "done" if self.on_partial == "accept" and some else "failed"


class Regulated(_Regulated, frozen=True, kw_only=True):
    """A regulation is carried out."""

    regulate_id: str

    def check(self, now: datetime) -> Check:
        """Read the regulation."""
        report = yield from report_of(self.regulate_id)
        verdict = self._verdict([report])
        return Verdict(verdict.state, verdict.message, report)

    def describe(self) -> str:
        """The condition in a few words, for logs and errors."""
        return f"regulation {self.regulate_id}"


class AllRegulated(_Regulated, frozen=True, kw_only=True):
    """All regulations of a job are carried out.

    :param groups: for each regulation its ``regulate_id``, and further members that are passed on to the
        result
    """

    groups: list[dict[str, Any]]

    def check(self, now: datetime) -> Check:
        """Read each regulation."""
        reports = []
        for group in self.groups:
            report = yield from report_of(group["regulate_id"])
            reports.append({**group, **report})
        return self._verdict(reports)

    def describe(self) -> str:
        """The condition in a few words, for logs and errors."""
        return f"{len(self.groups)} regulations"


class ListedRegulation(TypedDict):
    """What is read of a regulation in a list."""

    id: str
    regulationType: str
    subjectType: str
    subjects: list[str]
    createdAt: str
    status: str


def regulations_since(since: datetime, path: str) -> Generator[Ask, Any, list[ListedRegulation]]:
    """Read the regulations that were created at or after a given time.

    :param path: of the list: that of the workspace, or of a source
    """
    found = yield from pages(path, "regulations", item=ListedRegulation)
    return [each for each in found if moment(each["createdAt"]) >= since]


def place_of(report: dict[str, Any]) -> str:
    """Names a regulation, by the positions of its subject ids if they are known."""
    if "first" in report:
        return f"ids {report['first']} to {report['last']}"
    return str(report["regulate_id"])


def report_of(regulate_id: str) -> Generator[Ask, Any, dict[str, Any]]:
    """Read the status of a regulation and its destinations, without any personal data."""
    path = fill_path("/regulations/{id}", {"id": regulate_id})
    regulation = (yield Ask(path, shape={"regulation": Regulation}))["regulation"]
    destinations = [
        destination
        for stream in regulation.get("streamStatus") or []
        for destination in stream.get("destinationStatus") or []
    ]
    states = [meaning_of(each["status"]) for each in destinations]
    undone = [
        each for each, state in zip(destinations, states, strict=True) if state not in ("success", "running")
    ]
    return {
        "regulate_id": regulate_id,
        "status": regulation["overallStatus"],
        "finished_at": regulation.get("finishedAt"),
        "done": states.count("success"),
        "running": states.count("running"),
        "undone": [
            {name: each.get(name) for name in ("id", "name", "status", "errString")} for each in undone
        ],
    }
