"""Every test runs on a throw-away Airflow of its own, with no way out to the network."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.harness.fuzzing import register_profiles
from tests.harness.task_runner import RunTask

register_profiles()

pytest_plugins = [
    "airflow_provider_segment.sandbox.pytest_plugin",
    "tests.harness.masks",
    "tests.harness.sandbox_api",
    "tests.harness.scripted_api",
]

# Airflow reads its settings when it is first imported.
assert "airflow" not in sys.modules
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="airflow-provider-segment-"))
for name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
    del os.environ[name]
os.environ |= {
    "AIRFLOW_HOME": str(AIRFLOW_HOME),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "NO_PROXY": "*",
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.harness.distribution import FileByFile

    return FileByFile(config, log)


@pytest.fixture(scope="session", autouse=True)
def throw_away_airflow_home() -> Iterator[Path]:
    yield AIRFLOW_HOME
    shutil.rmtree(AIRFLOW_HOME, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def no_outside_network() -> Iterator[None]:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def connect_on_this_machine(self: socket.socket, address: tuple[str, int]) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = address[0]
            if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
                raise ConnectionRefusedError(f"tests stay on this machine, but this connects to {address}")
        connect(self, address)

    socket.socket.connect = connect_on_this_machine  # type: ignore[method-assign,assignment]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def no_waiting_for_the_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let triggers fire at once: a test that runs them itself has no scheduler to wait for."""
    from airflow_provider_segment.triggers import segment

    monkeypatch.setattr(segment, "MIN_DEFERRAL", timedelta(0))


@pytest.fixture
def run_task() -> Iterator[RunTask]:
    """Run one try of an operator through Airflow's real task runner: `run = run_task(operator)`."""
    with RunTask() as run:
        yield run
