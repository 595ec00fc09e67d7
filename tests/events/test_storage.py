"""Paths of files with Airflow and without."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from upath import UPath

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.sources.files import list_files
from airflow_provider_segment.events.storage import is_local, local_path, storage_path

pytestmark = pytest.mark.core


class NotInstalled(MetaPathFinder):
    """Has the import of some packages fail, as if they were not installed."""

    def __init__(self, *packages: str) -> None:
        self._packages = packages

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> None:
        if fullname.partition(".")[0] in self._packages:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def hide(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Make this process one in which some packages are not installed."""
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NotInstalled(*packages), *sys.meta_path])


def test_with_airflow_a_path_is_one_of_its_storages(tmp_path: Path) -> None:
    path = storage_path(str(tmp_path / "events.jsonl"))
    assert isinstance(path, ObjectStoragePath)
    assert is_local(path) and local_path(path) == str(tmp_path / "events.jsonl")


@pytest.mark.parametrize("prefix", ["", "file://", "local://"])
def test_a_local_file_is_the_same_file_without_airflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    file = tmp_path / "a%20file.jsonl"
    file.write_text("{}")
    if prefix != "local://":  # which only fsspec knows
        assert local_path(storage_path(f"{prefix}{file}")) == str(file)
    hide(monkeypatch, "airflow", "upath", "fsspec")
    path = storage_path(f"{prefix}{file}")
    assert isinstance(path, Path) and path == file
    assert is_local(path) and local_path(path) == str(file)


def test_globs_without_airflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep").mkdir()
    names = ["b.jsonl", "a.jsonl", "deep/c.jsonl", "rejects.jsonl"]
    for name in names:
        (tmp_path / name).write_text("{}")
    asked = [f"{tmp_path}/*.jsonl", f"{tmp_path}/**/c.jsonl"]
    with_airflow = [local_path(file) for file in list_files(asked, rejects_path=f"{tmp_path}/rejects.jsonl")]
    hide(monkeypatch, "airflow")
    files = list_files(asked, rejects_path=f"file://{tmp_path}/rejects.jsonl")
    assert [str(file) for file in files] == with_airflow
    assert with_airflow == [f"{tmp_path}/{name}" for name in ("a.jsonl", "b.jsonl", "deep/c.jsonl")]


def test_other_storages_without_airflow_are_reached_by_universal_pathlib(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hide(monkeypatch, "airflow")
    path = storage_path("memory://bucket/events.jsonl")
    assert isinstance(path, UPath) and not is_local(path)
    path.write_bytes(b"{}")
    assert [str(file) for file in list_files("memory://bucket/*.jsonl")] == [str(path)]


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "airflow", "upath")
    with pytest.raises(SegmentConfigurationError, match=r"s3://bucket/key is not .* pip install universal-"):
        storage_path("s3://bucket/key")


@pytest.mark.parametrize(
    ("path", "said"), [("gs://bucket/key", "gcsfs"), ("oddity://bucket/key", "Protocol not known: oddity")]
)
def test_a_storage_without_its_library_is_named(
    monkeypatch: pytest.MonkeyPatch, path: str, said: str
) -> None:
    hide(monkeypatch, "airflow", "gcsfs")
    with pytest.raises(SegmentConfigurationError, match=said):
        storage_path(path)


def test_a_broken_airflow_is_not_taken_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "airflow")
    monkeypatch.setattr(NotInstalled, "find_spec", broken)
    with pytest.raises(ModuleNotFoundError, match="attrs"):
        storage_path("file.jsonl")


def broken(self: NotInstalled, fullname: str, path: Sequence[str] | None, target: Any = None) -> None:
    if fullname == "airflow":
        raise ModuleNotFoundError("No module named 'attrs'", name="attrs")
