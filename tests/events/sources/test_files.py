"""The files of a path, and what happens to them while they are read."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError
from airflow_provider_segment.events.sources.files import FileSource, describe, list_files
from airflow_provider_segment.events.sources.source import Block

pytestmark = pytest.mark.core


def test_a_glob_is_sorted_and_leaves_the_rejects_out(tmp_path: Path) -> None:
    for name in ("b/2.jsonl", "a/1.jsonl.gz", "a/rejects.jsonl", "a/x.csv", "a/dir.jsonl/y"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    for prefix in ("", "file://"):
        found = list_files(
            f"{prefix}{tmp_path}/*/*.jsonl*", rejects_path=f"{prefix}{tmp_path}/a/rejects.jsonl"
        )
        assert [file.path for file in found] == [f"{tmp_path}/a/1.jsonl.gz", f"{tmp_path}/b/2.jsonl"]


@pytest.mark.parametrize("name", ["missing.jsonl", "*.jsonl", "*/x.jsonl"])
def test_no_file_is_an_error_not_an_empty_input(tmp_path: Path, name: str) -> None:
    with pytest.raises(SegmentInputError, match="no file matches"):
        list_files(f"{tmp_path}/{name}")


def test_what_is_not_a_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path, "a folder"), (tmp_path / "pipe", "a pipe"), ("/dev/null", "a device")):
        with pytest.raises(SegmentConfigurationError, match=kind):
            list_files(str(path))


def test_what_is_no_file_in_a_glob_is_left_out_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    (tmp_path / "a.jsonl").write_bytes(b"")
    (tmp_path / "folder.jsonl").mkdir()
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "nowhere")
    assert [file.name for file in list_files(f"{tmp_path}/*.jsonl")] == ["a.jsonl"]
    assert "pipe.jsonl is left out" in caplog.text and "link.jsonl is left out" in caplog.text
    assert "folder" not in caplog.text


def test_several_paths_and_globs_are_read_in_their_order_each_file_once(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "c.csv", "rejects.csv"):
        (tmp_path / name).write_bytes(b"")
    os.symlink(tmp_path / "a.csv", tmp_path / "link.csv")
    paths = [f"{tmp_path}/{name}" for name in ("b.csv", "?.csv", "link.csv", "*.csv")]
    found = list_files(paths, rejects_path=f"{tmp_path}/rejects.csv")
    assert [file.name for file in found] == ["b.csv", "a.csv", "c.csv"]
    with pytest.raises(SegmentInputError, match=r"no file matches .*/d\.csv"):
        list_files([*paths, f"{tmp_path}/d.csv"])
    with pytest.raises(SegmentConfigurationError, match="is also the rejects_path"):
        list_files([f"{tmp_path}/a.csv"], rejects_path=f"{tmp_path}/a.csv")
    with pytest.raises(SegmentConfigurationError, match="empty list"):
        list_files([])


@pytest.mark.parametrize(
    ("kind", "inside"),
    [("a Delta table", "_delta_log/0.json"), ("an Iceberg table", "metadata/00000-x.metadata.json")],
)
@pytest.mark.parametrize("path", ["", "/*.parquet", "/data/day=*/*.parquet", "/**/*.parquet"])
def test_a_table_that_is_more_than_its_files_is_named(
    tmp_path: Path, kind: str, inside: str, path: str
) -> None:
    table = tmp_path / "orders"
    for name in (inside, "a.parquet", "data/day=1/b.parquet"):
        (table / name).parent.mkdir(parents=True, exist_ok=True)
        (table / name).write_bytes(b"")
    with pytest.raises(SegmentConfigurationError) as error:
        list_files(f"{table}{path}")
    assert f"{kind}, {table}, whose files" in str(error.value)
    assert "SqlToSegmentOperator" in str(error.value) and "list of the Parquet files" in str(error.value)
    # A list of files is what the error says to give, and other files are no part of the table.
    assert len(list_files([f"{table}/a.parquet", f"{table}/data/day=1/b.parquet"])) == 2
    (table / "notes.jsonl").write_bytes(b"")
    assert len(list_files(f"{table}/*.jsonl")) == 1


# Changes

LINES = b'{"n":1}\n' * 100_000


def rewritten(file: Path) -> None:
    file.write_bytes(LINES.replace(b"1", b"2"))
    os.utime(file, (1, 1))  # whatever the resolution of the file system's times is


def replaced(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(LINES)
    os.replace(other, file)


def grown_but_another(file: Path) -> None:
    file.write_bytes(LINES.replace(b"1", b"2") * 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda file: os.truncate(file, 8 * 50_000),
        lambda file: os.truncate(file, 0),
        lambda file: file.unlink(),
        rewritten,
        replaced,
        grown_but_another,
    ],
    ids=["shrunk", "emptied", "removed", "rewritten", "replaced", "rewritten and longer"],
)
def test_a_file_that_changes_while_it_is_read_is_an_error(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    file, blocks = opened(tmp_path)
    next(blocks)
    change(file)
    with pytest.raises(
        SegmentInputError, match=r"a\.jsonl (changed|was removed or replaced) while it was read"
    ):
        list(blocks)


def test_a_file_that_grows_is_read_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    file, blocks = opened(tmp_path)
    read = len(next(blocks).items)
    with file.open("ab") as stream:
        stream.write(b'{"n":2}\n')
    read += sum(len(block.items) for block in blocks)
    assert read in (100_000, 100_001)
    assert "grew from 800,000 to 800,008 bytes" in caplog.text


def test_a_file_that_is_only_read_meanwhile_is_none(tmp_path: Path) -> None:
    file, blocks = opened(tmp_path)
    read = len(next(blocks).items)
    file.chmod(0o600)
    os.link(file, tmp_path / "backup")
    assert read + sum(len(block.items) for block in blocks) == 100_000


def opened(folder: Path) -> tuple[Path, Iterator[Block]]:
    file = folder / "a.jsonl"
    file.write_bytes(LINES)
    files = [ObjectStoragePath(str(file))]
    return file, iter(FileSource(files, describe(files)))
