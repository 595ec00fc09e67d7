"""Audiences, their schedules, previews and runs; and computed traits.

A computation takes some of the sandbox's time. Its size is the number of users that events came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.sandbox.clock import iso
from airflow_provider_segment.sandbox.collection import Collection, Handler
from airflow_provider_segment.sandbox.operations.access import OWNER
from airflow_provider_segment.sandbox.operations.spaces import space_of
from airflow_provider_segment.sandbox.public_api_errors import PublicApiError, invalid
from airflow_provider_segment.sandbox.received_call import ReceivedCall, new_id
from airflow_provider_segment.sandbox.scripts import AudienceScript, PreviewScript
from airflow_provider_segment.sandbox.state import Item

MAX_PAGE = 200

AudienceType = Literal["ACCOUNTS", "LINKED", "USERS"]


class Definition(TypedDict):
    query: str
    targetEntity: NotRequired[str | None]


class Options(TypedDict, total=False):
    includeHistoricalData: bool | None
    filterByExternalIds: list[str] | None
    backfillEventDataDays: float | None


class Interval(TypedDict):
    interval: str


class Days(TypedDict):
    days: list[float]
    hours: list[float]
    timezone: str


class TraitDefinition(TypedDict):
    type: Literal["ACCOUNTS", "USERS"]
    query: str


class TraitOptions(TypedDict, total=False):
    includeHistoricalData: bool | None
    includeAnonymousUsers: bool | None
    backfillDurationDays: float | None


# --- audiences and computed traits -----------------------------------------------------------------------


def complete(call: ReceivedCall, item: Item) -> None:
    """Set the fields that audiences and computed traits have in common."""
    taken = {each["key"] for each in call.collection(call.path).values()}
    key = wanted = re.sub(r"\W+", "_", item["name"].lower()).strip("_")
    while key in taken:
        key = f"{wanted}_{new_id()[:5]}"
    item |= {"spaceId": space_of(call)["id"], "key": key, "createdBy": OWNER["id"], "updatedBy": OWNER["id"]}
    compute(call, item)


def compute(call: ReceivedCall, item: Item) -> None:
    now = call.state.clock.now()
    call.state.computing[item["id"]] = (now, call.state.scripts.take(AudienceScript, audience_id=item["id"]))


def computation_of(call: ReceivedCall, item: Item) -> tuple[float, AudienceScript]:
    """When its computation started (seconds since 1970), and the script for it."""
    found: tuple[float, AudienceScript] = call.state.computing.get(item["id"], (0.0, AudienceScript()))
    return found


def status(call: ReceivedCall, item: Item) -> str:
    if not item["enabled"]:
        return "Disabled"
    since, script = computation_of(call, item)
    for step, seconds in script.steps:
        since += seconds
        if call.state.clock.now() < since:
            return str(step)
    return str(script.status)


def with_status(call: ReceivedCall, item: Item) -> Item:
    return {**item, "status": status(call, item)}


def size(call: ReceivedCall, type: str, scripted: int | None) -> Item:
    """The number of users that events came from, in place of a computation."""
    users = {person.user_id for person in call.state.counts.catch_up().people if person.user_id}
    count = len(users) if scripted is None else scripted
    kind = "ENTITIES" if type == "LINKED" else type
    return {"count": count, "type": kind, "uniqueCount": count}


def in_full(call: ReceivedCall, item: Item) -> Item:
    """An audience as answers show it."""
    kind = "BATCH" if item["audienceType"] == "LINKED" else "REALTIME"
    shown = {
        **with_status(call, item),
        "computeCadence": {"type": kind},
        "size": size(call, item["audienceType"], computation_of(call, item)[1].size),
        "options": {"filterByExternalIds": [], **item.get("options", {})},
    }
    if call.valid_query({"include": str}).get("include") == "schedules":
        path = f"/spaces/{item['spaceId']}/audiences/{item['id']}/schedules"
        shown["schedules"] = list(call.collection(path).values())
    return shown


class Search(TypedDict):
    type: Literal["DEFINITION", "KEY", "NAME"]
    query: str


class Sort(TypedDict):
    field: Literal["CREATED_AT", "NAME", "UPDATED_AT"]
    direction: Literal["ASC", "DESC"]


SORTED_BY = {"CREATED_AT": "createdAt", "NAME": "name", "UPDATED_AT": "updatedAt"}
SEARCHED: dict[str, Callable[[Item], str]] = {
    "NAME": lambda each: str(each["name"]),
    "KEY": lambda each: str(each["key"]),
    "DEFINITION": lambda each: str(each["definition"]["query"]),
}


def found(call: ReceivedCall, audiences: list[Item]) -> list[Item]:
    asked = call.valid_query({"search": Search, "sort": Sort})
    if search := asked.get("search"):
        text = SEARCHED[search["type"]]
        audiences = [each for each in audiences if search["query"].lower() in text(each).lower()]
    if sort := asked.get("sort"):
        name = SORTED_BY[sort["field"]]
        audiences.sort(key=lambda each: str(each[name]), reverse=sort["direction"] == "DESC")
    return audiences


def list_audiences(call: ReceivedCall) -> Any:
    page = call.page("audiences", found(call, list(call.collection(call.path).values())), most=MAX_PAGE)
    return {**page, "audiences": [in_full(call, each) for each in page["audiences"]]}


def get_audience(call: ReceivedCall) -> Any:
    return {"audience": in_full(call, call.item(call.path))}


def list_references(call: ReceivedCall) -> Any:
    """The audiences whose definitions name this one."""
    audience = call.item(call.path.rpartition("/")[0])
    audiences = call.collection(f"/spaces/{audience['spaceId']}/audiences").values()
    using = [
        each for each in audiences if each is not audience and audience["key"] in each["definition"]["query"]
    ]
    return call.page("audiences", [with_status(call, each) for each in found(call, using)])


def run(call: ReceivedCall) -> Any:
    audience = call.item(call.path.rpartition("/")[0])
    if audience["audienceType"] != "LINKED":
        raise PublicApiError(400, "bad-request", "Only linked audiences are run by force.")
    compute(call, audience)
    return {"run": {"id": new_id()}}


# --- schedules -------------------------------------------------------------------------------------------


def check_schedule(call: ReceivedCall) -> Item:
    """Check the config: its fields depend on the strategy."""
    strategy = Literal["PERIODIC", "SPECIFIC_DAYS"]
    schedule = call.valid_body({"strategy": strategy, "config": dict}, ("strategy", "config"))
    shape = Interval if schedule["strategy"] == "PERIODIC" else Days
    call.valid_body({"config": shape})
    return schedule


def create_schedule(call: ReceivedCall) -> Any:
    audience = call.item(call.path.rpartition("/")[0])
    schedule = {"id": new_id("sch_"), **check_schedule(call), "nextExecution": tomorrow(call)}
    call.add(call.path, schedule)
    call.subject = audience
    return {"audienceSchedule": schedule}


def tomorrow(call: ReceivedCall) -> str:
    return iso(call.state.clock.now() + 86_400)


def list_schedules(call: ReceivedCall) -> Any:
    return {"audienceSchedules": list(call.collection(call.path).values())}


def update_schedule(call: ReceivedCall) -> Any:
    schedule = call.item(call.path)
    schedule |= {**check_schedule(call), "nextExecution": tomorrow(call)}
    return {"audienceSchedule": schedule}


# --- previews --------------------------------------------------------------------------------------------


def create_preview(call: ReceivedCall) -> Any:
    space = space_of(call)
    fields = {"definition": Definition, "audienceType": AudienceType, "options": Options}
    asked = call.valid_body(fields, ("definition", "audienceType"))
    if asked["audienceType"] == "LINKED" and not asked["definition"].get("targetEntity"):
        raise invalid("A linked audience has a targetEntity.", "definition")
    preview = call.add(f"/spaces/{space['id']}/previews", {"id": new_id(), "options": {}, **asked})
    now = call.state.clock.now()
    call.state.computing[preview["id"]] = (now, call.state.scripts.take(PreviewScript))
    return {"audiencePreview": {"id": preview["id"]}}


def get_preview(call: ReceivedCall) -> Any:
    space = space_of(call)
    preview = call.get(f"/spaces/{space['id']}/previews", call.params["id"])
    since, script = call.state.computing[preview["id"]]
    done = call.state.clock.now() >= since + script.seconds
    shown = {**preview, "status": script.status if done else "RUNNING"}
    if done and script.reason:
        shown["failureReason"] = script.reason
    elif done:
        people = {person.user_id for person in call.state.counts.catch_up().people if person.user_id}
        shown |= {
            "results": [{"id": id} for id in sorted(people)[:10]],
            "size": size(call, preview["audienceType"], script.size),
        }
    return {"audiencePreview": shown}


SCHEDULES = "/spaces/{spaceId}/audiences/{id}/schedules"

COLLECTIONS = (
    Collection(
        path="/spaces/{spaceId}/audiences",
        many="audiences",
        one="audience",
        id="id",
        fields={
            "name": str,
            "enabled": bool,
            "description": str,
            "definition": Definition,
            "audienceType": AudienceType,
            "options": Options,
        },
        required=("name", "definition", "audienceType"),
        updates=("enabled", "name", "description", "definition", "options"),
        merges=("definition", "options"),
        defaults={"enabled": True},
        prefix="aud_",
        stamped=True,
        complete=complete,
        changed=compute,
        show=with_status,
    ),
    Collection(
        path=SCHEDULES,
        many="audienceSchedules",
        one="audienceSchedule",
        id="scheduleId",
        operations=("get", "delete"),
    ),
    Collection(
        path="/spaces/{spaceId}/computed-traits",
        many="computedTraits",
        one="computedTrait",
        id="id",
        fields={
            "name": str,
            "enabled": bool,
            "description": str,
            "definition": TraitDefinition,
            "options": TraitOptions,
        },
        required=("name", "definition"),
        updates=("enabled", "name", "description", "definition"),
        defaults={"enabled": True},
        prefix="ct_",
        stamped=True,
        complete=complete,
        changed=compute,
        show=with_status,
    ),
)

AUDIENCES = "/spaces/{spaceId}/audiences"
SPECIAL: dict[str, Handler] = {
    f"GET {AUDIENCES}": list_audiences,
    f"GET {AUDIENCES}/{{id}}": get_audience,
    f"GET {AUDIENCES}/{{id}}/audience-references": list_references,
    f"POST {AUDIENCES}/{{audienceId}}/runs": run,
    f"POST {AUDIENCES}/previews": create_preview,
    f"GET {AUDIENCES}/previews/{{id}}": get_preview,
    f"POST {SCHEDULES}": create_schedule,
    f"GET {SCHEDULES}": list_schedules,
    f"PATCH {SCHEDULES}/{{scheduleId}}": update_schedule,
}
