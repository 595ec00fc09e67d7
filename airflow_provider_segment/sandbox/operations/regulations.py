"""Deletion and suppression of the data of end users.

A regulation takes some of the sandbox's time. A suppression has effect at once: the user's
events are dropped.
"""

from __future__ import annotations

from typing import Any, Literal

from airflow_provider_segment.sandbox.clock import iso
from airflow_provider_segment.sandbox.collection import Handler
from airflow_provider_segment.sandbox.operations.workspace import WORKSPACE
from airflow_provider_segment.sandbox.public_api_errors import invalid
from airflow_provider_segment.sandbox.received_call import ReceivedCall, new_id
from airflow_provider_segment.sandbox.scripts import RegulationScript
from airflow_provider_segment.sandbox.state import Item

MAX_SUBJECTS = 5_000  # in one call

Type = Literal[
    "BULK_DELETE_ONLY",
    "DELETE_ARCHIVE_ONLY",
    "DELETE_INTERNAL",
    "DELETE_ONLY",
    "SUPPRESS_ONLY",
    "SUPPRESS_WITH_DELETE",
    "SUPPRESS_WITH_DELETE_INTERNAL",
    "UNSUPPRESS",
]
CreatedType = Literal[
    "DELETE_ARCHIVE_ONLY",
    "DELETE_INTERNAL",
    "DELETE_ONLY",
    "SUPPRESS_ONLY",
    "SUPPRESS_WITH_DELETE",
    "SUPPRESS_WITH_DELETE_INTERNAL",
    "UNSUPPRESS",
]
Status = Literal[
    "FAILED", "FINISHED", "INITIALIZED", "INVALID", "NOT_SUPPORTED", "PARTIAL_SUCCESS", "RUNNING"
]


def create(call: ReceivedCall, **more: Any) -> Any:
    """Create a regulation, for the workspace or for one source."""
    fields = {"regulationType": CreatedType, "subjectType": str, "subjectIds": list[str], **more}
    asked = call.valid_body(fields, fields)
    if len(asked["subjectIds"]) > MAX_SUBJECTS:
        raise invalid(f"subjectIds has more than {MAX_SUBJECTS} items.", "subjectIds")
    source_id = call.params.get("sourceId")
    if source_id:
        call.get("/sources", source_id)
    regulation = {
        "id": new_id(),
        "started": call.state.clock.now(),
        "sourceId": source_id,
        "script": call.state.scripts.take(RegulationScript),
        **asked,
    }
    call.add("/regulations", regulation)
    suppress(call, regulation)
    return {"regulateId": regulation["id"]}


def suppress(call: ReceivedCall, regulation: Item) -> None:
    if regulation["subjectType"].upper() != "USER_ID" or regulation["sourceId"]:
        return
    if regulation["regulationType"].startswith("SUPPRESS"):
        call.state.suppressed.update(regulation["subjectIds"])
    elif regulation["regulationType"] == "UNSUPPRESS":
        call.state.suppressed.difference_update(regulation["subjectIds"])


def progress(call: ReceivedCall, regulation: Item) -> tuple[str, dict[str, str]]:
    """Its status and, once it has finished, `finishedAt`."""
    script: RegulationScript = regulation["script"]
    end = regulation["started"] + script.seconds
    if call.state.clock.now() < end:
        return "RUNNING", {}
    return script.status, {"finishedAt": iso(end)}


def shown(call: ReceivedCall, regulation: Item) -> Item:
    status, finished = progress(call, regulation)
    return {
        "id": regulation["id"],
        "subjectType": regulation["subjectType"],
        "subjects": regulation["subjectIds"],
        "status": status,
        "createdAt": iso(regulation["started"]),
        "regulationType": regulation["regulationType"],
        **finished,
    }


def listed(call: ReceivedCall) -> Any:
    asked = call.valid_query({"status": Status, "regulationTypes": list[Type]})
    source_id = call.params.get("sourceId")
    if source_id:
        call.get("/sources", source_id)
    regulations = [
        shown(call, each)
        for each in call.collection("/regulations").values()
        if source_id in (None, each["sourceId"])
    ]
    types = asked.get("regulationTypes")
    page = call.page(
        "regulations",
        [
            each
            for each in regulations
            if asked.get("status") in (None, each["status"])
            and (types is None or each["regulationType"] in types)
        ],
    )
    if source_id:
        del page["pagination"]  # the query may ask for it, but the answer has none
    return page


def get(call: ReceivedCall) -> Any:
    regulation = call.item(call.path)
    status, finished = progress(call, regulation)
    # The script gives the status of some destinations; all others have finished.
    plain = "FINISHED" if regulation["script"].destinations else status
    streams = [regulation["sourceId"]] if regulation["sourceId"] else list(call.collection("/sources"))
    return {
        "regulation": {
            "id": regulation["id"],
            "workspaceId": WORKSPACE["id"],
            "overallStatus": status,
            "createdAt": iso(regulation["started"]),
            **finished,
            "streamStatus": [
                {
                    "id": stream,
                    "destinationStatus": [
                        {
                            "name": destination["name"],
                            "id": destination["id"],
                            "status": regulation["script"].destinations.get(destination["id"], plain)
                            if finished
                            else status,
                            "errString": regulation["script"].error
                            if finished and destination["id"] in regulation["script"].destinations
                            else "",
                            "finishedAt": finished.get("finishedAt", ""),
                        }
                        for destination in call.collection("/destinations").values()
                        if destination["sourceId"] == stream
                    ],
                }
                for stream in streams
            ],
        }
    }


def suppressions(call: ReceivedCall) -> Any:
    ids = sorted(call.state.suppressed)
    return call.page("suppressed", [{"subjectType": "USER_ID", "subjectIds": [id]} for id in ids])


SPECIAL: dict[str, Handler] = {
    "POST /regulations": create,
    "GET /regulations": listed,
    "POST /regulations/sources/{sourceId}": create,
    "GET /regulations/sources/{sourceId}": listed,
    "POST /regulations/cloudsources/{sourceId}": lambda call: create(call, collection=str),
    "GET /regulations/{regulateId}": get,
    "GET /suppressions": suppressions,
}
