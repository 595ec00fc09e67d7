"""`Collection`: a collection of things under one path, declared, and the usual operations on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_segment.sandbox.public_api_errors import taken
from airflow_provider_segment.sandbox.received_call import Fields, ReceivedCall, merged, new_id
from airflow_provider_segment.sandbox.state import Item

Handler = Callable[[ReceivedCall], Any]  # returns what stands under `data`

USUAL = ("list", "get", "create", "update", "delete")


def nothing(call: ReceivedCall, item: Item) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Collection:
    """A collection of things under one path, with the usual operations.

    Its names are those of the API: in paths, in bodies and under `data`.
    """

    path: str
    many: str  # its key under `data` in a list
    one: str  # its key under `data` alone
    id: str = ""  # the parameter in the path of one; else `one` and "Id"
    operations: tuple[str, ...] = USUAL

    fields: Fields = field(default_factory=dict)  # what it takes, and which types
    required: tuple[str, ...] = ()  # what a create must have
    updates: tuple[str, ...] = ()  # what an update takes
    required_by_update: tuple[str, ...] = ()
    merges: tuple[str, ...] = ("settings",)  # what an update merges; all else it replaces
    defaults: Mapping[str, Any] = field(default_factory=dict)  # of what a create may leave out
    refers: Mapping[str, str] = field(default_factory=dict)  # field -> collection; it goes when that goes
    unique: str = ""  # the field that no two may share

    created: int = 200  # status of a create
    prefix: str = ""  # of its ids
    stamped: bool = False  # has createdAt and updatedAt
    complete: Callable[[ReceivedCall, Item], None] = (
        nothing  # adds to a new one what Segment adds, or refuses it
    )
    changed: Callable[[ReceivedCall, Item], None] = nothing  # after an update
    removed: Callable[[ReceivedCall, Item], None] = nothing  # before a delete; may refuse it
    show: Callable[[ReceivedCall, Item], Item] = lambda call, item: item  # as it is now

    @property
    def item_path(self) -> str:
        return f"{self.path}/{{{self.id or self.one + 'Id'}}}"

    def handlers(self) -> dict[str, Handler]:
        """The handlers of its operations, by "METHOD /path"."""
        all_of_them: dict[str, tuple[str, Handler]] = {
            "list": (f"GET {self.path}", self.list),
            "get": (f"GET {self.item_path}", self.get),
            "create": (f"POST {self.path}", self.create),
            "update": (f"PATCH {self.item_path}", self.update),
            "delete": (f"DELETE {self.item_path}", self.delete),
        }
        return dict(all_of_them[operation] for operation in self.operations)

    def list(self, call: ReceivedCall) -> Any:
        page = call.page(self.many, call.collection(call.path).values())
        return {**page, self.many: [self.show(call, item) for item in page[self.many]]}

    def get(self, call: ReceivedCall) -> Any:
        return {self.one: self.show(call, call.item(call.path))}

    def create(self, call: ReceivedCall) -> Any:
        collection = call.collection(call.path)
        given = call.valid_body(self.fields, self.required)
        self.check(call, given)
        item = {"id": new_id(self.prefix), **self.defaults, **given}
        if self.stamped:
            item["createdAt"] = item["updatedAt"] = call.now()
        self.complete(call, item)
        collection[item["id"]] = call.subject = item
        call.status = self.created
        return {self.one: self.show(call, item)}

    def update(self, call: ReceivedCall) -> Any:
        item = call.item(call.path)
        fields = {name: self.fields[name] for name in self.updates}
        given = call.valid_body(fields, self.required_by_update)
        self.check(call, given, item)
        for name, value in given.items():
            item[name] = merged(item.get(name), value) if name in self.merges else value
        if self.stamped:
            item["updatedAt"] = call.now()
        self.changed(call, item)
        return {self.one: self.show(call, item)}

    def check(self, call: ReceivedCall, given: Item, item: Item | None = None) -> None:
        """Refuse references that lead nowhere, and a value that another one has."""
        for name, there in self.refers.items():
            if name in given:
                call.get(there, given[name])
        value = given.get(self.unique)
        for other in call.state.collections[self.path].values() if value is not None else ():
            if other is not item and other[self.unique] == value:
                raise taken(f"There is a {self.one} with the {self.unique} {value}.", self.unique)

    def delete(self, call: ReceivedCall) -> Any:
        self.removed(call, call.item(call.path))
        call.remove(call.path)
        return {"status": "SUCCESS"}
