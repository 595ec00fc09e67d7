"""From a call to the HTTP request that carries it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import httpx

from airflow_provider_segment import __version__
from airflow_provider_segment.api.bodies import ENCODING
from airflow_provider_segment.api.calls import Call
from airflow_provider_segment.api.documents import write
from airflow_provider_segment.api.paths import query_pairs
from airflow_provider_segment.api.regions import Api, host_of
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.api.tokens import Token
from airflow_provider_segment.errors import SegmentConfigurationError

USER_AGENT = f"airflow-provider-segment/{__version__}"
JSON = "application/json"


def build_request(
    http: httpx.Client | httpx.AsyncClient,
    call: Call,
    settings: Settings,
    token: Token | None,
    *,
    attempt: int,
    now: datetime,
) -> httpx.Request:
    """The request of a call, with its credential.

    :param token: of OAuth, if that is the credential
    :param attempt: number of earlier attempts of this call
    :raises SegmentConfigurationError: the call cannot be sent
    """
    media_type = call.media_type or JSON
    headers = {
        "Accept": media_type if call.media_type or call.answer_format == "json" else "*/*",
        "Accept-Encoding": ENCODING,
        "User-Agent": USER_AGENT,
    }
    if call.api != "oauth":  # its credential is the assertion, in the body
        headers["Authorization"] = _authorization(call.api, settings, token)
    content = call.body(now) if call.body else None
    if content is not None:
        headers["Content-Type"] = call.content_type or media_type
        if token and call.api == "tracking":
            content = _with_write_key(content, call, settings)
        if call.compress:
            headers["Content-Encoding"] = "gzip"
            content = call.compress(content)
    if call.api == "tracking":
        headers["X-Retry-Count"] = str(attempt)
    try:
        return http.build_request(
            call.method,
            _url(host_of(call.api, settings.region, settings.base_url) + call.path),
            params=tuple(query_pairs(call.query)) or None if call.query is not None else None,
            headers=_merged(headers, call.headers),
            content=content,
        )
    except httpx.InvalidURL:
        # Host and path have been checked: only the length is left.
        raise SegmentConfigurationError(
            f"{call.method} {call.safe_path}: the path or the query is too long to be sent"
        ) from None


def _merged(headers: dict[str, str], further: Mapping[str, str]) -> httpx.Headers:
    """Headers, of which the further ones replace those of the same name, in whatever case."""
    merged = httpx.Headers(headers)
    merged.update(further)
    return merged


@lru_cache(maxsize=64)
def _url(text: str) -> httpx.URL:
    # All the thousands of requests of a backfill go to the same URL.
    return httpx.URL(text)


CREDENTIAL_NAMES: dict[Api, str] = {
    "public": "Public API token (its password) or an OAuth app",
    "tracking": "write key",
    "profile": "Profile API token",
}


def _authorization(api: Api, settings: Settings, token: Token | None) -> str:
    if token is not None:
        return f"Bearer {token.value}"
    value = _secret_of(api, settings)
    return f"Bearer {value}" if api == "public" else f"Basic {b64encode(f'{value}:'.encode()).decode()}"


def _secret_of(api: Api, settings: Settings) -> str:
    secret = settings.secret_of(api)
    if secret is None:
        which = f"connection {settings.name!r}" if settings.name else "connection"
        name = CREDENTIAL_NAMES[api]
        raise SegmentConfigurationError(f"the Segment {which} lacks a {name}, which this call needs")
    return secret.get_secret_value()


def _with_write_key(content: bytes, call: Call, settings: Settings) -> bytes:
    """An event or a batch that names its source: in the header, the token is in the place of the write key.

    :raises SegmentConfigurationError: it is no JSON object, or there is no write key
    """
    content = content.strip()
    if not (content.startswith(b"{") and content.endswith(b"}")):
        raise SegmentConfigurationError(
            f"{call.method} {call.safe_path}: with OAuth, the write key goes into the body, which must be a "
            "JSON object, uncompressed"
        )
    # Last, so that it counts even if there is another one, as in the header.
    separator = b"" if content[1:-1].isspace() or len(content) == 2 else b","
    return b'%b%b"writeKey":%b}' % (content[:-1], separator, write(_secret_of("tracking", settings)))


def json_body(call: Call, document: Any) -> Callable[[datetime], bytes]:
    """A body that is the same for every attempt.

    :raises SegmentConfigurationError: it cannot be written as JSON
    """
    try:
        content = write(document)
    except ValueError as error:
        raise SegmentConfigurationError(f"{call.method} {call.safe_path}: the body: {error}") from None
    return lambda _: content
