"""Reverse ETL: models and their syncs. Alpha."""

from __future__ import annotations

from typing_extensions import NotRequired

from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, path
from airflow_provider_segment.tasks.operation import (
    ALPHA,
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)


class SegmentListReverseEtlModelsOperator(SegmentListOperator):
    """Return all Reverse ETL models."""

    endpoint = "GET /reverse-etl-models"
    media_type = ALPHA
    returns = "models"


class SegmentGetReverseEtlModelOperator(SegmentOperator):
    """Return a Reverse ETL model."""

    endpoint = "GET /reverse-etl-models/{modelId}"
    media_type = ALPHA
    returns = "reverseEtlModel"

    model_id: Arg[str] = path()


class SegmentUpdateReverseEtlModelOperator(SegmentOperator):
    """Update a Reverse ETL model."""

    endpoint = "PATCH /reverse-etl-models/{modelId}"
    media_type = ALPHA
    returns = "reverseEtlModel"

    model_id: Arg[str] = path()
    name: Arg[str | None] = NOT_GIVEN
    description: Arg[str | None] = NOT_GIVEN
    enabled: Arg[bool | None] = NOT_GIVEN
    query: Arg[str | None] = NOT_GIVEN
    query_identifier_column: Arg[str | None] = NOT_GIVEN


class SegmentCreateReverseEtlModelOperator(SegmentCreateOperator):
    """Create a Reverse ETL model: a query of a source warehouse.

    :param query_identifier_column: the column that identifies a row
    """

    endpoint = "POST /reverse-etl-models"
    media_type = ALPHA
    returns = "reverseEtlModel"
    natural_key = ("source_id", "name")
    listed_by = SegmentListReverseEtlModelsOperator
    updated_by = SegmentUpdateReverseEtlModelOperator

    source_id: Arg[str]
    name: Arg[str]
    description: Arg[str]
    enabled: Arg[bool]
    query: Arg[str]
    query_identifier_column: Arg[str]


class SegmentDeleteReverseEtlModelOperator(SegmentDeleteOperator):
    """Delete a Reverse ETL model."""

    endpoint = "DELETE /reverse-etl-models/{modelId}"
    media_type = ALPHA

    model_id: Arg[str] = path()


class SegmentCreateReverseEtlManualSyncOperator(SegmentOperator):
    """Start a Reverse ETL sync, and return its id.

    :class:`.SegmentRunReverseEtlSyncOperator` also waits, and looks for the sync before it starts
    another: prefer it in DAGs.

    Segment allows 20 requests per minute. Each call starts a sync, and so does a retry of the task.

    :param subscription_id: the mapping: the number after ``/mappings/`` in the address of Segment's app
    """

    endpoint = "POST /reverse-etl-syncs"
    media_type = ALPHA
    returns = "reverseETLManualSync"

    source_id: Arg[str]
    model_id: Arg[str]
    subscription_id: Arg[str]


class SegmentGetReverseEtlSyncStatusOperator(SegmentOperator):
    """Return the state of a Reverse ETL sync: ``syncStatus``, and what was extracted and loaded.

    ``PARTIAL_SUCCESS`` is also a final state. The counts are strings.
    """

    endpoint = "GET /reverse-etl-models/{modelId}/syncs/{syncId}"
    media_type = ALPHA
    returns = "reverseETLSyncStatus"

    model_id: Arg[str] = path()
    sync_id: Arg[str] = path()


class SegmentListReverseEtlSyncStatusesFromModelAndSubscriptionIdOperator(SegmentListOperator):
    """Return the syncs of a mapping, with the result of each.

    The history may be long: pass a ``limit``. Segment returns at most 100 per page here.
    """

    endpoint = "GET /reverse-etl-models/{modelId}/subscriptionId/{subscriptionId}/syncs"
    media_type = ALPHA
    returns = "syncStatuses"
    pagination = None

    model_id: Arg[str] = path()
    subscription_id: Arg[str] = path()
    page_size: Arg[int] = 100


class SegmentCancelReverseEtlSyncForModelOperator(SegmentOperator):
    """Cancel a running Reverse ETL sync; it ends some seconds later.

    Segment also answers 200 if nothing could be cancelled: ``errorCode`` then says so.
    """

    endpoint = "POST /reverse-etl-models/{modelId}/syncs/{syncId}/cancel"
    media_type = ALPHA
    answers = {"modelId": str, "syncId": str, "status": NotRequired[str | None]}

    model_id: Arg[str] = path()
    sync_id: Arg[str] = path()
    reason_for_canceling: Arg[int | None] = NOT_GIVEN
