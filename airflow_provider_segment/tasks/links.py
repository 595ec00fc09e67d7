"""The link from a task to the page of its resource: in Segment's app, or of the sandbox that answers."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey

    from airflow_provider_segment.hooks.segment import SegmentHook
    from airflow_provider_segment.resources import ResourceLocator

log = logging.getLogger(__name__)

KEY = "segment_link"
"""Key of the XCom that holds the link."""
ANY_WORKSPACE = "goto-my-workspace"
"""The app redirects this to the current workspace of whoever follows the link."""

MOST_SOURCES = 1000
"""Sources among which that of a write key is looked for."""


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
    :param look_up: ask Segment for what the URL of a page needs: the slugs of a source and of the workspace
    """
    ti: Any = context.get("ti")
    if ti:
        ti.xcom_push(key=KEY, value=_link(hook, list(resources), look_up=look_up))


@contextmanager
def linked(
    context: Context, hook: SegmentHook, resources: Iterable[ResourceLocator], *, look_up: bool = False
) -> Iterator[None]:
    """Leave the link before the task's work, and again if the work found out that a sandbox answers."""
    from airflow_provider_segment.api.regions import is_sandbox

    about, base_url = list(resources), hook.get_conn().settings.base_url
    leave_link(context, hook, about, look_up=look_up)
    was_known = is_sandbox(base_url)
    try:
        yield
    finally:
        if is_sandbox(base_url) and not was_known:
            leave_link(context, hook, about)


def _link(hook: SegmentHook, resources: list[ResourceLocator], *, look_up: bool) -> str:
    from airflow_provider_segment.api.regions import APPS, is_sandbox
    from airflow_provider_segment.resources import SANDBOX_PAGE, WORKSPACE_PAGE

    settings = hook.get_conn().settings
    found, workspace = resources, settings.workspace
    if look_up and not is_sandbox(settings.base_url):
        found = [_with_slug(each, hook) for each in resources]
        workspace = workspace or _looked_up(hook, "workspace", "/").get("slug")
    if is_sandbox(settings.base_url):
        places = (each.in_sandbox for each in resources)
        return f"{settings.base_url}{SANDBOX_PAGE}{next(filter(None, places), '')}"
    pages = (each.page for each in found)
    return (
        f"{APPS[settings.region]}/{quote(str(workspace or ANY_WORKSPACE), safe='')}"
        f"{next(filter(None, pages), WORKSPACE_PAGE)}"
    )


def _with_slug(resource: ResourceLocator, hook: SegmentHook) -> ResourceLocator:
    from airflow_provider_segment.resources import CONNECTION, resource_in

    if resource.kind is CONNECTION:
        return _source_of_write_key(hook) or resource
    if not resource.needs_slug:
        return resource
    kind = resource.kind
    return resource_in(kind.member, _looked_up(hook, kind.member, kind.path, id=resource.id)) or resource


def _source_of_write_key(hook: SegmentHook) -> ResourceLocator | None:
    """The source that the connection's write key belongs to, if the token may see its key."""
    from airflow_provider_segment.api.redaction import write_keys_of
    from airflow_provider_segment.api.resources import Source
    from airflow_provider_segment.errors import SegmentError
    from airflow_provider_segment.resources import resource_in

    key = hook.get_conn().settings.write_key
    if key is None:
        return None
    sources = hook.copy(retries=0).paginate("/sources", key="sources", item=Source, limit=MOST_SOURCES)
    try:
        for source in sources:
            if key.get_secret_value() in write_keys_of(source):
                return resource_in("source", source)
    except SegmentError as error:
        log.debug("The link leads to the list of sources: %s", type(error).__name__)
    return None


def _looked_up(hook: SegmentHook, member: str, path: str, **ids: str) -> dict[str, Any]:
    """A member of the answer to a request; empty if there is none. A link is not worth a retry."""
    from airflow_provider_segment.api.paths import fill_path
    from airflow_provider_segment.errors import SegmentError

    try:
        data = hook.copy(retries=0).request("GET", fill_path(path, ids)).data
    except SegmentError as error:
        log.debug("The link leads to a more general page: %s", type(error).__name__)
        return {}
    found = data.get(member) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}
