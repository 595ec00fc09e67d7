"""Hooks of connections to databases."""

from __future__ import annotations

from typing import Any


def database_hook(conn_id: str) -> Any:
    """The hook of a connection to a database.

    :raises SegmentConfigurationError: it is one to something else
    """
    from airflow.providers.common.compat.sdk import BaseHook

    from airflow_provider_segment.errors import SegmentConfigurationError

    hook = BaseHook.get_hook(conn_id)
    if not (hasattr(hook, "get_conn") and hasattr(hook, "get_records")):
        raise SegmentConfigurationError(
            f"connection {conn_id!r} is not one to a database: {type(hook).__name__} is no DbApiHook"
        )
    return hook
