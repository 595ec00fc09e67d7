"""Profiles that received events make, read over the sandbox's Profile API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from airflow_provider_segment.sandbox import Sandbox


@pytest.fixture
def read(segment_sandbox: Sandbox) -> Any:
    def read(external_id: str, part: str = "traits", collection: str = "users") -> Any:
        path = f"/v1/spaces/{segment_sandbox.space_id}/collections/{collection}/profiles/{external_id}/{part}"
        answer = httpx.get(segment_sandbox.url + path, auth=(segment_sandbox.profile_token, ""))
        body = answer.json()
        return body.get(part, body.get("data")) if answer.status_code == 200 else answer.status_code

    return read


def send(sandbox: Sandbox, type: str, **fields: Any) -> None:
    httpx.post(f"{sandbox.url}/v1/{type}", json=fields, auth=(sandbox.write_key, "")).raise_for_status()


def test_traits_are_merged_and_ids_that_come_together_are_one_persons(
    segment_sandbox: Sandbox, read: Any
) -> None:
    assert read("user_id:u1") == 404
    send(segment_sandbox, "track", anonymousId="a1", event="Viewed")
    send(
        segment_sandbox,
        "identify",
        userId="u1",
        anonymousId="a1",
        traits={"plan": "free", "email": "j@x.org"},
    )
    send(segment_sandbox, "identify", userId="u1", traits={"plan": "pro"})
    for external_id in ("user_id:u1", "anonymous_id:a1", "email:j@x.org"):
        assert read(external_id) == {"plan": "pro", "email": "j@x.org"}
    assert [event["type"] for event in read("user_id:u1", "events")] == ["identify", "identify", "track"]
    assert {(one["type"], one["id"]) for one in read("user_id:u1", "external_ids")} == {
        ("anonymous_id", "a1"),
        ("user_id", "u1"),
        ("email", "j@x.org"),
    }
    assert read("user_id:u1", "metadata")["created_at"]


def test_a_group_call_makes_an_account_and_links_it(segment_sandbox: Sandbox, read: Any) -> None:
    send(segment_sandbox, "group", userId="u1", groupId="g1", traits={"seats": 5})
    send(segment_sandbox, "group", userId="u1", groupId="g1", traits={"name": "ACME"})
    assert read("group_id:g1", collection="accounts") == {"seats": 5, "name": "ACME"}
    assert read("user_id:u1") == {}
    [link] = read("user_id:u1", "links")
    assert (link["to_collection"], link["external_ids"][0]["id"]) == ("accounts", "g1")


def test_what_was_dropped_makes_no_profile_and_a_reset_forgets_all(
    segment_sandbox: Sandbox, read: Any
) -> None:
    send(segment_sandbox, "identify", userId="u2", messageId="m" * 101)
    assert read("user_id:u2") == 404
    send(segment_sandbox, "identify", userId="u2", traits={"a": 1})
    assert read("user_id:u2") == {"a": 1}
    segment_sandbox.reset()
    assert read("user_id:u2") == 404
