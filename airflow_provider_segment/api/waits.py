"""The waits that Segment asks for: one place decides which words of an answer count as one."""

from __future__ import annotations

import math
import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

LONGEST = 32 * 86_400.0
"""Seconds; no limit of Segment's is counted for longer than a month. A longer wait is a mistake."""
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_LONGEST_DATE = 64


def retry_after(response: httpx.Response, body: Any, now: datetime) -> float | None:
    """Seconds that Segment asks to wait; None if it does not say.

    ``Retry-After`` holds seconds or a date. A 429 of the Public API has them in the body, in milliseconds;
    its ``X-RateLimit-Reset`` holds a date, the Tracking API's holds seconds.
    """
    seconds = named_seconds(response.headers.get("retry-after"), now)
    if seconds is not None or response.status_code != 429:
        return seconds
    try:
        milliseconds = body["errors"][0]["data"]["msBeforeNext"]
    except (KeyError, IndexError, TypeError):
        milliseconds = None
    seconds = named_seconds(milliseconds, now, per_second=1000)
    return named_seconds(response.headers.get("x-ratelimit-reset"), now) if seconds is None else seconds


def seconds_until_reset(response: httpx.Response, now: datetime) -> float | None:
    """Seconds until the rate limit's window ends, if no request is left in it; otherwise None."""
    if response.headers.get("x-ratelimit-remaining") != "0":
        return None
    # Both dates are Segment's; this machine's clock may be wrong.
    date = moment_of(response.headers.get("date")) or now
    return named_seconds(response.headers.get("x-ratelimit-reset"), date)


def named_seconds(value: Any, now: datetime, *, per_second: int = 1) -> float | None:
    """The seconds that a header or a member of an answer names; None if it names none.

    Only a finite, positive number of at most ``LONGEST`` seconds counts, or a date that far ahead.

    :param value: a number, its text, or an HTTP date
    :param per_second: 1000 if the number is one of milliseconds
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, str):
        moment = moment_of(value)
        seconds = (moment - now).total_seconds() if moment else 0.0
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        # Compared before it is divided: a huge int does not fit in a float.
        seconds = value / per_second if abs(value) <= LONGEST * per_second else math.inf
    else:
        return None
    return seconds if 0 < seconds <= LONGEST else None


def moment_of(value: str | None) -> datetime | None:
    """The moment of an HTTP date; None if it is none, or has no zone."""
    if not value or len(value) > _LONGEST_DATE:
        return None
    try:
        moment = parsedate_to_datetime(value)
        return moment if moment.utcoffset() is not None else None
    except Exception:  # the parser, made for well-formed mail, raises whatever comes
        return None
