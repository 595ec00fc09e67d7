"""Rows that are objects: JSON text, dicts, named tuples, and dead letters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.codec import Unreadable, compact, to_bytes
from airflow_provider_segment.events.mapping.rows import REST, Compiling, RowMapper
from airflow_provider_segment.events.mapping.template import EventMapping
from airflow_provider_segment.events.sources.json_objects import objects_instead
from airflow_provider_segment.events.sources.source import Overlong
from airflow_provider_segment.values import shown

_decode_row = msgspec.json.Decoder(dict[str, Any]).decode


def row_of(item: Any) -> dict[str, Any]:
    """A row as a dict.

    :param item: JSON bytes or text, a mapping or a named tuple
    :raises SegmentEventError: it is none
    """
    if isinstance(item, SegmentEventError):
        raise item
    if isinstance(item, str):
        item = item.encode(errors="backslashreplace")
    if isinstance(item, bytes):
        try:
            return _decode_row(item)
        except msgspec.ValidationError:
            raise SegmentEventError(
                "not_an_object", f"a row is a JSON object, not {shown(item[:40].decode(errors='replace'))}"
            ) from None
        except Unreadable as error:
            try:
                return _decode_row(compact(item))  # NaN, or half of a surrogate pair
            except (ValueError, RecursionError, msgspec.MsgspecError):
                raise SegmentEventError("not_json", str(error)) from None
    if isinstance(item, Mapping):
        return item if type(item) is dict else dict(item)
    if isinstance(item, tuple) and hasattr(item, "_asdict"):
        return item._asdict()  # type: ignore[no-any-return]
    if isinstance(item, Overlong):
        to_bytes(item)
    raise SegmentEventError("not_an_object", f"a row is a dict or a named tuple, not {type(item).__name__}")


def rows_of(item: Any) -> list[Any]:
    """The rows of an item: of a line that holds several objects, or an array of them, each."""
    try:
        return [row_of(item)]
    except SegmentEventError as error:
        return objects_instead(item, error) or [error]


class ObjectRows:
    """Rows that are objects, as tuples: the columns of the mapping, and the rest if it is asked for."""

    def __init__(self, mapping: EventMapping, options: Compiling) -> None:
        self._names = list(dict.fromkeys([*mapping.names, *options.keys]))
        self._has_rest = mapping.has_rest
        columns = [*self._names, REST] if self._has_rest else self._names
        self.mapper = RowMapper(mapping, columns, options)
        self._decode = _decoder(self._names)

    def tuple_of(self, line: bytes) -> tuple[Any, ...] | None:
        """The row of a line; None if it may be a dead letter.

        :raises Exception: one of ``Unreadable``
        """
        if b'"reason"' in line:
            return None
        if self._has_rest:
            return self.tuple_of_dict(_decode_row(line))
        if not line.isascii():
            line.decode()
        return msgspec.structs.astuple(self._decode(line))

    def tuple_of_dict(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """The same of a dict."""
        values = map(row.get, self._names)
        if not self._has_rest:
            return tuple(values)
        return (*values, {name: value for name, value in row.items() if name not in self._names})


def _decoder(names: Sequence[str]) -> Callable[[bytes], Any]:
    """Decodes the columns of these names; others are not built, which is faster."""
    fields = [(f"column_{number}", Any, None) for number in range(len(names))]
    rename = {f"column_{number}": name for number, name in enumerate(names)}
    return msgspec.json.Decoder(msgspec.defstruct("Row", fields, rename=rename, gc=False)).decode
