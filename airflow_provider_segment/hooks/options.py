"""What a task tells its hook."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from airflow_provider_segment.api.regions import Region


class HookOptions(NamedTuple):
    """The arguments of a :class:`~airflow_provider_segment.hooks.segment.SegmentHook` that tasks and triggers
    have, too. Those that are equal make hooks that do the same. None for what the connection says."""

    segment_conn_id: str
    region: Region | None = None
    log_requests: bool | None = None
    timeout: float | None = None
