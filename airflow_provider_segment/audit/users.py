"""Users without a group."""

from __future__ import annotations

from airflow_provider_segment.audit.outcomes import Finding, Outcomes
from airflow_provider_segment.audit.resources import Group, User
from airflow_provider_segment.audit.workspace import Workspace


def groups(workspace: Workspace) -> list[Group]:
    """The groups that have members."""
    found = workspace.items("/groups", "userGroups", Group)
    return [group for group in found if group.member_count]


def without_group(workspace: Workspace) -> Outcomes:
    """Users who are in no group; the report names them, by name and e-mail address."""
    users = workspace.included(workspace.items("/users", "users", User))
    path = "/groups/{id}/users"
    members = {
        user.id for group in groups(workspace) for user in workspace.items_of(path, group.id, "users", User)
    }
    for user in users:
        if user.id not in members:
            yield Finding("user_without_group", user.thing, {"email": user.email})
