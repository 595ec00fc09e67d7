"""A call of one of Segment's APIs, and what Segment answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from typing import Any, Literal, get_args
from urllib.parse import quote, unquote

from airflow_provider_segment.api.headers import fault_of
from airflow_provider_segment.api.redaction import Scrubber
from airflow_provider_segment.api.regions import Api, Server
from airflow_provider_segment.api.secrets import in_text, secrets_in
from airflow_provider_segment.errors import SegmentConfigurationError

AnswerFormat = Literal["json", "text", "bytes"]
_LONGEST_SHOWN = 200
"""Characters of a path in a message."""


def safe_path(path: str) -> str:
    """A path to be shown or logged: one endpoint has a write key in it."""
    path = re.sub(r"(/writekey/)[^/]+", r"\1***", path)
    return path if len(path) <= _LONGEST_SHOWN else f"{path[:_LONGEST_SHOWN]}..."


@dataclass(frozen=True)
class Call:
    """One call of one of Segment's APIs.

    :param path: absolute path, already percent-encoded
    :param query: see :func:`airflow_provider_segment.api.paths.query_pairs`
    :param body: makes the body for an attempt at the given time; None for no body
    :param compress: compresses the body with gzip, last of all
    :param media_type: what to send and accept
    :param content_type: what is sent, if it is other than that
    :param repeatable: whether sending it twice is harmless; by default decided by its method
    :param shape: what the answer's ``data`` must look like (of the other APIs, the whole answer); see
        :mod:`.shapes`. None for any JSON
    :param secrets: what no log and no error may show of it, besides the credential and what
        :mod:`.secrets` finds in path, query, headers and body
    :param answer_format: what a successful answer is read as; ``bytes`` go to a temporary file
    :raises SegmentConfigurationError: it cannot be sent
    """

    method: str
    path: str
    api: Server = "public"
    query: Mapping[str, Any] | None = None
    body: Callable[[datetime], bytes] | None = None
    compress: Callable[[bytes], bytes] | None = None
    media_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool | None = None
    shape: Any = None
    secrets: tuple[str, ...] = ()
    content_type: str | None = None
    answer_format: AnswerFormat = "json"

    def __repr__(self) -> str:
        # Path, query, headers and body may hold secrets, or data of people.
        return f"Call({self.method} {self.safe_path})"

    def __post_init__(self) -> None:
        # The values are not shown: any of them may hold a secret by mistake.
        if not (isinstance(self.method, str) and re.fullmatch("[A-Z]+", self.method)):
            raise SegmentConfigurationError("a method is a word of letters, such as GET")
        if self.api not in get_args(Server):
            raise SegmentConfigurationError(f"an API is one of {', '.join(get_args(Api))}")
        if fault := _fault_of_path(self.path):
            raise SegmentConfigurationError(f"{self.method}: a path {fault}")
        if self.media_type is not None and not _is_printable(self.media_type):
            raise SegmentConfigurationError(f"{self.method} {self.safe_path}: the media type is none")
        if self.content_type is not None and not (self.content_type and _is_printable(self.content_type)):
            raise SegmentConfigurationError(f"{self.method} {self.safe_path}: the content type is none")
        if fault := fault_of(self.headers):
            raise SegmentConfigurationError(f"{self.method} {self.safe_path}: {fault}")
        if self.answer_format not in get_args(AnswerFormat):
            raise SegmentConfigurationError(f"an answer is one of {', '.join(get_args(AnswerFormat))}")
        if self.api == "tracking" and self.answer_format != "json":
            raise SegmentConfigurationError("the Tracking API's answer is JSON, which tells what it took")

    @property
    def safe_path(self) -> str:
        """The path, safe to log."""
        # A scrubber of thousands of ids takes a second to make.
        within = [secret for secret in self.secrets if quote(secret, "", errors="replace") in self.path]
        return safe_path(Scrubber(within)(self.path))

    @cached_property
    def scrub(self) -> Scrubber:
        """Removes what is secret in the call itself from texts."""
        return Scrubber(self._secrets_within())

    def _secrets_within(self) -> Iterator[str]:
        yield from self.secrets
        yield from in_text(self.path)
        yield from secrets_in(self.query)
        yield from secrets_in(self.headers)
        if self.body is not None and self.api == "public":  # the other APIs take events, and no settings
            yield from secrets_in(self.body(datetime.now(timezone.utc)))


def _fault_of_path(path: Any) -> str | None:
    """Why a path leads elsewhere, or nowhere; None if it is well-formed."""
    if not isinstance(path, str):
        return f"must be a text, and is of type {type(path).__name__}"
    if not path.startswith("/") or path.startswith("//"):
        return "must start with a single slash and contain no host"
    if "?" in path or "#" in path:
        return "must not contain a query (give it as `query`) or a fragment: percent-encode ? and #"
    if not (_is_printable(path) and not set(path) & set(" \\")):
        return "must be percent-encoded: this one holds white space, a backslash, or what is not ASCII"
    if any(unquote(part) in (".", "..") for part in path.split("/")):
        return "must not have the parts '.' and '..', which lead to another endpoint"
    return None


def _is_printable(text: Any) -> bool:
    return isinstance(text, str) and text.isascii() and (text.isprintable() or not text)


@dataclass(frozen=True)
class Answer:
    """What Segment answered.

    :param status: HTTP status
    :param headers: HTTP headers
    :param body: the parsed JSON; the text; or a temporary file, open at its start, gone when it is closed
    :param request_id: Segment's id of the request, if it gave one
    """

    status: int
    headers: Mapping[str, str]
    body: Any
    request_id: str | None = None

    def __repr__(self) -> str:
        # Headers and body may hold secrets, or data of people.
        return f"Answer({self.status}, request id {self.request_id})"

    @property
    def data(self) -> Any:
        """The Public API's ``data`` member; the whole body if it has none."""
        return self.body.get("data", self.body) if isinstance(self.body, dict) else self.body
