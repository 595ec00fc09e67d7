"""Rows of Avro files, read by fastavro (extra ``avro``). Logical types are values of Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import islice
from operator import itemgetter
from typing import IO, Any

from airflow_provider_segment.events.sources.tables import (
    RAW_CHARACTERS,
    MalformedRow,
    Table,
    UnreadableFileError,
)

MAGIC = b"Obj\x01"
BLOCK_ROWS = 1_000


def read_avro(raw: IO[bytes]) -> Table:
    """The rows of an open file.

    :raises UnreadableFileError: fastavro is not installed, or what is in it are no rows
    """
    try:
        from fastavro import block_reader
    except ImportError:
        raise UnreadableFileError.without("avro", "Avro") from None

    try:
        blocks = block_reader(raw)
        schema: Any = blocks.writer_schema
    except Exception as error:  # of many kinds, with a file that is damaged
        raise UnreadableFileError(f"its Avro header is damaged: {_said(error)}") from error
    if not isinstance(schema, dict) or schema.get("type") != "record":
        kind = schema.get("type") if isinstance(schema, dict) else schema
        raise UnreadableFileError(f"it has no rows: its Avro schema is {kind!r}, not a record")
    columns = tuple(field["name"] for field in schema["fields"])
    if not columns:
        raise UnreadableFileError("its Avro schema has no fields")
    return Table(columns, _in_blocks(_rows(blocks, schema, _values_of(columns))))


def _values_of(columns: tuple[str, ...]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    if len(columns) == 1:  # itemgetter does not give a tuple then
        (only,) = columns
        return lambda record: (record[only],)
    return itemgetter(*columns)


def _in_blocks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    failure: Exception | None = None
    while failure is None:
        block: list[Any] = []
        try:
            block.extend(islice(rows, BLOCK_ROWS))
        except Exception as error:
            failure = error  # what came before it is sent
        if block:
            yield block
        elif failure is None:
            return
    raise failure if isinstance(failure, OSError) else ValueError(_said(failure))


def _said(error: Exception) -> str:
    return (
        f"{type(error).__name__}: {error}"
        if isinstance(error, LookupError)
        else str(error) or type(error).__name__
    )


def _rows(
    blocks: Iterator[Any], schema: dict[str, Any], values_of: Callable[[dict[str, Any]], tuple[Any, ...]]
) -> Iterator[Any]:
    faults: _Faults | None = None
    for block in blocks:
        data, left = block.bytes_, block.num_records
        begin = data.tell()
        while left:
            try:
                for record in islice(block, left):
                    yield values_of(record)
                    left -= 1
                    begin = data.tell()
            except (ArithmeticError, ValueError) as error:
                faults = faults or _Faults(schema)
                data.seek(begin)
                yield faults.row(data, error)
                left -= 1
                begin = data.tell()


class _Faults:
    """Reads rows of which a value is none of its type: a date after the year 9999, text that is not UTF-8."""

    def __init__(self, schema: dict[str, Any]) -> None:
        from fastavro import parse_schema, schemaless_reader

        self._read = schemaless_reader
        self._plain = parse_schema(_plain(schema))
        fields = schema["fields"]
        self._columns = [field["name"] for field in fields]
        self._starts = [parse_schema({**schema, "fields": fields[:end]}) for end in range(1, len(fields) + 1)]

    def row(self, data: BytesIO, error: Exception) -> MalformedRow:
        """What is wrong with the row that begins here. Reads to its end.

        :raises Exception: it is not only a value that is wrong
        """
        begin = data.tell()
        record = self._read(data, self._plain, None)
        end = data.tell()
        prefixes = zip(self._columns, self._starts, strict=True)
        column = next((name for name, start in prefixes if not self._is_read(data, begin, start)), "?")
        data.seek(end)
        return MalformedRow(f"{column}: {error}", repr(record)[:RAW_CHARACTERS])

    def _is_read(self, data: BytesIO, begin: int, schema: Any) -> bool:
        data.seek(begin)
        try:
            self._read(data, schema, None)
        except (ArithmeticError, ValueError):
            return False
        return True


def _plain(schema: Any) -> Any:
    """The schema of the same bytes, without types whose values may be invalid."""
    if isinstance(schema, dict):
        kept = {name: member for name, member in schema.items() if name not in ("logicalType", "default")}
        inner = {name: _plain(kept[name]) for name in ("type", "items", "values", "fields") if name in kept}
        return kept | inner
    if isinstance(schema, list):
        return [_plain(member) for member in schema]
    return "bytes" if schema == "string" else schema
