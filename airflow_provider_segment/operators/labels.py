"""Labels of the workspace."""

from __future__ import annotations

from typing import Literal

from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, path
from airflow_provider_segment.tasks.operation import SegmentDeleteOperator, SegmentOperator
from airflow_provider_segment.tasks.shapes import Label


class SegmentListLabelsOperator(SegmentOperator):
    """Return all labels of the workspace. Segment returns them in one page."""

    endpoint = "GET /labels"
    returns = "labels"
    answers = list[Label]


class SegmentCreateLabelOperator(SegmentCreateOperator):
    """Create a label. Segment has no way to change one.

    :param if_exists: if a label with the same key and value exists: ``fail`` or ``skip``
    """

    endpoint = "POST /labels"
    returns = "label"
    answers = Label
    envelope = "label"
    natural_key = ("key", "value")
    listed_by = SegmentListLabelsOperator
    listed = {"key": str, "value": str}

    key: Arg[str]
    value: Arg[str]
    description: Arg[str | None] = NOT_GIVEN
    if_exists: Arg[Literal["fail", "skip"]] = "fail"


class SegmentDeleteLabelOperator(SegmentDeleteOperator):
    """Delete a label."""

    endpoint = "DELETE /labels/{key}/{value}"

    key: Arg[str] = path()
    value: Arg[str] = path()
