"""polars waits for ever in a process that was forked from one that used it: an error is better."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.events.sources import parquet_files

pytestmark = pytest.mark.core

SCRIPT = """
import os, signal, sys, warnings
warnings.simplefilter("ignore")  # polars warns of forks
from pathlib import Path

from airflow_provider_segment.events.sources.files import FileSource

file = Path(sys.argv[1])

def read():
    return [row for block in FileSource([file]) for row in block.items]

{before}
sys.stdout.flush()
child = os.fork()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
signal.alarm(60)  # if it waits for ever, it is killed
try:
    print(read())
except Exception as error:
    print(type(error).__name__, error)
sys.stdout.flush()
os._exit(0)
"""


def in_a_fork(tmp_path: Path, before: str) -> str:
    """What a child prints that reads Parquet after its parent did this."""
    file = tmp_path / "a.parquet"
    file.write_bytes(parquet_files.UUIDS)
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(before=before), str(file)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize(
    "before",
    [
        "read()",
        "import polars; polars.read_parquet(file)",
        "import polars; polars.DataFrame({'a': [2, 1]}).lazy().sort('a').collect()",
    ],
    ids=["read", "other code read", "other code used it"],
)
def test_a_child_of_a_process_that_used_polars_gets_an_error(tmp_path: Path, before: str) -> None:
    assert "SegmentInputError polars, which reads Parquet, was used before" in in_a_fork(tmp_path, before)


@pytest.mark.parametrize("before", ["", "import polars"])
def test_a_child_of_a_process_that_did_not_reads(tmp_path: Path, before: str) -> None:
    assert in_a_fork(tmp_path, before) == "[(1, '30313233-3435-3637-3839-616263646566')]\n"
