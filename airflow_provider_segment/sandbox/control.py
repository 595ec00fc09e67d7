"""The sandbox's own endpoints, under `/_sandbox`. They need no credentials and reveal none, but for
the sandbox's own, which are the same everywhere, the write keys of sources, and the private key of
an OAuth app, once, to whoever creates it.

- `GET /_sandbox`: an HTML page, live. `GET /` leads a browser there.
- `GET /_sandbox/state`: counts: accepted, duplicates, dropped by reason, requests, batches, bytes.
- `GET /_sandbox/overview`: these, with the time, the region, the faults and scripts in force, what is
  kept and what was forgotten.
- `GET /_sandbox/events`: accepted and dropped events together, newest first, with counts and a chart; the
  parameters are those of `event_search.Search`: `?type=track&user=u1&outcome=dropped`.
- `GET /_sandbox/event?message_id=m1`: what became of the events with an id, in full.
- `GET /_sandbox/requests`: those to all APIs but this, oldest first, by `request_search.RequestSearch`.
- `GET /_sandbox/workspace`: what is in the workspace, by kind, by `workspace_tree.TreeSearch`.
- `GET /_sandbox/snippets`: code to copy.
- `GET /_sandbox/accepted`, `/dropped`: `{"total", "items"}`, newest last; `?limit=100&offset=0`.
- `GET`, `POST`, `DELETE /_sandbox/faults`: list, add (`kind` and the fields of its class in `faults`), clear.
- `GET`, `POST`, `DELETE /_sandbox/scripts`: the same for the outcomes of jobs (see `scripts`).
- `GET`, `POST /_sandbox/oauth_apps`: list the OAuth apps, with the number of tokens `granted` to each; add
  one (the fields of `oauth.OAuthApp`), which answers `{"app_id", "key_id", "private_key"}`.
- `DELETE /_sandbox/oauth_apps/{app_id}`, or `/tokens` or `/keys/{key_id}` under it: delete the app, or revoke
  its tokens or a key.
- `POST /_sandbox/enforce_oauth`: `{"source": "..."}`, an id or a write key: the source takes no write key
  without a token; with `"enforced": false` it does again.
- `PUT /_sandbox/rate_limit`: `{"requests": 60, "seconds": 60}` for the Public API; `DELETE` removes it.
- `PUT /_sandbox/published_limits`: enforce the limits that Segment publishes; `DELETE` stops that.
- `POST /_sandbox/clock`: `{"advance": 86400}` moves the sandbox's time by so many seconds; `{"freeze": true}`
  stops it until a reset or `{"freeze": false}`, so that only `advance` moves it. One request may do both.
- `POST /_sandbox/reset`: forget everything.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from airflow_provider_segment.sandbox import event_search, request_search
from airflow_provider_segment.sandbox.clock import iso
from airflow_provider_segment.sandbox.enforced_limits import EnforcedLimits, RateLimit
from airflow_provider_segment.sandbox.event_search import Search, history
from airflow_provider_segment.sandbox.kept import Kept
from airflow_provider_segment.sandbox.request_search import RequestSearch
from airflow_provider_segment.sandbox.snippets import snippets
from airflow_provider_segment.sandbox.state import State
from airflow_provider_segment.sandbox.stored_events import StoredEvent
from airflow_provider_segment.sandbox.workspace_tree import TreeSearch, tree

PREFIX = "/_sandbox"
PAGE = Path(__file__).parent / "page"
MEDIA_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
PAGE_FILES = {file.name: file for file in PAGE.iterdir() if file.suffix in MEDIA_TYPES}

P = TypeVar("P", bound=msgspec.Struct)


class Part(msgspec.Struct, forbid_unknown_fields=True):
    """Which part of a list is asked for."""

    limit: Annotated[int, Meta(ge=0)] = 100
    offset: Annotated[int, Meta(ge=0)] = 0


class OneMessage(msgspec.Struct, forbid_unknown_fields=True):
    message_id: str


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No parameters."""


class Enforcement(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    enforced: bool = True


class ClockChange(msgspec.Struct, forbid_unknown_fields=True):
    advance: float = 0.0  # seconds
    freeze: bool | None = None


def is_browser(scope: Scope) -> bool:
    """Whether `GET /`, an operation of the Public API, is asked by a person who looks for the page."""
    headers = Headers(scope=scope)
    return (
        scope["method"] in ("GET", "HEAD")
        and scope["path"] == "/"
        and "text/html" in headers.get("Accept", "")
        and "Authorization" not in headers
    )


class BrowsersRoute(Route):
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches(scope) if is_browser(scope) else (Match.NONE, {})


def routes(state: State) -> list[Route]:
    async def page(request: Request) -> Response:
        return page_file("index.html")

    async def part_of_page(request: Request) -> Response:
        return page_file(request.path_params["name"])

    async def lead(request: Request) -> Response:
        return RedirectResponse(PREFIX)

    async def events(request: Request) -> Response:
        return respond(event_search.found(state, parameters(request, Search)))

    async def event(request: Request) -> Response:
        message_id = parameters(request, OneMessage).message_id
        try:
            return respond(history(state, message_id))
        except LookupError as missing:
            raise HTTPException(404, str(missing.args[0])) from None

    async def workspace(request: Request) -> Response:
        return respond(tree(state, parameters(request, TreeSearch)))

    async def code(request: Request) -> Response:
        parameters(request, Nothing)
        url = f"{request.url.scheme}://{request.headers['Host']}"
        return respond(snippets(url, state.region))

    async def whole_overview(request: Request) -> Response:
        parameters(request, Nothing)
        return respond(
            {
                **state.summary(),
                "region": state.region,
                "now": iso(state.clock.now()),
                "frozen": state.clock.is_frozen,
                "faults": list(state.faults),
                "scripts": list(state.scripts),
                "keepMb": state.keep_mb,
                "forgotten": state.accepted.forgotten + state.dropped.forgotten,
            }
        )

    async def summary(request: Request) -> Response:
        return respond(state.summary())

    async def accepted(request: Request) -> Response:
        return listing(request, state.accepted, StoredEvent.as_event)

    async def dropped(request: Request) -> Response:
        return listing(request, state.dropped, StoredEvent.as_drop)

    async def requests(request: Request) -> Response:
        return respond(request_search.found(state.requests, parameters(request, RequestSearch)))

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            fields = msgspec.json.decode(await request.body(), type=dict[str, Any])
            return respond(state.faults.add(str(fields.pop("kind", "")), **fields))
        if request.method == "DELETE":
            state.faults.clear()
        return respond(list(state.faults))

    async def scripts(request: Request) -> Response:
        if request.method == "POST":
            fields = msgspec.json.decode(await request.body(), type=dict[str, Any])
            return respond(state.scripts.add(str(fields.pop("kind", "")), **fields))
        if request.method == "DELETE":
            state.scripts.clear()
        return respond(list(state.scripts))

    async def oauth_apps(request: Request) -> Response:
        if request.method == "POST":
            fields = msgspec.json.decode(await request.body(), type=dict[str, Any])
            return respond(state.oauth.create_app(**fields))
        return respond(state.oauth.as_items())

    async def oauth_app(request: Request) -> Response:
        state.oauth.delete_app(request.path_params["app_id"])
        return respond(state.oauth.as_items())

    async def oauth_tokens(request: Request) -> Response:
        state.oauth.revoke_tokens(request.path_params["app_id"])
        return respond(state.oauth.as_items())

    async def oauth_key(request: Request) -> Response:
        state.oauth.revoke_key(request.path_params["app_id"], request.path_params["key_id"])
        return respond(state.oauth.as_items())

    async def enforce_oauth(request: Request) -> Response:
        wish = msgspec.json.decode(await request.body(), type=Enforcement)
        state.enforce_oauth(wish.source, wish.enforced)
        return respond({"enforced": sorted(state.oauth.enforced)})

    async def rate_limit(request: Request) -> Response:
        if request.method == "DELETE":
            state.rate_limit = None
        else:
            state.rate_limit = msgspec.json.decode(await request.body(), type=RateLimit)
        return respond(state.rate_limit)

    async def published_limits(request: Request) -> Response:
        state.published_limits = EnforcedLimits() if request.method == "PUT" else None
        return respond({"published_limits": state.published_limits is not None})

    async def clock(request: Request) -> Response:
        change = msgspec.json.decode(await request.body(), type=ClockChange)
        if change.freeze is not None:
            (state.clock.freeze if change.freeze else state.clock.unfreeze)()
        state.clock.advance(change.advance)
        return respond({"now": state.clock.now()})

    async def reset(request: Request) -> Response:
        state.reset()
        return respond(state.summary())

    return [
        BrowsersRoute("/", lead),
        Route(PREFIX, page),
        Route(f"{PREFIX}/page/{{name}}", part_of_page),
        Route(f"{PREFIX}/events", events),
        Route(f"{PREFIX}/event", event),
        Route(f"{PREFIX}/workspace", workspace),
        Route(f"{PREFIX}/snippets", code),
        Route(f"{PREFIX}/overview", whole_overview),
        Route(f"{PREFIX}/state", summary),
        Route(f"{PREFIX}/accepted", accepted),
        Route(f"{PREFIX}/dropped", dropped),
        Route(f"{PREFIX}/requests", requests),
        Route(f"{PREFIX}/faults", faults, methods=["GET", "POST", "DELETE"]),
        Route(f"{PREFIX}/scripts", scripts, methods=["GET", "POST", "DELETE"]),
        Route(f"{PREFIX}/oauth_apps", oauth_apps, methods=["GET", "POST"]),
        Route(f"{PREFIX}/oauth_apps/{{app_id}}", oauth_app, methods=["DELETE"]),
        Route(f"{PREFIX}/oauth_apps/{{app_id}}/tokens", oauth_tokens, methods=["DELETE"]),
        Route(f"{PREFIX}/oauth_apps/{{app_id}}/keys/{{key_id}}", oauth_key, methods=["DELETE"]),
        Route(f"{PREFIX}/enforce_oauth", enforce_oauth, methods=["POST"]),
        Route(f"{PREFIX}/rate_limit", rate_limit, methods=["PUT", "DELETE"]),
        Route(f"{PREFIX}/published_limits", published_limits, methods=["PUT", "DELETE"]),
        Route(f"{PREFIX}/clock", clock, methods=["POST"]),
        Route(f"{PREFIX}/reset", reset, methods=["POST"]),
    ]


def error(status: int, message: str) -> Response:
    return respond({"error": message}, status)


def respond(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def page_file(name: str) -> Response:
    if name not in PAGE_FILES:
        raise HTTPException(404, f"The page has no file {name!r}: it has {', '.join(PAGE_FILES)}.")
    return Response(PAGE_FILES[name].read_bytes(), media_type=MEDIA_TYPES[PAGE_FILES[name].suffix])


def parameters(request: Request, kind: type[P]) -> P:
    """The parameters in the query.

    :raises ValueError: one is unknown or wrong; the message says which there are
    """
    names = ", ".join(kind.__struct_fields__)
    try:
        return msgspec.convert(dict(request.query_params), kind, strict=False)
    except msgspec.ValidationError as wrong:
        raise ValueError(f"{wrong}. " + (f"Parameters: {names}." if names else "It takes none.")) from None


def listing(
    request: Request, items: Kept[StoredEvent], show: Callable[[StoredEvent], dict[str, Any]]
) -> Response:
    part = parameters(request, Part)
    shown = items[part.offset : part.offset + part.limit]
    return respond({"total": items.total, "items": [show(item) for item in shown]})
