"""Faults on demand: what a network and a busy server do, for the requests that a test chooses.

A kind of fault is a subclass of `Fault` with a tag, here or in a test: its fields, and what it makes of an
answer.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from airflow_provider_segment.sandbox.kinds import kind_of
from airflow_provider_segment.sandbox.oauth import OAuth, Token


@dataclass(frozen=True)
class Exchange:
    """A request that a fault hit, and what can be done with it."""

    answer: Callable[..., Awaitable[Response]]  # let the request take effect; `skew`: see `ClockSkew`
    error: Callable[[int, str], Response]  # an error, in the format of the API that was called
    is_stale: Callable[[], bool]  # whether the sandbox was reset after the request came
    oauth: OAuth
    token: str | None  # of OAuth, that the request carries


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all kinds have in common: which requests a fault hits, and whether those take effect.

    `when`: with `before` the request has no effect; with `after` it has (events are accepted, resources are
    created) and only the answer is lost.

    It applies to requests to `api` (default: all; `oauth` is the authorization server) whose path starts with
    `path` and whose body contains `contains` (for instance a messageId, for an event that is never accepted).
    It hits the `next` N of these, or the share `rate` (0.1: every tenth, counted, not random), or, with
    neither, all until it is cleared.
    """

    when: Literal["before", "after"] = "before"

    api: Literal["tracking", "public", "profile", "oauth"] | None = None
    path: str = "/"
    contains: str = ""
    next: Annotated[int, Meta(ge=0)] | None = None
    rate: Annotated[float, Meta(ge=0, le=1)] = 1.0

    seen: int = 0  # matching requests
    hits: int = 0  # requests it hit

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.answer is Fault.answer and cls.distorted is Fault.distorted:
            raise TypeError(f"{cls.__name__}: a fault must say what it does, in `distorted` or in `answer`")

    @property
    def kind(self) -> str:
        return str(self.__struct_config__.tag)

    def strikes(self, api: str, path: str, body: bytes) -> bool:
        """Whether it hits this request, which is counted."""
        if (self.api and api != self.api) or not path.startswith(self.path) or self.hits == self.next:
            return False
        if self.contains and self.contains.encode() not in body:
            return False
        self.seen += 1
        hit = int(self.seen * self.rate) > int((self.seen - 1) * self.rate)
        self.hits += hit
        return hit

    async def answer(self, exchange: Exchange) -> Response:
        """The answer to a request that it hits."""
        if self.when == "after":
            answer = await exchange.answer()
        else:  # a plausible success
            answer = Response(b'{"success": true}', media_type="application/json")
        return self.distorted(answer, exchange)

    def distorted(self, answer: Response, exchange: Exchange) -> Response:
        """What it makes of an answer; not needed by a kind with its own `answer`."""
        raise NotImplementedError


class Status(Fault, tag="status"):
    """An error `status`, with `retry_after` (seconds, or an HTTP date), `headers`, and `body` (JSON) instead
    of the API's own error."""

    status: Annotated[int, Meta(ge=100, le=599)] = 503
    retry_after: float | str | None = None
    headers: dict[str, str] = {}
    body: Any = msgspec.UNSET

    def distorted(self, answer: Response, exchange: Exchange) -> Response:
        if self.body is msgspec.UNSET:
            answer = exchange.error(self.status, "A fault of the sandbox, as requested.")
        else:
            answer = Response(msgspec.json.encode(self.body), self.status, media_type="application/json")
        if self.retry_after is not None:
            wait = self.retry_after
            answer.headers["Retry-After"] = wait if isinstance(wait, str) else f"{wait:g}"
        answer.headers.update(self.headers)
        return answer


class Slow(Fault, tag="slow"):
    """The true answer, `seconds` late; `when` says on which side of the effect the wait is."""

    seconds: Annotated[float, Meta(ge=0, le=3600)] = 1.0

    async def answer(self, exchange: Exchange) -> Response:
        if self.when == "after":
            answer = await exchange.answer()
            await asyncio.sleep(self.seconds)
            return answer
        await asyncio.sleep(self.seconds)
        if exchange.is_stale():  # the request of an earlier test must not take effect in this one
            return ConnectionReset()
        return await exchange.answer()


class Reset(Fault, tag="reset"):
    """A TCP RST instead of an answer."""

    def distorted(self, answer: Response, exchange: Exchange) -> Response:
        return ConnectionReset()


class Truncated(Fault, tag="truncated"):
    """The connection ends in the middle of the answer's body."""

    def distorted(self, answer: Response, exchange: Exchange) -> Response:
        return HalfResponse(answer.body, answer.status_code, answer.headers)


class NotJson(Fault, tag="not_json"):
    """200 with an HTML page."""

    def distorted(self, answer: Response, exchange: Exchange) -> Response:
        return Response("<html><body>Welcome to the network.</body></html>", media_type="text/html")


class Altered(Fault, tag="altered"):
    """The true answer, if it is a JSON object, with other `members`; null removes one. `when` is ignored."""

    members: dict[str, Any]

    async def answer(self, exchange: Exchange) -> Response:
        answer = await exchange.answer()
        try:
            true = msgspec.json.decode(answer.body, type=dict[str, Any])
        except msgspec.MsgspecError:
            return answer
        altered = {name: value for name, value in {**true, **self.members}.items() if value is not None}
        answer.body = msgspec.json.encode(altered)
        answer.headers["Content-Length"] = str(len(answer.body))
        return answer


class ClockSkew(Fault, tag="clock_skew"):
    """The true answer of a server whose clock is `seconds` ahead, or behind if negative.

    By that clock the authorization server judges assertions, and every server tells the `Date` of an answer.
    """

    seconds: Annotated[float, Meta(ge=-366 * 24 * 60 * 60, le=366 * 24 * 60 * 60)]

    async def answer(self, exchange: Exchange) -> Response:
        return await exchange.answer(skew=self.seconds)


class TokenFault(Fault):
    """Something happens to the token that a request carries, or to the one that it is granted.

    `when`: before the request takes effect, so that it is refused, or after. A grant takes effect first.
    """

    async def answer(self, exchange: Exchange) -> Response:
        if exchange.token is None:
            answer = await exchange.answer()
            if token := exchange.oauth.tokens.get(granted(answer)):
                self.happen(token, exchange.oauth)
            return answer
        token = exchange.oauth.tokens.get(exchange.token)
        if token and self.when == "before":
            self.happen(token, exchange.oauth)
        answer = await exchange.answer()
        if token and self.when == "after":
            self.happen(token, exchange.oauth)
        return answer

    def happen(self, token: Token, oauth: OAuth) -> None:
        raise NotImplementedError


class TokenExpired(TokenFault, tag="token_expired"):
    """The token expires at once, whatever `expires_in` said."""

    def happen(self, token: Token, oauth: OAuth) -> None:
        token.expires_at = 0.0


class TokensRevoked(TokenFault, tag="tokens_revoked"):
    """All tokens of the app are revoked."""

    def happen(self, token: Token, oauth: OAuth) -> None:
        oauth.revoke_tokens(token.app_id)


class WrongRegion(TokenFault, tag="wrong_region"):
    """The token is one of the other region, which no API of this one takes."""

    def happen(self, token: Token, oauth: OAuth) -> None:
        token.region = "eu" if oauth.region == "us" else "us"


def granted(answer: Response) -> str:
    """The token in an answer; empty if there is none."""
    try:
        return msgspec.json.decode(answer.body, type=Grant).access_token
    except msgspec.MsgspecError:
        return ""


class Grant(msgspec.Struct):
    access_token: str


class Faults:
    """The faults in force. If several match a request, the first that strikes applies."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, kind: str, **fields: Any) -> Fault:
        """Add a fault; the fields are those of its class.

        >>> faults.add("status", status=429, retry_after=1, next=3)
        >>> faults.add("reset", when="after", rate=0.1)  # every tenth answer is lost
        >>> faults.add("status", status=400, contains="evil-id")  # refuse every batch with this event
        >>> faults.add("tokens_revoked", api="tracking", rate=0.05, next=1)  # at the twentieth request

        :return: the fault, which counts its hits
        :raises msgspec.ValidationError: for an unknown kind, or a field that its kind does not have
        """
        fault = msgspec.convert(fields, kind_of(Fault, kind))
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        self._faults = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(list(self._faults))

    def pick(self, api: str, path: str, body: bytes) -> Fault | None:
        """The fault that hits this request, if one does."""
        return next((fault for fault in self._faults if fault.strikes(api, path, body)), None)


class ConnectionReset(Response):
    """Ends the connection with a TCP RST, which is what closing with a linger of zero seconds sends."""

    def __init__(self) -> None:
        super().__init__(status_code=0)  # there is none

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = scope["state"]["transport"]
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
        await disconnected(receive)


class HalfResponse(Response):
    """Promises the whole body, sends half of it, and closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        half = self.body[: len(self.body) // 2]
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": half, "more_body": True})
        scope["state"]["transport"].close()
        await disconnected(receive)


async def disconnected(receive: Receive) -> None:
    # The server logs an error for an application that returns early on an open connection.
    while (await receive())["type"] != "http.disconnect":
        pass
