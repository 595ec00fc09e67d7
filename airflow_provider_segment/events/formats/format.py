"""What the known formats have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.message_ids import id_from_parts
from airflow_provider_segment.values import ValueRejected, id_of, shown


class Format(ABC):
    """A function from a row of a known format to its event.

    :param write_key: of the source that the events go to
    """

    name: ClassVar[str]
    """What ``format=`` calls it."""
    what: ClassVar[str]
    """What it is, in a few words."""
    options: ClassVar[frozenset[str]] = frozenset()
    """The keywords that the class takes besides the write key."""

    def __init__(self, write_key: str) -> None:
        self._write_key = write_key
        self.skipped: Counter[str] = Counter()
        """Rows that stand for no event, by what they are."""

    @abstractmethod
    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """The event of a row; None if it stands for none. The row stays as it is.

        :raises SegmentEventError: no event can be made of it; the error names the column
        """

    def _derived_id(self, *parts: str | int | None) -> str:
        """A message id that is the same whenever the same row is sent to the same source.

        The ids of other tools are unique within a user or a project, but Segment compares those of all its
        customers. So they are never sent as they are.
        """
        return id_from_parts(self._write_key, (self.name, *parts))


def id_in(row: Mapping[str, Any], key: str, column: str | None = None) -> str | None:
    """An id in a row; None if there is none.

    :param column: what an error calls it
    :raises SegmentEventError: it is something else than an id
    """
    value = row.get(key)
    if value is None or type(value) is str:
        return value or None
    try:
        return id_of(value)
    except ValueRejected as error:
        column = column or key
        raise SegmentEventError("invalid_value", f"{column}: {error}", column) from None


def name_in(row: Mapping[str, Any], column: str) -> str:
    """The name of the event of a row.

    :raises SegmentEventError: there is none
    """
    name = row.get(column)
    if name is None or name == "":
        raise SegmentEventError("missing_field", f"no {column}, which is the name of the event", column)
    if not isinstance(name, str):
        raise SegmentEventError("invalid_value", f"{column}: {shown(name)} is not text", column)
    return name


def no_time(column: str) -> SegmentEventError:
    """What is wrong with a row without a time."""
    return SegmentEventError(
        "missing_field",
        f"no {column}: Segment would take the time of its arrival for that of the event",
        column,
    )


def object_in(row: Mapping[str, Any], column: str) -> Mapping[str, Any]:
    """An object in a row; an empty one if there is none.

    :raises SegmentEventError: it is something else
    """
    value = row.get(column)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise SegmentEventError("invalid_value", f"{column}: {shown(value)} is not an object", column)
    return value


Place = tuple[str, ...]
"""The keys that lead to a value in an event's ``context``."""


def put(context: dict[str, Any], place: Place, value: Any) -> None:
    """Put a value into a context, if it is one."""
    if value is None or value == "":
        return
    *path, last = place
    for step in path:
        context = context.setdefault(step, {})
    context[last] = value


def track(**fields: Any) -> dict[str, Any]:
    """A track event, without the fields that are None or empty."""
    return {"type": "track", **{name: value for name, value in fields.items() if value}}
