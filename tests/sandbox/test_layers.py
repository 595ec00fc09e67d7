"""The sandbox's modules import each other in one direction, and of the rest of the package almost nothing."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from airflow_provider_segment import sandbox
from tests.harness.imports import PACKAGE, imports_of

SANDBOX = sandbox.__name__
FOLDER = Path(sandbox.__path__[0])

# It judges the client, and so must not share the client's mistakes. What Segment publishes is a fact, not a
# judgement. The fixtures empty the clients' rate limiters, say
# that a sandbox answers, and run DAGs.
ALLOWED = {
    f"{SANDBOX}.enforced_limits": {f"{PACKAGE}.api.published_limits"},
    f"{SANDBOX}.pytest_plugin": {
        f"{PACKAGE}.api.rate_limits",
        f"{PACKAGE}.api.regions",
        f"{PACKAGE}.testing.dag_runs",
        f"{PACKAGE}.testing.throw_away_airflow",
    },
}


def name_of(file: Path) -> str:
    parts = file.relative_to(FOLDER).with_suffix("").parts
    return ".".join([SANDBOX, *(part for part in parts if part != "__init__")])


FILES = {name_of(file): file for file in sorted(FOLDER.rglob("*.py"))}
MODULES = {*FILES, *(name for names in ALLOWED.values() for name in names)}


def of_the_package(source: str) -> set[str]:
    """The modules of the package that a source imports, also for type checkers only."""
    found = imports_of(source, SANDBOX, MODULES, for_type_checkers=True)
    return {name for name in found if name == PACKAGE or name.startswith(f"{PACKAGE}.")}


def order(graph: dict[str, set[str]]) -> list[str]:
    return list(TopologicalSorter(graph).static_order())


def test_no_module_imports_itself_through_others() -> None:
    graph = {name: of_the_package(file.read_text()) & set(FILES) for name, file in FILES.items()}
    # `Sandbox` is the package's face, imported when it is first asked for.
    del graph[SANDBOX]

    assert set(order(graph)) == set(FILES)


def test_a_circle_is_found() -> None:
    graph = {"a": of_the_package(f"from {SANDBOX} import state"), f"{SANDBOX}.state": {"a"}}
    with pytest.raises(CycleError):
        order(graph)


@pytest.mark.parametrize("name", FILES)
def test_of_the_rest_of_the_package_it_imports_exactly_what_is_allowed(name: str) -> None:
    outside = {each for each in of_the_package(FILES[name].read_text()) if not each.startswith(SANDBOX)}
    assert outside == ALLOWED.get(name, set())
