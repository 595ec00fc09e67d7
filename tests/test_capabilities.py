"""The table of capabilities names what exists: each class, method, argument and module."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_segment.commands import COMMANDS
from airflow_provider_segment.connection import CONN_FIELDS
from airflow_provider_segment.lazy import classes_of_modules

PAGE = (Path(__file__).parents[1] / "docs" / "capabilities.md").read_text()
HAS_AGENTS = find_spec("pydantic_ai") is not None
"""Whether the extra common-ai is installed."""
OF_AGENTS = re.compile(r"SegmentToolset\b|airflow_provider_segment\.toolsets\b")
SPANS = sorted({span for span in re.findall(r"`([^`]+)`", PAGE) if HAS_AGENTS or not OF_AGENTS.match(span)})
CALL = re.compile(r"(Segment\w+|SqlToSegment\w+)(?:\.(\w+))?(?:\((.*)\))?")
CALLS = [span for span in SPANS if CALL.fullmatch(span)]
MODULES = [span for span in SPANS if span.startswith("airflow_provider_segment.")]
PACKAGES = ("operators", "sensors", "triggers", "hooks", "notifications", *(["toolsets"] * HAS_AGENTS))


def public_classes() -> dict[str, str]:
    """The module of each class that the page may name."""
    found = {"SqlToSegmentOperator": "airflow_provider_segment.transfers.sql_to_segment"}
    for package in PACKAGES:
        folder = f"airflow_provider_segment.{package}"
        for module, names in classes_of_modules(folder).items():
            found |= dict.fromkeys(names, f"{folder}.{module}")
    return found


def unknown(span: str) -> list[str]:
    """What a span names that does not exist."""
    match = CALL.fullmatch(span)
    assert match
    name, method, arguments = match.groups()
    if name not in (modules := public_classes()):
        return [name]
    named: Any = getattr(import_module(modules[name]), name)
    if method:
        if not hasattr(named, method):
            return [f"{name}.{method}"]
        named = getattr(named, method)
    known = set(inspect.signature(named).parameters)
    given = [argument.strip().removesuffix("=") for argument in (arguments or "").split(",") if argument]
    return [f"{name}({argument}=)" for argument in given if argument not in known]


@pytest.mark.parametrize("span", CALLS)
def test_what_is_named_exists(span: str) -> None:
    assert unknown(span) == []


@pytest.mark.parametrize("path", MODULES)
def test_what_is_to_be_imported_exists(path: str) -> None:
    module, _, name = path.rpartition(".")
    try:
        import_module(path)
    except ModuleNotFoundError:
        assert hasattr(import_module(module), name)


def test_the_commands_that_are_named_exist() -> None:
    named = {span.split()[2] for span in SPANS if re.fullmatch(r"airflow segment \w+", span)}
    assert named and named <= {command.name for command in COMMANDS}


def test_the_fields_of_the_connection_that_are_named_exist() -> None:
    listed = re.findall(r"\bfields?((?:(?:,| and)? `\w+`)+)", PAGE)
    named = {name for names in listed for name in re.findall(r"\w+", names.replace(" and ", " "))}
    assert named and named <= set(CONN_FIELDS)


def test_what_does_not_exist_would_be_found() -> None:
    assert unknown("SegmentFlyToTheMoonOperator(fuel=)") == ["SegmentFlyToTheMoonOperator"]
    assert unknown("SegmentTrackOperator(event=, fuel=)") == ["SegmentTrackOperator(fuel=)"]
    assert unknown("SegmentHook.fly()") == ["SegmentHook.fly"]
    assert len(CALLS) > 80


def test_every_row_says_what_does_it_here_or_why_nothing_does() -> None:
    rows = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| ")]
    assert [row for row in rows if len(row) != 3 or not all(cell.strip() for cell in row)] == []
    missing = [row[2] for row in rows if "not offered" in row[2]]
    assert missing and [cell for cell in missing if "not offered: " not in cell] == []
