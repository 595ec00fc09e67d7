"""A received call of a Public API operation, as its handler reads it."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, get_origin

import msgspec

from airflow_provider_segment.sandbox.clock import iso
from airflow_provider_segment.sandbox.public_api_errors import invalid, not_found
from airflow_provider_segment.sandbox.state import Item, State

Fields = Mapping[str, Any]  # name -> type

DEFAULT_PAGE = 200
MAX_PAGE = 1_000

# Segment's paths have these in the singular before an id.
SINGULAR = re.compile(r"^/(destination|group)(?=/)")


class ReceivedCall:
    """A received call of a Public API operation: what its handler reads, and the status that it may set.

    Paths are percent-encoded, as on the wire; `params` are decoded.
    """

    def __init__(
        self,
        state: State,
        path: str,
        params: dict[str, str],
        query: Item,
        body: Item,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.state = state
        self.path = SINGULAR.sub(r"/\1s", path)
        self.params = params
        self.query = query
        self.body = body
        self.headers = headers or {}
        self.status = 200
        self.delay = 0.0  # seconds that the answer waits
        self.subject: Item = {}  # what the call is about, for the audit trail

    # --- items -------------------------------------------------------------------------------------------

    def collection(self, path: str) -> dict[str, Item]:
        """The items at a path like `/sources`, by id; 404 if their parent does not exist."""
        parent = path.rpartition("/")[0]
        if parent.count("/") >= 2:
            self.item(parent)
        return self.state.collections.setdefault(path, {})

    def item(self, path: str) -> Item:
        """The item at a path like `/sources/abc`; 404 if there is none."""
        collection, _, id = path.rpartition("/")
        item = self.get(collection, id)
        if self.path.startswith(path):
            self.subject = item
        return item

    def get(self, collection: str, id: str) -> Item:
        """The item with this id in a collection; 404 if there is none."""
        try:
            return self.state.collections[collection][id]
        except KeyError:
            raise not_found(f"Nothing at {collection}/{id}.") from None

    def items(self, suffix: str) -> Iterable[Item]:
        """The items of all collections whose path ends in this: `/subscriptions` of all destinations."""
        collections = self.state.collections
        return [item for path in collections if path.endswith(suffix) for item in collections[path].values()]

    def single(self, path: str, default: Item) -> Item:
        """The only item at a path like `/sources/abc/settings`: the default until it is changed."""
        return self.collection(path).setdefault("", default)

    def add(self, path: str, item: Item) -> Item:
        """Add a new item to the collection at a path."""
        self.collection(path)[item["id"]] = item
        self.subject = item
        return item

    def remove(self, path: str) -> None:
        """Remove the item at a path, and all collections below it."""
        self.item(path)
        collections = self.state.collections
        collection, _, id = path.rpartition("/")
        del collections[collection][id]
        for held in [held for held in collections if held.startswith(f"{path}/")]:
            del collections[held]

    def now(self) -> str:
        return iso(self.state.clock.now())

    # --- pages -----------------------------------------------------------------------------------------

    def page(
        self,
        key: str,
        items: Iterable[Item | str],
        *,
        pagination: str = "pagination",
        most: int = MAX_PAGE,
    ) -> Item:
        """The page of a list that `pagination.count` and `pagination.cursor` ask for."""
        items = list(items)
        asked = self.query.get(pagination, {})
        if not isinstance(asked, dict):
            raise invalid(f"{pagination} is not an object.", pagination)
        count = page_size(asked.get("count", min(DEFAULT_PAGE, most)), f"{pagination}.count", most)
        start = offset(asked["cursor"], f"{pagination}.cursor") if asked.get("cursor") else 0
        about: Item = {"current": cursor(start), "totalEntries": len(items)}
        if start:
            about["previous"] = cursor(max(start - count, 0))
        if start + count < len(items):
            about["next"] = cursor(start + count)
        return {key: items[start : start + count], pagination: about}

    # --- parameters -------------------------------------------------------------------------------------

    def valid_body(self, fields: Fields, required: Iterable[str] = (), body: Item | None = None) -> Item:
        """The body's known fields; 422 if one is missing or has the wrong type. Null counts as not given."""
        return valid(self.body if body is None else body, fields, required)

    def valid_query(self, fields: Fields, required: Iterable[str] = ()) -> Item:
        """The query's known parameters, converted to their types; 422 if one is missing or wrong."""
        query = {
            name: [value] if get_origin(fields.get(name)) is list and not isinstance(value, list) else value
            for name, value in self.query.items()
        }
        return valid(query, fields, required, strict=False)


def valid(given: Item, fields: Fields, required: Iterable[str] = (), *, strict: bool = True) -> Item:
    for name in required:
        if given.get(name) is None:
            raise invalid(f"{name} is required.", name)
    known = {}
    for name, type in fields.items():
        if given.get(name) is None:
            continue
        try:
            value = msgspec.convert(given[name], type, strict=strict)
        except msgspec.ValidationError as failure:
            raise invalid(f"{name}: {failure}", name) from None
        # A body's value is kept as sent: its type need not declare all members. A query's text is converted.
        known[name] = given[name] if strict else value
    return known


def merged(old: Item | None, changes: Item | None) -> Item:
    """Settings after a PATCH: merged, and null removes one."""
    return {name: value for name, value in {**(old or {}), **(changes or {})}.items() if value is not None}


def new_id(prefix: str = "") -> str:
    return prefix + secrets.token_hex(11)


def page_size(count: Any, field: str, most: int) -> int:
    size = whole_number(count, field)
    if not 1 <= size <= most:
        raise invalid(f"{field} is not from 1 to {most}.", field)
    return size


def cursor(start: int) -> str:
    return base64.b64encode(str(start).encode()).decode()


def offset(cursor: str, field: str) -> int:
    try:
        return whole_number(base64.b64decode(cursor, validate=True), field)
    except (binascii.Error, TypeError, ValueError):
        raise invalid(f"{field} is not a cursor.", field) from None


def whole_number(value: Any, field: str) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        raise invalid(f"{field} is not a whole number.", field)
    return number
