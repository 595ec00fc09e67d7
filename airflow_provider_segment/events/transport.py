"""httpx over aiohttp: a batch of events costs a third of the CPU that httpx's own transport takes for it.

Only for events: the transport reports a connection that broke halfway as one that was never made, which
matters for requests that must not run twice. Events carry their message id and may.
"""

from __future__ import annotations

import ssl

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport


class BulkTransport(AiohttpTransport):
    """Keeps ``connections`` connections alive and goes through the proxies named in the environment."""

    def __init__(self, connections: int, ssl_context: ssl.SSLContext) -> None:
        def session() -> aiohttp.ClientSession:
            connector = aiohttp.TCPConnector(limit=connections, ssl=ssl_context)
            return aiohttp.ClientSession(connector=connector, trust_env=True)

        super().__init__(verify=ssl_context, client=session)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send; errors that the library leaves as aiohttp's become httpx's."""
        try:
            return await super().handle_async_request(request)
        except aiohttp.ClientError as error:
            raise httpx.RemoteProtocolError(str(error)) from error
