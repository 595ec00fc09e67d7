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
