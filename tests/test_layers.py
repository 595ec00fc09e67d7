"""The one-way order of imports in the package.

Imports inside functions count. Those under ``if TYPE_CHECKING`` do not: they run in no process, and a type
may have to name what is above it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import airflow_provider_segment

PACKAGE = "airflow_provider_segment"
FOLDER = Path(airflow_provider_segment.__file__).parent

ROOT = ("arguments", "assets", "connection", "lazy", "provider_info", "resources", "version_compat")
FLOORS = [
    {"", "errors"},  # "" is the package itself, with its __version__
    {"api"},
    set(ROOT),
    {"waiting", "events"},
    {"hooks"},
    {"triggers"},
    {"tasks"},
    {"operators", "sensors", "notifications"},
]
"""From the lowest: a module takes from its own part of a floor, and from the floors below."""

FLOOR_OF = {part: floor for floor, parts in enumerate(FLOORS) for part in parts}

OF_THE_SANDBOX = {"api.published_limits", "api.rate_limits"}
"""All that the sandbox takes. It judges the client, and so must not share the client's mistakes: published
limits are facts for both, and the pytest plugin resets the rate limits that the client remembers."""

FORBIDDEN = {
    "api": {"airflow"},
    "waiting": {"airflow"},
    "sandbox": {"airflow"},
    "tasks": {"httpx", "httpx_aiohttp", "aiohttp"},
    "operators": {"httpx", "httpx_aiohttp", "aiohttp"},
    "sensors": {"httpx", "httpx_aiohttp", "aiohttp"},
    "notifications": {"httpx", "httpx_aiohttp", "aiohttp"},
}
"""Packages that a part knows nothing of: the client no Airflow, the operators no HTTP."""


def run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under ``if TYPE_CHECKING``."""
    yield tree
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for other in node.orelse:
                yield from run_time_nodes(other)
        else:
            yield from run_time_nodes(node)


def imports_of(file: Path, module: str, modules: set[str]) -> Iterator[str]:
    """The full names of the modules that a file imports at run time."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in run_time_nodes(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                name = f"{source}.{alias.name}"
                is_module = name in modules or (source == PACKAGE and alias.name != "__version__")
                yield name if is_module else source


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
        for name in imports_of(file, module, set(files)):
            if why := wrong(part, name):
                found.append(f"{file.relative_to(folder)} imports {name}: {why}")
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
        return None if rest in OF_THE_SANDBOX else "the sandbox takes only what OF_THE_SANDBOX lists"
    if other == "sandbox":
        return "only tests and demos know the sandbox"
    if other not in FLOOR_OF:
        return f"{other} has no floor"
    below = FLOOR_OF[other] < FLOOR_OF[part] or (part in ROOT and other in ROOT)
    return None if below else f"{other} is not below {part}"


def test_every_import_leads_down() -> None:
    assert offences(FOLDER) == []


def test_what_the_sandbox_may_take_it_takes() -> None:
    modules = {
        f"{PACKAGE}.{'.'.join(file.relative_to(FOLDER).with_suffix('').parts)}"
        for file in FOLDER.rglob("*.py")
    }
    taken = {
        name.removeprefix(f"{PACKAGE}.")
        for file in (FOLDER / "sandbox").rglob("*.py")
        for name in imports_of(file, f"{PACKAGE}.sandbox.{file.stem}", modules)
        if name.startswith(f"{PACKAGE}.") and not name.startswith(f"{PACKAGE}.sandbox")
    }
    assert taken == OF_THE_SANDBOX


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
        ("sandbox/app.py", f"from {PACKAGE}.api.client import SegmentClient", "sandbox/app.py imports"),
        ("novelties/new.py", "", "novelties has no floor"),
        ("novelty.py", "", "novelty has no floor"),
    ],
)
def test_an_import_that_leads_up_is_named(tmp_path: Path, file: str, line: str, offence: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(line)
    [found] = offences(tmp_path)
    assert offence in found


def test_an_import_for_type_checkers_may_lead_up(tmp_path: Path) -> None:
    line = "from {}.hooks.segment import SegmentHook\n"
    (tmp_path / "errors.py").write_text("if TYPE_CHECKING:\n    " + line.format(PACKAGE))
    assert offences(tmp_path) == []
    (tmp_path / "errors.py").write_text("if TYPE_CHECKING:\n    pass\nelse:\n    " + line.format(PACKAGE))
    assert len(offences(tmp_path)) == 1
