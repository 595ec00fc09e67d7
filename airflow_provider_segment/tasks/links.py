"""The link from a task to the page of its resource in Segment's app."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey

    from airflow_provider_segment.hooks.segment import SegmentHook
    from airflow_provider_segment.resources import ResourceLocator

log = logging.getLogger(__name__)

KEY = "segment_link"
"""Key of the XCom that holds the link."""
ANY_WORKSPACE = "goto-my-workspace"
"""The app redirects this to the current workspace of whoever follows the link."""


class SegmentLink(BaseOperatorLink):
    """The button "Segment" of a task. The link is available as soon as the task has started."""

    name = "Segment"  # pyright: ignore
    xcom_key = KEY  # pyright: ignore

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The link that the task stored."""
        from airflow.providers.common.compat.sdk import XCom

        return XCom.get_value(ti_key=ti_key, key=KEY) or ""  # pyright: ignore[reportArgumentType]


def leave_link(
    context: Context, hook: SegmentHook, resources: Iterable[ResourceLocator], *, look_up: bool = False
) -> None:
    """Store the link to the page of the task's resource as an XCom.

    :param resources: the task's resources; the link leads to the first one that has a page
    :param look_up: ask Segment for a slug that the URL of a page needs
    """
    from airflow_provider_segment.api.regions import APPS
    from airflow_provider_segment.resources import WORKSPACE_PAGE

    ti: Any = context.get("ti")
    if not ti:
        return
    pages = ((_with_slug(each, hook) if look_up else each).page for each in resources)
    settings = hook.get_conn().settings
    workspace = f"{APPS[settings.region]}/{settings.workspace or ANY_WORKSPACE}"
    ti.xcom_push(key=KEY, value=workspace + next(filter(None, pages), WORKSPACE_PAGE))


def _with_slug(resource: ResourceLocator, hook: SegmentHook) -> ResourceLocator:
    if not resource.needs_slug:
        return resource
    from airflow_provider_segment.errors import SegmentError
    from airflow_provider_segment.resources import resource_in

    member = resource.kind.member
    try:
        # A link is not worth a retry.
        data = hook.copy(retries=0).request("GET", resource.path).data
    except SegmentError as error:
        log.debug("No link to the resource's own page: %s", error)
        return resource
    found = resource_in(member, data.get(member)) if isinstance(data, dict) else None
    return found or resource
