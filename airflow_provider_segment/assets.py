"""Assets with ``segment://`` URIs (``segment://warehouses/<id>``): their events and lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

from airflow_provider_segment.arguments import Validator

if TYPE_CHECKING:
    from collections.abc import Iterable
    from urllib.parse import SplitResult

    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.providers.common.compat.sdk import Asset, Context

    from airflow_provider_segment.hooks.segment import SegmentHook
    from airflow_provider_segment.resources import ResourceLocator

NAMESPACE = "segment"
"""Scheme of the URIs, and namespace of the OpenLineage datasets."""


MAX_PARTITION_KEY = 250
"""Characters of a partition's key, as wide as Airflow's column."""


def check_partition_key(key: str | None) -> str | None:
    """The key of a partition; None for one that is empty.

    :raises ValueError: Airflow would refuse it
    """
    if key is None or not key.strip():
        return None  # a template that found nothing
    if len(key) > MAX_PARTITION_KEY:
        raise ValueError(f"must have at most {MAX_PARTITION_KEY} characters")
    return key


PartitionKey = Annotated[str | None, Validator(check_partition_key)]
"""Which partition of its outlets a task has filled."""


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Check the URI of an asset; Airflow calls this for every ``segment://`` URI.

    :raises ValueError: the URI names no resource
    """
    if not uri.netloc or not uri.path.strip("/"):
        raise ValueError(
            "the URI of a Segment asset is segment://<resources>/<id>, for example segment://warehouses/abc"
        )
    return uri


def to_openlineage(asset: Asset, lineage_context: Any) -> Dataset:
    """The OpenLineage dataset of an asset."""
    from airflow.providers.common.compat.openlineage.facet import Dataset

    return Dataset(namespace=NAMESPACE, name=asset.uri.removeprefix(f"{NAMESPACE}://"))


def emit(
    outlets: Iterable[Any],
    context: Context,
    change: dict[str, Any],
    resource: ResourceLocator | None,
    partition_key: str | None = None,
) -> None:
    """Add a change to the asset events that Airflow emits for a task's outlets when the task succeeds.

    An ``AssetAlias`` resolves to the asset of the changed resource.

    :param change: the extra of the events, plain JSON
    :param resource: the changed resource; None to leave aliases unresolved
    :param partition_key: the partition that the events are of, instead of the run's. Airflow has none for
        aliases, nor before 3.2
    """
    from airflow.providers.common.compat.sdk import Asset, AssetAlias

    from airflow_provider_segment.version_compat import extra_behind_alias, set_partition

    for outlet in outlets:
        events = cast("Any", context)["outlet_events"][outlet]
        if isinstance(outlet, Asset):
            events.extra.update(change)
            if partition_key:
                set_partition(events, partition_key)
        elif isinstance(outlet, AssetAlias) and resource:
            events.add(Asset(uri=resource.uri), extra=extra_behind_alias(change))


def note_lineage(hook: SegmentHook, inputs: Iterable[str], outputs: Iterable[str]) -> None:
    """Report the input and output assets (URIs) to Airflow's lineage collector, which OpenLineage reads."""
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    collector: Any = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
    for uri in inputs:
        collector.add_input_asset(context=hook, uri=uri)
    for uri in outputs:
        collector.add_output_asset(context=hook, uri=uri)
