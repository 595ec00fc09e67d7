"""Who may do what: users, invites, groups, roles and permissions."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.sandbox.collection import Collection, Handler
from airflow_provider_segment.sandbox.operations.sources import Label
from airflow_provider_segment.sandbox.operations.workspace import WORKSPACE
from airflow_provider_segment.sandbox.public_api_errors import not_found, taken
from airflow_provider_segment.sandbox.received_call import ReceivedCall, new_id
from airflow_provider_segment.sandbox.state import Item

ROLES: dict[str, Item] = {
    id: {"id": id, "name": name, "description": f"{name}, for the resources of the permission."}
    for id, name in (
        ("1WDUuRLxv84rrfCNUwvkrRtkxnS", "Workspace Owner"),
        ("sandboxRoleMember00000000001", "Workspace Member"),
        ("sandboxRoleMinimal0000000001", "Minimal Workspace Access"),
        ("sandboxRoleSourceAdmin000001", "Source Admin"),
        ("sandboxRoleSourceReadOnly001", "Source Read-only"),
        ("sandboxRoleWarehouseAdmin001", "Warehouse Admin"),
        ("sandboxRoleWarehouseRead0001", "Warehouse Read-only"),
        ("sandboxRoleFunctionAdmin0001", "Function Admin"),
        ("sandboxRoleTrackingAdmin0001", "Tracking Plan Admin"),
        ("sandboxRolePrivacyAdmin00001", "End User Privacy Admin"),
        ("sandboxRoleSpaceAdmin0000001", "Engage Admin"),
    )
}

OWNER: Item = {
    "id": "sandboxUserOwner000001",
    "name": "Olive Owner",
    "email": "owner@example.com",
    "permissions": [
        {
            "roleId": "1WDUuRLxv84rrfCNUwvkrRtkxnS",
            "roleName": "Workspace Owner",
            "resources": [{"id": WORKSPACE["id"], "type": "WORKSPACE", "labels": []}],
        }
    ],
}


def new_users() -> dict[str, Item]:
    """The users of a new workspace. The API can only invite more, and invited users never accept."""
    members = {
        id: {"id": id, "name": name, "email": email, "permissions": []}
        for id, name, email in (
            ("sandboxUserMember00001", "Mina Member", "mina@example.com"),
            ("sandboxUserMember00002", "Moritz Member", "moritz@example.com"),
        )
    }
    return {OWNER["id"]: {**OWNER, "permissions": list(OWNER["permissions"])}, **members}


# --- permissions -----------------------------------------------------------------------------------------

ResourceType = Literal["FUNCTION", "SOURCE", "SPACE", "WAREHOUSE", "WORKSPACE"]


class ResourceReference(TypedDict):
    id: str
    type: ResourceType
    labels: NotRequired[list[Label] | None]


class Permission(TypedDict):
    roleId: str
    resources: list[ResourceReference]


def put_permissions(call: ReceivedCall, kept: list[Item]) -> Any:
    """The permissions of one user or one group."""
    holder = call.item(call.path.rpartition("/")[0])
    given = call.valid_body({"permissions": list[Permission]}, ("permissions",))["permissions"]
    permissions = {permission["roleId"]: permission for permission in kept}
    for permission in given:
        role = call.get("/roles", permission["roleId"])
        known = permissions.get(role["id"], {"resources": []})["resources"]
        new = [each for each in permission["resources"] if each not in known]
        permissions[role["id"]] = {
            "policyId": new_id(),
            "subjectId": holder["id"],
            "subjectType": "group" if call.path.startswith("/groups/") else "user",
            "roleId": role["id"],
            "roleName": role["name"],
            "resources": [*known, *new],
        }
    holder["permissions"] = list(permissions.values())
    return {"permissions": holder["permissions"]}


def add_permissions(call: ReceivedCall) -> Any:
    return put_permissions(call, call.item(call.path.rpartition("/")[0])["permissions"])


def replace_permissions(call: ReceivedCall) -> Any:
    return put_permissions(call, [])


# --- users and invites -----------------------------------------------------------------------------------


def delete_users(call: ReceivedCall) -> Any:
    ids = call.valid_query({"userIds": list[str]}, ("userIds",))["userIds"]
    for id in ids:
        call.subject = call.get("/users", id)
    for id in ids:
        call.remove(f"/users/{id}")
        for group in call.collection("/groups"):
            members(call, group).pop(id, None)
    return {"status": "SUCCESS"}


def groups_of_user(call: ReceivedCall) -> Any:
    user = call.item(call.path.rpartition("/")[0])
    groups = call.collection("/groups").values()
    return call.page(
        "groups",
        [
            {"id": group["id"], "name": group["name"]}
            for group in groups
            if user["id"] in members(call, group["id"])
        ],
    )


class InvitePermission(TypedDict):
    roleId: str
    resources: NotRequired[list[ResourceReference] | None]
    labels: NotRequired[list[Label] | None]


class Invite(TypedDict):
    email: str
    permissions: NotRequired[list[InvitePermission] | None]


def create_invites(call: ReceivedCall) -> Any:
    given = call.valid_body({"invites": list[Invite]}, ("invites",))["invites"]
    for invite in given:
        for permission in invite.get("permissions") or []:
            call.get("/roles", permission["roleId"])
        if any(user["email"] == invite["email"] for user in call.collection("/users").values()):
            raise taken(f"{invite['email']} is a user already.", "invites")
    call.collection("/invites").update({invite["email"]: invite for invite in given})
    call.status = 201
    return {"emails": [invite["email"] for invite in given]}


def list_invites(call: ReceivedCall) -> Any:
    return call.page("invites", call.collection("/invites"))


def delete_invites(call: ReceivedCall) -> Any:
    emails = call.valid_query({"emails": list[str]}, ("emails",))["emails"]
    invites = call.collection("/invites")
    for email in emails:
        if email not in invites:
            raise not_found(f"{email} is not invited.")
    for email in emails:
        invites.pop(email, None)
        for group in call.collection("/groups"):
            invited(call, group).pop(email, None)
    return {"status": "SUCCESS"}


# --- groups ----------------------------------------------------------------------------------------------


def complete_group(call: ReceivedCall, item: Item) -> None:
    item["permissions"] = []


def counted(call: ReceivedCall, item: Item) -> Item:
    return {**item, "memberCount": len(members(call, item["id"]))}


def members(call: ReceivedCall, group_id: str) -> dict[str, Item]:
    return call.collection(f"/groups/{group_id}/users")


def invited(call: ReceivedCall, group_id: str) -> dict[str, Item]:
    return call.collection(f"/groups/{group_id}/invites")


def put_users(call: ReceivedCall, *, replace: bool = False) -> Any:
    """Add users by e-mail. Invited users become members once they accept."""
    group = call.item(call.path.rpartition("/")[0])
    users = {user["email"]: user["id"] for user in call.collection("/users").values()}
    emails = call.valid_body({"emails": list[str]}, ("emails",))["emails"]
    for email in emails:
        if email not in users and email not in call.collection("/invites"):
            raise not_found(f"{email} is neither a user nor invited.")
    if replace:
        members(call, group["id"]).clear()
        invited(call, group["id"]).clear()
    for email in emails:
        if email in users:
            members(call, group["id"])[users[email]] = {}
        else:
            invited(call, group["id"])[email] = {}
    return {"userGroup": counted(call, group)}


def list_members(call: ReceivedCall) -> Any:
    users = call.collection("/users")
    found = [users[id] for id in call.collection(call.path)]
    return call.page("users", [{name: user[name] for name in ("id", "name", "email")} for user in found])


def remove_members(call: ReceivedCall) -> Any:
    group = call.item(call.path.rpartition("/")[0])["id"]
    ids = {user["email"]: user["id"] for user in call.collection("/users").values()}
    emails = call.valid_query({"emails": list[str]}, ("emails",))["emails"]
    for email in emails:
        if ids.get(email) not in members(call, group) and email not in invited(call, group):
            raise not_found(f"{email} is not in the group.")
    for email in emails:
        members(call, group).pop(ids.get(email, ""), None)
        invited(call, group).pop(email, None)
    return {"status": "SUCCESS"}


COLLECTIONS = (
    Collection(path="/roles", many="roles", one="role", operations=("list",)),
    Collection(path="/users", many="users", one="user", operations=("list", "get")),
    Collection(
        path="/groups",
        many="userGroups",
        one="userGroup",
        fields={"name": str},
        required=("name",),
        updates=("name",),
        required_by_update=("name",),
        unique="name",
        complete=complete_group,
        show=counted,
    ),
)

SPECIAL: dict[str, Handler] = {
    "POST /users/{userId}/permissions": add_permissions,
    "PUT /users/{userId}/permissions": replace_permissions,
    "POST /groups/{userGroupId}/permissions": add_permissions,
    "PUT /groups/{userGroupId}/permissions": replace_permissions,
    "DELETE /users": delete_users,
    "GET /users/{userId}/groups": groups_of_user,
    "POST /invites": create_invites,
    "GET /invites": list_invites,
    "DELETE /invites": delete_invites,
    "GET /groups/{userGroupId}/users": list_members,
    "POST /groups/{userGroupId}/users": put_users,
    "PUT /group/{userGroupId}/users": lambda call: put_users(call, replace=True),
    "DELETE /group/{userGroupId}/users": remove_members,
    "GET /groups/{userGroupId}/invites": lambda call: call.page("emails", call.collection(call.path)),
}
