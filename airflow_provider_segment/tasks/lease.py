"""The memory of a task while this process runs it: each note asks Airflow whether it still does.

Airflow may give a process up while it is alive, and start the next try: its machine was frozen, or cut off.
If its supervisor is killed, nobody can even stop it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_segment.errors import SegmentReplacedError
from airflow_provider_segment.events.lease import CHECKPOINT_TIMEOUT
from airflow_provider_segment.tasks.memory import Memory
from airflow_provider_segment.version_compat import is_supervised

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

REPLACED = (
    "Airflow has replaced this try of the task: the API server answered that its task instance is gone. "
    "This try sends no more; the next one goes on from the last checkpoint"
)
ORPHANED = (
    "the supervisor of this task's process is gone, so Airflow starts another try: this one sends no more"
)


def lease_seconds() -> float:
    """Seconds after which Airflow gives up a task that it does not hear of, and starts the next try."""
    seconds: float = conf.getfloat(
        "scheduler", "task_instance_heartbeat_timeout", fallback=CHECKPOINT_TIMEOUT
    )
    return seconds


class Lease:
    """The memory of a task instance, for as long as this process is the one that runs it.

    :param memory: is written to
    """

    def __init__(self, memory: Memory, context: Context) -> None:
        self._memory = memory
        # Run by dag.test(), a task has no supervisor: its parent may be a shell, which may end.
        self._supervisor = os.getppid() if is_supervised(context) else None
        self._noted: dict[str, Any] = {}

    def note(self, **notes: Any) -> None:
        """Make notes; see :meth:`Memory.note`.

        :raises SegmentReplacedError: this process does not run the task instance any more
        """
        self._check_supervisor()
        if self._supervisor is None and all(self._noted.get(name) == note for name, note in notes.items()):
            return  # nothing new, and nobody to hear from
        try:
            self._memory.note(**notes)
        except (BrokenPipeError, EOFError) as error:  # of the socket to the supervisor
            raise SegmentReplacedError(ORPHANED) from error
        except Exception as error:
            self._check_supervisor()
            if _is_gone(error):
                raise SegmentReplacedError(REPLACED) from error
            raise
        self._noted |= notes

    def _check_supervisor(self) -> None:
        if self._supervisor is not None and os.getppid() != self._supervisor:
            raise SegmentReplacedError(ORPHANED)


def _is_gone(error: Exception) -> bool:
    """Whether the API server answered that the task instance is not there any more."""
    answer = _mapping(getattr(getattr(error, "error", None), "detail", None))
    reason = _mapping(_mapping(answer.get("detail")).get("detail")).get("reason")
    # A proxy may answer 404, too, but gives no reason.
    return answer.get("status_code") == 410 or (answer.get("status_code"), reason) == (404, "not_found")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
