"""The files of rejected events of several parts, made one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from shutil import copyfileobj
from typing import IO, Any, cast

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError
from airflow_provider_segment.events.private_files import is_link, open_private
from airflow_provider_segment.events.storage import is_local, local_path, storage_path

COPY_BYTES = 1 << 20


def merge_rejects(reports: Mapping[str, Mapping[str, Any]], path: str) -> None:
    """Write the rejected events of parts to one file, in the order of the parts.

    Their own files stay as they are. A local file can only be read by its owner. What earlier runs of a part
    rejected, as its ledger says, is copied, too, if it is in the file that the part has now.

    :param reports: of the parts, by their names
    :param path: of the file, which is overwritten
    :raises SegmentConfigurationError: a part had no file of its own, or that is the one to be written, or
        this is a symbolic link
    :raises SegmentInputError: the file of a part cannot be read
    """
    rejected = {part: report["rejects_path"] for part, report in reports.items() if _rejected(report)}
    if without := [part for part, own in rejected.items() if not own]:
        raise SegmentConfigurationError(
            f"rejected events of {', '.join(without[:10])} were only logged: give the sender a rejects_path"
        )
    if path in rejected.values():
        raise SegmentConfigurationError(f"rejects_path {path} is that of a part: give another one")
    with _opened(path) as merged:
        for part, own in rejected.items():
            try:
                with storage_path(own).open("rb") as stream:
                    copyfileobj(stream, merged, COPY_BYTES)
            except OSError as error:
                if isinstance(error, FileNotFoundError) and not reports[part].get("rejected"):
                    continue  # that run had another file
                raise SegmentInputError(
                    f"the rejected events of {part} cannot be copied: {error}. Is {own} where every worker "
                    "can read it?"
                ) from error


def _opened(path: str) -> IO[bytes]:
    file = storage_path(path)
    if is_local(file):
        try:
            return open_private(local_path(file))
        except OSError as error:
            if is_link(error):
                raise SegmentConfigurationError(
                    f"rejects_path {path} is a symbolic link, which is not followed: give the file's path"
                ) from None
            raise
    with suppress(Exception):  # object stores have no folders; if one is needed, open() will fail
        file.parent.mkdir(parents=True, exist_ok=True)
    return cast("IO[bytes]", file.open("wb"))


def check_own_files(reports: Mapping[str, Mapping[str, Any]]) -> None:
    """Make sure that no part overwrote the rejected events of another.

    :raises SegmentConfigurationError: several parts had the same file, and some events were rejected
    """
    paths = Counter(report["rejects_path"] for report in reports.values() if report.get("rejects_path"))
    for path, count in paths.items():
        sharing = [part for part, report in reports.items() if report.get("rejects_path") == path]
        if count > 1 and any(_rejected(reports[part]) for part in sharing):
            raise SegmentConfigurationError(
                f"{', '.join(sharing[:10])} had the same rejects_path {path}, so that each overwrote what "
                "the one before had rejected: give each a file of its own, as in ..._{{ ti.map_index }}.jsonl"
            )


def _rejected(report: Mapping[str, Any]) -> bool:
    """Whether any of a part was rejected, now or by an earlier run."""
    return bool(report.get("rejected") or report.get("rejected_earlier"))
