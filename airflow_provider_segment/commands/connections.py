"""The connections that commands are given, wherever Airflow keeps them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_segment.commands.process import CommandError
from airflow_provider_segment.connection import CONN_TYPE
from airflow_provider_segment.hooks.segment import SegmentHook

CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"


@contextmanager
def hook_of(conn_id: str) -> Iterator[SegmentHook]:
    """The hook of a connection, which must be one to Segment: others' passwords are not to be sent there.

    Airflow 3 looks for connections in its database only in processes of its own, so this is one meanwhile.

    :raises CommandError: there is no such connection, or it is of another type
    """
    before = os.environ.get(CONTEXT)
    os.environ[CONTEXT] = "server"
    try:
        kind = SegmentHook.get_connection(conn_id).conn_type
        if kind and kind != CONN_TYPE:
            raise CommandError(f"connection {conn_id!r} is of type {kind!r}, not {CONN_TYPE!r}")
        yield SegmentHook(conn_id)
    except AirflowNotFoundException as error:
        raise CommandError(str(error)) from None
    finally:
        if before is None:
            del os.environ[CONTEXT]
        else:
            os.environ[CONTEXT] = before
