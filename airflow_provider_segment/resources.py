"""Kinds of Segment's resources: which one a task is about, where its page is, what its asset is called.

Sources of the pages: Segment's documentation (sources, warehouses, functions, spaces) and its own tools
(tracking plans). Of others only the page that lists them is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

WORKSPACE_PAGE = "/overview"


class ResourceKind(NamedTuple):
    """A kind of resource.

    :param argument: the argument of operators and sensors that holds its id
    :param member: its name in answers
    :param collection: its name in the API's paths, and in the URIs of assets
    :param page: its page in Segment's app, below the workspace, with ``{id}`` or ``{slug}``; None where a
        page of what it belongs to is all that is known
    :param pages: where it stands among others of its kind
    """

    argument: str
    member: str
    collection: str
    page: str | None = None
    pages: str | None = None


# What is part of something else comes before it: a warehouse's connection to a source is the warehouse's.
KINDS = (
    ResourceKind("audience_id", "audience", "audiences"),
    ResourceKind("model_id", "reverseEtlModel", "reverse-etl-models"),
    ResourceKind("warehouse_id", "warehouse", "warehouses", "/warehouses/{id}/overview"),
    ResourceKind("tracking_plan_id", "trackingPlan", "tracking-plans", "/protocols/tracking-plans/{id}"),
    ResourceKind("function_id", "function", "functions", pages="/functions/catalog"),
    ResourceKind("destination_id", "destination", "destinations", pages="/destinations"),
    ResourceKind("source_id", "source", "sources", "/sources/{slug}/overview", "/sources"),
    ResourceKind("space_id", "space", "spaces", "/unify/spaces/{slug}/explorer", "/unify"),
)


class ResourceLocator(NamedTuple):
    """A resource."""

    kind: ResourceKind
    id: str
    slug: str | None = None

    @property
    def path(self) -> str:
        """Its path in the Public API."""
        from airflow_provider_segment.api.paths import fill_path

        return fill_path(f"/{self.kind.collection}/{{id}}", {"id": self.id})

    @property
    def needs_slug(self) -> bool:
        """Whether its page cannot be told by its id."""
        return not self.slug and "{slug}" in (self.kind.page or "")

    @property
    def page(self) -> str | None:
        """Its page, or that of all of its kind, below the workspace."""
        from airflow_provider_segment.api.paths import fill_path
        from airflow_provider_segment.errors import SegmentConfigurationError

        if self.kind.page is None or self.needs_slug:
            return self.kind.pages
        try:
            return fill_path(self.kind.page, {"id": self.id, "slug": self.slug})
        except SegmentConfigurationError:  # an id or slug that makes no path; who asks for it will say so
            return self.kind.pages

    @property
    def uri(self) -> str:
        """The URI of its asset."""
        return uri_of(self.kind.collection, self.id)


def uri_of(collection: str, id: str) -> str:
    """The URI of an asset: ``segment://warehouses/abc``."""
    return f"segment://{collection}/{quote(id, safe='')}"


def source_of(source_id: str | None, conn_id: str) -> ResourceLocator:
    """The source that events go to; where only Segment knows which one a connection's key leads to, the key's
    connection stands for it."""
    if source_id is not None:
        return next(resources_in({"source_id": source_id}))
    return ResourceLocator(ResourceKind("", "", "connections", pages="/sources"), conn_id)


def resources_in(arguments: Mapping[str, Any]) -> Iterator[ResourceLocator]:
    """The resources that arguments name, the one that it is about first."""
    for kind in KINDS:
        if isinstance(id := arguments.get(kind.argument), str):
            yield ResourceLocator(kind, id)


def resource_in(member: str | None, answer: Any) -> ResourceLocator | None:
    """The resource in an answer."""
    for kind in KINDS:
        if kind.member == member and isinstance(answer, dict) and "id" in answer:
            return ResourceLocator(kind, answer["id"], answer.get("slug"))
    return None
