"""The example DAGs as the demo shows them: the same, but for where their data is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path

EXAMPLE_DAGS = Path(__file__).parents[1]
OF_DATABASE = ("identify_from_dbt_model", "incremental_orders", "orders_from_postgres", "verified_backfill")
EDITS = {
    "backfill_in_parts": ("1 << 26", "1 << 16"),  # 64 MB, and there are few events
    "warehouse_asset": ('ref("warehouse", "Shop"))', 'ref("warehouse", "Shop"), poll_interval=10)'),
}
"""What somebody changes who has little data, and little patience."""
WITHOUT_MODEL = """

# The demo has no language model: a script answers instead of it.
from example_dags.demo.scripted_agent import SwitchesOffOldShop  # noqa: E402

agent.__class__ = SwitchesOffOldShop
"""


def missing(no_database: str | None) -> dict[str, str]:
    """Which examples cannot run on this machine, and why.

    :param no_database: why there is no PostgreSQL; None if there is one
    """
    reasons = {"spark_orders": "needs Spark"}
    if no_database:
        reasons |= dict.fromkeys(OF_DATABASE, no_database)
    if not is_installed("airflow.providers.common.ai"):
        reasons["agent_with_approval"] = "needs Airflow's provider common-ai, and so Python 3.11"
    return reasons


def is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even what it belongs to
        return False


def copy_examples(folder: Path, data: Path, without: Mapping[str, str]) -> list[str]:
    """Copy the examples, with `data` instead of `/data`, and schedules that begin now; returns their names.

    A schedule that began earlier would start a run as soon as its DAG is unpaused.

    :param without: the examples to leave out
    """
    folder.mkdir(parents=True)
    now = datetime.now(timezone.utc)
    copied = []
    for file in sorted(EXAMPLE_DAGS.glob("[!_]*.py")):
        if file.stem in without:
            continue
        code = file.read_text()
        if file.stem in EDITS:
            old, new = EDITS[file.stem]
            if old not in code:
                raise RuntimeError(f"{file.name} has no {old} any more: see EDITS")
            code = code.replace(old, new)
        code = code.replace("/data/", f"{data}/")
        code = code.replace("datetime(2026, 1, 1)", f"datetime{now.timetuple()[:5]}")
        if file.stem == "agent_with_approval":
            code += WITHOUT_MODEL
        (folder / file.name).write_text(code)
        copied.append(file.stem)
    return copied
