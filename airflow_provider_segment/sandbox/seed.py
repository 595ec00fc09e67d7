"""What a new workspace holds: the catalogs, one source, one space, three users."""

from __future__ import annotations

from airflow_provider_segment.sandbox.constants import SOURCE_ID, WRITE_KEY
from airflow_provider_segment.sandbox.operations.access import ROLES, new_users
from airflow_provider_segment.sandbox.operations.catalog import new_catalogs
from airflow_provider_segment.sandbox.operations.sources import source
from airflow_provider_segment.sandbox.operations.spaces import SPACE
from airflow_provider_segment.sandbox.state import Collections


def new_workspace() -> Collections:
    catalogs = new_catalogs()
    http_api = {
        "id": SOURCE_ID,
        "slug": "sandbox",
        "enabled": True,
        "metadata": catalogs["/catalog/sources"]["iUM16Md8P2"],
        "writeKeys": [WRITE_KEY],
    }
    return {
        **catalogs,
        "/sources": {SOURCE_ID: source(http_api)},
        "/spaces": {SPACE["id"]: dict(SPACE)},
        "/users": new_users(),
        "/roles": ROLES,
        **{path: {} for path in ("/warehouses", "/destinations", "/functions", "/groups", "/audit-events")},
    }
