"""One deadline for all of a request: to connect, to send, and to receive the answer, headers and body.

Sockets have a time limit for each step only. A peer that sends a byte a second keeps within it for ever.
"""

from __future__ import annotations

import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

if sys.version_info >= (3, 11):
    from asyncio import timeout as _timeout
else:
    from async_timeout import timeout as _timeout  # type: ignore[import-not-found]  # from aiohttp

_PIECE = 1 << 16
"""Bytes sent between two looks at the clock."""

# By the clock of the sockets, not by that of a client, which tests replace.
_ends: ContextVar[float] = ContextVar("ends", default=float("inf"))


@contextmanager
def deadline_in(seconds: float) -> Iterator[None]:
    """End the blocking request in this block, whatever it waits for.

    :raises httpx.TimeoutException: by the request, if the client keeps deadlines
    """
    token = _ends.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends.reset(token)


def adeadline_in(seconds: float) -> AbstractAsyncContextManager[Any]:
    """End the request in this block, in a coroutine.

    :raises asyncio.TimeoutError: at the end of the block
    """
    context: AbstractAsyncContextManager[Any] = _timeout(seconds)
    return context


def keep_deadlines(client: httpx.Client) -> None:
    """Have a client keep the deadlines of :func:`deadline_in`, on all of its connections."""
    # httpx has no parameter for the network below it; httpcore, which it is made of, has.
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):
            pool: Any = transport._pool
            pool._network_backend = _Network(pool._network_backend)


def _left(timeout: float | None, late: type[Exception]) -> float | None:
    """The time limit of a step, no longer than what is left until the deadline.

    :raises httpcore.TimeoutException: nothing is left
    """
    ends = _ends.get()
    left = ends - time.monotonic()
    if left <= 0:
        raise late("the request as a whole took too long")
    return left if timeout is None or left < timeout else timeout


class _Network(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **options: Any
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        # All addresses of a host share the time limit.
        with deadline_in(_left(timeout, httpcore.ConnectTimeout) or float("inf")):
            failure: Exception = httpcore.ConnectError("the host has no address")
            for address in dict.fromkeys(str(address[0]) for *_, address in found):
                try:
                    left = _left(timeout, httpcore.ConnectTimeout)
                    return _Stream(self._inner.connect_tcp(address, port, left, *args, **options))
                except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                    failure = error
            raise failure


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            self._inner.write(buffer[start : start + _PIECE], _left(timeout, httpcore.WriteTimeout))

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
