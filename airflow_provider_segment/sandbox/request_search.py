"""The requests that the sandbox answered, as its page lists them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from airflow_provider_segment.sandbox.kept import Kept
from airflow_provider_segment.sandbox.state import RequestRecord


class RequestSearch(msgspec.Struct, forbid_unknown_fields=True):
    """What is looked for. An empty field finds everything.

    `path` is the beginning of a path; `fault` the kind of a fault that hit the request; `failed` finds those
    that were not answered, or with 400 and above; `newest` puts the newest first.
    """

    id: str = ""
    api: Literal["", "tracking", "public", "profile", "oauth"] = ""
    path: str = ""
    status: Annotated[int, Meta(ge=0, le=599)] | None = None
    fault: str = ""
    failed: bool = False
    newest: bool = False
    limit: Annotated[int, Meta(ge=0)] = 100
    offset: Annotated[int, Meta(ge=0)] = 0

    @property
    def finds_everything(self) -> bool:
        return not (self.id or self.api or self.path or self.fault or self.failed) and self.status is None

    def fits(self, record: RequestRecord) -> bool:
        return (
            self.id in ("", record.request_id)
            and self.api in ("", record.api)
            and record.path.startswith(self.path)
            and self.status in (None, record.status)
            and self.fault in ("", record.fault)
            and (not self.failed or record.status is None or record.status >= 400)
        )


def found(requests: Kept[RequestRecord], search: RequestSearch) -> dict[str, Any]:
    """The requests that a search finds, and their `total`: with the forgotten ones if it finds everything."""
    some = requests if search.finds_everything else [each for each in requests if search.fits(each)]
    total = requests.total if search.finds_everything else len(some)
    start, end = search.offset, search.offset + search.limit
    if search.newest:
        start, end = max(len(some) - end, 0), max(len(some) - start, 0)
    items = some[start:end]
    return {"total": total, "items": items[::-1] if search.newest else items}
