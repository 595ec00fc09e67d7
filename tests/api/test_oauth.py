"""OAuth in both clients, against the sandbox's authorization server, in the sandbox's time."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from airflow_provider_segment.api import tokens
from airflow_provider_segment.api.client import AsyncSegmentClient, SegmentClient
from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.api.regions import HOSTS
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.errors import (
    SegmentAnswerError,
    SegmentAuthenticationError,
    SegmentConfigurationError,
    SegmentPermissionError,
    SegmentRateLimitError,
    SegmentServerError,
)
from airflow_provider_segment.sandbox import Sandbox

HOUR = 3600


class SandboxClock(Clock):
    """The sandbox's own time, which a wait moves."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.monotonic(), timezone.utc)

    def monotonic(self) -> float:
        return self._sandbox.state.clock.now()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._sandbox.advance_clock(seconds)

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)
        await asyncio.sleep(0)


class Segment:
    """A client of either kind, behind one blocking face, with an OAuth app of the sandbox's."""

    def __init__(self, kind: type[Any], sandbox: Sandbox, **settings: Any) -> None:
        self.sandbox, self.kind = sandbox, kind
        self.clock = SandboxClock(sandbox)
        self.settings = Settings(**{"base_url": sandbox.url, "write_key": sandbox.write_key, **settings})
        self.client = kind(self.settings, clock=self.clock)

    def request(self, *arguments: Any, **options: Any) -> Any:
        if self.kind is SegmentClient:
            return self.client.request(*arguments, **options)

        async def ask() -> Any:  # its connections belong to the loop
            async with httpx.AsyncClient() as self.client._http:
                return await self.client.request(*arguments, **options)

        return asyncio.run(ask())

    def track(self, message_id: str = "m1") -> Any:
        event = {"userId": "u", "event": "E", "messageId": message_id}
        return self.request("POST", "/v1/track", api="tracking", json=event)


def oauth_of(app: dict[str, str], **changed: Any) -> dict[str, Any]:
    """The settings of an app."""
    fields = ("app_id", "key_id", "private_key")
    return {**{f"oauth_{name}": app[name] for name in fields}, **changed}


@pytest.fixture
def sandbox(segment_sandbox: Sandbox) -> Sandbox:
    segment_sandbox.freeze_clock()
    segment_sandbox.enforce_oauth(segment_sandbox.source_id)
    return segment_sandbox


@pytest.fixture
def app(sandbox: Sandbox) -> dict[str, str]:
    return sandbox.create_oauth_app(expires_in=HOUR)


@pytest.fixture(params=[SegmentClient, AsyncSegmentClient], ids=["blocking", "async"])
def new_segment(
    request: pytest.FixtureRequest, sandbox: Sandbox, app: dict[str, str]
) -> Callable[..., Segment]:
    return lambda **settings: Segment(request.param, sandbox, **oauth_of(app, **settings))


@pytest.fixture
def segment(new_segment: Callable[..., Segment]) -> Segment:
    return new_segment()


def asked(sandbox: Sandbox) -> list[tuple[str, int | None]]:
    return [(record["api"], record["status"]) for record in sandbox.requests]


def granted(sandbox: Sandbox) -> int:
    return sum(app["granted"] for app in sandbox.oauth_apps)


# Which credential


def test_one_token_serves_many_requests(segment: Segment, sandbox: Sandbox) -> None:
    for n in range(5):
        segment.track(f"m{n}")

    assert asked(sandbox) == [("oauth", 200), *[("tracking", 200)] * 5]
    assert [event["messageId"] for event in sandbox.accepted] == [f"m{n}" for n in range(5)]
    assert not any("writeKey" in event for event in sandbox.accepted)


def test_each_api_has_a_token_of_its_scope(segment: Segment, sandbox: Sandbox) -> None:
    segment.track()
    segment.request("GET", "/")
    segment.request("GET", "/")

    assert asked(sandbox) == [
        ("oauth", 200),
        ("tracking", 200),
        ("oauth", 200),
        ("public", 200),
        ("public", 200),
    ]
    assert {token.scopes for token in sandbox.state.oauth.tokens.values()} == {
        ("tracking_api:write",),
        ("public_api:read_write",),
    }


def test_a_token_of_the_public_api_goes_before(new_segment: Callable[..., Segment], sandbox: Sandbox) -> None:
    segment = new_segment(public_api_token=sandbox.token, profile_api_token=sandbox.profile_token)
    segment.request("GET", "/")
    path = f"/v1/spaces/{sandbox.space_id}/collections/users/profiles/user_id:u/traits"
    sandbox.profiles[sandbox.space_id, "users", "user_id:u"] = {"traits": {"a": 1}}
    segment.request("GET", path, api="profile")

    assert asked(sandbox) == [("public", 200), ("profile", 200)]


def test_without_oauth_an_enforcing_source_refuses_and_the_advice_names_it(sandbox: Sandbox) -> None:
    segment = Segment(SegmentClient, sandbox)
    with pytest.raises(SegmentAuthenticationError, match="enforces OAuth"):
        segment.track()


def test_events_need_a_write_key_all_the_same(new_segment: Callable[..., Segment], sandbox: Sandbox) -> None:
    with pytest.raises(SegmentConfigurationError, match="lacks a write key"):
        new_segment(write_key=None).track()


@pytest.mark.parametrize("body", [b"[]", b"", b"{", b"\x1f\x8b..."], ids=repr)
def test_a_body_that_cannot_name_its_source_is_not_sent(
    segment: Segment, sandbox: Sandbox, body: bytes
) -> None:
    with pytest.raises(SegmentConfigurationError, match="must be a JSON object"):
        segment.request("POST", "/v1/track", api="tracking", body=lambda _: body)
    assert "tracking" not in dict(asked(sandbox))


def test_an_empty_object_names_its_source(segment: Segment, sandbox: Sandbox) -> None:
    segment.request("POST", "/v1/track", api="tracking", body=lambda _: b" { } ")
    assert asked(sandbox)[-1] == ("tracking", 200)


def test_the_write_key_of_the_connection_counts(segment: Segment, sandbox: Sandbox) -> None:
    """As it does in the header."""
    event = {"userId": "u", "event": "E", "messageId": "m1", "writeKey": "another"}
    segment.request("POST", "/v1/track", api="tracking", json=event)
    assert [event["messageId"] for event in sandbox.accepted] == ["m1"]


def test_the_authorization_server_is_no_api(segment: Segment) -> None:
    with pytest.raises(SegmentConfigurationError, match="an API is one of public, tracking, profile"):
        segment.request("POST", "/token", api="oauth")


# When a token is renewed


def test_it_is_renewed_at_half_its_life(segment: Segment, sandbox: Sandbox) -> None:
    segment.track("1")
    sandbox.advance_clock(HOUR / 2 - 1)
    segment.track("2")
    assert granted(sandbox) == 1
    sandbox.advance_clock(1)
    segment.track("3")
    segment.track("4")
    assert granted(sandbox) == 2
    assert [record["token"] for record in sandbox.requests if record["api"] == "tracking"] == [1, 1, 2, 2]


def test_one_that_expired_is_not_sent(segment: Segment, sandbox: Sandbox) -> None:
    segment.track("1")
    sandbox.advance_clock(HOUR)
    segment.track("2")
    assert asked(sandbox) == [("oauth", 200), ("tracking", 200)] * 2


@pytest.mark.parametrize("kind", ["tokens_revoked", "token_expired", "wrong_region"])
def test_one_that_is_refused_is_replaced_once(segment: Segment, sandbox: Sandbox, kind: str) -> None:
    segment.track("1")
    sandbox.faults.add(kind, api="tracking", next=1)
    segment.track("2")
    assert asked(sandbox)[2:] == [("tracking", 401), ("oauth", 200), ("tracking", 200)]
    assert len(sandbox.accepted) == 2
    assert segment.client.retried == 0


def test_one_that_stays_refused_is_an_error(segment: Segment, sandbox: Sandbox) -> None:
    sandbox.faults.add("wrong_region", api="oauth")
    with pytest.raises(SegmentAuthenticationError, match="401"):
        segment.track()
    assert asked(sandbox) == [("oauth", 200), ("tracking", 401)] * 2


def test_one_refused_again_and_again_is_replaced_while_others_are_taken(
    segment: Segment, sandbox: Sandbox
) -> None:
    for n in range(4):
        segment.track(f"{n}-first")
        sandbox.faults.add("tokens_revoked", api="tracking", next=1)
        segment.track(f"{n}-second")
    assert len(sandbox.accepted) == 8
    assert granted(sandbox) == 5


def test_failures_of_another_kind_do_not_use_up_the_tokens(segment: Segment, sandbox: Sandbox) -> None:
    sandbox.faults.add("status", api="tracking", status=500, next=6)
    sandbox.faults.add("token_expired", api="tracking", next=1)
    segment.track()
    assert [status for _, status in asked(sandbox)][-3:] == [401, 200, 200]


def test_a_renewal_that_fails_leaves_the_old_token(
    segment: Segment, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    segment.track("1")
    sandbox.advance_clock(HOUR / 2)
    failing = sandbox.faults.add("status", api="oauth", status=503)
    segment.track("2")
    segment.track("3")
    assert failing.hits == 1, "not at every request"
    assert "could not be renewed yet" in caplog.text and "503" in caplog.text
    sandbox.advance_clock(tokens.PAUSE_SECONDS)
    segment.track("4")
    assert failing.hits == 2
    sandbox.faults.clear()
    sandbox.advance_clock(tokens.PAUSE_SECONDS)
    segment.track("5")
    assert granted(sandbox) == 2
    assert len(sandbox.accepted) == 5


def test_a_renewal_that_is_to_wait_leaves_the_old_token_at_once(segment: Segment, sandbox: Sandbox) -> None:
    segment.track("1")
    sandbox.advance_clock(HOUR / 2)
    sandbox.faults.add("status", api="oauth", status=429, retry_after=200)
    segment.track("2")
    assert segment.clock.slept == []
    assert asked(sandbox)[-2:] == [("oauth", 429), ("tracking", 200)]


def test_a_403_of_the_tracking_api_replaces_the_token_too(segment: Segment, sandbox: Sandbox) -> None:
    sandbox.faults.add("status", api="tracking", status=403, next=1)
    segment.track()
    assert asked(sandbox) == [("oauth", 200), ("tracking", 403), ("oauth", 200), ("tracking", 200)]


def test_a_403_of_the_public_api_is_about_what_the_app_may_do(segment: Segment, sandbox: Sandbox) -> None:
    sandbox.faults.add("status", api="public", status=403, next=1)
    with pytest.raises(SegmentPermissionError):
        segment.request("GET", "/")
    assert asked(sandbox) == [("oauth", 200), ("public", 403)]


def test_a_token_that_was_refused_during_its_renewal_does_not_come_back() -> None:
    keeper = tokens.TokenKeeper("tracking")
    old = tokens.Token("old", renew_at=0, expires_at=100)
    keeper.end_renewal(old)
    renewal = keeper.ask(1)
    assert isinstance(renewal, tokens.Renewal) and renewal.spare == old
    with renewal:
        assert keeper.refuse(old)
        keeper.put_off(old, 1)
    assert isinstance(keeper.ask(2), tokens.Renewal)


# What the authorization server may answer


def test_its_429_is_waited_for(segment: Segment, sandbox: Sandbox) -> None:
    sandbox.faults.add("status", api="oauth", status=429, retry_after=7, next=2)
    segment.track()
    assert asked(sandbox) == [("oauth", 429), ("oauth", 429), ("oauth", 200), ("tracking", 200)]
    assert segment.clock.slept[0] == 7


def test_its_429_without_end_is_an_error(new_segment: Callable[..., Segment], sandbox: Sandbox) -> None:
    sandbox.faults.add("status", api="oauth", status=429)
    with pytest.raises(SegmentRateLimitError):
        new_segment(retries=2).track()
    assert asked(sandbox) == [("oauth", 429)] * 3


def test_its_failures_are_retried(segment: Segment, sandbox: Sandbox) -> None:
    sandbox.faults.add("status", api="oauth", status=500, next=1)
    sandbox.faults.add("reset", api="oauth", next=1)
    segment.track()
    assert asked(sandbox)[-2:] == [("oauth", 200), ("tracking", 200)]
    assert segment.client.retried == 2


def test_its_failures_without_end_are_an_error(new_segment: Callable[..., Segment], sandbox: Sandbox) -> None:
    sandbox.faults.add("status", api="oauth", status=500)
    with pytest.raises(SegmentServerError):
        new_segment(retries=2).track()
    assert asked(sandbox) == [("oauth", 500)] * 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"oauth_app_id": "another"},
        {"oauth_key_id": "another"},
        {"oauth_private_key": "another"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_its_refusal_is_final_and_says_what_to_check(
    new_segment: Callable[..., Segment], sandbox: Sandbox, wrong: dict[str, str]
) -> None:
    if "oauth_private_key" in wrong:
        wrong = {"oauth_private_key": sandbox.create_oauth_app()["private_key"]}
    segment = new_segment(**wrong)
    with pytest.raises(SegmentAuthenticationError) as caught:
        segment.track()
    said = str(caught.value)
    assert "POST /token: Segment answered 401: invalid_client" in said
    assert "Check the OAuth app id, key id, private key and region" in said
    assert asked(sandbox) == [("oauth", 401)]
    for line in segment.settings.secrets[-1].splitlines()[1:-1]:
        assert line not in said


def test_a_scope_that_the_app_lacks_is_the_credentials_fault(sandbox: Sandbox) -> None:
    # Not a SegmentBadRequestError: a bulk send would look for the event that is to blame.
    app = sandbox.create_oauth_app(scopes=["public_api:read_write"])
    with pytest.raises(SegmentAuthenticationError, match="tracking_api:write to send events") as caught:
        Segment(SegmentClient, sandbox, **oauth_of(app)).track()
    assert "invalid_scope" in str(caught.value)
    assert asked(sandbox) == [("oauth", 400)]


@pytest.mark.parametrize(
    "members",
    [
        {"access_token": ""},
        {"access_token": None},
        {"access_token": "a\nb"},
        {"expires_in": 0},
        {"expires_in": "x"},
    ],
    ids=str,
)
def test_an_answer_that_grants_nothing_is_an_error(
    new_segment: Callable[..., Segment], sandbox: Sandbox, members: dict[str, Any]
) -> None:
    sandbox.faults.add("altered", api="oauth", members=members)
    with pytest.raises(SegmentAnswerError):
        new_segment(retries=0).track()
    assert asked(sandbox) == [("oauth", 200)]


@pytest.mark.parametrize("seconds", [-7200, -90, 90, 7200])
def test_a_wrong_clock_is_corrected_by_the_servers(
    segment: Segment, sandbox: Sandbox, seconds: float
) -> None:
    sandbox.faults.add("clock_skew", api="oauth", seconds=seconds)
    segment.track("1")
    assert [status for api, status in asked(sandbox) if api == "oauth"] == [400, 200]
    sandbox.advance_clock(HOUR / 2)
    segment.track("2")
    assert [status for api, status in asked(sandbox) if api == "oauth"] == [400, 200, 200], "it is remembered"


def test_a_clock_that_jumps_is_corrected_once(new_segment: Callable[..., Segment], sandbox: Sandbox) -> None:
    for seconds in (600, -600, 600, -600):
        sandbox.faults.add("clock_skew", api="oauth", seconds=seconds, next=1)
    with pytest.raises(SegmentAuthenticationError):
        new_segment().track()
    assert asked(sandbox) == [("oauth", 400)] * 2


# Many at once


def test_threads_and_coroutines_share_one_token(sandbox: Sandbox) -> None:
    app = sandbox.create_oauth_app(expires_in=HOUR)
    settings = Settings(base_url=sandbox.url, write_key=sandbox.write_key, **oauth_of(app))
    held: Any = sandbox.faults.add("held", api="oauth")
    errors: list[BaseException] = []

    def event(n: int) -> dict[str, Any]:
        return {"api": "tracking", "json": {"userId": "u", "event": "E", "messageId": f"m{n}"}}

    def in_a_thread(n: int) -> None:
        try:
            with SegmentClient(settings) as client:
                client.request("POST", "/v1/track", **event(n))
        except BaseException as error:
            errors.append(error)

    def in_coroutines(first: int) -> None:
        async def send() -> None:
            async with AsyncSegmentClient(settings) as client:
                calls = (client.request("POST", "/v1/track", **event(n)) for n in range(first, first + 20))
                await asyncio.gather(*calls)

        try:
            asyncio.run(send())
        except BaseException as error:
            errors.append(error)

    threads = [
        *(threading.Thread(target=in_a_thread, args=(n,)) for n in range(10)),
        *(threading.Thread(target=in_coroutines, args=(first,)) for first in (100, 200)),
    ]
    for thread in threads:
        thread.start()
    while held.hits == 0:
        threading.Event().wait(0.01)
    held.released = 1  # a second request for a token would wait for ever
    for thread in threads:
        thread.join(600)
    assert not errors
    assert len(sandbox.accepted) == 50
    assert sandbox.oauth_apps[-1]["granted"] == held.hits == 1


def test_a_signal_handler_does_not_wait_for_what_it_interrupted(
    sandbox: Sandbox, app: dict[str, str]
) -> None:
    """As ``on_kill``, which cancels a job, while its task asks for its first token."""
    settings = Settings(base_url=sandbox.url, write_key=sandbox.write_key, **oauth_of(app))
    held: Any = sandbox.faults.add("held", api="oauth", next=1)

    def track(message_id: str) -> None:
        with SegmentClient(settings) as client:
            event = {"userId": "u", "event": "E", "messageId": message_id}
            client.request("POST", "/v1/track", api="tracking", json=event)

    def handle(*_: Any) -> None:
        track("of the handler")
        held.released = 1

    def interrupt() -> None:
        while held.hits == 0:
            threading.Event().wait(0.01)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        threading.Thread(target=interrupt).start()
        track("of the task")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert [event["messageId"] for event in sandbox.accepted] == ["of the handler", "of the task"]


def test_a_cancelled_renewal_leaves_the_turn_to_the_next(sandbox: Sandbox, app: dict[str, str]) -> None:
    settings = Settings(base_url=sandbox.url, write_key=sandbox.write_key, **oauth_of(app))
    held: Any = sandbox.faults.add("held", api="oauth", next=1)

    async def run() -> None:
        async with AsyncSegmentClient(settings) as client:

            async def track(n: int) -> None:
                event = {"userId": "u", "event": "E", "messageId": f"m{n}"}
                await client.request("POST", "/v1/track", api="tracking", json=event)

            first = asyncio.create_task(track(1))
            while held.hits == 0:  # noqa: ASYNC110  # the sandbox has a thread of its own
                await asyncio.sleep(0.01)
            others = [asyncio.create_task(track(n)) for n in (2, 3)]
            await asyncio.sleep(0)
            others[0].cancel()  # whoever waits must not take the renewal with it
            first.cancel()
            with suppress(asyncio.CancelledError):
                await first
            await others[1]

    asyncio.run(run())
    held.released = 1
    assert [event["messageId"] for event in sandbox.accepted] == ["m3"]


def test_a_failed_renewal_is_everybodys_to_repeat(sandbox: Sandbox, app: dict[str, str]) -> None:
    settings = Settings(base_url=sandbox.url, write_key=sandbox.write_key, retries=0, **oauth_of(app))
    sandbox.faults.add("status", api="oauth", status=500, next=1)

    async def run() -> list[Any]:
        async with AsyncSegmentClient(settings, clock=SandboxClock(sandbox)) as client:
            calls = (
                client.request(
                    "POST",
                    "/v1/track",
                    api="tracking",
                    json={"userId": "u", "event": "E", "messageId": str(n)},
                )
                for n in range(3)
            )
            return await asyncio.gather(*calls, return_exceptions=True)

    ends = asyncio.run(run())
    assert [isinstance(end, SegmentServerError) for end in ends] == [True, False, False]
    assert len(sandbox.accepted) == 2


# What is asked, and what is shown


@pytest.mark.parametrize("region", ["us", "eu"])
def test_the_assertion(sandbox: Sandbox, app: dict[str, str], region: Any) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.path == "/token":
            return httpx.Response(200, json={"access_token": "a-token", "expires_in": HOUR})
        return httpx.Response(200, json={"success": True})

    clock = SandboxClock(sandbox)
    settings = Settings(region=region, write_key="a-write-key", **oauth_of(app))
    client = SegmentClient(settings, transport=httpx.MockTransport(answer), clock=clock)
    client.request("POST", "/v1/track", api="tracking", json={"userId": "u", "event": "E"})

    for_token, event = seen
    assert str(for_token.url) == f"{HOSTS[region]['oauth']}/token"
    assert "authorization" not in for_token.headers
    form = {name: values[0] for name, values in parse_qs(for_token.content.decode()).items()}
    key = sandbox.state.oauth.apps[app["app_id"]].keys[app["key_id"]]
    times = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(
        form.pop("client_assertion"), key, ["RS256"], audience=HOSTS[region]["oauth"], options=times
    )
    assert form == {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "scope": "tracking_api:write",
    }
    assert claims["iss"] == claims["sub"] == app["app_id"] and claims["jti"]
    assert claims["iat"] <= clock.monotonic() < claims["exp"] <= clock.monotonic() + 60
    assert event.headers["authorization"] == "Bearer a-token"
    assert json.loads(event.content)["writeKey"] == "a-write-key"


def test_each_attempt_has_an_assertion_of_its_own(segment: Segment, sandbox: Sandbox) -> None:
    # The first is granted, but its answer is lost: the sandbox takes no assertion twice.
    sandbox.faults.add("reset", api="oauth", when="after", next=1)
    segment.track()
    assert granted(sandbox) == 2
    assert len(sandbox.accepted) == 1


def test_no_text_shows_a_token_or_the_key(
    sandbox: Sandbox, app: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            return httpx.Response(200, json={"access_token": "a-token-to-hide", "expires_in": HOUR})
        echo = f"{dict(request.headers)} {app['private_key']}"
        return httpx.Response(422, json={"errors": [{"type": "bad", "message": echo}]})

    settings = Settings(log_requests=True, **oauth_of(app))
    client = SegmentClient(settings, transport=httpx.MockTransport(answer), clock=SandboxClock(sandbox))
    with pytest.raises(Exception) as caught:
        client.request("GET", "/")
    for shown in (str(caught.value), repr(caught.value), caplog.text, repr(settings), str(settings)):
        assert "a-token-to-hide" not in shown
        for line in app["private_key"].splitlines()[1:-1]:
            assert line not in shown


# The settings


@pytest.mark.parametrize("missing", ["oauth_app_id", "oauth_key_id", "oauth_private_key"])
def test_the_three_belong_together(app: dict[str, str], missing: str) -> None:
    with pytest.raises(ValueError, match=f"missing: {missing}"):
        Settings(**{**oauth_of(app), missing: " "})


def test_a_key_that_cannot_sign_is_said_before_anything_is_sent(
    new_segment: Callable[..., Segment], sandbox: Sandbox
) -> None:
    pem = (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        .decode()
    )
    for key in (pem, "-----BEGIN PRIVATE KEY-----\nTWFu\n-----END PRIVATE KEY-----"):
        with pytest.raises(SegmentConfigurationError, match="must be an RSA key") as caught:
            new_segment(oauth_private_key=key).track()
        assert key.splitlines()[1] not in str(caught.value)
    assert not sandbox.requests


def test_jwt_is_imported_only_where_it_is_used() -> None:
    code = (
        "import sys; from airflow_provider_segment.api.client import SegmentClient; "
        "from airflow_provider_segment.api.settings import Settings; SegmentClient(Settings()); "
        "print('jwt' in sys.modules, 'cryptography' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False False"
