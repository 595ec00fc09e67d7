"""polars, which must not be used in a process that was forked from one that used it: there it waits for ever.

Airflow forks the process of each task, so nothing that forks may use polars: not the code that parses DAGs,
no listener and no plugin. Nothing here forks. What is forked all the same gets an error instead of waiting.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_segment.errors import SegmentInputError

_used_by: int | None = None
"""The process that used polars first."""

THREADS = Path("/proc/self/task")
"""On Linux: the threads of this process, also those that are not Python's."""


def import_polars() -> Any:
    """The module.

    :raises ImportError: it is not installed
    :raises SegmentInputError: it was used before this process was forked
    """
    global _used_by
    import polars

    if _used_by == os.getpid():
        return polars
    polars.thread_pool_size()  # starts its threads, if they have not been started here or before a fork
    if _used_by is not None or _has_no_threads():
        raise SegmentInputError(
            "polars, which reads Parquet, was used before this process was forked, so here it would wait for "
            "ever. Do not use it where Airflow parses DAGs, in plugins or listeners; start processes by "
            "spawn, not by fork"
        )
    _used_by = os.getpid()
    return polars


def _has_no_threads() -> bool:
    """Whether all threads are Python's: those of polars are not forked."""
    if not THREADS.exists():
        return False
    # After a fork, Python does not know the new id of its thread: that of the process.
    pythons = {os.getpid(), *(thread.native_id for thread in threading.enumerate())}
    return {int(thread.name) for thread in THREADS.iterdir()} <= pythons


@contextmanager
def polars_errors() -> Iterator[None]:
    """What polars raises as ValueError: also a panic, which is no Exception.

    :raises ValueError: with the first line of what it says
    """
    try:
        yield
    except BaseException as error:
        kind = type(error)
        if kind.__name__ != "PanicException" and not kind.__module__.startswith("polars"):
            raise
        said = _IN_PANIC.sub(r"\1", str(error).strip())
        raise ValueError(said.partition("\n")[0] or kind.__name__) from None


_IN_PANIC = re.compile(r'.*?ErrString\("(.*?)(?:\\n|"\)).*', re.DOTALL)
"""What polars says, within what Rust says of a panic."""
