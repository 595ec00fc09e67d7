"""Tests in several workers, by a pytest of its own: each test runs once, where it should."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.harness.distribution import RUNNING_AIRFLOW
from tests.harness.task_runner import REPOSITORY

pytestmark = pytest.mark.core

CONFTEST = """
import os
from pathlib import Path

import pytest

from tests.harness.distribution import FileByFile

def pytest_xdist_make_scheduler(config, log):
    return FileByFile(config, log)

@pytest.fixture(autouse=True)
def ran(request):
    with (Path(__file__).parent / "ran").open("a") as file:
        file.write(f"{os.environ['PYTEST_XDIST_WORKER']} {request.node.nodeid}\\n")
"""

TESTS = """
import os

import pytest

@pytest.mark.parametrize("number", range(10))
def test(number):
    if number == {dies}:
        os._exit(1)
"""

FILES = {
    "tests/test_one.py": None,
    "tests/test_two.py": 4,
    "tests/test_three.py": None,
    f"{RUNNING_AIRFLOW}test_a.py": None,
    f"{RUNNING_AIRFLOW}test_b.py": None,
}


def test_a_worker_that_dies_costs_one_test(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for name, dies in FILES.items():
        (file := tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        file.write_text(TESTS.format(dies=dies))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "2", "--rootdir", "."]

    done = subprocess.run(
        [*command, "tests"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "crashed while running 'tests/test_two.py::test[4]'" in done.stdout, done.stdout + done.stderr
    assert "1 failed, 49 passed" in done.stdout
    ran = [line.split() for line in (tmp_path / "ran").read_text().splitlines()]
    assert sorted(test for _, test in ran) == sorted(
        f"{name}::test[{number}]" for name in FILES for number in range(10)
    )
    workers = defaultdict(set)
    for worker, test in ran:
        workers[test.partition("::")[0]].add(worker)
    assert len(workers.pop("tests/test_two.py")) == 2, "another worker goes on"
    assert {len(of_file) for of_file in workers.values()} == {1}
    assert workers[f"{RUNNING_AIRFLOW}test_a.py"] == workers[f"{RUNNING_AIRFLOW}test_b.py"]
