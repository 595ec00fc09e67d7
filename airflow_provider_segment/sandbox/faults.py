"""Faults on demand: what a network and a busy server do, ordered for the requests that a test names."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Kind = Literal["status", "slow", "reset", "truncated", "not_json"]
Api = Literal["tracking", "public", "profile"]


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One fault and the requests that it befalls.

    What happens (`kind`):

    - `status`: the answer has this `status`, with `retry_after` (seconds, or an HTTP date) as its
      Retry-After, more `headers`, and `body` (JSON) in place of the API's own error body.
    - `slow`: the true answer comes `seconds` late.
    - `reset`: the connection ends with a TCP RST, without an answer.
    - `truncated`: the connection ends in the middle of the answer's body.
    - `not_json`: 200 with an HTML page.

    Whether the request takes effect (`when`): `before`: it does not. `after`: it does (events are accepted,
    resources made) and only the answer is lost. For `slow`, which side of the effect the wait is on.

    Which requests: those of `api` (default: all three), whose path starts with `path` and whose body holds
    `contains` (for instance a messageId: a poisonous event). Of these the `next` N, or the share `rate`
    (0.1: every tenth, counted, not drawn), or, with neither, all until the fault is cleared.
    """

    kind: Kind
    when: Literal["before", "after"] = "before"

    api: Api | None = None
    path: str = "/"
    contains: str = ""
    next: int | None = None
    rate: float = 1.0

    status: int = 503
    retry_after: float | str | None = None
    headers: dict[str, str] = {}
    body: Any = msgspec.UNSET
    seconds: float = 1.0

    seen: int = 0  # requests it was about
    hits: int = 0  # requests it befell

    def befalls(self, api: str, path: str, body: bytes) -> bool:
        if (self.api and api != self.api) or not path.startswith(self.path) or self.hits == self.next:
            return False
        if self.contains and self.contains.encode() not in body:
            return False
        self.seen += 1
        hit = int(self.seen * self.rate) > int((self.seen - 1) * self.rate)
        self.hits += hit
        return hit


class Faults:
    """The faults in force, first come first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, kind: Kind, **options: Any) -> Fault:
        """Order a fault; the options are the fields of `Fault`. A wrong one is a
        `msgspec.ValidationError`.

        >>> faults.add("status", status=429, retry_after=1, next=3)
        >>> faults.add("reset", when="after", rate=0.1)  # every tenth answer is lost
        >>> faults.add("status", status=400, contains="evil-id")  # refuse each batch that holds this event
        """
        fault = msgspec.convert({"kind": kind, **options}, Fault)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        self._faults = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(list(self._faults))

    def pick(self, api: str, path: str, body: bytes) -> Fault | None:
        """The fault that befalls this request, if one does."""
        return next((fault for fault in self._faults if fault.befalls(api, path, body)), None)


async def reset_connection(scope: Scope, receive: Receive) -> None:
    """End the connection with a TCP RST: closing with a linger of zero seconds sends one."""
    transport = scope["state"]["transport"]
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    await _disconnected(receive)


async def send_truncated(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Promise the whole body, send half of it, and close."""
    half = response.body[: len(response.body) // 2]
    await send(
        {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
    )
    await send({"type": "http.response.body", "body": half, "more_body": True})
    scope["state"]["transport"].close()
    await _disconnected(receive)


async def _disconnected(receive: Receive) -> None:
    # The server logs an error for an application that returns early on an open connection.
    while (await receive())["type"] != "http.disconnect":
        pass
