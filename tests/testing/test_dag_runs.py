"""`segment_airflow.run(dag)`: the tests of dag_runs.py and of recipes.py, in a process of their own.

Other tests set up the logging of Airflow's tasks for the whole process, and these look at what a run logged.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.harness.task_runner import REPOSITORY

pytestmark = pytest.mark.core
on_airflow_3 = pytest.mark.skipif(version("apache-airflow") < "3", reason="they are shown for Airflow 3")


@pytest.mark.parametrize("file", ["dag_runs.py", pytest.param("recipes.py", marks=on_airflow_3)])
def test_runs_of_dags(file: str) -> None:
    tests = Path(__file__).with_name(file)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " passed" in result.stdout and "skipped" not in result.stdout
