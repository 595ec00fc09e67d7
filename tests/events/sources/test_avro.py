"""Rows of Avro files."""

from __future__ import annotations

import io
import sys
from datetime import date, datetime, time, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.errors import SegmentInputError
from airflow_provider_segment.events.sources.avro_rows import read_avro
from airflow_provider_segment.events.sources.files import FileSource
from airflow_provider_segment.events.sources.tables import MalformedRow, UnreadableFileError

pytestmark = pytest.mark.core

MARKER = b"a marker of 16 b"


def record(**fields: Any) -> dict[str, Any]:
    return {
        "type": "record",
        "name": "order",
        "fields": [{"name": name, "type": kind} for name, kind in fields.items()],
    }


def logical(kind: str, of: str = "long", **more: Any) -> dict[str, Any]:
    return {"type": of, "logicalType": kind, **more}


def written(schema: Any, records: list[Any], **options: Any) -> bytes:
    file = io.BytesIO()
    fastavro.writer(file, schema, records, sync_marker=MARKER, **options)
    return file.getvalue()


def relabelled(written_as: Any, read_as: Any, records: list[Any], **options: Any) -> bytes:
    """A file whose schema is another than that with which it was written."""
    content = written(written_as, records, **options)
    return written(read_as, [], **options) + content[len(written(written_as, [], **options)) :]


def rows(content: bytes) -> list[Any]:
    return [item for block in read_avro(io.BytesIO(content)).blocks for item in block]


def read(source: FileSource) -> list[Any]:
    return [item for block in source for item in block.items]


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz", "zstandard"])
@pytest.mark.parametrize("interval", [1, 1_000, 1 << 20])
def test_rows_are_tuples_in_the_order_of_the_schema(tmp_path: Path, codec: str, interval: int) -> None:
    schema = record(order_id="string", total=["null", "double"], paid="boolean")
    orders = [
        {"paid": n % 2 == 0, "order_id": f"o{n}", "total": n / 4 if n % 3 else None} for n in range(2_500)
    ]
    file = tmp_path / "a"  # its content says what it is
    file.write_bytes(written(schema, orders, codec=codec, sync_interval=interval))
    source = FileSource([file])
    blocks = list(source)
    assert [item for block in blocks for item in block.items] == [
        (order["order_id"], order["total"], order["paid"]) for order in orders
    ]
    assert {block.columns for block in blocks} == {("order_id", "total", "paid")}
    assert [block.first for block in blocks] == [1, 1_001, 2_001]
    assert source.place(2_001) == {"file": str(file), "row_number": 2_001}
    assert source.done == file.stat().st_size


def test_types_are_values_of_python() -> None:
    moment = datetime(2025, 1, 2, 3, 4, 5, 678_901, timezone.utc)
    values = {
        "decimal": (logical("decimal", "bytes", precision=12, scale=2), Decimal("1.10")),
        "date": (logical("date", "int"), date(2025, 1, 2)),
        "millis": (logical("timestamp-millis"), moment.replace(microsecond=678_000)),
        "micros": (logical("timestamp-micros"), moment),
        "local": (logical("local-timestamp-micros"), moment.replace(tzinfo=None)),
        "time": (logical("time-micros"), time(1, 2, 3, 4)),
        "uuid": (logical("uuid", "string"), UUID(int=7)),
        "enum": ({"type": "enum", "name": "e", "symbols": ["A", "B"]}, "B"),
        "map": ({"type": "map", "values": "long"}, {"a": 1}),
        "array": ({"type": "array", "items": ["null", "string"]}, ["a", None]),
        "bytes": ("bytes", b"\xff"),
        "inner": (record(x="int") | {"name": "inner"}, {"x": 1}),
        "null": ("null", None),
    }
    schema = record(**{name: kind for name, (kind, _) in values.items()})
    assert rows(written(schema, [{name: value for name, (_, value) in values.items()}])) == [
        tuple(value for _, value in values.values())
    ]


def test_one_column_is_a_tuple_of_one() -> None:
    assert rows(written(record(a="string"), [{"a": "x"}])) == [("x",)]


def test_no_records_are_no_rows() -> None:
    assert rows(written(record(a="string"), [])) == []


@pytest.mark.parametrize(
    ("schema", "records", "complaint"),
    [
        ("string", ["a"], "its Avro schema is 'string', not a record"),
        ({"type": "array", "items": "int"}, [[1]], "its Avro schema is 'array', not a record"),
        (record(), [{}], "its Avro schema has no fields"),
    ],
)
def test_what_has_no_columns_is_refused(schema: Any, records: list[Any], complaint: str) -> None:
    with pytest.raises(UnreadableFileError, match=complaint):
        rows(written(schema, records))


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastavro", None)
    file = tmp_path / "a.avro"
    file.write_bytes(b"Obj\x01")
    with pytest.raises(
        SegmentInputError, match=r"it is Avro, .*: pip install 'airflow-provider-segment\[avro\]'"
    ):
        read(FileSource([file]))


def test_what_is_said_must_be_so(tmp_path: Path) -> None:
    file = tmp_path / "a"
    for content, format, complaint in (
        (written(record(a="int"), []), "parquet", "it is Avro, not Parquet: say nothing of its format"),
        (b'{"a":1}\n', "avro", "it is not Avro, though the format says so"),
        (b"", "avro", "it is not Avro, though the format says so"),
    ):
        file.write_bytes(content)
        with pytest.raises(SegmentInputError, match=complaint):
            read(FileSource([file], format=format))


# Damage


@pytest.mark.parametrize("codec", ["null", "deflate"])
@pytest.mark.parametrize("several", [True, False])
def test_a_value_that_is_none_of_its_type_rejects_its_row(codec: str, several: bool) -> None:
    kinds = {
        "at": logical("timestamp-micros"),
        "day": ["null", logical("date", "int")],
        "name": "string",
        "ids": {"type": "array", "items": logical("uuid", "string")},
        "string": "string",  # a name, no type
    }
    plain = {
        "at": "long",
        "day": ["null", "int"],
        "name": "bytes",
        "ids": {"type": "array", "items": "string"},
        "string": "string",
    }
    good = {"at": 0, "day": 1, "name": b"x", "ids": [str(UUID(int=7))], "string": "y"}
    bad = {"at": 10**18, "day": 2**31 - 1, "name": b"\xff", "ids": [str(UUID(int=7)), "none"]}
    records = [good]
    for name, value in bad.items():
        records += [good | {name: value}, good]
    read = rows(
        relabelled(
            record(**plain), record(**kinds), records, codec=codec, sync_interval=1 if several else 1 << 20
        )
    )
    assert read[::2] == [
        (datetime(1970, 1, 1, tzinfo=timezone.utc), date(1970, 1, 2), "x", [UUID(int=7)], "y")
    ] * (len(bad) + 1)
    for row, name in zip(read[1::2], bad, strict=True):
        assert isinstance(row, MalformedRow)
        assert row.detail.startswith(f"{name}: ") and len(row.detail) > len(name) + 5
        assert row.raw.startswith("{'at': ")


@pytest.mark.parametrize("damage", ["cut off", "a wrong marker", "something behind it"])
@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_a_damaged_file_is_read_up_to_the_damage(tmp_path: Path, damage: str, codec: str) -> None:
    records = [{"n": n, "text": f"{n * n}"} for n in range(20_000)]
    content = written(record(n="long", text="string"), records, codec=codec)
    middle = len(content) * 2 // 3
    file = tmp_path / "a.avro"
    file.write_bytes(
        {
            "cut off": content[:middle],
            "a wrong marker": content[:middle] + content[middle:].replace(MARKER, MARKER[::-1], 1),
            "something behind it": content + b"\x02garbage",
        }[damage]
    )
    found: list[Any] = []
    with pytest.raises(SegmentInputError, match=r"a\.avro cannot be read beyond row [\d,]+: \w"):
        for block in FileSource([file]):
            found += block.items
    assert len(found) > 10_000
    assert found == [(n, f"{n * n}") for n in range(len(found))]


@pytest.mark.parametrize("content", [b"Obj\x01", b"Obj\x01\x04\x14avro.codec", b"Obj\x01" + bytes(100)])
def test_a_damaged_header_is_an_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.avro"
    file.write_bytes(content)
    with pytest.raises(SegmentInputError, match=r"a\.avro cannot be read: its Avro header is damaged: \w"):
        read(FileSource([file]))


def test_an_unknown_codec_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.avro"
    file.write_bytes(written(record(a="int"), [{"a": 1}]).replace(b"null", b"nope"))
    with pytest.raises(SegmentInputError, match="nope"):
        read(FileSource([file]))


@given(st.data())
def test_any_bytes_are_rows_or_a_named_fault(data: st.DataObject) -> None:
    schema = record(a="string", b=["null", "long"], c=logical("date", "int"))
    content = bytearray(written(schema, [{"a": "xyz", "b": n, "c": n} for n in range(5)], sync_interval=20))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert all(isinstance(row, (tuple, MalformedRow)) for row in rows(bytes(content)))
    except (ValueError, OSError, EOFError) as error:
        assert str(error)
