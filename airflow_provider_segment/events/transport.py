"""httpx over aiohttp: sending a batch of events takes a third of the CPU time of httpx's own transport."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from airflow_provider_segment.api.client import ssl_context

if sys.version_info >= (3, 11):
    from asyncio import timeout as timeout_after
else:
    from async_timeout import timeout as timeout_after  # type: ignore[import-not-found]  # from aiohttp

KEEPALIVE_SECONDS = 15.0


class BulkClient(httpx.AsyncClient):
    """An httpx client, with httpx's rules for proxies and certificates, that sends through aiohttp.

    :param connections: maximum number of connections
    :param timeout: seconds to connect, to send and to answer, each
    """

    def __init__(self, connections: int, timeout: float) -> None:
        limits = httpx.Limits(max_connections=connections, keepalive_expiry=KEEPALIVE_SECONDS)
        super().__init__(timeout=timeout, limits=limits, verify=ssl_context())

    # The two places where httpx creates its transports; httpx-aiohttp's own client also overrides them.

    def _init_transport(self, **options: Any) -> httpx.AsyncBaseTransport:  # type: ignore[override]
        return BulkTransport(**{**options, "transport": None})

    def _init_proxy_transport(self, proxy: httpx.Proxy, **options: Any) -> httpx.AsyncBaseTransport:  # type: ignore[override]
        return BulkTransport(proxy=proxy, **options)


class BulkTransport(AiohttpTransport):
    """aiohttp as a transport, with a time limit for sending, and errors that say what happened."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and await the head of its answer."""
        timeout = request.extensions.get("timeout", {})
        # aiohttp limits connecting and reading; a peer that stops receiving would block it for ever.
        limit = sum(timeout.get(part) or 0 for part in ("connect", "write", "read")) or None
        try:
            async with timeout_after(limit):
                return await super().handle_async_request(request)
        except asyncio.TimeoutError as error:
            raise httpx.WriteTimeout("the request could not be sent in time") from error
        except httpx.ConnectTimeout as error:
            # The library reports every broken connection as a connect timeout.
            cause = error.__cause__
            if isinstance(cause, aiohttp.ServerTimeoutError):
                raise
            kind = httpx.ConnectError if isinstance(cause, aiohttp.ClientConnectorError) else httpx.ReadError
            raise kind(str(error)) from cause
        except aiohttp.ClientError as error:
            raise httpx.RemoteProtocolError(str(error)) from error
