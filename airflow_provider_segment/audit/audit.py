"""An audit: the checks, one after the other, and what came out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_segment.api.published_limits import LIMITS
from airflow_provider_segment.audit.checks import CHECKS
from airflow_provider_segment.audit.limits import Limits
from airflow_provider_segment.audit.outcomes import Finding, NotChecked
from airflow_provider_segment.audit.workspace import Workspace
from airflow_provider_segment.errors import SegmentRequestError

if TYPE_CHECKING:
    from airflow_provider_segment.api.client import SegmentClient


class Outlook(NamedTuple):
    """What an audit will take.

    :param requests: how many requests, about
    :param seconds: how long they take at least, by the limits that Segment publishes
    :param slowest: the endpoint that takes most of it; None if no limit matters
    """

    requests: int
    seconds: float
    slowest: str | None

    def __str__(self) -> str:
        said = f"about {self.requests:,} requests"
        if self.slowest is None:
            return said
        return (
            f"{said}, which take {self.seconds / 60:,.0f} minutes at least by the limits that Segment "
            f"publishes, most of it {self.slowest}"
        )


class Audit:
    """One audit of a workspace.

    :param checks: the names of the checks to make
    """

    def __init__(self, client: SegmentClient, checks: Sequence[str], limits: Limits) -> None:
        self.workspace = Workspace(client, limits)
        self.findings: list[tuple[str, Finding]] = []
        """With the names of the checks."""
        self.not_checked: list[tuple[str, NotChecked]] = []
        self.checks = [name for name in CHECKS if name in checks]
        self._left = list(self.checks)

    def begin(self) -> Outlook:
        """Read the lists, which say how much there is to look at.

        :raises SegmentError: not even the workspace can be read
        """
        _ = self.workspace.about
        ahead: Counter[str] = Counter()
        for name in self.checks:
            try:
                ahead |= Counter(CHECKS[name].ahead(self.workspace))
            except SegmentRequestError:
                continue  # the check will say so
        by_path: Counter[str] = Counter()
        for reading, number in ahead.items():
            by_path[reading.partition(" ")[0]] += number
        seconds = {}
        for path, number in by_path.items():
            if number and (limit := LIMITS.get(f"GET {path}")):
                seconds[f"GET {path}"] = (number - 1) // limit.requests * limit.seconds
        slowest = max(seconds, key=lambda endpoint: seconds[endpoint], default=None)
        if slowest is not None and not seconds[slowest]:
            slowest = None
        return Outlook(self.workspace.requests + ahead.total(), sum(seconds.values()), slowest)

    def run(self) -> None:
        """Make the checks. What cannot be read is noted, and does not keep the others from being made."""
        for name in self.checks:
            before = len(self.findings) + len(self.not_checked)
            try:
                for outcome in CHECKS[name].run(self.workspace):
                    if isinstance(outcome, Finding):
                        self.findings.append((name, outcome))
                    else:
                        self.not_checked.append((name, outcome))
            except SegmentRequestError as error:
                some = len(self.findings) + len(self.not_checked) > before
                self._leave(name, str(error), rest=some)
            self._left.remove(name)

    def end_early(self, because: str) -> None:
        """Note all that was not looked at."""
        for position, name in enumerate(self._left):
            self._leave(name, because, rest=position == 0)
        self._left = []

    def _leave(self, name: str, because: str, *, rest: bool = False) -> None:
        self.not_checked.append((name, NotChecked("the rest of it" if rest else "all of it", because)))
