"""One call of a Public API operation: what its handler reads, and how it refuses."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_segment.sandbox.state import State

Item = dict[str, Any]

DEFAULT_PAGE = 200
MAX_PAGE = 1_000


class Refused(Exception):
    def __init__(self, status: int, type: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"type": type, "message": message, **more}


def invalid(message: str, field: str) -> Refused:
    return Refused(422, "ValidationFailure", message, field=field)


class Call:
    """What the handler of an operation reads, and the status that it may change.

    Paths are as on the wire (percent-encoded), `params` are decoded.
    """

    def __init__(self, state: State, path: str, params: dict[str, str], query: Item, body: Item) -> None:
        self.state = state
        self.path = path
        self.params = params
        self.query = query
        self.body = body
        self.status = 200

    def collection(self, path: str) -> dict[str, Item]:
        """The things at a path like `/sources`; 404 where the thing that holds them does not exist."""
        parent = path.rpartition("/")[0]
        if parent:
            self.item(parent)
        return self.state.collections.setdefault(path, {})

    def item(self, path: str) -> Item:
        """The thing at a path like `/sources/abc`; 404 without one."""
        collection, _, id = path.rpartition("/")
        try:
            return self.state.collections[collection][id]
        except KeyError:
            raise Refused(404, "NotFound", f"Nothing at {path}.") from None

    def remove(self, path: str) -> None:
        """Remove the thing at a path, and all that it holds."""
        self.item(path)
        collections = self.state.collections
        collection, _, id = path.rpartition("/")
        del collections[collection][id]
        for held in [held for held in collections if held.startswith(f"{path}/")]:
            del collections[held]

    def page(self, key: str, items: list[Item]) -> Item:
        """One page of a list, as `pagination.count` and `pagination.cursor` ask for it."""
        asked = self.query.get("pagination", {})
        if not isinstance(asked, dict):
            raise invalid("pagination is not an object.", "pagination")
        try:
            count = int(asked.get("count", DEFAULT_PAGE))
        except ValueError:
            count = 0
        if not 1 <= count <= MAX_PAGE:
            raise invalid(f"pagination.count is not from 1 to {MAX_PAGE}.", "pagination.count")
        start = offset(asked["cursor"]) if asked.get("cursor") else 0
        pagination: Item = {"current": cursor(start), "totalEntries": len(items)}
        if start:
            pagination["previous"] = cursor(max(start - count, 0))
        if start + count < len(items):
            pagination["next"] = cursor(start + count)
        return {key: items[start : start + count], "pagination": pagination}

    def valid_body(self, fields: Mapping[str, type], required: Iterable[str] = ()) -> Item:
        """The body's known fields; 422 where one has a wrong type or is missing."""
        for name in required:
            if self.body.get(name) is None:
                raise invalid(f"{name} is required.", name)
        given = {name: self.body[name] for name in fields if name in self.body}
        for name, value in given.items():
            if value is not None and not isinstance(value, fields[name]):
                raise invalid(f"{name} is not a {fields[name].__name__}.", name)
        return given


def cursor(start: int) -> str:
    return base64.b64encode(str(start).encode()).decode()


def offset(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor, validate=True))
    except (binascii.Error, ValueError):
        raise invalid("pagination.cursor is not a cursor.", "pagination.cursor") from None
