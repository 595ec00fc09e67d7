"""Hooks of connections to databases."""

from __future__ import annotations

from collections.abc import Callable
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


def database_and_scrubber(conn_id: str) -> tuple[Any, Callable[[Any], Any]]:
    """The hook of a connection to a database, and what takes the connection's credentials out of a text.

    :raises SegmentConfigurationError: it is one to something else
    """
    from airflow.providers.common.compat.sdk import BaseHook

    from airflow_provider_segment.api.redaction import Scrubber
    from airflow_provider_segment.connection import secrets_of

    connection = BaseHook.get_connection(conn_id)
    return database_hook(conn_id), Scrubber(secrets_of(connection))
