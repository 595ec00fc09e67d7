"""Names instead of ids in a triggerer, where no task runs that could look them up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import msgspec

from airflow_provider_segment.references import references_in

if TYPE_CHECKING:
    from airflow_provider_segment.hooks.options import HookOptions
    from airflow_provider_segment.waiting.feeds import Feed

T = TypeVar("T", bound="Feed")


async def with_ids(feed: T, options: HookOptions) -> T:
    """The feed with ids instead of references (see :mod:`airflow_provider_segment.references`).

    :param options: the Airflow connection whose token reads the lists, and what is other than it says
    :raises SegmentConfigurationError: a reference names nothing, or several things
    :raises SegmentError: a list cannot be read
    """
    named = msgspec.structs.asdict(feed)
    if not any(references_in(named, "")):
        return feed
    from airflow_provider_segment.hooks.references import References
    from airflow_provider_segment.hooks.segment import SegmentHook

    hook = SegmentHook(**options._asdict())
    with await hook.get_conn_for_threads():
        return type(feed)(**await asyncio.to_thread(References(hook).resolve, named, ""))
