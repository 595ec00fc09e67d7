"""Users and invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowFailException
from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.api.resources import Resource
from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import Arg, path, query
from airflow_provider_segment.tasks.operation import (
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)
from airflow_provider_segment.tasks.shapes import Label, Permission, PermissionResource

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class InvitePermission(TypedDict):
    """A role that an invited person will have."""

    roleId: str
    resources: NotRequired[list[PermissionResource] | None]
    labels: NotRequired[list[Label] | None]


class Invite(TypedDict):
    """A person to invite."""

    email: str
    permissions: NotRequired[list[InvitePermission] | None]


class SegmentListInvitesOperator(SegmentListOperator):
    """Return the e-mail addresses with a pending invitation."""

    endpoint = "GET /invites"
    returns = "invites"


class SegmentCreateInvitesOperator(SegmentCreateOperator):
    """Invite people to the workspace, and return their e-mail addresses.

    :param if_exists: where someone is a user or invited already: ``fail`` (nobody is invited) or ``skip``
        (the others are)
    """

    endpoint = "POST /invites"
    returns = "emails"
    answers = list[str]

    invites: Arg[list[Invite]]
    if_exists: Arg[Literal["fail", "skip"]] = "fail"

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Invite whoever is not there yet."""
        known = {email.lower() for email in self.hook.paginate("/invites", key="invites", page_size=1000)}
        users = self.hook.paginate("/users", key="users", page_size=1000, item={"email": str})
        known |= {user["email"].lower() for user in users}
        emails = [invite["email"] for invite in arguments["invites"]]
        there = [email for email in emails if email.lower() in known]
        if there and arguments["if_exists"] == "fail" and not self.was_sent(context):
            raise AirflowFailException(f"invited already, or users: {', '.join(there)}; nobody was invited")
        new = [invite for invite in arguments["invites"] if invite["email"] not in there]
        if new:
            self.create({**arguments, "invites": new}, context)
        return emails


class SegmentDeleteInvitesOperator(SegmentDeleteOperator):
    """Delete invitations."""

    endpoint = "DELETE /invites"

    emails: Arg[list[str]] = query()


class SegmentListUsersOperator(SegmentListOperator):
    """Return all users of the workspace."""

    endpoint = "GET /users"
    returns = "users"


class SegmentGetUserOperator(SegmentOperator):
    """Return a user, with permissions."""

    endpoint = "GET /users/{userId}"
    returns = "user"

    user_id: Arg[str] = path()


class SegmentDeleteUsersOperator(SegmentDeleteOperator):
    """Remove users from the workspace."""

    endpoint = "DELETE /users"

    user_ids: Arg[list[str]] = query()


class SegmentListUserGroupsFromUserOperator(SegmentListOperator):
    """Return the groups that a user is in."""

    endpoint = "GET /users/{userId}/groups"
    returns = "groups"

    user_id: Arg[str] = path()


class SegmentAddPermissionsToUserOperator(SegmentOperator):
    """Give a user more permissions, and return all that the user has."""

    endpoint = "POST /users/{userId}/permissions"
    returns = "permissions"
    answers = list[Resource]

    user_id: Arg[str] = path()
    permissions: Arg[list[Permission]]


class SegmentReplacePermissionsForUserOperator(SegmentOperator):
    """Give a user exactly these permissions, and return them."""

    endpoint = "PUT /users/{userId}/permissions"
    returns = "permissions"
    answers = list[Resource]

    user_id: Arg[str] = path()
    permissions: Arg[list[Permission]]
