"""Customer insights to download. Alpha."""

from __future__ import annotations

from airflow_provider_segment.tasks.declarative import Arg
from airflow_provider_segment.tasks.operation import ALPHA, SegmentOperator


class SegmentCreateDownloadOperator(SegmentOperator):
    """Return links to download an hour of customer insights.

    The links contain their own credential: anyone who sees them, for instance in XCom, can download until
    they expire.

    :param hour: the hour, ISO 8601
    """

    endpoint = "POST /customer-insights/download"
    media_type = ALPHA
    returns = "download"

    collection_id: Arg[str]
    hour: Arg[str]
