"""OAuth tokens: one for each app, key, region and scope, kept for the process and renewed in time.

https://www.twilio.com/docs/segment/connections/oauth and the token managers of Segment's own libraries.

A token is renewed at half of its life. Whoever needs it first then asks for the next one, and the others go
on with the old one; while there is none, they wait. A token that Segment refuses is forgotten.
"""

from __future__ import annotations

import os
import threading
import uuid
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

from msgspec import Meta
from typing_extensions import TypedDict

from airflow_provider_segment.api.calls import Answer, Call
from airflow_provider_segment.api.regions import HOSTS, Api, host_of
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.errors import (
    SegmentAuthenticationError,
    SegmentConfigurationError,
    SegmentError,
    SegmentPermissionError,
)

SCOPES: dict[Api, str] = {"tracking": "tracking_api:write", "public": "public_api:read_write"}
"""What a token has to be for. The Profile API takes none."""

REFUSALS_OF_TOKEN: dict[Api, tuple[type[SegmentError], ...]] = {
    "tracking": (SegmentAuthenticationError, SegmentPermissionError),
    "public": (SegmentAuthenticationError,),  # a 403 is about what the app may do
}

RENEWED_AFTER = 0.5
"""The part of a token's life after which it is renewed."""
PAUSE_SECONDS = 60.0
"""Between attempts to renew a token that is still valid."""
REFUSED_IN_A_ROW = 2
"""If so many tokens are refused and none is taken in between, no further one helps: the app or the source is
the cause."""
TOKENS_OF_REQUEST = 5
"""How often the token of one request is replaced, whatever other requests are answered."""
INSTALL = "pip install 'pyjwt[crypto]'"
ASSERTION_SECONDS = 60
"""The life of an assertion; Segment takes none that lives longer."""
BACKDATED_SECONDS = 5
"""How much of it is past: the clocks may differ a little."""
CLOCKS_DIFFER = timedelta(seconds=2)
"""A difference that is more than the rounding of ``Date`` to seconds."""


class _Grant(TypedDict):
    access_token: Annotated[str, Meta(min_length=1, pattern=r"^[!-~]+$")]
    expires_in: Annotated[float, Meta(gt=0, le=1e9)]


class Token(NamedTuple):
    """A token, and until when it serves, by the monotonic clock."""

    value: str
    renew_at: float
    expires_at: float

    def __repr__(self) -> str:
        return "Token(***)"


class TokenKeeper:
    """The token of one app for one scope, and who renews it."""

    def __init__(self, api: Api) -> None:
        self.scope = SCOPES[api]
        self.refusals = REFUSALS_OF_TOKEN[api]
        """The errors that say that Segment did not take a token."""
        self._skew = timedelta()
        self._refused_in_a_row = 0
        self._token: Token | None = None
        self._renewal: Future[None] | None = None
        self._renewing_thread = 0
        self._lock = threading.RLock()  # a signal handler may ask in the middle of it

    def ask(self, now: float) -> Token | Renewal | Future[None]:
        """A token to send with; the caller's turn to get one; or, where that is another's, its end.

        :param now: of the monotonic clock
        """
        with self._lock:
            token = self._token if self._token and now < self._token.expires_at else None
            if token and (now < token.renew_at or self._renewal):
                return token
            if self._renewal:
                return self._renewal
            self._renewal, self._renewing_thread = Future(), threading.get_ident()
            self._renewal.set_running_or_notify_cancel()  # a coroutine that waits for it may be cancelled
            return Renewal(self, token)

    @property
    def is_renewed_here(self) -> bool:
        """Whether this thread itself has the turn, so that it would wait for itself."""
        return self._renewal is not None and self._renewing_thread == threading.get_ident()

    def accept(self) -> None:
        """Note that Segment took a token of this app."""
        self._refused_in_a_row = 0

    def refuse(self, token: Token) -> bool:
        """Forget a token that Segment refused; whether another one may help."""
        with self._lock:
            if self._token is not None and self._token.value == token.value:
                self._token = None
                self._refused_in_a_row += 1
            return self._refused_in_a_row < REFUSED_IN_A_ROW

    def put_off(self, token: Token, now: float) -> None:
        """Renew a token later, unless it was refused.

        :param now: of the monotonic clock
        """
        with self._lock:
            if self._token is token:
                self._token = token._replace(renew_at=now + PAUSE_SECONDS)

    def end_renewal(self, token: Token | None) -> None:
        """Take the next token, if there is one, and let those go on who wait for it."""
        with self._lock:
            renewal, self._renewal = self._renewal, None
            self._token = token or self._token
        if renewal is not None:
            renewal.set_result(None)

    def call(self, settings: Settings) -> Call:
        """The request for a token. Each attempt has an assertion of its own."""
        return Call(
            "POST",
            "/token",
            api="oauth",
            body=lambda now: _form(settings, self.scope, now + self._skew),
            content_type="application/x-www-form-urlencoded",
            shape=_Grant,
            repeatable=True,
        )

    def corrects_clock(self, error: Exception, now: datetime) -> bool:
        """Whether an assertion was refused because of a wrong clock; the next one is dated by Segment's."""
        if not isinstance(error, SegmentAuthenticationError) or error.answered_at is None:
            return False
        skew = error.answered_at - now
        if abs(skew - self._skew) <= CLOCKS_DIFFER:
            return False
        self._skew = skew
        return True


class Renewal:
    """One caller's turn to get a token, as a context manager.

    :param spare: a token that is still valid
    """

    def __init__(self, keeper: TokenKeeper, spare: Token | None) -> None:
        self.spare = spare
        self.token: Token | None = None
        """The next one; to be set within the context."""
        self._keeper = keeper

    def __enter__(self) -> Renewal:
        return self

    def __exit__(self, *_: object) -> None:
        self._keeper.end_renewal(self.token)


class TokenKeepers:
    """Those of all apps."""

    def __init__(self) -> None:
        self._keepers: dict[Any, TokenKeeper] = {}

    def of(self, api: Api, settings: Settings) -> TokenKeeper | None:
        """The one for an API; None if its credential is not OAuth."""
        if not settings.uses_oauth(api):
            return None
        key = (
            host_of("oauth", settings.region, settings.base_url),
            settings.oauth_app_id,
            settings.oauth_key_id,
            settings.oauth_private_key,
            SCOPES[api],
        )
        return self._keepers.get(key) or self._keepers.setdefault(key, TokenKeeper(api))

    def clear(self) -> None:
        """Forget all tokens."""
        self._keepers.clear()


TOKENS = TokenKeepers()
"""The tokens of this process."""

# In a forked process nobody ends the renewals of its parent.
os.register_at_fork(after_in_child=TOKENS.clear)


def read_token(answer: Answer, now: float) -> Token:
    """The token that was granted.

    :param now: of the monotonic clock
    """
    life = float(answer.body["expires_in"])
    return Token(answer.body["access_token"], now + life * RENEWED_AFTER, now + life)


def _form(settings: Settings, scope: str, now: datetime) -> bytes:
    fields = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": _assertion(settings, now),
        "scope": scope,
    }
    return urlencode(fields).encode()


def _assertion(settings: Settings, now: datetime) -> str:
    """What proves to the authorization server that the app asks.

    :raises SegmentConfigurationError: the key cannot sign, or there is nothing to sign with
    """
    try:
        import jwt
    except ImportError:
        raise SegmentConfigurationError(
            f"OAuth needs PyJWT, which Airflow has; elsewhere: {INSTALL}"
        ) from None
    assert settings.oauth_private_key is not None
    issued = int(now.timestamp()) - BACKDATED_SECONDS
    claims = {
        "iss": settings.oauth_app_id,
        "sub": settings.oauth_app_id,
        "aud": HOSTS[settings.region]["oauth"],  # also where a gateway passes it on
        "iat": issued,
        "exp": issued + ASSERTION_SECONDS,
        "jti": str(uuid.uuid4()),
    }
    try:
        return jwt.encode(
            claims,
            settings.oauth_private_key.get_secret_value(),
            algorithm="RS256",
            headers={"kid": settings.oauth_key_id},
        )
    except Exception:  # PyJWT's errors and those of its library, which may quote the key
        raise SegmentConfigurationError(
            "the OAuth private key of the Segment connection cannot sign: it must be an RSA key in PEM "
            f"(or PyJWT lacks the library cryptography: {INSTALL})"
        ) from None
