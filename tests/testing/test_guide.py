"""The file in docs/testing.md runs as it stands, in a process that knows nothing of these tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.task_runner import REPOSITORY

pytestmark = pytest.mark.core


@pytest.mark.parametrize("arguments", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_the_guide_runs_as_it_stands(tmp_path: Path, arguments: list[str]) -> None:
    if arguments:
        pytest.importorskip("xdist")
    [code] = re.findall(r"^```python\n(.*?)^```", (REPOSITORY / "docs/testing.md").read_text(), re.M | re.S)
    (tmp_path / "test_orders.py").write_text(code)
    home = tmp_path / "home"
    home.mkdir()
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTEST"))
    }
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, "test_orders.py"],
        cwd=tmp_path,
        env={**inherited, "HOME": str(home), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert "2 passed" in result.stdout, result.stdout + result.stderr
    assert not list(home.rglob("*.db"))
