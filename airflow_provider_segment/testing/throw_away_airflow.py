"""A database, a DAGs folder and logs for the time of a run; after it, Airflow has its own again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

from airflow_provider_segment.testing.airflow_versions import import_models

DATABASE = "airflow.db"
BUNDLE = "tests"


def settings_for(folder: Path) -> dict[str, str]:
    """Airflow's settings, as environment variables; they go before those of an `airflow.cfg`."""
    database, dags = folder / DATABASE, folder / "dags"
    bundle = {
        "name": BUNDLE,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(dags)},
    }
    return {
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"sqlite+aiosqlite:///{database}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
    }


@contextmanager
def airflow_in(folder: Path) -> Iterator[None]:
    """Airflow keeps everything in a folder. `AIRFLOW_HOME` and what else it configures stay."""
    settings: Any = import_module("airflow.settings")
    (folder / "dags").mkdir(exist_ok=True)
    before = dict(vars(settings))  # a database in memory would be lost by connecting to it again
    with patch.dict(os.environ, settings_for(folder)):
        try:
            settings.configure_vars()
            settings.configure_orm()
            yield
        finally:
            settings.Session.remove()
            settings.engine.dispose()
            vars(settings).update(before)


def make_database(folder: Path) -> Path:
    """Make an empty Airflow database, of which tests take copies: a second or two.

    Not by `airflow db migrate`: its library sets up logging, over pytest's.
    """
    with airflow_in(folder):
        from airflow.models.base import Base
        from airflow.utils.db import add_default_pool_if_not_exists, synchronize_log_template
        from airflow.utils.session import create_session

        import_models()
        with create_session() as session:
            cast("Any", Base).metadata.create_all(session.connection())
        add_default_pool_if_not_exists()
        synchronize_log_template()
    return folder / DATABASE
