"""Two thin clients, one blocking and one asynchronous. They send and sleep; everything else is shared.

Nothing here depends on Airflow. A client belongs to one thread (or one event loop).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import wait
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar, cast, get_args

import httpx

from airflow_provider_segment.api.answers import read_answer, request_id_of, transport_error
from airflow_provider_segment.api.bodies import Body
from airflow_provider_segment.api.calls import Answer, AnswerFormat, Call
from airflow_provider_segment.api.certificates import ssl_context
from airflow_provider_segment.api.clock import SIGNAL_SECONDS, Clock
from airflow_provider_segment.api.deadline import adeadline_in, deadline_in, keep_deadlines
from airflow_provider_segment.api.pages import Pages
from airflow_provider_segment.api.rate_limits import RATE_LIMITERS, RateLimiter, RateLimiters
from airflow_provider_segment.api.redaction import Scrubber
from airflow_provider_segment.api.regions import SANDBOX_REGION, SANDBOXES, Api
from airflow_provider_segment.api.requests import build_request, json_body
from airflow_provider_segment.api.retries import REPEATABLE_METHODS, RetryRule
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.api.tokens import (
    TOKENS,
    TOKENS_OF_REQUEST,
    Renewal,
    Token,
    TokenKeeper,
    TokenKeepers,
    read_token,
)
from airflow_provider_segment.api.waits import seconds_until_reset
from airflow_provider_segment.errors import (
    SegmentConfigurationError,
    SegmentError,
    SegmentRateLimitError,
    SegmentRequestError,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

log = logging.getLogger(__name__)

# httpx logs each request with its URL, and one of Segment's URLs contains a write key. Our requests are
# logged here instead, and kept out of httpx's log.
_ours: ContextVar[bool] = ContextVar("ours", default=False)
logging.getLogger("httpx").addFilter(lambda _: not _ours.get())

NO_BODY: Final = object()
"""The absence of a body, which is not the same as a null body."""


class CallOptions(TypedDict, total=False):
    """The options of a request, besides its method and path."""

    api: Api
    query: Mapping[str, Any] | None
    json: Any
    body: Callable[[datetime], bytes]
    compress: Callable[[bytes], bytes] | None
    media_type: str | None
    headers: Mapping[str, str]
    repeatable: bool | None
    shape: Any
    secrets: tuple[str, ...]
    content_type: str | None
    answer_format: AnswerFormat


class PageOptions(TypedDict, total=False):
    """The options of a list, besides its path."""

    query: Mapping[str, Any] | None
    key: str | None
    page_size: int
    limit: int | None
    media_type: str | None
    item: Any


UNREADABLE = (httpx.RequestError, OSError, httpx.InvalidURL, ValueError)
"""What httpx raises where there is no answer, or one with a head that it cannot read: it looks at the address
in a redirect, though it is not to follow it. An OSError is one of OpenSSL's that its asynchronous connections
let through."""

TOKENS_SCRUBBED = 2
"""How many of its last tokens a client removes from texts: some requests still have the one before."""

T = TypeVar("T")


def http_client(kind: Callable[..., T], settings: Settings, **options: Any) -> T:
    """An HTTP client with the certificates and proxies of the environment.

    :param kind: the class of the client
    :raises SegmentConfigurationError: the environment names a proxy or certificates that are none
    """
    try:
        return kind(timeout=settings.timeout, verify=ssl_context(), **options)
    except (httpx.InvalidURL, ValueError, TypeError, ImportError):
        # Without the text, which quotes the URL of the proxy, perhaps with its password.
        raise SegmentConfigurationError(
            "the environment names a proxy that is none, or one that httpx cannot use: see HTTP_PROXY, "
            "HTTPS_PROXY, ALL_PROXY and NO_PROXY"
        ) from None


class _Client:
    """What both clients share: everything but sending and sleeping."""

    def __init__(self, settings: Settings, clock: Clock | None) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.retried = 0
        """Requests sent again so far."""
        self.rate_limited = 0
        """How many of them after a 429."""
        self.scrub = Scrubber(settings.secrets)
        """Removes the connection's credentials from texts, and from lists and objects with texts."""
        # Rate limiters and tokens hold monotonic times, which clients with different clocks cannot share.
        self._limiters = RATE_LIMITERS if clock is None else RateLimiters()
        self._keepers = TOKENS if clock is None else TokenKeepers()
        self._tokens: list[str] = []

    @staticmethod
    def _call(method: str, path: str, *, json: Any = NO_BODY, **options: Any) -> Call:
        if options.get("api", "public") not in get_args(Api):
            raise SegmentConfigurationError(f"an API is one of {', '.join(get_args(Api))}")
        call = Call(method.upper() if isinstance(method, str) else method, path, **options)
        return call if json is NO_BODY else replace(call, body=json_body(call, json))

    def _rule(self, call: Call) -> RetryRule:
        repeatable = call.method in REPEATABLE_METHODS if call.repeatable is None else call.repeatable
        return RetryRule(call.api, repeatable=repeatable, retries=self.settings.retries, clock=self.clock)

    def _wait(self, call: Call, rule: RetryRule, error: SegmentError, token: Token | None = None) -> float:
        """Seconds to wait after a failed attempt; raises the error if there is no further attempt.

        :param token: of OAuth, that the attempt was made with
        """
        if token is not None and self._is_to_replace(call, rule, error, token):
            return 0.0
        # Whatever the server or a library put into it.
        error.scrub(self._scrubber(call))
        if isinstance(error, SegmentRequestError):
            error.connection = self.settings.name
        seconds = rule.wait(error)
        self.retried += 1
        level = logging.WARNING
        if isinstance(error, SegmentRateLimitError):
            # The limit applies to the credential, not to this request: the others wait, too, and one warning
            # is enough.
            self.rate_limited += 1
            limiter, now = self._limiter(call), self.clock.monotonic()
            level = logging.DEBUG if limiter.blocked_for(now) else logging.WARNING
            limiter.block_until(now + seconds)
        log.log(level, "Retrying in %.1f s: %s", seconds, getattr(error, "summary", error))
        return seconds

    def _scrubber(self, call: Call) -> Callable[[Any], Any]:
        return lambda value: self.scrub(call.scrub(value))

    def _limiter(self, call: Call) -> RateLimiter:
        return self._limiters.of(call, self.settings)

    def _keeper(self, call: Call) -> TokenKeeper | None:
        return self._keepers.of(call.api, self.settings) if call.api != "oauth" else None

    def _use(self, token: Token) -> Token:
        """Have no text show a token that is sent."""
        if token.value not in self._tokens:
            self._tokens = [*self._tokens, token.value][-TOKENS_SCRUBBED:]
            self.scrub = Scrubber([*self.settings.secrets, *self._tokens])
        return token

    def _put_off(self, keeper: TokenKeeper, spare: Token | None, error: SegmentError) -> None:
        """Go on with the old token, because a new one could not be got; raises the error if there is none."""
        if spare is None:
            raise error
        error.scrub(self.scrub)
        log.warning("The OAuth token could not be renewed yet; the old one is still valid: %s", error)
        keeper.put_off(spare, self.clock.monotonic())

    def _is_to_replace(self, call: Call, rule: RetryRule, error: SegmentError, token: Token) -> bool:
        """Whether an error is the refusal of a token, and another one may help."""
        keeper = self._keeper(call)
        if keeper is None or not isinstance(error, keeper.refusals):
            return False
        rule.tokens += 1
        if again := keeper.refuse(token) and rule.tokens <= TOKENS_OF_REQUEST:
            log.debug("Segment refused an OAuth token, which expired or was revoked: the next one is used")
        return again

    def _token_rule(self) -> RetryRule:
        return RetryRule("oauth", repeatable=True, retries=self.settings.retries, clock=self.clock)

    def _request(
        self, http: httpx.Client | httpx.AsyncClient, call: Call, rule: RetryRule, token: Token | None
    ) -> httpx.Request:
        return build_request(http, call, self.settings, token, attempt=rule.attempts, now=self.clock.now())

    def _no_answer(self, call: Call, error: Exception, started: float) -> SegmentError:
        if isinstance(error, OSError):
            error = httpx.ReadError(str(error))
        elif not isinstance(error, httpx.RequestError):
            error = httpx.RemoteProtocolError("the head of the answer cannot be read")
        self._log(call, f"no answer ({type(error).__name__})", started)
        return transport_error(call, error)

    def _read(self, call: Call, response: httpx.Response, body: Body, started: float) -> Answer:
        received = response.headers.raw
        shown = [(name, self.scrub(text.decode("latin-1")).encode("latin-1")) for name, text in received]
        if shown != received:
            response.headers = httpx.Headers(shown)
        self._log(call, f"{response.status_code}, request id {request_id_of(response)}", started)
        # A response and its stream refer to each other. Without this, the request body would wait for the
        # garbage collector.
        response.stream = httpx.ByteStream(b"")
        self._apply_rate_limit(call, response)
        if self.settings.base_url and SANDBOX_REGION in response.headers:
            SANDBOXES.add(self.settings.base_url)
        if response.is_success and (keeper := self._keeper(call)):
            keeper.accept()
        scrub = self.scrub if response.is_success else self._scrubber(call)
        return read_answer(call, response, body, self.clock.now(), self.settings.base_url, scrub)

    def _apply_rate_limit(self, call: Call, response: httpx.Response) -> None:
        """Adjust the rate limiter to the answer's rate limit headers."""
        limiter = self._limiter(call)
        if limiter.limit is None:
            return
        if self.settings.base_url and not response.is_server_error:
            # A sandbox or gateway that sends no rate limit headers enforces no limit.
            limiter.enforced = "x-ratelimit-remaining" in response.headers
        seconds = seconds_until_reset(response, self.clock.now())
        if (
            seconds is not None and seconds <= limiter.limit.seconds
        ):  # else it is another limit: a monthly quota
            limiter.block_until(self.clock.monotonic() + seconds)

    def _log(self, call: Call, outcome: str, started: float) -> None:
        level = logging.INFO if self.settings.log_requests else logging.DEBUG
        if not log.isEnabledFor(level):
            return
        milliseconds = (self.clock.monotonic() - started) * 1000
        log.log(level, "%s %s -> %s, %.0f ms", call.method, self.scrub(call.safe_path), outcome, milliseconds)


class SegmentClient(_Client):
    """Calls Segment's APIs, blocking.

    :param settings: region, credentials, timeout and retries
    :param transport: replaces httpx's transport, for tests and unusual networks
    :param clock: replaces the system clock, for tests
    """

    def __init__(
        self,
        settings: Settings,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(settings, clock)
        self._transport = transport
        self._pool: httpx.Client | None = None
        self._pid = 0
        _ = self._http  # a wrong proxy or certificate is told at once

    def request(self, method: str, path: str, **options: Unpack[CallOptions]) -> Answer:
        """Call an endpoint and return its answer.

        :param method: HTTP method
        :param path: absolute path without host, percent-encoded (see :func:`.paths.fill_path`)
        :param api: ``public`` (default), ``tracking`` or ``profile``
        :param query: query parameters; objects and arrays are written as Segment documents them
        :param json: the body, as a JSON document
        :param body: the body as a function of the time of the attempt that returns bytes, instead of ``json``
        :param compress: compresses the body with gzip
        :param media_type: a vendor media type to send and accept, instead of ``application/json``
        :param content_type: media type of the body, if it is other than that
        :param headers: additional headers; those of the credential, the host and the transfer are refused
        :param answer_format: ``json``, ``text``, or ``bytes``: the answer's body is a temporary file then
        :param repeatable: whether it may be sent again if its answer was lost; by default depends on the
            method
        :param shape: what the answer must look like (see :class:`.Call`); one that does not is an error
        :param secrets: what else no log and no error may show of the request (see :class:`.Call`)
        :raises SegmentError: see ``errors.py``; raised after the retries
        """
        try:
            return self._retried(self._call(method, path, **options))
        except SegmentError as error:
            raise error.bare() from error.__cause__

    def paginate(self, path: str, **options: Unpack[PageOptions]) -> Iterator[Any]:
        """Every item of a list, page after page; each page is requested when it is reached.

        :param path: the list's path
        :param query: additional query parameters
        :param key: the list's name under ``data``; not needed if there is only one list
        :param page_size: items per request, 1 to 1,000 for most lists
        :param limit: stop after this many items
        :param media_type: a vendor media type to accept
        :param item: what each item must look like, instead of what most do (see :mod:`.shapes`)
        :raises SegmentAnswerError: there is no such list, or its pages would never end (see :mod:`.pages`)
        """
        pages = Pages(path, **options)
        while call := pages.next_call():
            try:
                answer = self._retried(call)
            except SegmentError as error:
                raise error.bare() from error.__cause__
            yield from pages.take(answer.data)

    def get_new_token(self, api: Api) -> None:
        """Ask for an OAuth token for an API, although there may be one: to see whether it is granted.

        :raises SegmentError: it is not
        """
        keeper = self._keepers.of(api, self.settings)
        if keeper is not None:
            self._granted(keeper, once=False)

    def _retried(self, call: Call) -> Answer:
        rule, keeper = self._rule(call), self._keeper(call)
        while True:
            token = self._token(keeper) if keeper else None
            try:
                return self._send(call, rule, token)
            except SegmentError as error:
                seconds = self._wait(call, rule, error, token)
            self.clock.sleep(seconds)

    def _token(self, keeper: TokenKeeper) -> Token:
        while not isinstance(turn := keeper.ask(self.clock.monotonic()), Token):
            if not isinstance(turn, Renewal):
                if keeper.is_renewed_here:  # in a call that this one, in a signal handler, interrupts
                    return self._use(self._granted(keeper, once=False))
                wait([turn], timeout=SIGNAL_SECONDS)
                continue
            with turn:
                try:
                    turn.token = self._granted(keeper, once=turn.spare is not None)
                except SegmentError as error:
                    self._put_off(keeper, turn.spare, error)
        return self._use(turn)

    def _granted(self, keeper: TokenKeeper, *, once: bool) -> Token:
        call, rule = keeper.call(self.settings), self._token_rule()
        corrected = False
        while True:
            try:
                return read_token(self._send(call, rule, None), self.clock.monotonic())
            except SegmentError as error:
                if not corrected and keeper.corrects_clock(error, self.clock.now()):
                    corrected = True
                    continue
                if once:  # there is a valid token: nobody waits
                    raise
                seconds = self._wait(call, rule, error)
            self.clock.sleep(seconds)

    def _send(self, call: Call, rule: RetryRule, token: Token | None) -> Answer:
        with self._limiter(call).queue() as place:
            while seconds := place.wait(self.clock.monotonic()):
                self.clock.sleep(seconds)
        rule.begin()
        request = self._request(self._http, call, rule, token)
        started = self.clock.monotonic()
        ours = _ours.set(True)
        try:
            with deadline_in(self.settings.deadline):
                response = self._http.send(request, stream=True)
                body = Body(call.api, response, to_file=call.answer_format == "bytes")
                try:
                    for piece in cast("httpx.SyncByteStream", response.stream):
                        if not body.add(piece):
                            break
                finally:
                    response.close()
        except UNREADABLE as error:
            raise self._no_answer(call, error, started) from error
        finally:
            _ours.reset(ours)
        return self._read(call, response, body, started)

    @property
    def _http(self) -> httpx.Client:
        """The connections, of this process only: forked ones would take each other's answers."""
        if self._pool is None or self._pid != os.getpid():
            self._pool = http_client(httpx.Client, self.settings, transport=self._transport)
            keep_deadlines(self._pool)
            self._pid = os.getpid()
        return self._pool

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> SegmentClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncSegmentClient(_Client):
    """Calls Segment's APIs from coroutines; the asynchronous :class:`SegmentClient`.

    :param http: the HTTP client to use; by default a new one with the given transport
    """

    def __init__(
        self,
        settings: Settings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        http: httpx.AsyncClient | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(settings, clock)
        self._http = http or http_client(httpx.AsyncClient, settings, transport=transport)

    async def request(
        self,
        method: str,
        path: str,
        *,
        turn: Callable[[], Awaitable[None]] | None = None,
        **options: Unpack[CallOptions],
    ) -> Answer:
        """Call an endpoint and return its answer; other arguments as for :meth:`SegmentClient.request`.

        :param turn: awaited before each attempt, last of all: whoever holds a rate decides when it goes out
        """
        try:
            return await self._retried(self._call(method, path, **options), turn)
        except SegmentError as error:
            raise error.bare() from error.__cause__

    async def paginate(self, path: str, **options: Unpack[PageOptions]) -> AsyncIterator[Any]:
        """Every item of a list; arguments as for :meth:`SegmentClient.paginate`."""
        pages = Pages(path, **options)
        while call := pages.next_call():
            try:
                answer = await self._retried(call)
            except SegmentError as error:
                raise error.bare() from error.__cause__
            for item in pages.take(answer.data):
                yield item

    async def _retried(self, call: Call, turn: Callable[[], Awaitable[None]] | None = None) -> Answer:
        rule, keeper = self._rule(call), self._keeper(call)
        while True:
            token = await self._token(keeper) if keeper else None
            await self._wait_for_turn(call, turn)
            try:
                return await self._send(call, rule, token)
            except SegmentError as error:
                seconds = self._wait(call, rule, error, token)
            await self.clock.asleep(seconds)

    async def _token(self, keeper: TokenKeeper) -> Token:
        while not isinstance(turn := keeper.ask(self.clock.monotonic()), Token):
            if not isinstance(turn, Renewal):
                await asyncio.wrap_future(turn)
                continue
            with turn:
                try:
                    turn.token = await self._granted(keeper, once=turn.spare is not None)
                except SegmentError as error:
                    self._put_off(keeper, turn.spare, error)
        return self._use(turn)

    async def _granted(self, keeper: TokenKeeper, *, once: bool) -> Token:
        call, rule = keeper.call(self.settings), self._token_rule()
        corrected = False
        while True:
            await self._wait_for_turn(call, None)
            try:
                return read_token(await self._send(call, rule, None), self.clock.monotonic())
            except SegmentError as error:
                if not corrected and keeper.corrects_clock(error, self.clock.now()):
                    corrected = True
                    continue
                if once:  # there is a valid token: nobody waits
                    raise
                seconds = self._wait(call, rule, error)
            await self.clock.asleep(seconds)

    async def _wait_for_turn(self, call: Call, turn: Callable[[], Awaitable[None]] | None) -> None:
        limiter = self._limiter(call)
        while True:
            with limiter.queue() as place:
                while seconds := place.wait(self.clock.monotonic()):
                    await self.clock.asleep(seconds)
            if turn is None:
                return
            await turn()
            if not limiter.blocked_for(self.clock.monotonic()):  # by a 429 in the meantime
                return

    async def _send(self, call: Call, rule: RetryRule, token: Token | None) -> Answer:
        rule.begin()
        request = self._request(self._http, call, rule, token)
        started = self.clock.monotonic()
        ours = _ours.set(True)
        try:
            async with adeadline_in(self.settings.deadline):
                response = await self._http.send(request, stream=True)
                body = Body(call.api, response, to_file=call.answer_format == "bytes")
                try:
                    async for piece in cast("httpx.AsyncByteStream", response.stream):
                        if not body.add(piece):
                            break
                finally:
                    await response.aclose()
        except asyncio.TimeoutError as error:
            late = httpx.ReadTimeout("the request as a whole took too long")
            raise self._no_answer(call, late, started) from error
        except UNREADABLE as error:
            raise self._no_answer(call, error, started) from error
        finally:
            _ours.reset(ours)
        return self._read(call, response, body, started)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncSegmentClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
