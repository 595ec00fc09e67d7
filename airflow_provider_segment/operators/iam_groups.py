"""User groups, their members and permissions."""

from __future__ import annotations

from airflow_provider_segment.api.resources import Resource
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
    """Add permissions to a user group, and return all its permissions."""

    endpoint = "POST /groups/{userGroupId}/permissions"
    returns = "permissions"
    answers = list[Resource]

    user_group_id: Arg[str] = path()
    permissions: Arg[list[Permission]]


class SegmentReplacePermissionsForUserGroupOperator(SegmentOperator):
    """Replace the permissions of a user group, and return them."""

    endpoint = "PUT /groups/{userGroupId}/permissions"
    returns = "permissions"
    answers = list[Resource]

    user_group_id: Arg[str] = path()
    permissions: Arg[list[Permission]]


class SegmentListUsersFromUserGroupOperator(SegmentListOperator):
    """Return all users in a user group."""

    endpoint = "GET /groups/{userGroupId}/users"
    returns = "users"

    user_group_id: Arg[str] = path()


class SegmentAddUsersToUserGroupOperator(SegmentOperator):
    """Add users or invited people to a user group."""

    endpoint = "POST /groups/{userGroupId}/users"
    returns = "userGroup"

    user_group_id: Arg[str] = path()
    emails: Arg[list[str]]


class SegmentReplaceUsersInUserGroupOperator(SegmentOperator):
    """Replace the members of a user group. Anyone not listed is removed."""

    endpoint = "PUT /group/{userGroupId}/users"
    returns = "userGroup"

    user_group_id: Arg[str] = path()
    emails: Arg[list[str]]


class SegmentRemoveUsersFromUserGroupOperator(SegmentDeleteOperator):
    """Remove users or invited people from a user group."""

    endpoint = "DELETE /group/{userGroupId}/users"

    user_group_id: Arg[str] = path()
    emails: Arg[list[str]] = query()
