"""Tools for agents: :class:`SegmentToolset`, for Airflow's common-ai provider.

Needs the extra ``common-ai``, and Python 3.11 or later.
"""

from __future__ import annotations

try:
    from airflow_provider_segment.toolsets.segment import SegmentToolset, writes
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"SegmentToolset needs Airflow's common-ai provider, which needs Python 3.11 or later: {error}. "
        "pip install 'airflow-provider-segment[common-ai]'",
        name=error.name,
    ) from error

__all__ = ["SegmentToolset", "writes"]
