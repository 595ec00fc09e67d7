"""The profiles that received events make: people by `identify` and what they did, accounts by `group`.

They are in the space of a new workspace, whichever source sent the events. Identity resolution is simple: an
event belongs to the profile of its user, else of its anonymous visitor; ids that come together are one
person's from then on, unless both have a profile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_provider_segment.sandbox.constants import SPACE_ID
from airflow_provider_segment.sandbox.kept import Kept
from airflow_provider_segment.sandbox.stored_events import StoredEvent

Profile = dict[str, Any]


class ReceivedProfiles:
    """The profiles of all accepted events, each of which is read once, when a profile is asked for.

    :param accepted: the accepted events; the list may grow
    """

    def __init__(self, accepted: Kept[StoredEvent]) -> None:
        self._accepted = accepted
        self._read = 0
        self._profiles: dict[tuple[str, str], Profile] = {}

    def get(self, space_id: str, collection: str, external_id: str) -> Profile | None:
        """The profile with an external id, such as `user_id:u1`, in a collection (users, accounts).

        Its latest event is the first.
        """
        new = self._accepted.since(self._read)
        self._read = self._accepted.total
        for stored in new:
            self._take(stored.as_event())
        profile = self._profiles.get((collection, external_id)) if space_id == SPACE_ID else None
        return profile and {**profile, "events": profile["events"][::-1]}

    def _take(self, event: dict[str, Any]) -> None:
        person = self._of("users", event, list(_ids_of_person(event)))
        if person is None:
            return
        traits = event.get("traits") if isinstance(event.get("traits"), dict) else {}
        if event["type"] == "identify":
            person["traits"] |= traits
            if isinstance(email := person["traits"].get("email"), str):
                self._of("users", event, [*_ids_of_person(event), ("email", email)])
        if event["type"] == "group":
            account = self._of("accounts", event, [("group_id", str(event["groupId"]))])
            assert account is not None
            account["traits"] |= traits
            _link(person, "accounts", account)
            _link(account, "users", person)
        person["events"].append(_shown(event, person))

    def _of(self, collection: str, event: dict[str, Any], ids: list[tuple[str, str]]) -> Profile | None:
        """The profile of the first of these ids that has one, otherwise a new one; it gets the others."""
        keys = [(collection, f"{kind}:{value}") for kind, value in ids]
        if not keys:
            return None
        now = event["receivedAt"]
        profile = next((self._profiles[key] for key in keys if key in self._profiles), None) or {
            "traits": {},
            "events": [],
            "external_ids": [],
            "links": [],
            "metadata": {"created_at": now, "expires_at": None},
        }
        profile["metadata"]["updated_at"] = now
        for key, (kind, value) in zip(keys, ids, strict=True):
            if key not in self._profiles:
                self._profiles[key] = profile
                profile["external_ids"].append(
                    {
                        "id": value,
                        "type": kind,
                        "source_id": event["projectId"],
                        "collection": collection,
                        "created_at": now,
                        "encoding": "none",
                    }
                )
        return profile


def _ids_of_person(event: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, kind in (("userId", "user_id"), ("anonymousId", "anonymous_id")):
        if event.get(name):
            yield kind, str(event[name])


def _link(profile: Profile, collection: str, other: Profile) -> None:
    ids = other["external_ids"]
    known = [link["external_ids"][0]["id"] for link in profile["links"]]
    if ids[0]["id"] not in known:
        profile["links"].append({"to_collection": collection, "external_ids": ids[:1]})


def _shown(event: dict[str, Any], person: Profile) -> dict[str, Any]:
    return {
        "external_ids": [{name: one[name] for name in ("id", "type")} for one in person["external_ids"]],
        "type": event["type"],
        "event": event.get("event") or event.get("name"),
        "properties": event.get("properties") or event.get("traits") or {},
        "context": event.get("context") or {},
        "source_id": event["projectId"],
        "message_id": event["messageId"],
        "timestamp": event["timestamp"],
    }
