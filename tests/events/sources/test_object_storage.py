"""Files in S3, through Airflow's connection and its ObjectStoragePath.

The server is moto's, on this machine. It shows that listing, opening, seeking and streaming are asked for as
S3 understands them. It does not show what only Amazon's has: permissions and signatures are not checked, no
request fails or is slowed down, and listings are short. Nor does it show other stores, which have other
libraries.
"""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError
from airflow_provider_segment.events.sources.files import FileSource, describe, list_files
from airflow_provider_segment.events.sources.frame_rows import FrameRows

pytest.importorskip("airflow.providers.amazon")
pytest.importorskip("s3fs")
moto_server = pytest.importorskip("moto.server")

pytestmark = pytest.mark.core

ROWS = 30_000
LAKE = "s3://lake@events"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStoragePath]:
    """An empty bucket, and an Airflow connection to it."""
    connection = {
        "conn_type": "aws",
        "login": "somebody",
        "password": "something",
        "extra": {"endpoint_url": endpoint, "region_name": "us-east-1"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
    bucket = ObjectStoragePath(LAKE)
    bucket.mkdir()
    yield bucket
    bucket.fs.rm("events", recursive=True)
    bucket.fs.invalidate_cache()


def open_files(path: str | list[str], **options: Any) -> FileSource:
    files = list_files(path)
    return FileSource(files, describe(files), **options)


def read(source: FileSource) -> list[Any]:
    return [item for block in source for item in block.items]


def test_json_lines_stream(bucket: ObjectStoragePath) -> None:
    lines = [b'{"n":%d}' % n for n in range(ROWS)]
    for part in range(3):
        (bucket / f"2025/{part}.jsonl.gz").write_bytes(gzip.compress(b"\n".join(lines[part::3]) + b"\n"))
    (bucket / "2025/readme.txt").write_bytes(b"not these")
    source = open_files(f"{LAKE}/2025/*.jsonl.gz")
    assert source.blocking
    found = [item for item in read(source) if item]
    assert found == [line for part in range(3) for line in lines[part::3]]
    assert source.done == source.size
    assert source.place(ROWS) == {"file": f"{LAKE}/2025/2.jsonl.gz", "line": ROWS // 3}


def test_csv_streams(bucket: ObjectStoragePath) -> None:
    content = b"n,text\n" + b"".join(b"%d,\n" % n for n in range(ROWS))
    (bucket / "a.csv").write_bytes(content)
    source = open_files(f"{LAKE}/a.csv")
    assert read(source) == [(str(n), None) for n in range(ROWS)]
    assert source.place(2) == {"file": f"{LAKE}/a.csv", "row_number": 2, "line": 3}


@pytest.mark.parametrize("group", [1_000, ROWS])
def test_parquet_is_copied(bucket: ObjectStoragePath, group: int) -> None:
    frame = pl.DataFrame({"n": range(ROWS), "text": [f"{n * n}" for n in range(ROWS)]})
    with (bucket / "day=1/a.parquet").open("wb") as file:
        frame.write_parquet(file, row_group_size=group)
    source = open_files(f"{LAKE}/day=*/*.parquet", needed={"n"})
    blocks = list(source)
    assert {type(block.items) for block in blocks} == {FrameRows}
    assert [item for block in blocks for item in block.items] == [(n,) for n in range(ROWS)]
    assert source.done == source.size


def test_avro_streams(bucket: ObjectStoragePath) -> None:
    import fastavro

    schema = {"type": "record", "name": "r", "fields": [{"name": "n", "type": "long"}]}
    with (bucket / "a.avro").open("wb") as file:
        fastavro.writer(file, schema, [{"n": n} for n in range(ROWS)])
    assert read(open_files(f"{LAKE}/a.avro")) == [(n,) for n in range(ROWS)]


def test_a_list_of_files(bucket: ObjectStoragePath) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        (bucket / name).write_bytes(b"n\n%b\n" % name.encode())
    source = open_files([f"{LAKE}/c.csv", f"{LAKE}/*.csv"])
    assert read(source) == [("c.csv",), ("a.csv",), ("b.csv",)]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_file_that_changes_while_it_is_read_is_an_error(bucket: ObjectStoragePath, name: str) -> None:
    def write(rows: int) -> None:
        frame = pl.DataFrame({"n": range(rows)})
        with (bucket / name).open("wb") as file:
            frame.write_csv(file) if name == "a.csv" else frame.write_parquet(file)

    write(ROWS)
    blocks = iter(open_files(f"{LAKE}/{name}"))
    next(blocks)
    write(ROWS - 1)
    with pytest.raises(SegmentInputError, match="changed while it was read"):
        list(blocks)


def test_a_delta_table_is_named(bucket: ObjectStoragePath) -> None:
    (bucket / "orders/_delta_log/0.json").write_bytes(b"{}")
    (bucket / "orders/day=1/a.parquet").write_bytes(b"PAR1")
    for path in (f"{LAKE}/orders", f"{LAKE}/orders/*/*.parquet", f"{LAKE}/orders/day=1/*.parquet"):
        with pytest.raises(SegmentConfigurationError, match="a Delta table"):
            list_files(path)
    assert len(list_files([f"{LAKE}/orders/day=1/a.parquet"])) == 1


def test_what_is_missing_is_an_error() -> None:
    for path in (f"{LAKE}/a.csv", f"{LAKE}/*.csv"):
        with pytest.raises(SegmentInputError, match="no file matches"):
            list_files(path)
