"""Turns an HTTP response, or its absence, into Segment's answer or an error."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

from airflow_provider_segment.api.advice import advice_on, refuses_token
from airflow_provider_segment.api.bodies import Body
from airflow_provider_segment.api.calls import Answer, AnswerFormat, Call
from airflow_provider_segment.api.certificates import fault_of_certificate
from airflow_provider_segment.api.shapes import check_shape
from airflow_provider_segment.api.waits import moment_of, retry_after
from airflow_provider_segment.errors import (
    SegmentAnswerError,
    SegmentAuthenticationError,
    SegmentConfigurationError,
    SegmentError,
    SegmentTimeoutError,
    SegmentTransportError,
    error_of_status,
)

EXPECTED: dict[AnswerFormat, str] = {"json": "JSON", "text": "text", "bytes": "bytes"}


def read_answer(
    call: Call,
    response: httpx.Response,
    content: Body,
    now: datetime,
    base_url: str | None,
    scrub: Callable[[Any], Any],
) -> Answer:
    """The answer in a response.

    :param base_url: that of the connection, if it replaces Segment's hosts
    :param scrub: removes secrets from what an error quotes, before it is shortened
    :raises SegmentAPIError: Segment answered with an error
    :raises SegmentAnswerError: the answer did not come from Segment, was cut off, or lacks the call's shape
    """
    request_id = request_id_of(response)
    body: Any = None
    unreadable: ValueError | None = None
    try:
        body = content.read(call.answer_format if response.is_success else "json")
    except ValueError as error:
        unreadable = error
    if not response.is_success:
        kind = error_of_status(response.status_code)
        if refuses_token(call.api, response):
            kind = SegmentAuthenticationError  # also a 400: no event is to blame
        refused = kind(
            call.method,
            call.safe_path,
            response.status_code,
            scrub(_errors(body, response)),
            request_id=request_id,
            retry_after=retry_after(response, body, now),
            advice=advice_on(call.api, response, base_url),
        )
        refused.answered_at = moment_of(response.headers.get("date"))
        raise refused
    if unreadable is not None:
        got = response.headers.get("content-type", "no content type")[:100]
        fault = f": {content.fault}" if content.fault else ""
        detail = f"expected {EXPECTED[call.answer_format]}, got {got}{fault}"
        raise SegmentAnswerError(call.method, call.safe_path, response.status_code, detail) from unreadable
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
    request_id: str = response.headers.get("x-request-id") or response.headers.get("request-id") or ""
    return request_id[:100] or None


def _errors(body: Any, response: httpx.Response) -> list[dict[str, Any]]:
    if isinstance(body, dict):
        if isinstance(body.get("errors"), list):
            return [error for error in body["errors"] if isinstance(error, dict)]
        if body.get("error_description"):  # OAuth
            return [{"type": body.get("error"), "message": body["error_description"]}]
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
    never_ran = isinstance(
        error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
    )
    if never_ran and (why := fault_of_certificate(error)):
        return SegmentConfigurationError(f"{call.method} {call.safe_path}: nothing was sent: {why}")
    cause = error.__cause__ or error
    detail = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
    kind = SegmentTimeoutError if isinstance(error, httpx.TimeoutException) else SegmentTransportError
    return kind(call.method, call.safe_path, detail, never_ran=never_ran)
