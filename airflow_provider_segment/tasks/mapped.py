"""Mapped tasks: how many instances of one send at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


def instances_at_once(task: Any, context: Context) -> int | None:
    """How many instances of a task may run at once in its DAG run; None if nothing in the task says.

    A task that is not mapped, neither itself nor with its group, is one. How many slots a pool has, a task
    cannot know.
    """
    ti: Any = context.get("ti")
    map_index = getattr(ti, "map_index", None)
    if map_index is None or map_index < 0:
        return 1
    limits = (task.max_active_tis_per_dagrun, task.max_active_tis_per_dag)
    return min((limit for limit in limits if limit), default=None)
