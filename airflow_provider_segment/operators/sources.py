"""Sources, their labels, schema settings and write keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.api.resources import Source
from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, path
from airflow_provider_segment.tasks.operation import (
    ALPHA,
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)
from airflow_provider_segment.tasks.shapes import Label

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

WRITE_KEY_COUNT = "write_keys_before"
"""Name of a note: how many write keys the source had before the first try."""


class TrackSettings(TypedDict, total=False):
    """What happens to track events."""

    allowUnplannedEvents: bool | None
    allowUnplannedEventProperties: bool | None
    allowEventOnViolations: bool | None
    allowPropertiesOnViolations: bool | None
    commonEventOnViolations: Literal["ALLOW", "BLOCK", "OMIT_PROPERTIES"] | None


class TraitSettings(TypedDict, total=False):
    """What happens to identify or group events."""

    allowUnplannedTraits: bool | None
    allowTraitsOnViolations: bool | None
    commonEventOnViolations: Literal["ALLOW", "BLOCK", "OMIT_TRAITS"] | None


class SegmentListSourcesOperator(SegmentListOperator):
    """Return all sources of the workspace, write keys masked except for the last characters."""

    endpoint = "GET /sources"
    returns = "sources"


class SegmentGetSourceOperator(SegmentOperator):
    """Return a source and its tracking plan: ``source`` and ``trackingPlanId``."""

    endpoint = "GET /sources/{sourceId}"
    answers = {"source": Source, "trackingPlanId": NotRequired[str | None]}

    source_id: Arg[str] = path()


class SegmentUpdateSourceOperator(SegmentOperator):
    """Change a source: its name or slug, switch it on or off.

    Settings are merged: one that is not given stays, null unsets it.
    """

    endpoint = "PATCH /sources/{sourceId}"
    returns = "source"
    secrets = ("settings",)

    source_id: Arg[str] = path()
    name: Arg[str | None] = NOT_GIVEN
    enabled: Arg[bool | None] = NOT_GIVEN
    slug: Arg[str | None] = NOT_GIVEN
    settings: Arg[dict[str, Any] | None] = NOT_GIVEN


class SegmentCreateSourceOperator(SegmentCreateOperator):
    """Create a source.

    Segment uses the slug as the name; rename it with :class:`SegmentUpdateSourceOperator`.

    :param metadata_id: the source's id in the catalog
    :param disconnect_all_warehouses: do not connect it, when it is created, to every warehouse of the
        workspace, which is Segment's default
    """

    endpoint = "POST /sources"
    returns = "source"
    secrets = ("settings",)
    natural_key = ("slug",)
    listed_by = SegmentListSourcesOperator
    updated_by = SegmentUpdateSourceOperator
    merged = ("settings",)
    instructions = ("disconnect_all_warehouses",)

    slug: Arg[str]
    enabled: Arg[bool] = True
    metadata_id: Arg[str]
    settings: Arg[dict[str, Any] | None] = NOT_GIVEN
    disconnect_all_warehouses: Arg[bool] = True


class SegmentDeleteSourceOperator(SegmentDeleteOperator):
    """Delete a source."""

    endpoint = "DELETE /sources/{sourceId}"

    source_id: Arg[str] = path()


class SegmentListConnectedDestinationsFromSourceOperator(SegmentListOperator):
    """Return all destinations of a source."""

    endpoint = "GET /sources/{sourceId}/connected-destinations"
    returns = "destinations"

    source_id: Arg[str] = path()


class SegmentListConnectedWarehousesFromSourceOperator(SegmentListOperator):
    """Return all warehouses that a source is loaded to."""

    endpoint = "GET /sources/{sourceId}/connected-warehouses"
    returns = "warehouses"

    source_id: Arg[str] = path()


class SegmentAddLabelsToSourceOperator(SegmentOperator):
    """Add existing labels to a source, and return all that it has."""

    endpoint = "POST /sources/{sourceId}/labels"
    returns = "labels"
    answers = list[Label]

    source_id: Arg[str] = path()
    labels: Arg[list[Label]]


class SegmentReplaceLabelsInSourceOperator(SegmentOperator):
    """Replace the labels of a source, and return them."""

    endpoint = "PUT /sources/{sourceId}/labels"
    returns = "labels"
    answers = list[Label]

    source_id: Arg[str] = path()
    labels: Arg[list[Label]]


class SegmentListSchemaSettingsInSourceOperator(SegmentOperator):
    """Return what Segment does to events of a source that its tracking plan does not know."""

    endpoint = "GET /sources/{sourceId}/settings"
    answers = {"sourceId": str, "settings": dict[str, Any]}

    source_id: Arg[str] = path()


class SegmentUpdateSchemaSettingsInSourceOperator(SegmentOperator):
    """Set what Segment does to events of a source that its tracking plan does not know.

    Needs Protocols; without, nothing changes. The forwarding targets cannot be unset: null is refused.

    :param forwarding_violations_to: the source that gets events with violations
    :param forwarding_blocked_events_to: the source that gets blocked events
    """

    endpoint = "PATCH /sources/{sourceId}/settings"
    answers = {"sourceId": str, "settings": dict[str, Any]}

    source_id: Arg[str] = path()
    track: Arg[TrackSettings | None] = NOT_GIVEN
    identify: Arg[TraitSettings | None] = NOT_GIVEN
    group: Arg[TraitSettings | None] = NOT_GIVEN
    forwarding_violations_to: Arg[str] = NOT_GIVEN
    forwarding_blocked_events_to: Arg[str] = NOT_GIVEN


class SegmentCreateWriteKeyForSourceOperator(SegmentOperator):
    """Create a write key for a source.

    To replace a key, use :class:`.SegmentRotateWriteKeyOperator`.

    Returns the source, write keys masked except for the last characters: read the new one in Segment's app,
    or through the hook. If the answer is lost, a retry on Airflow 3.3 creates no second key, provided that
    the token may see write keys.
    """

    endpoint = "POST /sources/{sourceId}/writekey"
    media_type = ALPHA
    returns = "source"
    answers = Source

    source_id: Arg[str] = path()

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Make a key, unless there is one more than before the first try."""
        from airflow_provider_segment.tasks.memory import Memory

        memory = Memory(context)
        if memory.persistent:
            source = self.send(arguments, SegmentGetSourceOperator)["source"]
            before, now = memory.get(WRITE_KEY_COUNT), len(self.hook.visible_write_keys(source))
            if before is not None and now > before:
                self.log.warning("Created by an earlier try of this task")
                return source
            with memory.before_request(**{WRITE_KEY_COUNT: now}):
                return self.send(arguments)
        return self.send(arguments)


class SegmentRemoveWriteKeyFromSourceOperator(SegmentDeleteOperator):
    """Remove a write key from a source. Events sent with it afterwards are lost.

    To replace a key, use :class:`.SegmentRotateWriteKeyOperator`.

    :param write_key: masked in logs and in what Airflow shows of the task
    """

    endpoint = "DELETE /sources/{sourceId}/writekey/{writeKey}"
    media_type = ALPHA
    secrets = ("write_key",)

    source_id: Arg[str] = path()
    write_key: Arg[str] = path()
