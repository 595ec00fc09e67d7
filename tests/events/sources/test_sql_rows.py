"""The short form of ``python -m benchmarks.sql_rows``: a killed reading, and the one that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_segment.events.sources import sql_pages

if TYPE_CHECKING:
    from tests.harness.databases import MariaDB, Postgres

pytest_plugins = ["tests.harness.databases"]

ROWS = 20_000


def test_killed_halfway(postgres: Postgres, mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.sql_rows import make_tables, read_killed, read_whole, ways

    monkeypatch.setattr(sql_pages, "PAGE_ROWS", 1_000)
    make_tables(postgres, mariadb, ROWS)
    for way in ways(postgres, mariadb):
        assert read_whole(way.source())[0] == ROWS, way.name
        killed = read_killed(way, ROWS)
        assert killed.complete, way.name
        if way.by_key:
            assert "the query failed after row 10,000" in killed.error
            assert (killed.read, killed.again) == (10_000, 0), "read again is nothing that was done with"
