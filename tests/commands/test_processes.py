"""The command line as processes of its own: through Airflow, without it, in pipes and in terminals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_segment.sandbox import Sandbox
from tests.harness.without_airflow import WITHOUT_AIRFLOW

AIRFLOW = [str(Path(sys.executable).with_name("airflow")), "segment"]
MODULE = [sys.executable, "-m", "airflow_provider_segment"]
ONLY_3 = pytest.mark.skipif(
    version("apache-airflow") < "3", reason="Airflow 2 takes no commands of providers"
)

COMMANDS = """
from airflow_provider_segment.commands import main

main(sys.argv[1:])
"""
ALONE = [sys.executable, "-c", WITHOUT_AIRFLOW + COMMANDS]


def run(command: list[str], *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command, *arguments], capture_output=True, text=True, **options)


@pytest.fixture
def events(tmp_path: Path) -> str:
    path = tmp_path / "events.jsonl"
    path.write_text(
        '{"type": "track", "event": "Bestellung \N{SNOWMAN}", "userId": "u1"}\n{"type": "track"}\n'
    )
    return str(path)


@ONLY_3
def test_through_airflow(events: str) -> None:
    found = run(AIRFLOW, "operations", "stop a source sending to a warehouse", "--json")
    assert (found.returncode, found.stderr) == (0, "")
    first, *_ = json.loads(found.stdout)["operations"]
    assert first["name"] == "SegmentRemoveSourceConnectionFromWarehouseOperator"
    report = run(AIRFLOW, "preview", events, "--json")
    assert report.returncode == 2
    assert json.loads(report.stdout)["events"] == 1


@ONLY_3
def test_the_help_of_airflow() -> None:
    shown = run(AIRFLOW, "preview", "--help")
    assert shown.returncode == 0
    for part in ("--tracking-plan-path FILE", "2 if some would be rejected", "PATH [PATH ...]"):
        assert part in " ".join(shown.stdout.split())


@pytest.mark.core
def test_as_a_module(segment_sandbox: Sandbox) -> None:
    checked = run(MODULE, "check", "--json")
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["well"]


@pytest.mark.core
def test_in_a_python_that_has_no_airflow(events: str) -> None:
    report = run(ALONE, "preview", events, "--json")
    assert (report.returncode, report.stderr) == (2, "")
    assert json.loads(report.stdout)["events"] == 1
    for needs_it in ("operations", "check"):
        ended = run(ALONE, needs_it, "source")
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr.startswith(
            f"segment {needs_it}: this needs Apache Airflow, which is not installed"
        )


@pytest.mark.core
def test_a_terminal_without_unicode(events: str) -> None:
    report = run(ALONE, "preview", events, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert report.returncode == 2
    assert "Bestellung \\u2603" in report.stdout and "\x1b" not in report.stdout


@pytest.mark.core
def test_a_reader_that_is_gone(events: str) -> None:
    """As with ``| head``."""
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run([*ALONE, "preview", events], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, "")


@pytest.mark.core
def test_closed_streams(events: str) -> None:
    """As with ``>&-``: only the exit status is asked for."""
    command = ["sh", "-c", '"$@" >&- 2>&-', "sh", *ALONE, "preview", events]
    assert subprocess.run(command, check=False).returncode == 2


@pytest.mark.core
def test_an_interrupt(events: str, tmp_path: Path) -> None:
    """Ctrl-C while it waits: for a mapping that nobody writes."""
    pipe = tmp_path / "mapping.yaml"
    os.mkfifo(pipe)
    command = [*ALONE, "preview", events, "--mapping", str(pipe)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        with pipe.open("w"):  # waits until it reads
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "")


@pytest.mark.core
def test_what_is_imported_for_every_airflow_call() -> None:
    script = (
        "import sys; before = set(sys.modules)\n"
        "from airflow_provider_segment.cli import get_commands\n"
        "from airflow_provider_segment.commands import COMMANDS\n"
        "[command.flags() for command in COMMANDS]\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(names - set(sys.stdlib_module_names)))\n"
        "print(sorted(name for name in sys.modules if name.startswith('airflow_provider_segment.')))"
    )
    outside, inside = run([sys.executable, "-c", script]).stdout.splitlines()
    assert outside == "['airflow_provider_segment', 'typing_extensions']"
    for heavy in ("catalogue", "hooks", "operators", "api.client", "sending"):
        assert f"'airflow_provider_segment.{heavy}" not in inside
