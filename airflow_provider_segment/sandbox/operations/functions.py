"""Functions, their versions and deployment, and the instances of insert functions."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from airflow_provider_segment.sandbox.collection import Collection, Handler
from airflow_provider_segment.sandbox.operations.access import OWNER
from airflow_provider_segment.sandbox.operations.catalog import MASK, masked
from airflow_provider_segment.sandbox.operations.catalog_shapes import destination, source
from airflow_provider_segment.sandbox.operations.workspace import WORKSPACE
from airflow_provider_segment.sandbox.public_api_errors import PublicApiError
from airflow_provider_segment.sandbox.received_call import ReceivedCall, new_id
from airflow_provider_segment.sandbox.state import Item

Type = Literal["DESTINATION", "INSERT_DESTINATION", "INSERT_SOURCE", "INSERT_TRANSFORMATION", "SOURCE"]


class Setting(TypedDict):
    name: str
    label: str
    description: str
    type: Literal["ARRAY", "BOOLEAN", "STRING", "TEXT_MAP"]
    required: bool
    sensitive: bool


def complete_function(call: ReceivedCall, item: Item) -> None:
    if item["resourceType"] == "DESTINATION":
        item["displayName"] += f" ({WORKSPACE['name']})"
    item |= {
        "workspaceId": WORKSPACE["id"],
        "createdAt": call.now(),
        "createdBy": OWNER["id"],
        "catalogId": new_id(),
        "previewWebhookUrl": "",
        "buildpack": "",
        "batchMaxCount": 0,
    }
    call.state.collections["/functions"][item["id"]] = item
    add_version(call, item)
    if entry := catalog_entry(item):
        call.collection(catalog_of(item))[item["catalogId"]] = entry


def catalog_of(function: Item) -> str:
    return f"/catalog/{function['resourceType'].lower()}s"


def catalog_entry(function: Item) -> Item | None:
    """The catalog entry of a function, from which sources and destinations are created."""
    slug, name = f"function-{function['id']}", function["displayName"]
    if function["resourceType"] == "SOURCE":
        return source(function["catalogId"], slug, name, "Custom", cloud=True)
    if function["resourceType"] == "DESTINATION":
        return destination(function["catalogId"], slug, name, "Custom", actions="run")
    return None


def leave_catalog(call: ReceivedCall, item: Item) -> None:
    call.state.collections.get(catalog_of(item), {}).pop(item["catalogId"], None)


def add_version(call: ReceivedCall, item: Item) -> None:
    """Each change of the code makes a version. The deployed one runs until the next deployment."""
    versions = call.collection(f"/functions/{item['id']}/versions")
    if versions and list(versions.values())[-1]["code"] == item["code"]:
        return
    now = call.now()
    version = {
        "id": new_id(),
        "author": OWNER["email"],
        "code": item["code"],
        "isDeployed": False,
        "createdAt": now,
        "updatedAt": now,
    }
    versions[version["id"]] = version
    item["isLatestVersion"] = False


def list_functions(call: ReceivedCall) -> Any:
    wanted = call.valid_query({"resourceType": Type}, ("resourceType",))["resourceType"]
    shown = (
        "id",
        "resourceType",
        "createdAt",
        "createdBy",
        "displayName",
        "description",
        "logoUrl",
        "catalogId",
    )
    functions = [each for each in call.collection(call.path).values() if each["resourceType"] == wanted]
    return call.page(
        "functions", [{name: each[name] for name in shown if name in each} for each in functions]
    )


def deploy(call: ReceivedCall) -> Any:
    """For source functions only: the id is `sfn_` and the id of a source created from the function."""
    id = call.params["functionId"]
    if not id.startswith("sfn_"):
        call.get("/functions", id)
        raise PublicApiError(
            400, "bad-request", "Only source functions are deployed, by sfn_ and the id of their source."
        )
    instance = call.get("/sources", id.removeprefix("sfn_"))
    for function in call.collection("/functions").values():
        if function["catalogId"] == instance["metadata"]["id"]:
            call.subject = function
            deployed(call, function)
            return {"functionDeployment": {"status": "SUCCESS"}}
    raise PublicApiError(400, "bad-request", "This source is not made from a function.")


def deployed(call: ReceivedCall, function: Item) -> None:
    versions = list(call.collection(f"/functions/{function['id']}/versions").values())
    for version in versions:
        version["isDeployed"] = version is versions[-1]
    versions[-1]["deployedAt"] = call.now()
    function |= {"deployedAt": call.now(), "isLatestVersion": True}


def restore_version(call: ReceivedCall) -> Any:
    """Make the code of an old version the newest."""
    function = call.item(call.path.rpartition("/")[0])
    asked = call.valid_body({"versionId": str}, ("versionId",))
    old = call.get(call.path, asked["versionId"])
    function["code"] = old["code"]
    add_version(call, function)
    return {"version": list(call.collection(call.path).values())[-1]}


# --- instances of insert functions -----------------------------------------------------------------------


def function_of(call: ReceivedCall, id: str) -> Item:
    """An insert function by its id, which may have a prefix here."""
    function = call.get("/functions", id.removeprefix("ifnd_").removeprefix("ifns_"))
    if not function["resourceType"].startswith("INSERT_"):
        raise PublicApiError(400, "bad-request", f"Insert function {id} not found.")
    return function


def complete_instance(call: ReceivedCall, item: Item) -> None:
    item["classId"] = function_of(call, item.pop("functionId"))["id"]
    hide_settings(call, item)


def hide_settings(call: ReceivedCall, item: Item) -> None:
    function = call.get("/functions", item["classId"])
    secret = {setting["name"] for setting in function.get("settings", []) if setting["sensitive"]}
    hidden = {name: value for name, value in item["settings"].items() if name in secret}
    item["settings"] = {name: value for name, value in item["settings"].items() if name not in secret}
    item["encryptedSettings"] = {**item.get("encryptedSettings", {}), **dict.fromkeys(hidden, MASK)}
    item["settings"] = masked(item["settings"])


def list_instances(call: ReceivedCall) -> Any:
    function = function_of(call, call.valid_query({"functionId": str}, ("functionId",))["functionId"])
    instances = call.collection(call.path).values()
    return call.page("instances", [each for each in instances if each["classId"] == function["id"]])


COLLECTIONS = (
    Collection(
        path="/functions",
        many="functions",
        one="function",
        fields={
            "code": str,
            "settings": list[Setting],
            "displayName": str,
            "logoUrl": str,
            "resourceType": Type,
            "description": str,
        },
        required=("code", "displayName", "resourceType"),
        updates=("code", "settings", "displayName", "logoUrl", "description"),
        merges=(),
        prefix="sfnc_",
        complete=complete_function,
        changed=add_version,
        removed=leave_catalog,
    ),
    Collection(
        path="/functions/{functionId}/versions",
        many="versions",
        one="version",
        operations=("list", "get"),
    ),
    Collection(
        path="/insert-function-instances",
        many="instances",
        one="insertFunctionInstance",
        id="instanceId",
        fields={"functionId": str, "integrationId": str, "enabled": bool, "name": str, "settings": dict},
        required=("functionId", "integrationId", "name", "settings"),
        updates=("enabled", "name", "settings"),
        required_by_update=("settings",),
        defaults={"enabled": False},
        refers={"classId": "/functions"},
        stamped=True,
        complete=complete_instance,
        changed=hide_settings,
    ),
)

SPECIAL: dict[str, Handler] = {
    "GET /functions": list_functions,
    "POST /functions/{functionId}/deploy": deploy,
    "POST /functions/{functionId}/versions": restore_version,
    "GET /insert-function-instances": list_instances,
}
