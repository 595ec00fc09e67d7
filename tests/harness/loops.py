"""Task loops, which Airflow has from 3.4 on: what a task sees of one."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


def in_iteration(index: int) -> Callable[[Any], None]:
    """For `pre_execute`: the task runs in an iteration of a loop; they are counted from 1."""

    def enter(context: Any) -> None:
        context["loop"] = SimpleNamespace(index=index)

    return enter
