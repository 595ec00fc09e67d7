"""`segment_airflow.run(dag)`: the tests of dag_runs.py, in a process of their own.

Other tests set up the logging of Airflow's tasks for the whole process, and these look at what a run logged.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.task_runner import REPOSITORY

pytestmark = pytest.mark.core


def test_runs_of_dags() -> None:
    tests = Path(__file__).with_name("dag_runs.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " passed" in result.stdout and "skipped" not in result.stdout
