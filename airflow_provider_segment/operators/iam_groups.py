"""User groups, their members and permissions."""

from __future__ import annotations

from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import Arg, path, query
from airflow_provider_segment.tasks.operation import (
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)
from airflow_provider_segment.tasks.shapes import Permission


class SegmentListUserGroupsOperator(SegmentListOperator):
    """Return all user groups of the workspace."""

    endpoint = "GET /groups"
    returns = "userGroups"


class SegmentGetUserGroupOperator(SegmentOperator):
    """Return a user group."""

    endpoint = "GET /groups/{userGroupId}"
    returns = "userGroup"

    user_group_id: Arg[str] = path()


class SegmentUpdateUserGroupOperator(SegmentOperator):
    """Rename a user group."""

    endpoint = "PATCH /groups/{userGroupId}"
    returns = "userGroup"

    user_group_id: Arg[str] = path()
    name: Arg[str]


class SegmentCreateUserGroupOperator(SegmentCreateOperator):
    """Create a user group."""

    endpoint = "POST /groups"
    returns = "userGroup"
    natural_key = ("name",)
    listed_by = SegmentListUserGroupsOperator
    updated_by = SegmentUpdateUserGroupOperator

    name: Arg[str]


class SegmentDeleteUserGroupOperator(SegmentDeleteOperator):
    """Delete a user group. Its members stay in the workspace."""

    endpoint = "DELETE /groups/{userGroupId}"

    user_group_id: Arg[str] = path()


class SegmentListInvitesFromUserGroupOperator(SegmentListOperator):
    """Return the e-mail addresses invited to a user group."""

    endpoint = "GET /groups/{userGroupId}/invites"
    returns = "emails"

    user_group_id: Arg[str] = path()


class SegmentAddPermissionsToUserGroupOperator(SegmentOperator):
    """Give a user group more permissions, and return all that it has."""

    endpoint = "POST /groups/{userGroupId}/permissions"
    returns = "permissions"

    user_group_id: Arg[str] = path()
    permissions: Arg[list[Permission]]


class SegmentReplacePermissionsForUserGroupOperator(SegmentOperator):
    """Give a user group exactly these permissions, and return them."""

    endpoint = "PUT /groups/{userGroupId}/permissions"
    returns = "permissions"

    user_group_id: Arg[str] = path()
    permissions: Arg[list[Permission]]


class SegmentListUsersFromUserGroupOperator(SegmentListOperator):
    """Return all users in a user group."""

    endpoint = "GET /groups/{userGroupId}/users"
    returns = "users"

    user_group_id: Arg[str] = path()


class SegmentAddUsersToUserGroupOperator(SegmentOperator):
    """Add users, or invited people, to a user group."""

    endpoint = "POST /groups/{userGroupId}/users"
    returns = "userGroup"

    user_group_id: Arg[str] = path()
    emails: Arg[list[str]]


class SegmentReplaceUsersInUserGroupOperator(SegmentOperator):
    """Give a user group exactly these members. Whoever is not named leaves."""

    endpoint = "PUT /group/{userGroupId}/users"
    returns = "userGroup"

    user_group_id: Arg[str] = path()
    emails: Arg[list[str]]


class SegmentRemoveUsersFromUserGroupOperator(SegmentDeleteOperator):
    """Take users, or invited people, out of a user group."""

    endpoint = "DELETE /group/{userGroupId}/users"

    user_group_id: Arg[str] = path()
    emails: Arg[list[str]] = query()
