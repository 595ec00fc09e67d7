"""From a call to a request, from a response to an answer: plain functions, shared by both clients."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import httpx

from airflow_provider_segment import __version__
from airflow_provider_segment.errors import (
    SegmentAnswerError,
    SegmentConfigurationError,
    SegmentError,
    SegmentTimeoutError,
    SegmentTransportError,
    error_of_status,
)
from airflow_provider_segment.regions import Api, host_of
from airflow_provider_segment.settings import Settings

USER_AGENT = f"airflow-provider-segment/{__version__}"
JSON = "application/json"
PAGE_SIZE = 200
"""Items per page where nothing else is asked for: Segment's own default."""


@dataclass(frozen=True)
class Call:
    """One call of one of Segment's APIs.

    :param path: absolute path, already percent-encoded
    :param query: see :func:`query_pairs`
    :param body: makes the body for an attempt at the given moment; None for no body
    :param media_type: what to send and accept
    :param repeatable: it does no harm twice; by default as of its method
    """

    method: str
    path: str
    api: Api = "public"
    query: Mapping[str, Any] | None = None
    body: Callable[[datetime], bytes] | None = None
    media_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool | None = None

    @property
    def safe_path(self) -> str:
        """The path as it may be logged: one endpoint has a write key in it."""
        return re.sub(r"(/writekey/)[^/]+", r"\1***", self.path)


@dataclass(frozen=True)
class Answer:
    """What Segment answered.

    :param status: HTTP status
    :param headers: HTTP headers
    :param body: the parsed JSON
    :param request_id: Segment's id of the request, where it gave one
    """

    status: int
    headers: Mapping[str, str]
    body: Any
    request_id: str | None = None

    @property
    def data(self) -> Any:
        """The Public API's ``data`` member; the whole body where there is none."""
        return self.body.get("data", self.body) if isinstance(self.body, dict) else self.body


def build_request(
    http: httpx.Client | httpx.AsyncClient, call: Call, settings: Settings, *, attempt: int, now: datetime
) -> httpx.Request:
    """The request of a call, with its credential.

    :param attempt: how often this call was sent before
    """
    if not call.path.startswith("/") or call.path.startswith("//"):
        raise SegmentConfigurationError(f"a path begins with one slash and holds no host: {call.safe_path!r}")
    media_type = call.media_type or JSON
    headers = {
        "Accept": media_type,
        "User-Agent": USER_AGENT,
        "Authorization": _authorization(call.api, settings),
    }
    if call.body is not None:
        headers["Content-Type"] = media_type
    if call.api == "tracking":
        headers["X-Retry-Count"] = str(attempt)
    return http.build_request(
        call.method,
        _url(host_of(call.api, settings.region, settings.base_url) + call.path),
        params=tuple(query_pairs(call.query)) if call.query else None,
        headers=headers | dict(call.headers),
        content=call.body(now) if call.body else None,
    )


@lru_cache(maxsize=64)
def _url(text: str) -> httpx.URL:
    # Of the thousands of requests of a backfill each goes to the same one.
    return httpx.URL(text)


CREDENTIAL_NAMES: dict[Api, str] = {
    "public": "Public API token (its password)",
    "tracking": "write key",
    "profile": "Profile API token",
}


def _authorization(api: Api, settings: Settings) -> str:
    secret = settings.secret_of(api)
    if secret is None:
        name = CREDENTIAL_NAMES[api]
        raise SegmentConfigurationError(f"the Segment connection lacks a {name}, which this call needs")
    value = secret.get_secret_value()
    return f"Bearer {value}" if api == "public" else f"Basic {b64encode(f'{value}:'.encode()).decode()}"


def json_body(document: Any) -> Callable[[datetime], bytes]:
    """A body that is the same at every attempt."""
    content = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return lambda _: content


def fill_path(template: str, values: Mapping[str, Any]) -> str:
    """``/sources/{sourceId}`` with its placeholders filled, percent-encoded.

    :raises SegmentConfigurationError: a value is empty, or would climb the path (``.``, ``..``)
    """

    def part(match: re.Match[str]) -> str:
        value = str(values[match[1]])
        if value in ("", ".", ".."):
            raise SegmentConfigurationError(f"{match[1]} must not be {value!r} in {template}")
        return quote(value, safe="")

    return re.sub(r"{(\w+)}", part, template)


def query_pairs(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A query as Segment's documentation writes it: objects dotted, arrays indexed, nulls left out.

    ``{"pagination": {"count": 3}, "groupBy": ["source"]}`` becomes ``pagination.count=3&groupBy.0=source``.
    """
    return [pair for name, value in query.items() for pair in _flat(name, value)]


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{name}.{key}", item)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _flat(f"{name}.{index}", item)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    else:
        yield name, str(value)


def read_answer(call: Call, response: httpx.Response, now: datetime) -> Answer:
    """The answer in a response.

    :raises SegmentAPIError: Segment answered with an error
    :raises SegmentAnswerError: what answered was not Segment, or was cut off
    """
    request_id = request_id_of(response)
    body: Any = None
    unreadable: ValueError | None = None
    try:
        # strict=False: the code of a function may come with raw newlines inside its string.
        body = json.loads(response.content, strict=False)
    except ValueError as error:
        unreadable = error
    if not response.is_success:
        raise error_of_status(response.status_code)(
            call.method,
            call.safe_path,
            response.status_code,
            _errors(body, response),
            request_id=request_id,
            retry_after=retry_after(response, body, now),
        )
    if unreadable is not None:
        raise SegmentAnswerError(
            call.method,
            call.safe_path,
            response.status_code,
            f"expected JSON, got {response.headers.get('content-type', 'no content type')}",
        ) from unreadable
    if call.api == "tracking" and not (isinstance(body, dict) and body.get("success") is True):
        # Only Segment's own word counts as delivered, not the 200 of a login page on the way.
        raise SegmentAnswerError(
            call.method, call.safe_path, response.status_code, 'expected {"success": true}'
        )
    return Answer(response.status_code, response.headers, body, request_id)


def request_id_of(response: httpx.Response) -> str | None:
    """Segment's id of a request, to be named to its support."""
    request_id: str | None = response.headers.get("x-request-id") or response.headers.get("request-id")
    return request_id


def _errors(body: Any, response: httpx.Response) -> list[dict[str, Any]]:
    if isinstance(body, dict):
        if isinstance(body.get("errors"), list):
            return [error for error in body["errors"] if isinstance(error, dict)]
        message = body.get("message") or body.get("error")
        if message:
            return [{"type": body.get("code"), "message": message}]
    return [{"message": response.reason_phrase}] if response.reason_phrase else []


def transport_error(call: Call, error: httpx.RequestError) -> SegmentError:
    """Our error for one of httpx's."""
    if isinstance(error, (httpx.LocalProtocolError, httpx.UnsupportedProtocol)):
        # Without the text, which quotes a header that cannot be sent: it may be the credential's.
        return SegmentConfigurationError(f"{call.method} {call.safe_path}: no such request can be sent")
    # These are raised before a byte of the request was sent.
    never_ran = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    cause = error.__cause__ or error
    detail = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
    kind = SegmentTimeoutError if isinstance(error, httpx.TimeoutException) else SegmentTransportError
    return kind(call.method, call.safe_path, detail, never_ran=never_ran)


def retry_after(response: httpx.Response, body: Any, now: datetime) -> float | None:
    """Seconds that Segment asks to wait; None where it does not say.

    ``Retry-After`` holds seconds or a date. A 429 of the Public API says it in the body, in milliseconds;
    its ``X-RateLimit-Reset`` holds a date, the Tracking API's holds seconds.
    """
    seconds = _seconds(response.headers.get("retry-after"), now)
    if seconds is not None or response.status_code != 429:
        return seconds
    try:
        return float(body["errors"][0]["data"]["msBeforeNext"]) / 1000
    except (KeyError, IndexError, TypeError, ValueError):
        return _seconds(response.headers.get("x-ratelimit-reset"), now)


def last_for(response: httpx.Response, now: datetime) -> float | None:
    """Seconds until the window of a rate limit ends, where the answer says that it was the last one in it."""
    if response.headers.get("x-ratelimit-remaining") != "0":
        return None
    # Both dates are Segment's; this machine's clock may be wrong.
    date = _date(response.headers.get("date")) or now
    return _seconds(response.headers.get("x-ratelimit-reset"), date)


def _date(value: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(value) if value else None
    except ValueError:
        return None


def _seconds(value: str | None, now: datetime) -> float | None:
    if not value:
        return None
    try:
        return float(value)
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, TypeError):
        return None


class Pages:
    """Walks a list: hands out the call for each page and takes the answers.

    :param path: the list's path
    :param query: further query parameters
    :param key: the list's name under ``data``; None for the one list there is
    :param page_size: items per page
    :param limit: stop after so many items
    """

    def __init__(
        self,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        key: str | None = None,
        page_size: int = PAGE_SIZE,
        limit: int | None = None,
        media_type: str | None = None,
    ) -> None:
        self._path = path
        self._query = query or {}
        self._key = key
        self._page_size = page_size
        self._left = limit
        self._media_type = media_type
        self._cursor: str | None = None
        self._ended = False

    def next_call(self) -> Call | None:
        """The call for the next page; None after the last."""
        if self._ended or self._left == 0:
            return None
        count = self._page_size if self._left is None else min(self._page_size, self._left)
        query = {**self._query, "pagination": {"count": count, "cursor": self._cursor}}
        return Call("GET", self._path, query=query, media_type=self._media_type)

    def take(self, call: Call, answer: Answer) -> list[Any]:
        """The items of an answer.

        :raises SegmentAnswerError: no such list; several and no ``key``; a cursor that would never end
        """
        data = answer.data if isinstance(answer.data, dict) else {}
        lists = [
            value
            for name, value in data.items()
            if isinstance(value, list) and (self._key is None or name == self._key)
        ]
        if len(lists) != 1:
            wanted = f"the list {self._key!r}" if self._key else "one list"
            raise SegmentAnswerError(
                call.method,
                call.safe_path,
                answer.status,
                f"expected {wanted} under data, found {sorted(data)}",
            )
        # The last page has no `next`, or a null one.
        cursor = (data.get("pagination") or {}).get("next") or None
        if cursor is not None and cursor == self._cursor:
            raise SegmentAnswerError(
                call.method, call.safe_path, answer.status, "the next page's cursor is this page's own"
            )
        self._cursor = cursor
        self._ended = cursor is None
        items = lists[0][: self._left]
        if self._left is not None:
            self._left -= len(items)
        return items
