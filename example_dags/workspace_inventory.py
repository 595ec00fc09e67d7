"""An inventory of a Segment workspace in one report: all resources, with their names.

One mapped task for each list. A list that the token has no access to, or of a feature that the workspace does
not have, fails its own task, and the report says so; the other lists are complete.
"""

from __future__ import annotations

# [START workspace_inventory]
import json
from datetime import datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, ObjectStoragePath, Param, task

from airflow_provider_segment.errors import (
    SegmentAuthenticationError,
    SegmentNotFoundError,
    SegmentPermissionError,
)
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.operators import SegmentRequestOperator

LISTS: list[dict[str, Any]] = [
    {"name": "sources", "path": "/sources"},
    {"name": "destinations", "path": "/destinations"},
    {"name": "warehouses", "path": "/warehouses"},
    {"name": "tracking plans", "path": "/tracking-plans"},
    {"name": "transformations", "path": "/transformations"},
    {"name": "source functions", "path": "/functions", "query": {"resourceType": "SOURCE"}},
    {"name": "destination functions", "path": "/functions", "query": {"resourceType": "DESTINATION"}},
    {"name": "Reverse ETL models", "path": "/reverse-etl-models"},
    {"name": "labels", "path": "/labels"},
    {"name": "credentials", "path": "/credentials"},
    {"name": "users", "path": "/users"},
    {"name": "user groups", "path": "/groups"},
    {"name": "invitations", "path": "/invites"},
    {"name": "roles", "path": "/roles"},
    {"name": "spaces", "path": "/spaces"},
]
IN_SPACE = {"audiences": "audiences", "computed traits": "computed-traits"}
KEPT = ("id", "slug", "name", "displayName", "email", "key", "value", "type", "enabled")


def outline(items: Any) -> Any:
    """The part of each item that the report contains: the rest is too much for XCom."""
    return [item if isinstance(item, str) else outline_of(item) for item in items]


def outline_of(item: dict[str, Any]) -> dict[str, Any]:
    kept = {name: item[name] for name in KEPT if name in item}
    settings = item.get("settings")
    if isinstance(settings, dict) and "name" in settings:  # a warehouse stores its name there
        kept["name"] = settings["name"]
    return kept


def request(wanted: Any) -> dict[str, Any]:
    """The arguments of the task that requests a list."""
    return {"path": wanted["path"], "query": wanted.get("query")}


with DAG(
    "workspace_inventory",
    description="An inventory of a Segment workspace in one report",
    doc_md=__doc__,
    schedule="@weekly",
    start_date=datetime(2026, 1, 1),
    default_args={"owner": "data"},
    catchup=False,
    params={
        "report": Param(
            "/data/segment.json", type="string", description="File: a path, or s3://, gs://, ..."
        ),
    },
    tags=["segment", "governance"],
) as dag:

    @task
    def what_to_list() -> list[dict[str, Any]]:
        """The lists that every workspace has, and those of each of its spaces."""
        try:
            spaces = list(SegmentHook().paginate("/spaces"))
        except (SegmentAuthenticationError, SegmentPermissionError, SegmentNotFoundError):
            spaces = []  # the task that lists them fails with the reason
        return LISTS + [
            {"name": f"{what} of {space['name']}", "path": f"/spaces/{space['id']}/{place}"}
            for space in spaces
            for what, place in IN_SPACE.items()
        ]

    lists = what_to_list()
    listed = SegmentRequestOperator.partial(
        task_id="list",
        paginate=True,
        response_filter=outline,
        map_index_template="{{ task.path }}",
        max_active_tis_per_dagrun=4,
    ).expand_kwargs(lists.map(request))

    @task(trigger_rule="all_done")
    def report(lists: Any, file: str, ti: Any = None) -> Any:
        """Write the lists to the file; return the number of items in each."""
        found = {
            wanted["name"]: ti.xcom_pull(task_ids="list", map_indexes=index)
            for index, wanted in enumerate(lists)
        }
        if all(items is None for items in found.values()):
            raise AirflowFailException("Nothing could be listed")
        ObjectStoragePath(file).write_text(json.dumps(found, indent=1))
        return {
            name: "not listed: see the log of its task" if items is None else len(items)
            for name, items in found.items()
        }

    listed >> report(lists, "{{ params.report }}")
# [END workspace_inventory]
