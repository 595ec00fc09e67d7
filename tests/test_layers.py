"""The one-way order of imports in the package.

Imports inside functions count. Those under ``if TYPE_CHECKING`` do not: they run in no process, and a type
may have to name what is above it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import airflow_provider_segment
from tests.harness.imports import PACKAGE, imports_of

FOLDER = Path(airflow_provider_segment.__file__).parent

ROOT = (
    "arguments",
    "assets",
    "connection",
    "docstrings",
    "lazy",
    "provider_info",
    "references",
    "resources",
    "values",
    "version_compat",
)
FLOORS = [
    {"", "errors"},  # "" is the package itself, with its __version__
    {"api"},
    set(ROOT),
    {"waiting", "events"},
    {"sending", "verification", "audit"},
    {"hooks", "spark"},
    {"triggers"},
    {"tasks"},
    {"operators", "sensors", "notifications"},
    {"transfers", "decorators"},
    {"catalogue"},
    {"commands", "toolsets"},
    {"cli", "__main__"},
    {"testing"},
]
"""From the lowest: a module takes from its own part of a floor, and from the floors below."""

FLOOR_OF = {part: floor for floor, parts in enumerate(FLOORS) for part in parts}

FORBIDDEN = {
    **{part: {"airflow"} for part in ("errors", *ROOT) if part not in ("assets", "version_compat")},
    "api": {"airflow"},
    "events": {"airflow"},
    "sending": {"airflow"},
    "verification": {"airflow"},
    "audit": {"airflow"},
    "spark": {"airflow"},
    "waiting": {"airflow"},
    "sandbox": {"airflow"},
    "tasks": {"httpx", "httpx_aiohttp", "aiohttp"},
    "operators": {"httpx", "httpx_aiohttp", "aiohttp"},
    "transfers": {"httpx", "httpx_aiohttp", "aiohttp"},
    "decorators": {"httpx", "httpx_aiohttp", "aiohttp"},
    "sensors": {"httpx", "httpx_aiohttp", "aiohttp"},
    "notifications": {"httpx", "httpx_aiohttp", "aiohttp"},
    "catalogue": {"httpx", "httpx_aiohttp", "aiohttp"},
    "toolsets": {"httpx", "httpx_aiohttp", "aiohttp"},
}
"""Packages that a part knows nothing of: the client no Airflow, the operators no HTTP."""

ALLOWED = {("events/storage.py", "airflow.providers.common.compat.sdk")}
"""The exceptions: the storages of Airflow, where there is one."""


def offences(folder: Path) -> list[str]:
    """Each import of the package in ``folder`` that breaks a rule: the file and the import."""
    files = {}
    for file in sorted(folder.rglob("*.py")):
        parts = file.relative_to(folder).with_suffix("").parts
        files[".".join([PACKAGE, *(part for part in parts if part != "__init__")])] = file
    found = []
    for module, file in files.items():
        part = f"{module}.".split(".")[1]
        if part not in FLOOR_OF and part != "sandbox":
            found.append(f"{file.relative_to(folder)}: {part} has no floor")
            continue
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        path = file.relative_to(folder).as_posix()
        for name in imports_of(file.read_text(), package, files):
            if (path, name) not in ALLOWED and (why := wrong(part, name)):
                found.append(f"{path} imports {name}: {why}")
    return found


def wrong(part: str, name: str) -> str | None:
    """Why a part of the package must not import a module, if it must not."""
    top, _, rest = name.partition(".")
    if top in FORBIDDEN.get(part, ()):
        return f"{part} knows no {top}"
    other = rest.partition(".")[0]
    if top != PACKAGE or other == part:
        return None
    if part == "sandbox":
        return None  # tests/sandbox/test_layers.py says what it may take
    if other == "sandbox":
        return "only tests and demos know the sandbox"
    if other not in FLOOR_OF:
        return f"{other} has no floor"
    below = FLOOR_OF[other] < FLOOR_OF[part] or (part in ROOT and other in ROOT)
    return None if below else f"{other} is not below {part}"


def test_every_import_leads_down() -> None:
    assert offences(FOLDER) == []


@pytest.mark.parametrize(
    ("file", "line", "offence"),
    [
        (
            "errors.py",
            f"from {PACKAGE}.api import client",
            "errors.py imports airflow_provider_segment.api: api is not",
        ),
        ("api/client.py", "import airflow.configuration", "api/client.py imports airflow.configuration"),
        ("api/client.py", f"import {PACKAGE}.connection", "api/client.py imports"),
        (
            "connection.py",
            f"from {PACKAGE} import hooks",
            "connection.py imports airflow_provider_segment.hooks",
        ),
        (
            "waiting/watch.py",
            "def f():\n    from airflow.sdk import Context",
            "waiting/watch.py imports airflow.sdk",
        ),
        ("waiting/watch.py", f"import {PACKAGE}.events.send", "events is not below waiting"),
        ("events/send.py", f"from {PACKAGE}.waiting.watch import look", "waiting is not below events"),
        (
            "events/backfill.py",
            "from airflow.providers.common.compat.sdk import ObjectStoragePath",
            "events knows no airflow",
        ),
        ("events/storage.py", "from airflow.sdk import ObjectStoragePath", "events knows no airflow"),
        ("values.py", "import airflow", "values knows no airflow"),
        ("hooks/segment.py", f"from {PACKAGE}.tasks.base import SegmentTask", "tasks is not below hooks"),
        ("hooks/segment.py", "from ..triggers import segment", "airflow_provider_segment.triggers"),
        ("triggers/segment.py", f"import {PACKAGE}.tasks.memory as m", "tasks is not below triggers"),
        ("tasks/base.py", "import httpx", "tasks/base.py imports httpx: tasks knows no httpx"),
        ("tasks/base.py", f"from {PACKAGE}.operators import labels", "operators is not below tasks"),
        ("sensors/warehouses.py", f"import {PACKAGE}.operators.labels", "operators is not below sensors"),
        (
            "operators/labels.py",
            f"try:\n    import {PACKAGE}.sandbox\nexcept ImportError: pass",
            "the sandbox",
        ),
        ("sandbox/app.py", "import airflow.sdk", "sandbox/app.py imports airflow.sdk: sandbox knows no"),
        ("errors.py", f"if not TYPE_CHECKING: import {PACKAGE}.hooks", "hooks is not below errors"),
        ("errors.py", f"if x or TYPE_CHECKING: import {PACKAGE}.hooks", "hooks is not below errors"),
        ("errors.py", f"if NO_TYPE_CHECKING: import {PACKAGE}.hooks", "hooks is not below errors"),
        ("errors.py", f"import_module('{PACKAGE}.hooks.segment')", "hooks is not below errors"),
        ("errors.py", f"importlib.import_module(name='{PACKAGE}.hooks')", "hooks is not below errors"),
        ("errors.py", f"__import__('{PACKAGE}.hooks')", "hooks is not below errors"),
        ("api/calls.py", "import_module('..hooks.segment', __package__)", "hooks is not below api"),
        (
            "api/calls.py",
            f"import {PACKAGE}\nx = {PACKAGE}.hooks.segment.SegmentHook",
            "hooks is not below api",
        ),
        ("api/calls.py", f"import {PACKAGE} as package\npackage.hooks", "hooks is not below api"),
        ("errors.py", f"import {PACKAGE}.errors\n{PACKAGE}.hooks", "hooks is not below errors"),
        ("novelties/new.py", "", "novelties has no floor"),
        ("novelty.py", "", "novelty has no floor"),
    ],
)
def test_an_import_that_leads_up_is_named(tmp_path: Path, file: str, line: str, offence: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(line)
    [found] = offences(tmp_path)
    assert offence in found


@pytest.mark.parametrize(
    "source",
    [
        f"import {PACKAGE}\n{PACKAGE}.__version__",
        f"hooks = {PACKAGE}\n{PACKAGE}.hooks",  # bound by no import
        f"from {PACKAGE} import __version__",
        "import_module(name)",
        f"log('{PACKAGE}.hooks')",
    ],
)
def test_what_imports_nothing_above(tmp_path: Path, source: str) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "calls.py").write_text(source)
    assert offences(tmp_path) == []


def test_an_import_for_type_checkers_may_lead_up(tmp_path: Path) -> None:
    line = "from {}.hooks.segment import SegmentHook\n"
    for test in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        (tmp_path / "errors.py").write_text(f"if {test}:\n    " + line.format(PACKAGE))
        assert offences(tmp_path) == []
    (tmp_path / "errors.py").write_text("if TYPE_CHECKING:\n    pass\nelse:\n    " + line.format(PACKAGE))
    assert len(offences(tmp_path)) == 1
