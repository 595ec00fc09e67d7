"""The process of a supervisor on Airflow 3.3, with an Execution API in memory; see `supervised`."""

from __future__ import annotations

import importlib.util
import json
import pickle
import sys
import uuid
from pathlib import Path

import httpx
from airflow.sdk.api.client import Client
from airflow.sdk.api.datamodels._generated import BundleInfo, TaskInstance
from airflow.sdk.execution_time.supervisor import supervise_task

from tests.harness.airflow_3 import NOT_FOUND, ExecutionAPI
from tests.harness.task_runner import write_whole


def main(folder: Path) -> None:
    dag_file, (dag_id, task_id), which_try = pickle.loads((folder / "try.pickle").read_bytes())
    spec = importlib.util.spec_from_file_location(dag_file.stem, dag_file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    api = ExecutionAPI(module.DAGS[dag_id].get_task(task_id), which_try)

    def answer(request: httpx.Request) -> httpx.Response:
        how = (folder / "how.txt").read_text() if (folder / "how.txt").exists() else ""
        if how:
            with (folder / "asked").open("a") as asked:
                asked.write(".")
        if how == "away":
            raise httpx.ConnectError("refused", request=request)
        if how == "replaced" and "/store/" in request.url.path:
            return NOT_FOUND
        if request.url.path.endswith("/run"):
            write_whole(folder / "pid", str(json.loads(request.content)["pid"]))
        answered = api(request)
        write_whole(folder / "store.json", json.dumps(api.store))
        write_whole(folder / "xcom.json", json.dumps(api.pushed.get("return_value")))
        return answered

    with Client(base_url=None, token="", dry_run=True, transport=httpx.MockTransport(answer)) as client:
        code = supervise_task(
            ti=TaskInstance(
                id=uuid.uuid4(),
                task_id=task_id,
                dag_id=dag_id,
                run_id=which_try.run_id,
                try_number=which_try.try_number,
                map_index=-1,
                dag_version_id=uuid.uuid4(),
            ),
            bundle_info=BundleInfo(name="tests"),
            dag_rel_path=dag_file.name,
            token="",
            client=client,
            log_path="task.log",
        )
    sys.exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
