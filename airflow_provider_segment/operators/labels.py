"""Labels of the workspace."""

from __future__ import annotations

from typing import Literal

from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, path
from airflow_provider_segment.tasks.operation import SegmentDeleteOperator, SegmentOperator


class SegmentListLabelsOperator(SegmentOperator):
    """Return all labels of the workspace. Segment does not page them."""

    endpoint = "GET /labels"
    returns = "labels"


class SegmentCreateLabelOperator(SegmentCreateOperator):
    """Create a label. Segment has no way to change one.

    :param if_exists: where there is one with the same key and value: ``fail`` or ``skip``
    """

    endpoint = "POST /labels"
    returns = "label"
    envelope = "label"
    natural_key = ("key", "value")
    listed_by = SegmentListLabelsOperator

    key: Arg[str]
    value: Arg[str]
    description: Arg[str | None] = NOT_GIVEN
    if_exists: Arg[Literal["fail", "skip"]] = "fail"


class SegmentDeleteLabelOperator(SegmentDeleteOperator):
    """Delete a label."""

    endpoint = "DELETE /labels/{key}/{value}"

    key: Arg[str] = path()
    value: Arg[str] = path()
