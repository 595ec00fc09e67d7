"""Deleting and suppressing users (regulations)."""

from __future__ import annotations

from typing import Literal

from airflow_provider_segment.tasks.declarative import Arg, path, query
from airflow_provider_segment.tasks.operation import SegmentListOperator, SegmentOperator

RegulationStatus = Literal[
    "FAILED", "FINISHED", "INITIALIZED", "INVALID", "NOT_SUPPORTED", "PARTIAL_SUCCESS", "RUNNING"
]
ListedRegulationType = Literal[
    "BULK_DELETE_ONLY",
    "DELETE_INTERNAL",
    "DELETE_ONLY",
    "SUPPRESS_ONLY",
    "SUPPRESS_WITH_DELETE",
    "UNSUPPRESS",
]
RegulationType = Literal[
    "DELETE_ARCHIVE_ONLY",
    "DELETE_INTERNAL",
    "DELETE_ONLY",
    "SUPPRESS_ONLY",
    "SUPPRESS_WITH_DELETE",
    "SUPPRESS_WITH_DELETE_INTERNAL",
    "UNSUPPRESS",
]


class SegmentListWorkspaceRegulationsOperator(SegmentListOperator):
    """Return the deletions and suppressions in the whole workspace in the last 90 days.

    :param status: only those of this status
    :param regulation_types: only those of these types
    """

    endpoint = "GET /regulations"
    returns = "regulations"

    status: Arg[RegulationStatus | None] = query(default=None)
    regulation_types: Arg[list[ListedRegulationType] | None] = query(default=None)


class SegmentGetRegulationOperator(SegmentOperator):
    """Return a regulation: its overall status, and that of each source and destination.

    The overall status is also ``FAILED`` if the only failure is a destination that does not support
    deletion; ``streamStatus`` says which.
    """

    endpoint = "GET /regulations/{regulateId}"
    returns = "regulation"

    regulate_id: Arg[str] = path()


class SegmentCreateWorkspaceRegulationOperator(SegmentOperator):
    """Delete or suppress users in the whole workspace, and return the regulation's id.

    :class:`.SegmentDeleteUsersDataOperator` takes any number of ids and waits for the end: prefer it in DAGs.

    Up to 5,000 ids a call, and a monthly quota for deletions. It is carried out within 30 days.
    If the answer is lost, a retry creates another regulation for the same ids, which counts towards the quota
    again.
    """

    endpoint = "POST /regulations"
    returns = "regulateId"
    answers = str

    regulation_type: Arg[RegulationType]
    subject_type: Arg[str]
    subject_ids: Arg[list[str]]


class SegmentListSuppressionsOperator(SegmentListOperator):
    """Return all users that the workspace suppresses."""

    endpoint = "GET /suppressions"
    returns = "suppressed"


class SegmentCreateCloudSourceRegulationOperator(SegmentOperator):
    """Delete objects of a cloud source, and return the regulation's id.

    If the answer is lost, a retry creates another regulation for the same ids, which counts towards the quota
    again.

    :param collection: which of the source's collections
    """

    endpoint = "POST /regulations/cloudsources/{sourceId}"
    returns = "regulateId"
    answers = str

    source_id: Arg[str] = path()
    regulation_type: Arg[RegulationType]
    subject_type: Arg[str]
    subject_ids: Arg[list[str]]
    collection: Arg[str]


class SegmentListRegulationsFromSourceOperator(SegmentListOperator):
    """Return the deletions and suppressions in one source in the last 90 days.

    :param status: only those of this status
    :param regulation_types: only those of these types
    """

    endpoint = "GET /regulations/sources/{sourceId}"
    returns = "regulations"

    source_id: Arg[str] = path()
    status: Arg[RegulationStatus | None] = query(default=None)
    regulation_types: Arg[list[ListedRegulationType] | None] = query(default=None)


class SegmentCreateSourceRegulationOperator(SegmentOperator):
    """Delete or suppress users in one source, and return the regulation's id.

    :class:`.SegmentDeleteUsersDataOperator` takes any number of ids and waits for the end: prefer it in DAGs.

    A source cannot unsuppress a user that the workspace suppresses.
    If the answer is lost, a retry creates another regulation for the same ids, which counts towards the quota
    again.
    """

    endpoint = "POST /regulations/sources/{sourceId}"
    returns = "regulateId"
    answers = str

    source_id: Arg[str] = path()
    regulation_type: Arg[RegulationType]
    subject_type: Arg[str]
    subject_ids: Arg[list[str]]
