"""A reverse ETL sync, from the warehouse to a destination, and a check of how much of it arrived.

With PARTIAL_SUCCESS, one row of a million may be missing, or all but one. So the run accepts it, counts, and
fails if too large a share was not delivered. Let the DAG that builds the tables start this one, or give it a
schedule; and set the mapping's strategy to MANUAL, so that nothing else starts its syncs. The pool, which all
DAGs with such a sync share, must exist:

    airflow pools set segment_reverse_etl 1 "One reverse ETL sync at a time" --include-deferred
"""

from __future__ import annotations

# [START reverse_etl]
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, Param, task

from airflow_provider_segment.operators import SegmentRunReverseEtlSyncOperator
from airflow_provider_segment.references import ref

with DAG(
    "reverse_etl",
    description="A reverse ETL sync, and a check of how much of it arrived",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1),
    max_active_runs=1,  # a task that waits for its retry has left the pool
    default_args={"owner": "data", "retries": 3, "retry_delay": timedelta(minutes=1)},
    params={
        "source": Param("warehouse", type="string", description="Slug of the warehouse, as a source"),
        "model": Param("Customers", type="string", description="Name of the model"),
        "destination": Param("CRM", type="string", description="Name of the destination"),
        "mapping": Param("Customers", type="string", description="Name of the mapping to it"),
        "max_undelivered": Param(0.01, type="number", description="Share of rows that may be missing"),
    },
    tags=["segment", "syncs"],
) as dag:
    sync = SegmentRunReverseEtlSyncOperator(
        task_id="sync",
        source_id=ref("source", "{{ params.source }}"),
        model_id=ref("reverse_etl_model", "{{ params.source }}", "{{ params.model }}"),
        subscription_id=ref(
            "subscription", "{{ params.source }}", "{{ params.destination }}", "{{ params.mapping }}"
        ),
        on_partial="accept",
        deferrable=True,
        pool="segment_reverse_etl",  # of one slot, in which deferred tasks count: one sync at a time
    )

    @task
    def judge(sync: Any, max_undelivered: str) -> str:
        """Fail if too much is missing. Segment returns counts as strings."""
        load = sync["loadPhase"]
        delivered, undelivered = int(load["deliverSuccessCount"]), int(load["deliverFailureCount"])
        rows = delivered + undelivered
        message = f"{undelivered:,} of {rows:,} rows were not delivered"
        if undelivered > rows * float(max_undelivered):
            raise AirflowFailException(f"{message} {load['errorCode']}")
        print(message)
        return message

    judge(sync.output, "{{ params.max_undelivered }}")
# [END reverse_etl]
