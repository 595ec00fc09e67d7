"""All operators in one place: ``from airflow_provider_segment.operators import SegmentCreateSourceOperator``.

An operator's module is imported when the operator is first accessed.
"""

# ruff: noqa: F403  (the star imports are for editors and type checkers; a test holds them complete)

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_segment.lazy import lazy_classes

if TYPE_CHECKING:
    from airflow_provider_segment.operators.activations import *
    from airflow_provider_segment.operators.api_calls import *
    from airflow_provider_segment.operators.audience_jobs import *
    from airflow_provider_segment.operators.audiences import *
    from airflow_provider_segment.operators.audit import *
    from airflow_provider_segment.operators.audit_trail import *
    from airflow_provider_segment.operators.catalog import *
    from airflow_provider_segment.operators.computed_traits import *
    from airflow_provider_segment.operators.credentials import *
    from airflow_provider_segment.operators.customer_insights import *
    from airflow_provider_segment.operators.dbt import *
    from airflow_provider_segment.operators.dbt_jobs import *
    from airflow_provider_segment.operators.deletion_and_suppression import *
    from airflow_provider_segment.operators.deletion_and_suppression_jobs import *
    from airflow_provider_segment.operators.delivery_overview import *
    from airflow_provider_segment.operators.destination_filters import *
    from airflow_provider_segment.operators.destinations import *
    from airflow_provider_segment.operators.event_volume import *
    from airflow_provider_segment.operators.events import *
    from airflow_provider_segment.operators.function_jobs import *
    from airflow_provider_segment.operators.functions import *
    from airflow_provider_segment.operators.iam_groups import *
    from airflow_provider_segment.operators.iam_roles import *
    from airflow_provider_segment.operators.iam_users import *
    from airflow_provider_segment.operators.labels import *
    from airflow_provider_segment.operators.live_plugins import *
    from airflow_provider_segment.operators.monthly_tracked_users import *
    from airflow_provider_segment.operators.parts import *
    from airflow_provider_segment.operators.profiles import *
    from airflow_provider_segment.operators.profiles_sync import *
    from airflow_provider_segment.operators.request import *
    from airflow_provider_segment.operators.reverse_etl import *
    from airflow_provider_segment.operators.reverse_etl_jobs import *
    from airflow_provider_segment.operators.selective_sync import *
    from airflow_provider_segment.operators.sources import *
    from airflow_provider_segment.operators.space_filters import *
    from airflow_provider_segment.operators.space_schema import *
    from airflow_provider_segment.operators.spaces import *
    from airflow_provider_segment.operators.testing import *
    from airflow_provider_segment.operators.tracking_plans import *
    from airflow_provider_segment.operators.transformations import *
    from airflow_provider_segment.operators.verification import *
    from airflow_provider_segment.operators.warehouses import *
    from airflow_provider_segment.operators.workspaces import *
    from airflow_provider_segment.operators.write_key_jobs import *

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_classes(__name__)
