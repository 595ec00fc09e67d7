"""Opens the ledger that the options of a bulk send name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.ledger.store import LedgerStore

Connect = Callable[[str], tuple[Any, Callable[[Any], Any]]]
"""Makes the hook of a connection to a database, and what takes its credentials out of a text."""


def open_ledger(options: Mapping[str, Any], connect: Connect | None = None) -> LedgerStore | None:
    """The ledger, if there is to be one.

    :param options: all options of a bulk send
    :raises SegmentConfigurationError: two are named; or an option lacks another one, or excludes it
    """
    store = open_store(options["ledger_path"], options["ledger_conn_id"], connect)
    if store is None:
        if options["changed_input"] != "resend":
            raise SegmentConfigurationError(
                "changed_input needs a ledger: give ledger_path or ledger_conn_id"
            )
        return None
    if options["rejects_path"] is None:
        raise SegmentConfigurationError(
            "a ledger needs a rejects_path: what was rejected is not read again, so it must be kept"
        )
    if options["max_users"] is not None:
        raise SegmentConfigurationError(
            "max_users counts the users of the whole input, of which a run with a ledger reads only the "
            "rest: leave one of them out"
        )
    return store


def open_store(path: str | None, conn_id: str | None, connect: Connect | None = None) -> LedgerStore | None:
    """The store of a ledger, if one is named.

    :raises SegmentConfigurationError: two are, or one that needs Airflow
    """
    if path is not None and conn_id is not None:
        raise SegmentConfigurationError("give either ledger_path or ledger_conn_id")
    if path is not None:
        from airflow_provider_segment.events.ledger.path_store import PathLedgerStore

        return PathLedgerStore(path)
    if conn_id is None:
        return None
    if connect is None:
        raise SegmentConfigurationError("ledger_conn_id is a connection of Airflow: give ledger_path")
    from airflow_provider_segment.events.ledger.sql_store import SqlLedgerStore

    return SqlLedgerStore(*connect(conn_id))
