"""`Sandbox`: the application in a server, in a thread of this process."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Collection, Iterable, Mapping
from types import TracebackType
from typing import Any, Literal

import msgspec
import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from airflow_provider_segment.sandbox import constants
from airflow_provider_segment.sandbox.app import create_app
from airflow_provider_segment.sandbox.browsers import Visitors
from airflow_provider_segment.sandbox.enforced_limits import RateLimit
from airflow_provider_segment.sandbox.faults import Faults
from airflow_provider_segment.sandbox.oauth import Scope
from airflow_provider_segment.sandbox.operations import catalog_shapes
from airflow_provider_segment.sandbox.operations.catalog_shapes import Option
from airflow_provider_segment.sandbox.scripts import Scripts
from airflow_provider_segment.sandbox.seed import new_workspace
from airflow_provider_segment.sandbox.snippets import connection_to
from airflow_provider_segment.sandbox.state import State


class Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's protocol, with the transport in each request's scope, so that faults can end connections."""

    app_state: dict[str, Any]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # asyncio does not set it for a socket made elsewhere, and then each answer waits 40 ms for an ACK.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport}


class Sandbox:
    """Segment on this machine. A context manager; the server runs inside it.

    :param host: address to listen on. The sandbox has no password: keep it on loopback.
    :param names: host names by which it may be reached besides `localhost` and `host`, such as that of its
        container; requests to other names, and those of other sites' pages, are refused.
    :param port: port to listen on; 0 takes a free one.
    :param region: the region of the workspace. Events with write keys of the other one are dropped.
    :param rate_limits: enforce the limits that Segment publishes for single operations of the Public API.
    :param keep_mb: megabytes of events and requests that are kept. When there are more, the oldest are
        forgotten; counts stay true. None keeps all, as tests want it.
    """

    token = constants.TOKEN
    write_key = constants.WRITE_KEY
    other_region_write_key = constants.OTHER_REGION_WRITE_KEY
    profile_token = constants.PROFILE_TOKEN
    source_id = constants.SOURCE_ID
    space_id = constants.SPACE_ID

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        region: constants.Region = "us",
        rate_limits: bool = False,
        names: Collection[str] = (),
        keep_mb: int | None = None,
    ) -> None:
        self.state = State(region, new_workspace, rate_limits=rate_limits, keep_mb=keep_mb)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        name = f"[{host}]" if family == socket.AF_INET6 else host
        self.url = f"http://{name}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            create_app(self.state, Visitors(host, names)),
            http=Protocol,
            loop="asyncio",  # uvloop hides the socket that a reset needs
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,  # the answers have the sandbox's
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="segment-sandbox", daemon=True
        )

    def __enter__(self) -> Sandbox:
        self._thread.start()  # the socket listens already: a connection made now just waits
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    @property
    def connection(self) -> dict[str, Any]:
        """The Airflow connection to this sandbox; as JSON, a value for `AIRFLOW_CONN_SEGMENT_DEFAULT`."""
        return connection_to(self.url, self.state.region)

    def connection_with(self, app: Mapping[str, str]) -> dict[str, Any]:
        """The same with an OAuth app instead of the tokens.

        :param app: as `create_oauth_app` returns it
        """
        oauth = {f"oauth_{name}": value for name, value in app.items()}
        extra = {"region": self.state.region, "secret_write_key": self.write_key, **oauth}
        return {"conn_type": "segment", "host": self.url, "extra": extra}

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """The accepted events, in order, as Segment passes them on. With `keep_mb`: those that are kept."""
        return [event.as_event() for event in self.state.accepted]

    @property
    def dropped(self) -> list[dict[str, Any]]:
        """What was dropped behind a 200: `reason`, `messageId`, and `event` (None for a duplicate)."""
        return [event.as_drop() for event in self.state.dropped]

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The requests in order of their answers, with the status (None if the connection was reset)."""
        return [msgspec.to_builtins(record) for record in self.state.requests]

    @property
    def summary(self) -> dict[str, Any]:
        """Counts, cheap even for millions of events: accepted, duplicates, dropped by reason, requests,
        batches, bytes."""
        return self.state.summary()

    @property
    def faults(self) -> Faults:
        """The faults in force; `faults.add(...)` adds one."""
        return self.state.faults

    @property
    def scripts(self) -> Scripts:
        """Outcomes of long-running work; `scripts.add(...)` sets one in advance."""
        return self.state.scripts

    @property
    def profiles(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """The profiles that a test gives, by space id, collection (users, accounts) and external id.

        Received events make profiles, too: `user_id:u1`, `anonymous_id:a1` and `email:...` among the users,
        `group_id:g1` among the accounts, of the space `space_id`.
        """
        return self.state.profiles

    def create_oauth_app(
        self,
        scopes: Iterable[Scope] = ("tracking_api:write", "public_api:read_write"),
        expires_in: int = 24 * 60 * 60,
        region: constants.Region | None = None,
    ) -> dict[str, str]:
        """Make an OAuth app, as an owner does in Segment's UI; it is forgotten at `reset`.

        :param scopes: what its tokens may be asked for
        :param expires_in: seconds that a token lives, by the sandbox's clock
        :param region: of its workspace; only that region's APIs take its tokens. By default the sandbox's
        :return: `app_id`, `key_id` and `private_key` (PEM)
        """
        return self.state.oauth.create_app(scopes=tuple(scopes), expires_in=expires_in, region=region)

    def enforce_oauth(self, source: str, enforced: bool = True) -> None:
        """Have a source refuse requests with its write key alone, or take them again.

        :param source: its id, or a write key
        :raises ValueError: there is no such source
        """
        self.state.enforce_oauth(source, enforced)

    def revoke_oauth_tokens(self, app_id: str | None = None) -> None:
        """Revoke the tokens that an app has, or those of all apps."""
        self.state.oauth.revoke_tokens(app_id)

    def revoke_oauth_key(self, app_id: str, key_id: str) -> None:
        """Remove a key from an app: it gets no more tokens, but those that it got stay valid."""
        self.state.oauth.revoke_key(app_id, key_id)

    def delete_oauth_app(self, app_id: str) -> None:
        """Delete an app and revoke its tokens."""
        self.state.oauth.delete_app(app_id)

    @property
    def oauth_apps(self) -> list[dict[str, Any]]:
        """The OAuth apps, with how many tokens each was `granted`."""
        return self.state.oauth.as_items()

    def add_to_catalog(
        self,
        kind: Literal["source", "destination", "warehouse"],
        id: str,
        name: str,
        options: Iterable[Option] = (),
        actions: str = "",
    ) -> None:
        """Make something of Segment's catalog known until `reset`: what there is a `metadata_id` of.

        :param options: its settings: name, type, whether it is required
        :param actions: of a destination: the slugs of its actions; without any, it is a classic one
        """
        slug = re.sub(r"\W+", "-", name.lower()).strip("-")
        entries = {
            "source": lambda: catalog_shapes.source(id, slug, name, "Custom", *options),
            "destination": lambda: catalog_shapes.destination(id, slug, name, "Custom", options, actions),
            "warehouse": lambda: catalog_shapes.entry(id, slug, name, options),
        }
        self.state.collections[f"/catalog/{kind}s"][id] = entries[kind]()

    def limit_rate(self, requests: int, seconds: float = 60.0) -> None:
        """Limit the Public API to so many requests in so many seconds; by default it has no limit."""
        self.state.rate_limit = RateLimit(requests, seconds)

    def advance_clock(self, seconds: float) -> None:
        """Move the sandbox's time, for instance past the day within which duplicates are detected."""
        self.state.clock.advance(seconds)

    def freeze_clock(self) -> None:
        """Stop the sandbox's time until `reset`: from now on only `advance_clock` moves it."""
        self.state.clock.freeze()

    def reset(self) -> None:
        """Forget everything, faults, rate limits and OAuth apps included, and let a frozen clock run again.

        The URL, the credentials and the options of the constructor stay.
        """
        self.state.reset()
