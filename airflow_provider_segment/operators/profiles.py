"""Profiles of people and accounts, read through the Profile API.

They need the space's access token in the connection, in addition to the token of the Public API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_provider_segment.tasks.declarative import Arg, option, path, query
from airflow_provider_segment.tasks.operation import SegmentOperator, SegmentPagedOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class _ProfileOperator(SegmentOperator):
    """Reads a part of one profile.

    :param space_id: the space (Unify) that holds the profile
    :param external_id: type and value of an id: ``user_id:42``, ``email:jane@example.com``
    :param collection: ``users`` or ``accounts``
    """

    part: ClassVar[str]
    """The answer's member that holds the result."""

    space_id: Arg[str] = path()
    external_id: Arg[str] = path()
    collection: Arg[Literal["users", "accounts"]] = path(default="users")

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Send one request."""
        _, path, options = self.request(arguments)
        return self.ask(path, options.get("query"), {self.part: dict[str, Any]})[self.part]

    def ask(self, path: str, query: Mapping[str, Any] | None, shape: Any) -> Any:
        """The body of one answer of the Profile API, which takes several values separated by commas."""
        joined = {n: ",".join(v) if isinstance(v, list) else v for n, v in (query or {}).items()}
        return self.hook.request("GET", path, api="profile", query=joined, shape=shape).body


class _PagedProfileOperator(_ProfileOperator, SegmentPagedOperator):
    """Reads a part of one profile, page after page."""

    part = "data"

    page_size: Arg[int] = option(default=100)

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Request page after page."""
        from airflow_provider_segment.api.pages import PROFILE

        walk = self.pages(arguments, key=self.part, api="profile", paging=PROFILE)
        calls = iter(walk.next_call, None)
        pages = (walk.take(self.ask(call.path, call.query, call.shape)) for call in calls if call)
        if arguments["to_path"] is not None:
            return self.save(arguments, ([self.line(item) for item in page] for page in pages))
        return self.filtered(arguments, self.result([item for page in pages for item in page]))

    def line(self, item: Any) -> Any:
        """An item as a line of a file."""
        return item

    def result(self, found: list[Any]) -> Any:
        """The result, from the items of all pages."""
        return found


class SegmentGetProfileTraitsOperator(_PagedProfileOperator):
    """Return the traits of a profile, as a dict: its own, computed ones and audiences.

    With ``to_path``, each line is an object with one trait.

    :param include: only these traits
    :param trait_class: only traits of this class, for instance ``audience``
    """

    endpoint = "GET /v1/spaces/{spaceId}/collections/{collection}/profiles/{externalId}/traits"
    part = "traits"

    include: Arg[list[str] | None] = query(default=None)
    trait_class: Arg[str | None] = query(default=None, name="class")

    def line(self, item: Any) -> Any:
        """A trait as an object."""
        return dict([item])

    def result(self, found: list[Any]) -> Any:
        """The traits as a dict."""
        return dict(found)


class SegmentGetProfileEventsOperator(_PagedProfileOperator):
    """Return the latest events of a profile, newest first. Segment keeps them here for some weeks.

    :param include: only events of these names
    :param exclude: no events of these names
    :param start: only events from this time on, ISO 8601
    :param end: only events up to this time, ISO 8601
    :param sort: ``asc`` for oldest first
    """

    endpoint = "GET /v1/spaces/{spaceId}/collections/{collection}/profiles/{externalId}/events"

    include: Arg[list[str] | None] = query(default=None)
    exclude: Arg[list[str] | None] = query(default=None)
    start: Arg[str | None] = query(default=None)
    end: Arg[str | None] = query(default=None)
    sort: Arg[Literal["asc", "desc"] | None] = query(default=None)


class SegmentGetProfileExternalIdsOperator(_PagedProfileOperator):
    """Return all ids by which a profile is known.

    :param include: only ids of these types
    """

    endpoint = "GET /v1/spaces/{spaceId}/collections/{collection}/profiles/{externalId}/external_ids"

    include: Arg[list[str] | None] = query(default=None)


class SegmentGetProfileMetadataOperator(_ProfileOperator):
    """Return when a profile was created and changed, and by which messages."""

    endpoint = "GET /v1/spaces/{spaceId}/collections/{collection}/profiles/{externalId}/metadata"
    part = "metadata"


class SegmentGetProfileLinksOperator(_PagedProfileOperator):
    """Return the profiles that a profile is linked to: the accounts of a user, the users of an account."""

    endpoint = "GET /v1/spaces/{spaceId}/collections/{collection}/profiles/{externalId}/links"
