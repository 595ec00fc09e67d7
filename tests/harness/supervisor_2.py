"""The process of a supervisor on Airflow 2.11, with a database of its own; see `supervised`."""

from __future__ import annotations

import pickle
import sys
import threading
import time
from pathlib import Path

from airflow.jobs.job import Job, run_job
from airflow.jobs.local_task_job_runner import LocalTaskJobRunner
from airflow.models import DagBag
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState

from tests.harness.airflow_2 import dag_run_of
from tests.harness.task_runner import write_whole


def main(folder: Path) -> None:
    dag_file, (dag_id, task_id), which_try = pickle.loads((folder / "try.pickle").read_bytes())
    initdb(load_connections=False)
    dag = DagBag(dag_file, include_examples=False).get_dag(dag_id)
    dag.sync_to_db()
    SerializedDagModel.write_dag(dag)
    task = dag_run_of(dag, which_try).get_task_instance(task_id)
    task.task = dag.get_task(task_id)
    with create_session() as session:
        task.set_state(TaskInstanceState.QUEUED, session=session)
    runner = LocalTaskJobRunner(job=Job(dag_id=dag_id), task_instance=task)

    def tell_pid() -> None:
        while (process := getattr(getattr(runner, "task_runner", None), "process", None)) is None:
            time.sleep(0.02)
        write_whole(folder / "pid", str(process.pid))

    threading.Thread(target=tell_pid, daemon=True).start()
    run_job(job=runner.job, execute_callable=runner._execute)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
