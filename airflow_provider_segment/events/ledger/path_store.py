"""A ledger in a folder: each run has a file of its own there, because object stores cannot append to one.

So nobody locks, and nobody overwrites what another wrote. When the files of earlier runs are many, a run
takes them over into its own.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.events.codec import Unreadable
from airflow_provider_segment.events.ledger.store import LedgerEntry, joined
from airflow_provider_segment.events.private_files import open_private
from airflow_provider_segment.events.storage import is_local, local_path, storage_path

log = logging.getLogger(__name__)

MANY_FILES = 50
"""More files than this, of runs that have ended, are made one."""
ENDED_AFTER = timedelta(days=2)
"""A run that wrote nothing for so long has ended."""
READS = 5
"""The folder is read at most so often, while other runs make files one."""


class _Content(msgspec.Struct):
    written: datetime
    entries: list[LedgerEntry]


class _Found(NamedTuple):
    file: Any
    content: _Content


class PathLedgerStore:
    """A folder with a folder for each scope.

    :param path: of the folder, in any storage that ``rejects_path`` may be in; made if it is not there
    """

    def __init__(self, path: str, clock: Clock | None = None) -> None:
        self._folder = storage_path(path)
        self._clock = clock or Clock()
        self._name = f"{uuid4().hex}.json"
        self._own: list[LedgerEntry] = []
        self._taken: list[LedgerEntry] = []
        self._old: list[_Found] = []

    def read(self, scope: str, inputs: Collection[str]) -> list[LedgerEntry]:
        """The entries of these inputs, of all runs."""
        files, found = self._files(scope), list[_Found]()
        for _ in range(READS):
            found = [one for file in files if (one := self._read(file))]
            names, files = {file.name for file in files}, self._files(scope)
            # What was in a file that another run took over meanwhile is in one that was not there yet.
            if names <= {file.name for file in files}:
                break
        before = self._clock.now() - ENDED_AFTER
        self._old = [one for one in found if one.content.written < before]
        wanted = set(inputs)
        return [entry for one in found for entry in one.content.entries if entry.input in wanted]

    def add(self, scope: str, entries: Sequence[LedgerEntry]) -> None:
        """Write the file of this run anew, with these entries, too."""
        old = self._old if len(self._old) > MANY_FILES else []
        # Those of one run are not joined with those of another: ranges of texts are only known by their ends.
        taken = [*self._taken, *(entry for one in old for entry in one.content.entries)]
        own = joined([*self._own, *entries])
        content = msgspec.json.encode(_Content(self._clock.now(), [*taken, *own]))
        self._write(self._folder / scope / self._name, content)
        self._own, self._taken, self._old = own, taken, []
        for file, _ in old:
            with suppress(Exception):  # another run took it over, too
                file.unlink()

    def _files(self, scope: str) -> list[Any]:
        folder: Any = self._folder / scope
        try:
            if is_local(folder):
                names = os.listdir(local_path(folder))
            else:
                folder.fs.invalidate_cache()  # others write there, too
                names = [name.rpartition("/")[2] for name in folder.fs.ls(folder.path, detail=False)]
        except FileNotFoundError:
            return []
        return [folder / name for name in sorted(names) if name.endswith(".json")]

    def _read(self, file: Any) -> _Found | None:
        try:
            with file.open("rb") as stream:
                return _Found(file, msgspec.json.decode(stream.read(), type=_Content))
        except FileNotFoundError:  # another run took it over
            return None
        except Unreadable as error:
            log.warning("%s is no file of a ledger; what it knew is sent again: %s", file, error)
            return None

    def _write(self, file: Any, content: bytes) -> None:
        if not is_local(file):
            with suppress(Exception):  # object stores have no folders; if one is needed, open() will fail
                file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as stream:
                stream.write(content)
            return
        path = local_path(file)
        with open_private(f"{path}.part") as stream:  # whoever is killed leaves the file as it was
            stream.write(content)
        os.replace(f"{path}.part", path)
