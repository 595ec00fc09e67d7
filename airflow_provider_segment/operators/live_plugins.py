"""Live plugins: code of a source that runs on mobile devices. Alpha."""

from __future__ import annotations

from airflow_provider_segment.tasks.declarative import Arg, path
from airflow_provider_segment.tasks.operation import ALPHA, SegmentDeleteOperator, SegmentOperator


class SegmentCreateLivePluginOperator(SegmentOperator):
    """Set the live plugin code of a source, replacing any that it has."""

    endpoint = "POST /sources/{sourceId}/live-plugins/create"
    media_type = ALPHA
    returns = "livePlugin"

    source_id: Arg[str] = path()
    code: Arg[str]


class SegmentDeleteLivePluginCodeOperator(SegmentDeleteOperator):
    """Delete the live plugin code of a source. Live plugins stay enabled."""

    endpoint = "DELETE /sources/{sourceId}/live-plugins/delete-code"
    media_type = ALPHA

    source_id: Arg[str] = path()


class SegmentGetLatestFromLivePluginsOperator(SegmentOperator):
    """Return the latest live plugin code of a source."""

    endpoint = "GET /sources/{sourceId}/live-plugins/latest"
    media_type = ALPHA
    returns = "livePlugin"

    source_id: Arg[str] = path()
