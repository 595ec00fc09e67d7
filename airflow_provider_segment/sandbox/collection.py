"""`Collection`: the items under one path, declared, with the usual operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_segment.sandbox.public_api_errors import taken
from airflow_provider_segment.sandbox.received_call import Fields, ReceivedCall, merged, new_id
from airflow_provider_segment.sandbox.state import Item

Handler = Callable[[ReceivedCall], Any]  # returns the `data` of the answer

USUAL = ("list", "get", "create", "update", "delete")


def nothing(call: ReceivedCall, item: Item) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Collection:
    """The items under one path, with the usual operations.

    Its names are those of the API: in paths, in bodies and under `data`.
    """

    path: str
    many: str  # key of a list in `data`
    one: str  # key of a single item in `data`
    id: str = ""  # path parameter of an item; default: `one` and "Id"
    operations: tuple[str, ...] = USUAL

    fields: Fields = field(default_factory=dict)  # name -> type
    required: tuple[str, ...] = ()  # in a create
    updates: tuple[str, ...] = ()  # fields that an update accepts
    required_by_update: tuple[str, ...] = ()
    merges: tuple[str, ...] = ("settings",)  # fields that an update merges instead of replacing
    defaults: Mapping[str, Any] = field(default_factory=dict)  # of a create
    refers: Mapping[str, str] = field(
        default_factory=dict
    )  # field -> collection; the item is removed with the other
    unique: str = ""  # a field whose value no two items share

    created: int = 200  # status of a create
    prefix: str = ""  # of ids
    stamped: bool = False  # has createdAt and updatedAt
    complete: Callable[[ReceivedCall, Item], None] = (
        nothing  # adds the fields that Segment adds to a new item, or raises
    )
    changed: Callable[[ReceivedCall, Item], None] = nothing  # after an update
    removed: Callable[[ReceivedCall, Item], None] = nothing  # before a delete; may raise
    show: Callable[[ReceivedCall, Item], Item] = lambda call, item: item  # an item as answers show it

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
        """Raise for a reference to nothing, and for a unique value that another item has."""
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
