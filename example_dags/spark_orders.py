"""Orders that Spark sends, started and checked by Airflow. Needs `apache-airflow-providers-apache-spark`."""

# [START spark_orders]
import json
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import (  # pyright: ignore[reportMissingImports]
    SparkSubmitOperator,
)
from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath, Param, task

from airflow_provider_segment.operators import SegmentVerifyEventsOperator
from airflow_provider_segment.references import ref

OUT = "{{ params.out }}/{{ run_id | replace(':', '-') }}"

with DAG(
    "spark_orders",
    description="Orders that Spark sends, started and checked by Airflow",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1),
    default_args={"owner": "data", "retries": 3, "retry_delay": timedelta(minutes=5)},
    params={
        "orders": Param("s3a://lake/orders", type="string", description="Folder of Parquet files"),
        "out": Param("s3://lake/sent", type="string", description="Folder for the report"),
        "source": Param("shop", type="string", description="Slug of the source that was sent to"),
    },
    tags=["segment", "events"],
):
    send = SparkSubmitOperator(
        task_id="send",
        application="/opt/jobs/send_orders.py",
        application_args=["{{ params.orders }}", OUT],
        conf={
            # The key comes from a secret of the platform; Airflow does not see it.
            "spark.kubernetes.executor.secretKeyRef.SEGMENT_SECRET_WRITE_KEY": "segment:write-key",
            "spark.speculation": "false",
        },
    )

    @task
    def read_report(out: str) -> Any:
        """The sum of what the executors sent."""
        return json.loads(ObjectStoragePath(f"{out}/report.json").read_text())["total"]

    report = read_report(OUT)
    send >> report
    SegmentVerifyEventsOperator(
        task_id="verify", reports=report, source_id=ref("source", "{{ params.source }}")
    )
# [END spark_orders]
