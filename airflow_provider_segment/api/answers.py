"""Turns an HTTP response, or its absence, into Segment's answer or an error."""

from __future__ import annotations

import json
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from airflow_provider_segment.api.calls import Answer, Call
from airflow_provider_segment.api.shapes import check_shape
from airflow_provider_segment.errors import (
    SegmentAnswerError,
    SegmentConfigurationError,
    SegmentError,
    SegmentTimeoutError,
    SegmentTransportError,
    error_of_status,
)


def read_answer(call: Call, response: httpx.Response, now: datetime) -> Answer:
    """The answer in a response.

    :raises SegmentAPIError: Segment answered with an error
    :raises SegmentAnswerError: the answer did not come from Segment, was cut off, or lacks the call's shape
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
        # A 200 alone does not prove delivery: a login page on the way may have sent it.
        raise SegmentAnswerError(
            call.method, call.safe_path, response.status_code, 'expected {"success": true}'
        )
    if call.shape is not None:
        try:
            check_shape(body, {"data": call.shape} if call.api == "public" else call.shape)
        except ValueError as error:
            raise SegmentAnswerError(call.method, call.safe_path, response.status_code, str(error)) from error
    return Answer(response.status_code, response.headers, body, request_id)


def request_id_of(response: httpx.Response) -> str | None:
    """Segment's id of a request, for its support."""
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
    """The package's error for an error of httpx."""
    if isinstance(error, (httpx.LocalProtocolError, httpx.UnsupportedProtocol)):
        # Without the text, which quotes a header that cannot be sent: it may be the credential's.
        return SegmentConfigurationError(f"{call.method} {call.safe_path}: the request cannot be sent")
    # These are raised before a byte of the request was sent.
    never_ran = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    cause = error.__cause__ or error
    detail = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
    kind = SegmentTimeoutError if isinstance(error, httpx.TimeoutException) else SegmentTransportError
    return kind(call.method, call.safe_path, detail, never_ran=never_ran)


def retry_after(response: httpx.Response, body: Any, now: datetime) -> float | None:
    """Seconds that Segment asks to wait; None if it does not say.

    ``Retry-After`` holds seconds or a date. A 429 of the Public API has them in the body, in milliseconds;
    its ``X-RateLimit-Reset`` holds a date, the Tracking API's holds seconds.
    """
    seconds = _seconds(response.headers.get("retry-after"), now)
    if seconds is not None or response.status_code != 429:
        return seconds
    try:
        return float(body["errors"][0]["data"]["msBeforeNext"]) / 1000
    except (KeyError, IndexError, TypeError, ValueError):
        return _seconds(response.headers.get("x-ratelimit-reset"), now)


def seconds_until_reset(response: httpx.Response, now: datetime) -> float | None:
    """Seconds until the rate limit's window ends, if no request is left in it; otherwise None."""
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
