"""The differences between versions of Airflow in what a run takes from Airflow's core."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from typing import Any, cast


def import_models() -> None:
    """Make all tables known to Airflow's metadata."""
    from airflow import __version__, models

    cast("Any", models).import_all_models()
    if __version__ < "3":  # tables of its own refer to those of its users
        import_module("airflow.providers.fab.auth_manager.models")


def run_dag(dag: Any, bundle: str, conf: dict[str, Any] | None, logical_date: datetime | None) -> Any:
    """The DAG run of Airflow's own `dag.test()`, which in Airflow 3 wants the DAG in the database.

    :param bundle: the only bundle of DAGs that is configured
    """
    try:
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    except ImportError:  # Airflow 2
        return dag.test(execution_date=logical_date, run_conf=conf)
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.merge(DagBundleModel(name=bundle))
    bag = DagBag(collect_dags=False)
    bag.bag_dag(dag)
    sync_bag_to_db(bag, bundle, None)
    return dag.test(run_conf=conf, **({"logical_date": logical_date} if logical_date else {}))


def xcoms(run: Any) -> Iterator[tuple[Any, Any]]:
    """The row and the value of each XCom of a DAG run, as tasks would read them."""
    from airflow.models import xcom
    from airflow.utils.session import create_session

    try:
        from airflow.sdk.execution_time.xcom import XCom
    except ImportError:  # Airflow 2
        model, backend = xcom.BaseXCom, xcom.XCom
    else:
        model, backend = xcom.XComModel, XCom
    # Columns, not entities: those of Airflow 2 hold what its UI shows.
    columns = (model.task_id, model.map_index, model.key, model.value)
    with create_session() as session:
        for row in session.query(*columns).filter_by(dag_id=run.dag_id, run_id=run.run_id):
            yield row, backend.deserialize_value(row)
