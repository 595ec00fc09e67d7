"""The workspace that is audited. Each list is read once: asked again, it is the same, or the same error."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from airflow_provider_segment.api.paths import fill_path
from airflow_provider_segment.audit import resources
from airflow_provider_segment.audit.limits import Limits
from airflow_provider_segment.audit.outcomes import NotChecked
from airflow_provider_segment.errors import REFUSALS, SegmentRequestError
from airflow_provider_segment.waiting.condition import Ask, pages
from airflow_provider_segment.waiting.watch import ask_all

if TYPE_CHECKING:
    from airflow_provider_segment.api.client import SegmentClient

T = TypeVar("T")
R = TypeVar("R", bound=resources.Read)

CONNECTABLE = ("LIVE", "ENGAGE")
"""The types of tracking plans that have sources; the others are libraries and templates."""


class Workspace:
    """Reads what checks ask for.

    :param requests: how many requests were made
    :param now: the time of the audit, to which all ages relate
    """

    def __init__(self, client: SegmentClient, limits: Limits) -> None:
        self.limits = limits
        self.now: datetime = client.clock.now()
        self.requests = 0
        self.excluded: set[str] = set()
        """Ids of what ``exclude`` left out."""
        self._client = client
        self._kept: dict[str, Any] = {}

    def request(self, *args: Any, **options: Any) -> Any:
        """A request of the client, counted."""
        self.requests += 1
        return self._client.request(*args, **options)

    def ask(self, questions: Generator[Ask, Any, T]) -> T:
        """Send the requests of a reader, and return its result."""
        return ask_all(questions, cast("SegmentClient", self))

    def items(self, path: str, key: str, item: Any, **query: Any) -> list[Any]:
        """All items of a list.

        :param item: the class of its items
        """

        def read() -> list[Any]:
            found = self.ask(pages(path, key, query, item=item))
            return [resources.as_read(each, item) for each in found]

        return self.once(json.dumps([path, query], sort_keys=True), read)

    def once(self, name: str, read: Callable[[], T]) -> T:
        """What is read; the next time the same, or the same error.

        :param name: of what is read
        """
        if name not in self._kept:
            try:
                self._kept[name] = read()
            except SegmentRequestError as error:
                self._kept[name] = error
        kept = self._kept[name]
        if isinstance(kept, SegmentRequestError):
            raise kept
        return cast("T", kept)

    def items_of(self, path: str, id: str, key: str, item: Any) -> list[Any]:
        """All items of a list of one resource.

        :param path: with ``{id}``
        """
        return self.items(fill_path(path, {"id": id}), key, item)

    def included(self, items: list[R]) -> list[R]:
        """Those that ``exclude`` does not leave out, by name or by id."""
        out = {
            item.id
            for item in items
            if any(
                fnmatchcase(text, pattern)
                for pattern in self.limits.exclude
                for text in (item.title, item.id)
            )
        }
        self.excluded |= out
        return [item for item in items if item.id not in out]

    # --- the lists that several checks need --------------------------------------------------------------

    @cached_property
    def about(self) -> dict[str, Any]:
        """The workspace itself: id, slug, name."""
        answer = self.request("GET", "/", shape={"workspace": {"id": str, "name": str, "slug": str}})
        return {name: answer.data["workspace"][name] for name in ("id", "name", "slug")}

    def sources(self) -> list[resources.Source]:
        """All sources, those that are excluded as well: others refer to them."""
        return self.items("/sources", "sources", resources.Source)

    def destinations(self) -> list[resources.Destination]:
        """All destinations."""
        return self.included(self.items("/destinations", "destinations", resources.Destination))

    def receiving(self) -> list[resources.Destination]:
        """The destinations that are to get events: they are enabled, and so is their source."""
        off = {source.id for source in self.sources() if not source.enabled}
        return [each for each in self.destinations() if each.enabled and each.source_id not in off]

    def warehouses(self) -> list[resources.Warehouse]:
        """All warehouses."""
        return self.included(self.items("/warehouses", "warehouses", resources.Warehouse))

    def plans(self) -> list[resources.Plan]:
        """The tracking plans that sources may be connected to."""
        plans = self.items("/tracking-plans", "trackingPlans", resources.Plan)
        return [plan for plan in plans if plan.type in CONNECTABLE]

    def plan_of_source(self) -> Mapping[str, resources.Plan]:
        """The tracking plan of each source that has one."""
        path = "/tracking-plans/{id}/sources"
        return {
            source.id: plan
            for plan in self.plans()
            for source in self.items_of(path, plan.id, "sources", resources.Read)
        }

    def of_models(self) -> Generator[NotChecked, None, frozenset[str]]:
        """The ids of the sources that have models of Reverse ETL. Rows of tables are no events."""
        try:
            models = self.items("/reverse-etl-models", "models", resources.Model)
        except REFUSALS as error:
            yield NotChecked("which sources are of Reverse ETL, and have no events", str(error))
            return frozenset()
        return frozenset(model.source_id for model in models)

    def since(self, **ago: float) -> datetime:
        """The time so long before the audit."""
        return self.now - timedelta(**ago)
