"""Which worker runs which tests, where pytest-xdist runs them in several."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

RUNNING_AIRFLOW = "tests/running_airflow/"


class FileByFile(LoadScopeScheduling):
    """Each file runs in one worker, for the sake of its fixtures, and so do all tests of the running Airflow.

    Files begin in the order in which they were collected.
    """

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return RUNNING_AIRFLOW if nodeid.startswith(RUNNING_AIRFLOW) else nodeid.partition("::")[0]

    def remove_node(self, node: WorkerController) -> str | None:
        """Have other workers run what this one has left, and return the test that it died in.

        By itself, pytest-xdist 3.8 runs that test again, and a test that hangs would hang again each time.
        """
        units = self.assigned_work.pop(node)
        left = [(unit, test) for unit in units.values() for test, done in unit.items() if not done]
        if not left:
            return None
        unit, died_in = left[0]
        unit[died_in] = True
        self.workqueue.update({scope: unit for scope, unit in units.items() if not all(unit.values())})
        for other in self.nodes:
            self._reschedule(other)
        return died_in
