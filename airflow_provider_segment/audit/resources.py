"""What an audit reads of Segment's resources. Nothing else is kept of an answer, settings least of all."""

from __future__ import annotations

from typing import Any

import msgspec

from airflow_provider_segment.audit.outcomes import Thing


class Read(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A resource in an answer."""

    id: str

    @property
    def title(self) -> str:
        """What people call it."""
        return self.id

    @property
    def thing(self) -> Thing:
        """The same for a finding."""
        return Thing(type(self).__name__.lower(), self.id, self.title)


class Named(Read, frozen=True, kw_only=True):
    """A resource with a name."""

    name: str | None = None

    @property
    def title(self) -> str:
        """Its name."""
        return self.name or self.id


class SourceKind(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the catalog."""

    name: str = ""


class Source(Named, frozen=True, kw_only=True, rename="camel"):
    """A source."""

    enabled: bool
    metadata: SourceKind = SourceKind()
    slug: str | None = None

    @property
    def title(self) -> str:
        """Its name, or its slug."""
        return self.name or self.slug or self.id


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """An action of a destination: without any, it is a classic one, which has no mappings."""

    id: str


class DestinationKind(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the catalog."""

    name: str = ""
    actions: list[Action] = []


class Destination(Named, frozen=True, kw_only=True, rename="camel"):
    """A destination."""

    enabled: bool
    source_id: str
    metadata: DestinationKind

    @property
    def title(self) -> str:
        """Its name, or that of its kind."""
        return self.name or self.metadata.name or self.id


class Mapping(Named, frozen=True, kw_only=True, rename="camel"):
    """A mapping of a destination, which the API calls a subscription."""

    enabled: bool
    trigger: str
    model_id: str | None = None


class WarehouseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A warehouse keeps its name among its settings."""

    name: str | None = None


class Warehouse(Read, frozen=True, kw_only=True, rename="camel"):
    """A warehouse."""

    enabled: bool
    settings: WarehouseSettings = WarehouseSettings()

    @property
    def title(self) -> str:
        """Its name."""
        return self.settings.name or self.id


class Plan(Named, frozen=True, kw_only=True, rename="camel"):
    """A tracking plan."""

    type: str


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of a tracking plan."""

    type: str
    key: str | None = None


class Transformation(Named, frozen=True, kw_only=True, rename="camel"):
    """A transformation, which may rename events."""

    source_id: str
    enabled: bool
    new_event_name: str | None = None


class Model(Read, frozen=True, kw_only=True, rename="camel"):
    """A model of Reverse ETL."""

    source_id: str


class User(Named, frozen=True, kw_only=True):
    """Somebody with access to the workspace."""

    email: str


class Group(Named, frozen=True, kw_only=True, rename="camel"):
    """A user group."""

    member_count: float


class Function(Read, frozen=True, kw_only=True, rename="camel"):
    """A function, as lists have it."""

    resource_type: str
    display_name: str | None = None

    @property
    def title(self) -> str:
        """Its name."""
        return self.display_name or self.id


class DeployedFunction(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A function, as it is read alone."""

    deployed_at: str | None = None
    is_latest_version: bool | None = None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was used up to a day of a month."""

    timestamp: str


class ApiCalls(Snapshot, frozen=True, kw_only=True, rename="camel"):
    """API calls; numbers come as text."""

    api_calls: str

    @property
    def count(self) -> int:
        """How many."""
        return int(self.api_calls)


class TrackedUsers(Snapshot, frozen=True, kw_only=True, rename="camel"):
    """Users with a user id, and visitors who never got one: together they are what Segment bills."""

    identified: str
    never_identified: str

    @property
    def count(self) -> int:
        """How many."""
        return int(self.identified) + int(self.never_identified)


def as_read(item: Any, kind: Any) -> Any:
    """An item of an answer as what is read of it."""
    return msgspec.convert(item, kind)
