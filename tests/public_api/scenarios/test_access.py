"""Users, invites, groups and their permissions."""

from __future__ import annotations

from tests.public_api.scenario import Scenario


def test_users(go: Scenario) -> None:
    invite = {"email": "new@example.com"}
    assert go("CreateInvites", invites=[invite]).value == ["new@example.com"]
    both = [invite, {"email": "newer@example.com"}]
    assert go("CreateInvites", invites=both, if_exists="skip").value == [each["email"] for each in both]
    go("CreateInvites", invites=[{"email": "newest@example.com"}])
    assert len(go.lists("ListInvites")) == 3
    go.deletes("DeleteInvites", emails=["new@example.com", "newer@example.com"])
    assert go("ListInvites").value == ["newest@example.com"]

    _, mina, moritz = go.lists("ListUsers")
    one = {"user_id": mina["id"]}
    assert go("GetUser", **one).value["email"] == mina["email"]
    roles = go.lists("ListRoles")
    member, admin = (
        {"roleId": role["id"], "resources": [{"id": go.sandbox.source_id, "type": "SOURCE"}]}
        for role in roles[1:3]
    )
    assert len(go("AddPermissionsToUser", **one, permissions=[member]).value) == 1
    assert len(go("AddPermissionsToUser", **one, permissions=[admin]).value) == 2
    (left,) = go("ReplacePermissionsForUser", **one, permissions=[admin]).value
    assert left["roleId"] == admin["roleId"]
    assert go("GetUser", **one).value["permissions"] == [left]

    group = go("CreateUserGroup", name="Team")
    go("AddUsersToUserGroup", user_group_id=group.id, emails=[mina["email"]])
    assert go.lists("ListUserGroupsFromUser", 1, **one) == [{"id": group.value["id"], "name": "Team"}]
    go.deletes("DeleteUsers", user_ids=[mina["id"], moritz["id"]])
    go.gone("GetUser", **one)


def test_groups(go: Scenario) -> None:
    group = go("CreateUserGroup", name="Team")
    one = {"user_group_id": group.id}
    assert go("GetUserGroup", **one).value == group.value
    for name in ("A", "B"):
        go("CreateUserGroup", name=name)
    assert [each["name"] for each in go.lists("ListUserGroups")] == ["Team", "A", "B"]
    assert go("UpdateUserGroup", **one, name="Crew").value["name"] == "Crew"

    go("CreateInvites", invites=[{"email": "new@example.com"}])
    people = ["mina@example.com", "moritz@example.com", "owner@example.com"]
    assert go("AddUsersToUserGroup", **one, emails=[*people, "new@example.com"]).value["memberCount"] == 3
    assert {each["email"] for each in go.lists("ListUsersFromUserGroup", **one)} == set(people)
    assert go.lists("ListInvitesFromUserGroup", 1, **one) == ["new@example.com"]
    go.deletes("RemoveUsersFromUserGroup", **one, emails=["new@example.com", people[0]])
    assert go("ReplaceUsersInUserGroup", **one, emails=people[:1]).value["memberCount"] == 1
    assert [each["email"] for each in go("ListUsersFromUserGroup", **one).value] == people[:1]

    role = go("ListRoles").value[1]["id"]
    permission = {"roleId": role, "resources": [{"id": go.sandbox.source_id, "type": "SOURCE"}]}
    assert len(go("AddPermissionsToUserGroup", **one, permissions=[permission]).value) == 1
    assert go("ReplacePermissionsForUserGroup", **one, permissions=[]).value == []
    go.deletes("DeleteUserGroup", **one)
    go.gone("GetUserGroup", **one)
