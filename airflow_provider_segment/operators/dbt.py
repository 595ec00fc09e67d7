"""Syncs of dbt models. Beta."""

from __future__ import annotations

from airflow_provider_segment.tasks.declarative import Arg
from airflow_provider_segment.tasks.operation import BETA, SegmentOperator


class SegmentCreateDbtModelSyncTriggerOperator(SegmentOperator):
    """Start a sync of a dbt model source, and return the trigger.

    :class:`.SegmentTriggerDbtSyncOperator` also reports an immediate failure, and reuses an answered
    request on a retry: prefer it in DAGs.

    Segment offers no way to ask how it went. Each call starts a sync, and so does a retry of the task.
    """

    endpoint = "POST /dbt-model-syncs/trigger"
    media_type = BETA
    returns = "dbtModelSyncTrigger"

    source_id: Arg[str]
