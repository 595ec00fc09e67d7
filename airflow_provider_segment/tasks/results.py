"""Results that are too large for an XCom, or more than is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException

Filter = Callable[[Any], Any]


def save_items(
    path: str, pages: Iterable[list[Any]], hide: Callable[[Any], Any], response_filter: Filter | None
) -> dict[str, Any]:
    """Write the items of a list to a file, one JSON document a line, while the pages come in.

    :param hide: takes what is secret out of a page
    :param response_filter: called with each page; returns the list of what is written of it
    :returns: the path, and how many lines the file has
    :raises SegmentConfigurationError: it cannot be written there; nothing was asked for
    :raises SegmentOutputError: the storage does not take it
    """
    from airflow_provider_segment.events.whole_files import JsonLines

    count = 0
    with JsonLines(path) as lines:
        for page in pages:
            items = hide(page)
            if response_filter is not None:
                items = response_filter(items)
                if not isinstance(items, list):
                    raise AirflowFailException(
                        "with to_path, response_filter is called with the items of a page, and must return a "
                        f"list, not {type(items).__name__}"
                    )
            for item in hide(items):
                try:
                    lines.add(item)
                except ValueError as error:
                    raise AirflowFailException(f"response_filter returned what is no JSON: {error}") from None
            count += len(items)
    return {"path": path, "count": count}
