"""Sets up a shop's data in Segment. Run it as often as you like: it creates and updates as needed.

A source with its write key, a warehouse that the source is loaded to, a destination with a subscription, and
a tracking plan with rules. The names are params: use other names for another shop.

Besides the connection `segment_default`, it needs the connection `segment_warehouse` (host, port, schema,
login and password with which Segment connects to the database) and the Variable `amplitude_api_key`.
"""

from __future__ import annotations

# [START provision_workspace]
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, Param, Variable, task

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.operators import (
    SegmentAddConnectionFromSourceToWarehouseOperator,
    SegmentAddSourceToTrackingPlanOperator,
    SegmentCreateDestinationOperator,
    SegmentCreateDestinationSubscriptionOperator,
    SegmentCreateSourceOperator,
    SegmentCreateTrackingPlanOperator,
    SegmentCreateWarehouseOperator,
    SegmentReplaceRulesInTrackingPlanOperator,
)
from airflow_provider_segment.references import ref

EVENTS = {
    "Product Viewed": {"product_id": "string"},
    "Order Completed": {"order_id": "string", "total": "number"},
}
RULES: Any = [
    {
        "type": "TRACK",
        "key": event,
        "version": 1,
        "jsonSchema": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {
                "properties": {
                    "type": "object",
                    "properties": {name: {"type": kind} for name, kind in properties.items()},
                    "required": list(properties),
                }
            },
        },
    }
    for event, properties in EVENTS.items()
]

with DAG(
    "provision_workspace",
    description="A shop's source, warehouse, destination and tracking plan in Segment",
    doc_md=__doc__,
    schedule=None,
    # A resource whose name already exists is updated.
    default_args={"owner": "data", "if_exists": "update", "retries": 3, "retry_delay": timedelta(minutes=1)},
    params={
        "source": Param("shop", type="string", pattern="^[a-z0-9-_]+$", description="Slug of the source"),
        "warehouse": Param("Shop", type="string", description="Name of the warehouse"),
        "destination": Param("Shop analytics", type="string", description="Name of the destination"),
        "tracking_plan": Param("Shop", type="string", description="Name of the tracking plan"),
    },
    tags=["segment", "provisioning"],
) as dag:
    source = SegmentCreateSourceOperator(
        task_id="source", slug="{{ params.source }}", metadata_id=ref("source_metadata", "http-api")
    )

    @task
    def keep_write_key(source_id: Any, variable: str) -> None:
        """Store the write key for other DAGs. It is not returned: everyone who sees the DAG could read it."""
        keys = SegmentHook().request("GET", f"/sources/{source_id}").data["source"]["writeKeys"]
        if not keys:
            raise AirflowFailException("The token sees no write keys: it needs Source Admin access")
        Variable.set(variable, keys[0])

    # Airflow masks the values of Variables with "secret" in their name.
    keep_write_key(source.output["id"], "segment_secret_write_key_{{ params.source }}")

    warehouse = SegmentCreateWarehouseOperator(
        task_id="warehouse",
        name="{{ params.warehouse }}",
        metadata_id=ref("warehouse_metadata", "postgres"),
        settings={
            "hostname": "{{ conn.segment_warehouse.host }}",
            "port": "{{ conn.segment_warehouse.port }}",
            "database": "{{ conn.segment_warehouse.schema }}",
            "username": "{{ conn.segment_warehouse.login }}",
            "password": "{{ conn.segment_warehouse.password }}",
        },
    )
    SegmentAddConnectionFromSourceToWarehouseOperator(
        task_id="load_source_to_warehouse",
        source_id=source.output["id"],
        warehouse_id=warehouse.output["id"],
    )

    destination = SegmentCreateDestinationOperator(
        task_id="destination",
        source_id=source.output["id"],
        name="{{ params.destination }}",
        metadata_id=ref("destination_metadata", "actions-amplitude"),
        enabled=True,
        settings={"apiKey": "{{ var.value.amplitude_api_key }}"},
    )

    SegmentCreateDestinationSubscriptionOperator(
        task_id="send_orders_to_destination",
        destination_id=destination.output["id"],
        name="Orders",
        action_id=ref("destination_action", "actions-amplitude", "logEvent"),
        trigger='type = "track" and event = "Order Completed"',
        enabled=True,
    )

    tracking_plan = SegmentCreateTrackingPlanOperator(
        task_id="tracking_plan", name="{{ params.tracking_plan }}", type="LIVE"
    )
    rules = SegmentReplaceRulesInTrackingPlanOperator(
        task_id="rules", tracking_plan_id=tracking_plan.output["id"], rules=RULES
    )
    check_events = SegmentAddSourceToTrackingPlanOperator(
        task_id="check_events_of_source",
        tracking_plan_id=tracking_plan.output["id"],
        source_id=source.output["id"],
    )
    rules >> check_events
# [END provision_workspace]
