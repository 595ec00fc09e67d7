"""One try of a task on Airflow 2.11: its own task runner, on the throw-away Airflow's SQLite database."""

from __future__ import annotations

import functools
import io
import logging
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from airflow import settings
from airflow.datasets import Dataset
from airflow.exceptions import AirflowTaskTimeout
from airflow.models import (
    DAG,
    BaseOperator,
    DagRun,
    RenderedTaskInstanceFields,
    TaskInstance,
    TaskReschedule,
    Trigger,
    XCom,
    taskinstance,
)
from airflow.models.dataset import DatasetAliasModel, DatasetEvent, DatasetModel
from airflow.operators.empty import EmptyOperator
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunType
from sqlalchemy import event

from tests.harness.task_runner import DAG_ID, LOGICAL_DATE, Deferred, TaskRun, Try, params_untouched

LOG = io.StringIO()


@functools.cache
def prepare() -> None:
    """Create the database, and listen to every logger."""
    event.listen(settings.engine, "connect", do_not_wait_for_the_disk)
    settings.engine.dispose()  # of connections that were made before
    initdb(load_connections=False)
    logging.getLogger().addHandler(logging.StreamHandler(LOG))
    for name in ("airflow.task.operators", "airflow.task.hooks", "airflow_provider_segment"):
        logging.getLogger(name).setLevel(logging.DEBUG)


def do_not_wait_for_the_disk(connection: Any, _: Any) -> None:
    """What is committed need not survive a crash of the machine: the database is thrown away."""
    connection.execute("PRAGMA synchronous = OFF")


def dag_run_of(dag: DAG, which_try: Try) -> DagRun:
    """The run this try belongs to: a first try starts a new one."""
    if which_try.logical_date is None:
        raise NotImplementedError("a run without a logical date is new in Airflow 3")
    with create_session() as session:
        runs = session.query(DagRun).filter_by(dag_id=dag.dag_id, run_id=which_try.run_id)
        if (which_try.try_number > 1 or which_try.resume) and (run := runs.one_or_none()):
            return run
        session.query(DagRun).filter_by(dag_id=dag.dag_id).delete()
    return dag.create_dagrun(
        state=DagRunState.RUNNING,
        run_id=which_try.run_id,
        run_type=DagRunType.SCHEDULED,
        execution_date=which_try.logical_date,
        data_interval=(which_try.logical_date, which_try.logical_date + timedelta(days=1)),
        conf=which_try.conf,
    )


def run_try(operator: BaseOperator, which_try: Try) -> TaskRun:
    if which_try.state_store:
        raise NotImplementedError("the task state store is new in Airflow 3.3")
    prepare()
    if not operator.has_dag():
        DAG(DAG_ID, schedule="@daily", start_date=LOGICAL_DATE).add_task(operator)
    dag = operator.dag
    for upstream, *_ in which_try.xcoms:
        if not dag.has_task(upstream):
            EmptyOperator(task_id=upstream, dag=dag)
    run = dag_run_of(dag, which_try)
    register_outlets(operator)
    place = {"dag_id": dag.dag_id, "run_id": run.run_id}
    for (task_id, key, *index), value in which_try.xcoms.items():
        map_index = index[0] if index else -1
        with create_session() as session:
            session.merge(TaskInstance(dag.get_task(task_id), run_id=run.run_id, map_index=map_index))
        XCom.set(key=key, value=value, task_id=task_id, map_index=map_index, **place)

    with create_session() as session:
        task_instance = session.merge(
            TaskInstance(operator, run_id=run.run_id, map_index=which_try.map_index)
        )
        task_instance.refresh_from_task(operator)
        task_instance.try_number = which_try.try_number
        task_instance.max_tries = operator.retries if which_try.max_tries is None else which_try.max_tries
        task_instance.state = None
        session.query(DatasetEvent).delete()
        session.query(TaskReschedule).filter_by(dag_id=dag.dag_id, task_id=operator.task_id).delete()
        if first := which_try.first_reschedule:
            session.add(
                TaskReschedule(
                    operator.task_id, dag.dag_id, run.run_id, which_try.try_number, first, first, first
                )
            )
        if which_try.resume:
            task_instance.next_method, task_instance.next_kwargs = which_try.resume
        session.commit()

        LOG.seek(0)
        LOG.truncate()
        error: BaseException | None = None
        try:
            with params_untouched(operator), deferral_noted() as defer:
                task_instance.run(ignore_all_deps=True, ignore_ti_state=True, session=session)
        except (Exception, AirflowTaskTimeout) as raised:
            error = raised
        session.commit()
        pushed = session.query(XCom).filter_by(
            **place, task_id=operator.task_id, map_index=which_try.map_index
        )
        return TaskRun(
            state=str(task_instance.state),
            error=error,
            xcoms={row.key: row.value for row in pushed},
            rendered=RenderedTaskInstanceFields.get_templated_fields(task_instance) or {},
            state_store={},
            log=LOG.getvalue(),
            deferred=deferred_by(task_instance, defer, session),
            asset_events=asset_events_of(run.run_id, session),
        )


def register_outlets(operator: BaseOperator) -> None:
    """Register the assets of a task's outlets with Airflow, as parsing a DAG file does."""
    with create_session() as session:
        for outlet in operator.outlets:
            model, key = (DatasetModel, "uri") if isinstance(outlet, Dataset) else (DatasetAliasModel, "name")
            known = {key: getattr(outlet, key)}
            if not session.query(model).filter_by(**known).count():
                session.add(model(**known))


def asset_events_of(run_id: str, session: Any) -> list[tuple[str, dict[str, Any]]]:
    rows = session.query(DatasetModel.uri, DatasetEvent.extra)
    rows = rows.join(DatasetEvent, DatasetEvent.dataset_id == DatasetModel.id)
    return [(uri, extra) for uri, extra in rows.filter(DatasetEvent.source_run_id == run_id)]


def deferral_noted() -> Any:
    """Record what a task defers itself with: of its timeout, Airflow keeps only the end."""
    return patch.object(taskinstance, "_defer_task", side_effect=taskinstance._defer_task)


def deferred_by(task_instance: TaskInstance, defer: Any, session: Any) -> Deferred | None:
    """What a deferred task instance handed to the triggerer."""
    if task_instance.state != "deferred":
        return None
    trigger = session.get(Trigger, task_instance.trigger_id)
    timeout = defer.call_args.kwargs["exception"].timeout
    resumed = task_instance.next_kwargs or {}
    return Deferred(trigger.classpath, trigger.kwargs, task_instance.next_method, timeout, resumed)
