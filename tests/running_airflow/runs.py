"""DAG runs in the running Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from example_dags.demo.throwaway_airflow import ThrowawayAirflow


WATCHED = "watched-warehouse"
"""The name of the warehouse that a DAG watches."""


@dataclass(frozen=True)
class Run:
    """One run of a DAG."""

    airflow: ThrowawayAirflow
    dag_id: str
    run_id: str

    @classmethod
    def start(cls, airflow: ThrowawayAirflow, dag_id: str, conf: Mapping[str, Any]) -> Run:
        return cls(airflow, dag_id, airflow.trigger_dag(dag_id, conf=conf))

    def end(self) -> str:
        """Wait for the run's end; its state."""
        return str(self.airflow.wait_for_run(self.dag_id, self.run_id)["state"])

    def wait_for(self, task_id: str, state: str) -> None:
        self.airflow.wait_for_task(self.dag_id, self.run_id, task_id, state)

    def wait_for_question(self, task_id: str) -> dict[str, Any]:
        """Wait until a task asks, and can be given an answer; the question.

        Airflow 3.3.2 loses an answer that is given before the process of the asking task is gone, and the
        scheduler has noted that: it takes the exit of that process for the end of the task that goes on.
        """
        self.wait_for(task_id, "awaiting_input")
        noted = f"TaskInstance Finished: dag_id={self.dag_id}, task_id={task_id}, run_id={self.run_id},"
        self.airflow.wait_for(
            "the scheduler's note that the asking process has ended",
            lambda: noted in self.airflow.log.read_text(errors="replace"),
        )
        question: dict[str, Any] = self.airflow.get(self._place_of_question(task_id))
        return question

    def answer(self, task_id: str, option: str) -> None:
        """Answer the question of a task, as a person does in the UI."""
        self.airflow.patch(self._place_of_question(task_id), {"chosen_options": [option], "params_input": {}})

    def _place_of_question(self, task_id: str) -> str:
        return f"dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{task_id}/-1/hitlDetails"

    def state(self, task_id: str) -> str:
        return str(self.airflow.task(self.dag_id, self.run_id, task_id)["state"])

    def mark(self, task_id: str, state: str) -> None:
        """Mark a task, as a user does in the UI."""
        self.airflow.set_task_state(self.dag_id, self.run_id, task_id, state)

    def log(self, task_id: str, try_number: int = 1) -> str:
        return self.airflow.task_log(self.dag_id, self.run_id, task_id, try_number)

    def xcom(self, task_id: str, key: str = "return_value") -> Any:
        return self.airflow.xcom(self.dag_id, self.run_id, task_id, key)

    def links(self, task_id: str) -> dict[str, str]:
        """The extra links of a task, by their names."""
        path = f"dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{task_id}/links"
        found: dict[str, str] = self.airflow.get(path)["extra_links"]
        return found

    def tasks(self) -> list[dict[str, Any]]:
        """All task instances, mapped ones one by one."""
        path = f"dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances"
        found: list[dict[str, Any]] = self.airflow.get(path, limit=100)["task_instances"]
        return found


def watch(airflow: ThrowawayAirflow, dag_id: str) -> None:
    """Unpause a DAG with an asset watcher; Airflow begins to watch when it parses the file after that."""
    airflow.unpause(dag_id)
    airflow.parse_again(dag_id)
