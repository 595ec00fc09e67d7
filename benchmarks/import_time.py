"""What importing the package adds to Airflow, and what a DAG file full of operators costs.

A scheduler does both all day.

    python -m benchmarks.import_time

Each measurement is a process of its own, with Airflow already imported and the garbage collector off.
"""

from __future__ import annotations

import builtins
import gc
import importlib
import json
import pkgutil
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import airflow_provider_segment.operators
from benchmarks.environment import WITH_AIRFLOW

PACKAGE = "airflow_provider_segment"
OPERATORS = f"{PACKAGE}.operators"
IMPORTS = {
    "the hook": [f"{PACKAGE}.hooks.segment"],
    "the event operators": [f"{OPERATORS}.events"],
    "one module of operators: sources": [f"{OPERATORS}.sources"],
    "all operators": [
        f"{OPERATORS}.{module.name}"
        for module in pkgutil.iter_modules(airflow_provider_segment.operators.__path__)
    ],
}
HEAVY = {"aiohttp", "httpx", "msgspec", "pydantic"}
RUNS = 5


def import_airflow() -> None:
    """What Dag files and providers import anyway. Airflow reads our provider info then: that is unloaded."""
    from airflow.providers.common.compat.sdk import BaseHook, BaseOperator  # noqa: F401

    for name in [name for name in sys.modules if is_part_of(name, {PACKAGE})]:
        del sys.modules[name]


def is_part_of(module: str, packages: set[str]) -> bool:
    return module.partition(".")[0] in packages


def measure(modules: list[str]) -> dict[str, Any]:
    """Milliseconds to import `modules`, and who imports one of the heavy packages meanwhile.

    Airflow has imported some of them itself: so it is the import statements that are watched.
    """
    import_airflow()
    heavy = []
    original = builtins.__import__

    def watched(name: str, globals: Any = None, *args: Any, **kwargs: Any) -> Any:
        if is_part_of(name, HEAVY):
            heavy.append(f"{globals['__name__']} imports {name}")
        return original(name, globals, *args, **kwargs)

    before = set(sys.modules)
    gc.disable()
    builtins.__import__ = watched
    start = time.perf_counter()
    for module in modules:
        importlib.import_module(module)
    milliseconds = (time.perf_counter() - start) * 1000
    builtins.__import__ = original
    loaded = sorted(set(sys.modules) - before)
    heavy += [f"{name} is loaded" for name in loaded if is_part_of(name, HEAVY)]
    return {"ms": milliseconds, "heavy": heavy, "loaded": loaded}


def dag_of_50() -> dict[str, Any]:
    """Milliseconds to make a DAG of 50 tasks, of ours and of Airflow's BashOperator."""
    from airflow.providers.common.compat.sdk import DAG
    from airflow.providers.standard.operators.bash import BashOperator

    from airflow_provider_segment.operators import SegmentUpdateSourceOperator

    def ours(number: int) -> Any:
        return SegmentUpdateSourceOperator(task_id=f"task_{number}", source_id="s", name="{{ ds }}")

    def bash(number: int) -> Any:
        return BashOperator(task_id=f"task_{number}", bash_command="echo {{ ds }}", cwd="/tmp")

    def best(make: Callable[[int], Any]) -> float:
        times = []
        for _ in range(20):
            start = time.perf_counter()
            with DAG("dag", schedule=None):
                for number in range(50):
                    make(number)
            times.append((time.perf_counter() - start) * 1000)
        return min(times)

    gc.disable()
    return {"bash": best(bash), "ours": best(ours)}


def in_new_process(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.import_time", *arguments]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=WITH_AIRFLOW).stdout
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


def main() -> None:
    python = platform.python_version()
    print(f"Airflow {version('apache-airflow')}, Python {python}; best of {RUNS}, gc off\n")
    print("| import, over Airflow itself | ms | modules |\n|---|--:|--:|")
    heavy = set()
    for name, modules in IMPORTS.items():
        runs = [in_new_process(*modules) for _ in range(RUNS)]
        best = min(runs, key=lambda run: run["ms"])
        print(f"| {name} | {best['ms']:.1f} | {len(best['loaded'])} |")
        heavy.update(best["heavy"])
    print(f"\nImports none of {', '.join(sorted(HEAVY))}." if not heavy else "\n" + "\n".join(sorted(heavy)))
    made = [in_new_process("dag_of_50") for _ in range(RUNS)]
    bash, ours = (min(run[kind] for run in made) for kind in ("bash", "ours"))
    print(f"\nA DAG of 50 operators: {ours:.1f} ms, {ours / bash:.2f} times 50 BashOperators ({bash:.1f} ms)")
    sys.exit(bool(heavy))


if __name__ == "__main__":
    if sys.argv[1:] == ["dag_of_50"]:
        print(json.dumps(dag_of_50()))
    elif modules := sys.argv[1:]:
        print(json.dumps(measure(modules)))
    else:
        main()
