"""Kinds of Segment resources: how arguments and answers identify them, their pages and their asset URIs.

The paths of the pages in Segment's app come from its documentation (sources, warehouses, functions, spaces)
and its own tools (tracking plans). For other kinds only the page that lists them is known: neither shows the
address of a destination, a sync, a model or an audience.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

WORKSPACE_PAGE = "/overview"

SANDBOX_PAGE = "/_sandbox#/"
"""The page of a sandbox, below its base URL."""


class ResourceKind(NamedTuple):
    """A kind of resource.

    :param argument: the argument of operators and sensors that holds the id
    :param member: the name of the resource in answers
    :param collection: its name in API paths and asset URIs
    :param in_sandbox: what the page of a sandbox calls the kind
    :param page: path of its page in Segment's app, below the workspace, with ``{id}`` or ``{slug}``; None if
        unknown
    :param pages: path of the page that lists all resources of this kind; None if unknown
    """

    argument: str
    member: str
    collection: str
    in_sandbox: str | None = None
    page: str | None = None
    pages: str | None = None

    @property
    def path(self) -> str:
        """Path of one of them in the Public API, with ``{id}``."""
        return f"/{self.collection}/{{id}}"


# Order matters: a task with several of these arguments is about the first. A warehouse's connection to a
# source belongs to the warehouse.
KINDS = (
    ResourceKind("audience_id", "audience", "audiences", "audience"),
    ResourceKind("model_id", "reverseEtlModel", "reverse-etl-models", "reverse-etl"),
    ResourceKind("warehouse_id", "warehouse", "warehouses", "warehouse", "/warehouses/{id}/overview"),
    ResourceKind(
        "tracking_plan_id",
        "trackingPlan",
        "tracking-plans",
        "tracking-plan",
        "/protocols/tracking-plans/{id}",
    ),
    ResourceKind("function_id", "function", "functions", "function", pages="/functions/catalog"),
    ResourceKind("destination_id", "destination", "destinations", "destination", pages="/destinations"),
    ResourceKind("source_id", "source", "sources", "source", "/sources/{slug}/overview", "/sources"),
    ResourceKind("space_id", "space", "spaces", "space", "/unify/spaces/{slug}/explorer", "/unify"),
)


CONNECTION = ResourceKind("", "", "connections", pages="/sources")
"""Stands in for the source that a connection's write key belongs to."""


class ResourceLocator(NamedTuple):
    """Identifies a resource by its kind and id, and by its slug if known."""

    kind: ResourceKind
    id: str
    slug: str | None = None

    @property
    def needs_slug(self) -> bool:
        """Whether the path of its page needs a slug that is not known."""
        return not self.slug and "{slug}" in (self.kind.page or "")

    @property
    def page(self) -> str | None:
        """Path of its page below the workspace; the page of its kind if it has none of its own."""
        from airflow_provider_segment.api.paths import fill_path
        from airflow_provider_segment.errors import SegmentConfigurationError

        if self.kind.page is None or self.needs_slug:
            return self.kind.pages
        try:
            return fill_path(self.kind.page, {"id": self.id, "slug": self.slug})
        except SegmentConfigurationError:  # an invalid id or slug, which the request itself will report
            return self.kind.pages

    @property
    def in_sandbox(self) -> str | None:
        """Its place in the page of a sandbox; None if it has none."""
        return f"{self.kind.in_sandbox}/{quote(self.id, safe='')}" if self.kind.in_sandbox else None

    @property
    def uri(self) -> str:
        """URI of its asset."""
        return uri_of(self.kind.collection, self.id)


def uri_of(collection: str, id: str) -> str:
    """The URI of an asset: ``segment://warehouses/abc``."""
    return f"segment://{collection}/{quote(id, safe='')}"


def source_of(source_id: str | None, conn_id: str) -> ResourceLocator:
    """The source that receives the events. If its id is unknown, the connection that holds the write key
    stands in for it."""
    if source_id is not None:
        return next(resources_in({"source_id": source_id}))
    return ResourceLocator(CONNECTION, conn_id)


def resources_in(arguments: Mapping[str, Any]) -> Iterator[ResourceLocator]:
    """The resources that the arguments identify, the task's main resource first."""
    for kind in KINDS:
        if isinstance(id := arguments.get(kind.argument), str):
            yield ResourceLocator(kind, id)


def resource_in(member: str | None, answer: Any) -> ResourceLocator | None:
    """The resource in an answer; None if there is none."""
    for kind in KINDS:
        if kind.member == member and isinstance(answer, dict) and isinstance(id := answer.get("id"), str):
            slug = answer.get("slug")
            return ResourceLocator(kind, id, slug if isinstance(slug, str) else None)
    return None
