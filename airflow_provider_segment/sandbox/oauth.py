"""OAuth as the sandbox knows it: apps with their keys, the tokens that they were granted, enforcing sources.

A workspace owner makes an app in Segment's UI, registers a public key, and chooses scopes and how long tokens
live. There is no API for that, so the sandbox has its own: `Sandbox.create_oauth_app`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec import Meta

from airflow_provider_segment.sandbox.constants import Region

Scope = Literal["tracking_api:write", "public_api:read_write", "functions:write"]


class OAuthApp(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What an owner chooses for an app.

    `expires_in`: seconds that a token lives; Segment offers 1 to 30 days.
    """

    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)] = ("tracking_api:write", "public_api:read_write")
    expires_in: Annotated[int, Meta(ge=1, le=30 * 24 * 60 * 60)] = 24 * 60 * 60
    region: Region | None = None  # of its workspace; None: the sandbox's


class RegisteredApp(msgspec.Struct, kw_only=True):
    """An app with what Segment gives it: an id, an id for each public key, and tokens."""

    id: str
    region: Region
    scopes: tuple[str, ...]
    expires_in: int
    keys: dict[str, rsa.RSAPublicKey] = {}
    granted: int = 0  # tokens

    def as_item(self) -> dict[str, Any]:
        """What may be shown of it."""
        shown = {name: getattr(self, name) for name in ("region", "scopes", "expires_in", "granted")}
        return {"app_id": self.id, "key_ids": list(self.keys), **shown}


class Token(msgspec.Struct, kw_only=True):
    number: int  # in the order of grants, from 1
    app_id: str
    scopes: tuple[str, ...]
    region: Region
    expires_at: float
    revoked: bool = False


class OAuth:
    """The authorization server's memory.

    :param region: of the sandbox: its APIs refuse tokens of the other one
    """

    def __init__(self, region: Region) -> None:
        self.region: Region = region
        self.apps: dict[str, RegisteredApp] = {}
        self.tokens: dict[str, Token] = {}
        self.assertions: set[str] = set()  # the `jti` of those that were used
        self.enforced: set[str] = set()  # ids of sources that take no write key alone

    # --- apps --------------------------------------------------------------------------------------------

    def create_app(self, **fields: Any) -> dict[str, str]:
        """Register an app with a new key pair.

        :param fields: those of `OAuthApp`
        :return: `app_id`, `key_id` and `private_key` (PEM), which is not kept
        :raises msgspec.ValidationError: for an unknown scope, region or field
        """
        wish = msgspec.convert(fields, OAuthApp)
        key, key_id = rsa.generate_private_key(public_exponent=65537, key_size=2048), secrets.token_hex(8)
        app = RegisteredApp(
            id=f"app_{secrets.token_hex(10)}",
            region=wish.region or self.region,
            scopes=wish.scopes,
            expires_in=wish.expires_in,
            keys={key_id: key.public_key()},
        )
        self.apps[app.id] = app
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {"app_id": app.id, "key_id": key_id, "private_key": pem.decode()}

    def app(self, app_id: str) -> RegisteredApp:
        """The app with an id; ValueError if there is none."""
        if app_id not in self.apps:
            raise ValueError(f"there is no OAuth app {app_id!r}")
        return self.apps[app_id]

    def delete_app(self, app_id: str) -> None:
        """Delete an app, with its tokens."""
        self.revoke_tokens(app_id)
        del self.apps[app_id]

    def revoke_key(self, app_id: str, key_id: str) -> None:
        """Remove a key: it gets no more tokens, but those that it got stay valid."""
        if self.app(app_id).keys.pop(key_id, None) is None:
            raise ValueError(f"the OAuth app has no key {key_id!r}")

    def as_items(self) -> list[dict[str, Any]]:
        """What may be shown of the apps."""
        return [app.as_item() for app in list(self.apps.values())]

    # --- tokens ------------------------------------------------------------------------------------------

    def grant(self, app: RegisteredApp, scopes: tuple[str, ...], now: float) -> str:
        """A new token of an app."""
        token = secrets.token_urlsafe(48)
        self.tokens[token] = Token(
            number=len(self.tokens) + 1,
            app_id=app.id,
            scopes=scopes,
            region=app.region,
            expires_at=now + app.expires_in,
        )
        app.granted += 1
        return token

    def number_of(self, value: str | None) -> int | None:
        """The number of a token, by which logs may call it; None if it is unknown."""
        token = self.tokens.get(value or "")
        return token.number if token else None

    def refusal(self, value: str, scope: Scope, now: float) -> str | None:
        """Why an API that asks for a scope refuses this token; None if it takes it."""
        token = self.tokens.get(value)
        if token is None:
            return "The access token is unknown."
        if token.revoked:
            return "The access token was revoked."
        if now >= token.expires_at:
            return "The access token has expired."
        if token.region != self.region:
            return f"The access token is of the region {token.region}, this is {self.region}."
        if scope not in token.scopes:
            return f"The access token lacks the scope {scope}."
        return None

    def revoke_tokens(self, app_id: str | None = None) -> None:
        """Revoke the tokens that an app has, or those of all apps."""
        if app_id is not None:
            self.app(app_id)
        for token in list(self.tokens.values()):
            token.revoked |= app_id in (None, token.app_id)


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """The token of a Bearer header; None if there is no such header."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
