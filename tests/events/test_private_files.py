"""Dead letters hold people's data: who can read them, and where they do not go."""

from __future__ import annotations

import gc
import io
import json
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fsspec import AbstractFileSystem  # type: ignore[import-untyped,unused-ignore]
from fsspec.spec import AbstractBufferedFile  # type: ignore[import-untyped,unused-ignore]

from airflow_provider_segment.errors import (
    SegmentConfigurationError,
    SegmentEventError,
    SegmentReplacedError,
)
from airflow_provider_segment.events.dead_letters import DeadLetters
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox
from tests.events.test_send import read_lines

pytestmark = pytest.mark.core

GOOD: dict[str, Any] = {"type": "page", "userId": "u"}
BAD: dict[str, Any] = {"type": "track", "userId": "jane@example.com"}


@pytest.fixture(autouse=True)
def generous_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def send(rejects: object) -> Any:
    return SegmentHook().send_events([GOOD, BAD], rejects_path=str(rejects))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("scheme", ["", "file://", "local://"])
def test_only_their_owner_can_read_them(segment_sandbox: Sandbox, tmp_path: Path, scheme: str) -> None:
    there = tmp_path / "there"
    there.mkdir(mode=0o755)
    rejects = there / "new" / "deep" / "rejects.jsonl"
    report = send(f"{scheme}{rejects}")
    assert report.rejects_failure is None
    assert mode(rejects) == 0o600
    assert [mode(rejects.parent), mode(rejects.parent.parent)] == [0o700, 0o700]
    assert mode(there) == 0o755, "a folder that exists stays as it is"
    assert "jane@example.com" in rejects.read_text()


def test_a_file_that_others_could_read(segment_sandbox: Sandbox, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    rejects.write_text("older and longer than what comes now" * 100)
    rejects.chmod(0o644)
    send(rejects)
    assert mode(rejects) == 0o600
    assert "older" not in rejects.read_text()


@pytest.mark.parametrize("target", ["file", "nothing", "folder"])
def test_a_link_is_not_followed(segment_sandbox: Sandbox, tmp_path: Path, target: str) -> None:
    other = tmp_path / "other"
    if target == "file":
        other.write_text("not ours")
    elif target == "folder":
        other.mkdir()
    rejects = tmp_path / "rejects.jsonl"
    rejects.symlink_to(other)
    with pytest.raises(SegmentConfigurationError, match=r"rejects\.jsonl is a symbolic link"):
        send(rejects)
    assert segment_sandbox.accepted == []
    if target == "file":
        assert other.read_text() == "not ours"
    else:
        assert other.exists() == (target == "folder")


def test_a_folder_that_is_a_link_is_one(segment_sandbox: Sandbox, tmp_path: Path) -> None:
    """Where a mounted disk is, for instance."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    assert send(tmp_path / "data" / "rejects.jsonl").rejects_failure is None
    assert mode(tmp_path / "disk" / "rejects.jsonl") == 0o600


def test_a_device_stays_as_it_is(segment_sandbox: Sandbox) -> None:
    before = os.stat("/dev/null").st_mode
    assert send("/dev/null").rejects_failure is None
    assert os.stat("/dev/null").st_mode == before


class Bucket:
    """A file in an object store, which has neither folders nor permissions."""

    protocol = "s3"
    name = "rejects.jsonl"
    written = b""

    @property
    def parent(self) -> Any:
        raise NotImplementedError

    @property
    def path(self) -> str:
        raise AssertionError("not a local file")

    def open(self, mode: str) -> Any:
        assert mode == "wb"
        return Kept(self)


class Kept(io.BytesIO):
    def __init__(self, bucket: Bucket) -> None:
        super().__init__()
        self._bucket = bucket

    def close(self) -> None:
        self._bucket.written = self.getvalue()
        super().close()


def test_other_storages_are_not_concerned() -> None:
    bucket = Bucket()
    with DeadLetters(bucket, logging.getLogger()) as letters:
        letters.add({"item": 1}, SegmentEventError("missing_field", "event"), BAD)
    assert letters.failure is None
    assert b"jane@example.com" in bucket.written


# Two tries, of which the second has replaced the first, which still runs


def add(letters: DeadLetters, number: int) -> None:
    letters.add({"item": number}, SegmentEventError("missing_field", "event"), BAD)


def test_a_try_that_was_replaced_does_not_write_to_the_file_of_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "rejects.jsonl"
    with pytest.raises(SegmentReplacedError), DeadLetters(file, logging.getLogger()) as replaced:
        add(replaced, 1)
        replaced.flush()
        with DeadLetters(file, logging.getLogger()) as letters:
            add(letters, 2)
        add(replaced, 3)
        raise SegmentReplacedError
    assert [letter["item"] for letter in read_lines(file)] == [2]


class Objects(AbstractFileSystem):  # type: ignore[misc,unused-ignore]
    """An object store: a file is there when it is closed, and the last one wins."""

    protocol = "objects"
    kept: ClassVar[dict[str, bytes]] = {}

    def _open(self, path: str, mode: str = "wb", **_: Any) -> Any:
        return Upload(self, path, mode)


class Upload(AbstractBufferedFile):  # type: ignore[misc,unused-ignore]
    def _initiate_upload(self) -> None:
        pass

    def _upload_chunk(self, final: bool = False) -> bool:
        Objects.kept[self.path] = self.buffer.getvalue()
        return True


class InObjects(Bucket):
    def open(self, mode: str) -> Any:
        return Objects().open("bucket/rejects.jsonl", mode)


def test_nor_does_it_put_its_own_over_that_in_an_object_store() -> None:
    with pytest.raises(SegmentReplacedError), DeadLetters(InObjects(), logging.getLogger()) as replaced:
        add(replaced, 1)
        with DeadLetters(InObjects(), logging.getLogger()) as letters:
            add(letters, 2)
        raise SegmentReplacedError
    del replaced
    gc.collect()
    [line] = Objects.kept["bucket/rejects.jsonl"].splitlines()
    assert json.loads(line)["item"] == 2
    assert letters.failure is None
