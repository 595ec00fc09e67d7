"""The sandbox's authorization server, and its APIs with tokens: over HTTP, by PyJWT alone."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from segment.analytics.client import Client as SegmentsClient

from airflow_provider_segment.sandbox import Sandbox

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
US, EU = "https://oauth2.segment.io", "https://oauth2.eu1.segmentapis.com"


@pytest.fixture
def sandbox(segment_sandbox: Sandbox) -> Sandbox:
    segment_sandbox.freeze_clock()
    return segment_sandbox


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, timeout=600) as client:
        yield client


class Client:
    """An app's client, as the protocol describes one."""

    def __init__(self, sandbox: Sandbox, http: httpx.Client, app: dict[str, str]) -> None:
        self.sandbox, self.http, self.app = sandbox, http, app

    def assertion(
        self, *, key: Any = None, algorithm: str = "RS256", kid: str | None = None, **claims: Any
    ) -> str:
        """An assertion, valid but for what is given; None leaves a claim out."""
        now = int(self.sandbox.state.clock.now())
        usual = {
            "iss": self.app["app_id"],
            "sub": self.app["app_id"],
            "aud": US,
            "iat": now - 5,
            "exp": now + 55,
            "jti": str(uuid.uuid4()),
        }
        claims = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        headers = {"kid": self.app["key_id"] if kid is None else kid}
        return jwt.encode(claims, self.app["private_key"] if key is None else key, algorithm, headers)

    def ask(self, assertion: str | None = None, **form: str) -> httpx.Response:
        usual = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion() if assertion is None else assertion,
            "scope": "tracking_api:write",
        }
        return self.http.post("/token", data={**usual, **form})

    def token(self, scope: str = "tracking_api:write") -> str:
        answer = self.ask(scope=scope)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


@pytest.fixture
def new_client(sandbox: Sandbox, http: httpx.Client) -> Callable[..., Client]:
    return lambda **fields: Client(sandbox, http, sandbox.create_oauth_app(**fields))


@pytest.fixture
def client(new_client: Callable[..., Client]) -> Client:
    return new_client()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def track(http: httpx.Client, token: str | None, message_id: str = "m1", **more: Any) -> httpx.Response:
    event = {"userId": "u", "event": "E", "messageId": message_id, **more}
    return http.post("/v1/track", json=event, headers=bearer(token) if token is not None else None)


def accepted(sandbox: Sandbox) -> list[str]:
    return [event["messageId"] for event in sandbox.accepted]


# --- the authorization server ------------------------------------------------------------------------------


def test_an_app_gets_a_token_by_its_signature(sandbox: Sandbox, client: Client) -> None:
    answer = client.ask()

    granted = answer.json()
    assert answer.status_code == 200
    assert granted.pop("access_token")
    assert granted == {"token_type": "Bearer", "expires_in": 86_400, "scope": "tracking_api:write"}
    told = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    assert told == int(sandbox.state.clock.now())
    assert sandbox.oauth_apps[0]["granted"] == 1
    assert client.token() != client.token()
    assert sandbox.oauth_apps[0]["granted"] == 3


def test_the_log_of_requests_numbers_the_tokens(sandbox: Sandbox, client: Client) -> None:
    first, second = client.token(), client.token()
    for token in (second, first, "unknown"):
        track(client.http, token, writeKey=sandbox.write_key)
    client.ask(scope="none")

    seen = [(record["api"], record["status"], record["token"]) for record in sandbox.requests]

    assert seen == [
        ("oauth", 200, 1),
        ("oauth", 200, 2),
        ("tracking", 200, 2),
        ("tracking", 200, 1),
        ("tracking", 401, None),
        ("oauth", 400, None),
    ]


@pytest.mark.parametrize(
    "claims",
    [{"aud": EU}, {"aud": [US, "https://other.example"]}, {"iss": US}, {"iss": None}, {"iat": None}],
    ids=str,
)
def test_what_may_differ(client: Client, claims: dict[str, Any]) -> None:
    assert client.ask(client.assertion(**claims)).status_code == 200


def test_its_own_origin_is_an_audience(sandbox: Sandbox, client: Client) -> None:
    assert client.ask(client.assertion(aud=sandbox.url)).status_code == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_assertion_type": "jwt"}, "invalid_request"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "functions:write"}, "invalid_scope"),
        ({"scope": "tracking_api:write no_such:scope"}, "invalid_scope"),
    ],
)
def test_a_wrong_form_is_400(sandbox: Sandbox, client: Client, form: dict[str, str], error: str) -> None:
    answer = client.ask(**form)

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["error_description"]
    assert sandbox.oauth_apps[0]["granted"] == 0


@pytest.mark.parametrize(
    "sent",
    [{"json": {"grant_type": "client_credentials"}}, {"content": b"grant_type=client_credentials"}],
    ids=["json", "none"],
)
def test_another_content_type_is_415(http: httpx.Client, client: Client, sent: dict[str, Any]) -> None:
    answer = http.post("/token", **sent)

    assert (answer.status_code, answer.json()["error"]) == (415, "invalid_request")


@pytest.mark.parametrize("body", [b"", b"\xff=1", b"grant_type", b"scope=a&scope=b", b"&&&"])
def test_a_body_that_is_no_form_is_400(http: httpx.Client, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert http.post("/token", content=body, headers=headers).status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"kid": "other"},
        {"sub": "other"},
        {"sub": None},
        {"iss": "other"},
        {"aud": "https://other.example"},
        {"aud": None},
        {"exp": None},
        {"jti": None},
        {"jti": ""},
        pytest.param({"key": rsa.generate_private_key(public_exponent=65537, key_size=2048)}, id="other key"),
        {"key": "sandbox" * 10, "algorithm": "HS256"},
        {"key": "", "algorithm": "none"},
        {"algorithm": "RS512"},
    ],
    ids=str,
)
def test_an_assertion_that_proves_nothing_is_401(
    sandbox: Sandbox, client: Client, wrong: dict[str, Any]
) -> None:
    answer = client.ask(client.assertion(**wrong))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert sandbox.oauth_apps[0]["granted"] == 0


@pytest.mark.parametrize("assertion", ["", "a", "a.b.c", "eyJhbGciOiJub25lIn0.W10.", "é.é.é"])
def test_an_assertion_that_is_no_jwt_is_401(client: Client, assertion: str) -> None:
    assert client.ask(assertion).status_code == 401


def test_an_assertion_serves_once(client: Client) -> None:
    assertion = client.assertion()

    assert [client.ask(assertion).status_code for _ in range(2)] == [200, 401]


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ({"exp": 0}, "Token is expired"),
        ({"exp": -3600}, "Token is expired"),
        ({"iat": 3600, "exp": 3660}, "Token used before issued"),
        ({"nbf": 3600}, "Token used before issued"),
        ({"iat": None, "exp": 3600}, "exp is too far ahead"),
        ({"exp": 70}, "exp is too far ahead"),
    ],
    ids=str,
)
def test_an_assertion_out_of_its_time_is_400(
    sandbox: Sandbox, client: Client, times: dict[str, Any], words: str
) -> None:
    now = int(sandbox.state.clock.now())
    claims = {name: value if value is None else now + value for name, value in times.items()}

    answer = client.ask(client.assertion(**claims))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.json()["error_description"].startswith(words)


@pytest.mark.parametrize("exp", ["tomorrow", True, [1], float("nan")], ids=str)
def test_a_time_that_is_none_is_400(client: Client, exp: Any) -> None:
    assert client.ask(client.assertion(exp=exp)).status_code == 400


# --- tokens at the APIs ------------------------------------------------------------------------------------


def test_a_token_sends_events_with_the_write_key_in_the_body(sandbox: Sandbox, client: Client) -> None:
    token, key = client.token(), sandbox.write_key

    assert track(client.http, token, "single", writeKey=key).status_code == 200
    event = {"type": "track", "userId": "u", "event": "E", "messageId": "of a batch"}
    batch = {"batch": [event], "writeKey": key}
    assert client.http.post("/v1/batch", json=batch, headers=bearer(token)).status_code == 200

    assert accepted(sandbox) == ["single", "of a batch"]
    assert {event["projectId"] for event in sandbox.accepted} == {sandbox.source_id}
    shown = [
        client.http.get(f"/_sandbox{page}").text for page in ("", "/accepted", "/requests", "/oauth_apps")
    ]
    for text in [*shown, repr(sandbox.accepted), repr(sandbox.requests), repr(sandbox.oauth_apps)]:
        assert key not in text
        assert token not in text
        assert "PRIVATE" not in text


def test_a_token_without_a_write_key_is_400_and_with_an_unknown_one_drops(
    sandbox: Sandbox, client: Client
) -> None:
    token = client.token()

    assert track(client.http, token).status_code == 400
    assert track(client.http, token, writeKey="unknown").status_code == 200
    assert accepted(sandbox) == []
    assert sandbox.summary["dropped"] == {"unknown_write_key": 1}


def test_a_source_that_enforces_takes_no_write_key_alone(sandbox: Sandbox, client: Client) -> None:
    http, key = client.http, sandbox.write_key
    sandbox.enforce_oauth(sandbox.source_id)
    event = {"userId": "u", "event": "E", "messageId": "m"}

    assert http.post("/v1/track", json=event, auth=(key, "")).status_code == 401
    assert track(http, None, writeKey=key).status_code == 401
    assert accepted(sandbox) == []
    assert track(http, client.token(), writeKey=key).status_code == 200

    sandbox.enforce_oauth(key, False)
    assert http.post("/v1/track", json=event, auth=(key, "")).status_code == 200
    assert accepted(sandbox) == ["m1", "m"]


def test_the_public_api_takes_a_token_of_its_scope(sandbox: Sandbox, client: Client) -> None:
    both = client.token("tracking_api:write public_api:read_write")

    for token, status in [
        (sandbox.token, 200),
        (client.token("public_api:read_write"), 200),
        (both, 200),
        (client.token("tracking_api:write"), 401),
        ("unknown", 401),
    ]:
        assert client.http.get("/sources", headers=bearer(token)).status_code == status
    assert track(client.http, client.token("public_api:read_write"), writeKey="x").status_code == 401
    assert track(client.http, both, writeKey=sandbox.write_key).status_code == 200


def test_apps_are_counted_apart_by_a_rate_limit(sandbox: Sandbox, client: Client) -> None:
    sandbox.limit_rate(1)
    token = client.token("public_api:read_write")

    statuses = [
        client.http.get("/sources", headers=bearer(each)).status_code
        for each in (sandbox.token, token, token, sandbox.token)
    ]

    assert statuses == [200, 200, 429, 429]


def test_a_token_lives_as_long_as_its_app_says(sandbox: Sandbox, new_client: Callable[..., Client]) -> None:
    client = new_client(expires_in=60)
    token = client.token()

    sandbox.advance_clock(59.9)
    assert track(client.http, token, writeKey=sandbox.write_key).status_code == 200
    sandbox.advance_clock(0.1)
    answer = track(client.http, token, writeKey=sandbox.write_key)
    assert (answer.status_code, answer.json()["message"]) == (401, "The access token has expired.")
    assert track(client.http, client.token(), writeKey=sandbox.write_key).status_code == 200


def test_a_token_of_the_other_region_is_refused(sandbox: Sandbox, new_client: Callable[..., Client]) -> None:
    token = new_client(region="eu").token()

    answer = track(new_client().http, token, writeKey=sandbox.write_key)

    assert answer.status_code == 401
    assert "region eu" in answer.json()["message"]


def test_revoked_tokens_keys_and_apps(sandbox: Sandbox, new_client: Callable[..., Client]) -> None:
    client, other = new_client(), new_client()
    app, http = client.app["app_id"], client.http

    def works(token: str) -> bool:
        return track(http, token, writeKey=sandbox.write_key).status_code == 200

    token, others = client.token(), other.token()
    sandbox.revoke_oauth_tokens(app)
    assert (works(token), works(others)) == (False, True)
    token = client.token()
    sandbox.revoke_oauth_key(app, client.app["key_id"])
    assert works(token)
    assert client.ask().status_code == 401
    sandbox.delete_oauth_app(app)
    assert not works(token)
    assert other.ask().status_code == 200
    sandbox.revoke_oauth_tokens()
    assert not works(others)


# --- faults ------------------------------------------------------------------------------------------------


def works(client: Client, token: str) -> bool:
    return track(client.http, token, uuid.uuid4().hex, writeKey=client.sandbox.write_key).status_code == 200


@pytest.mark.parametrize(("when", "took_effect"), [("before", False), ("after", True)])
def test_a_token_expires_early_at_the_nth_request(
    sandbox: Sandbox, client: Client, when: str, took_effect: bool
) -> None:
    sandbox.faults.add("token_expired", api="tracking", rate=1 / 3, next=1, when=when)
    token, other = client.token(), client.token()

    assert [works(client, token) for _ in range(4)] == [True, True, took_effect, False]
    assert works(client, other)
    assert track(client.http, token).json()["message"] == "The access token has expired."


def test_an_apps_tokens_are_revoked_at_the_nth_request(
    sandbox: Sandbox, new_client: Callable[..., Client]
) -> None:
    client, other = new_client(), new_client()
    token, token_too, others = client.token(), client.token(), other.token()
    client.http.post(
        "/_sandbox/faults", json={"kind": "tokens_revoked", "api": "tracking", "rate": 0.5, "next": 1}
    )

    assert [works(client, each) for each in (token, token, token_too)] == [True, False, False]
    assert works(other, others)
    assert works(client, client.token())


@pytest.mark.parametrize("kind", ["token_expired", "tokens_revoked", "wrong_region"])
def test_a_token_may_be_bad_from_the_start(sandbox: Sandbox, client: Client, kind: str) -> None:
    sandbox.faults.add(kind, api="oauth", next=1)

    assert [works(client, client.token()) for _ in range(2)] == [False, True]


@pytest.mark.parametrize("kind", ["token_expired", "tokens_revoked", "wrong_region"])
def test_a_request_without_a_token_has_none_to_lose(sandbox: Sandbox, client: Client, kind: str) -> None:
    fault = sandbox.faults.add(kind)

    event = {"userId": "u", "event": "E", "messageId": "m"}
    for token in (None, "unknown"):
        headers = bearer(token) if token else None
        client.http.post("/v1/track", json={**event, "writeKey": sandbox.write_key}, headers=headers)
    assert client.ask(grant_type="password").status_code == 400
    assert (fault.hits, accepted(sandbox)) == (3, ["m"])


def test_a_429_of_the_authorization_server(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults.add("status", api="oauth", status=429, headers={"X-RateLimit-Reset": "7"}, next=1)

    refused = client.ask()

    assert (refused.status_code, refused.headers["X-RateLimit-Reset"]) == (429, "7")
    assert refused.json()["error"] == "rate_limited"
    assert client.ask().status_code == 200


@pytest.mark.parametrize(("when", "granted"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("kind", ["status", "reset", "not_json", "truncated"])
def test_the_authorization_server_fails(
    sandbox: Sandbox, client: Client, kind: str, when: str, granted: int
) -> None:
    sandbox.faults.add(kind, api="oauth", when=when, next=1)

    try:
        answer = client.ask()
    except httpx.TransportError:
        assert kind in ("reset", "truncated")
    else:
        assert (kind, answer.status_code) in (("status", 503), ("not_json", 200))
        assert "access_token" not in answer.text
    assert sandbox.oauth_apps[0]["granted"] == granted
    assert works(client, client.token())


@pytest.mark.parametrize(
    ("members", "answer"),
    [
        ({"expires_in": None}, {"token_type": "Bearer", "scope": "tracking_api:write"}),
        ({"expires_in": "soon", "token_type": None}, {"expires_in": "soon", "scope": "tracking_api:write"}),
        ({"access_token": None, "scope": None, "token_type": None}, {"expires_in": 86_400}),
    ],
    ids=str,
)
def test_an_answer_with_other_members(
    sandbox: Sandbox, client: Client, members: dict[str, Any], answer: dict[str, Any]
) -> None:
    sandbox.faults.add("altered", api="oauth", members=members, next=1)

    got = client.ask().json()

    got.pop("access_token", None)
    assert got == answer
    assert sandbox.oauth_apps[0]["granted"] == 1


@pytest.mark.parametrize("ahead", [180, -180, 5 * 3600, -5 * 3600])
def test_a_clock_that_is_wrong_by_minutes_or_hours_tells_so(
    sandbox: Sandbox, client: Client, ahead: float
) -> None:
    """The server's clock, as a client sees it: whose clock is right does not matter."""
    now = int(sandbox.state.clock.now())
    sandbox.faults.add("clock_skew", api="oauth", seconds=ahead)

    naive = client.ask()

    assert (naive.status_code, naive.json()["error"]) == (400, "invalid_request")
    assert naive.json()["error_description"] in ("Token is expired", "Token used before issued")
    learnt = parsedate_to_datetime(naive.headers["Date"]).timestamp() - now
    assert learnt == pytest.approx(ahead, abs=1)
    skilled = client.ask(client.assertion(iat=int(now + learnt) - 5, exp=int(now + learnt) + 55))
    assert skilled.status_code == 200
    assert works(client, skilled.json()["access_token"])


def test_segments_own_python_client_gets_tokens_and_sends(sandbox: Sandbox, client: Client) -> None:
    """It understands the sandbox's refusal, and learns its clock from it."""
    sandbox.enforce_oauth(sandbox.source_id)
    sandbox.advance_clock(-3600)
    segment = SegmentsClient(
        sandbox.write_key,
        host=sandbox.url,
        oauth_client_id=client.app["app_id"],
        oauth_client_key=client.app["private_key"],
        oauth_key_id=client.app["key_id"],
        oauth_auth_server=sandbox.url,
    )
    segment.track(user_id="u", event="E", message_id="m")
    segment.shutdown()

    assert accepted(sandbox) == ["m"]
    asked = [(record["path"], record["status"]) for record in sandbox.requests]
    assert asked == [("/token", 400), ("/token", 200), ("/v1/batch", 200)]


# --- control -----------------------------------------------------------------------------------------------


def test_all_of_it_from_outside(sandbox: Sandbox, http: httpx.Client) -> None:
    fields = {"scopes": ["tracking_api:write"], "expires_in": 30}
    client = Client(sandbox, http, http.post("/_sandbox/oauth_apps", json=fields).json())
    app, key = client.app["app_id"], sandbox.write_key
    assert http.post("/_sandbox/enforce_oauth", json={"source": key}).json() == {
        "enforced": [sandbox.source_id]
    }
    token = client.token()
    assert track(http, None, writeKey=key).status_code == 401
    assert track(http, token, writeKey=key).status_code == 200
    assert http.get("/_sandbox/oauth_apps").json() == [
        {
            "app_id": app,
            "key_ids": [client.app["key_id"]],
            "region": "us",
            "scopes": ["tracking_api:write"],
            "expires_in": 30,
            "granted": 1,
        }
    ]

    assert http.delete(f"/_sandbox/oauth_apps/{app}/tokens").status_code == 200
    assert track(http, token, writeKey=key).status_code == 401
    assert http.delete(f"/_sandbox/oauth_apps/{app}/keys/{client.app['key_id']}").json()[0]["key_ids"] == []
    assert client.ask().status_code == 401
    assert http.delete(f"/_sandbox/oauth_apps/{app}").json() == []
    http.post("/_sandbox/enforce_oauth", json={"source": key, "enforced": False})
    assert track(http, None, writeKey=key).status_code == 200


def test_a_wrong_wish_is_an_error(sandbox: Sandbox, http: httpx.Client) -> None:
    app = sandbox.create_oauth_app()["app_id"]
    for fields in ({"scopes": ["x"]}, {"scopes": []}, {"expires_in": 0}, {"region": "ap"}, {"other": 1}):
        assert http.post("/_sandbox/oauth_apps", json=fields).status_code == 400
    assert http.post("/_sandbox/enforce_oauth", json={"source": "other"}).status_code == 400
    for path in ("other", "other/tokens", f"{app}/keys/other"):
        assert http.delete(f"/_sandbox/oauth_apps/{path}").status_code == 400
    assert [each["app_id"] for each in sandbox.oauth_apps] == [app]


def test_a_reset_forgets_apps_and_enforcement(sandbox: Sandbox, client: Client) -> None:
    token = client.token()
    sandbox.enforce_oauth(sandbox.source_id)
    sandbox.reset()

    assert sandbox.oauth_apps == []
    assert track(client.http, token, writeKey=sandbox.write_key).status_code == 401
    assert track(client.http, None, writeKey=sandbox.write_key).status_code == 200
