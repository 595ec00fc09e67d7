"""A call of one of Segment's APIs, and what Segment answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_segment.api.regions import Api


@dataclass(frozen=True)
class Call:
    """One call of one of Segment's APIs.

    :param path: absolute path, already percent-encoded
    :param query: see :func:`airflow_provider_segment.api.paths.query_pairs`
    :param body: makes the body for an attempt at the given time; None for no body
    :param media_type: what to send and accept
    :param repeatable: whether sending it twice is harmless; by default decided by its method
    :param shape: what the answer's ``data`` must look like (of the other APIs, the whole answer); see
        :mod:`.shapes`. None for any JSON
    """

    method: str
    path: str
    api: Api = "public"
    query: Mapping[str, Any] | None = None
    body: Callable[[datetime], bytes] | None = None
    media_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool | None = None
    shape: Any = None

    @property
    def safe_path(self) -> str:
        """The path, safe to log: one endpoint has a write key in it."""
        return re.sub(r"(/writekey/)[^/]+", r"\1***", self.path)


@dataclass(frozen=True)
class Answer:
    """What Segment answered.

    :param status: HTTP status
    :param headers: HTTP headers
    :param body: the parsed JSON
    :param request_id: Segment's id of the request, if it gave one
    """

    status: int
    headers: Mapping[str, str]
    body: Any
    request_id: str | None = None

    @property
    def data(self) -> Any:
        """The Public API's ``data`` member; the whole body if it has none."""
        return self.body.get("data", self.body) if isinstance(self.body, dict) else self.body
