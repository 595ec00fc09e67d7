"""The sandbox's own endpoints, under `/_sandbox`. They need no credentials and reveal none, but for the
private key of an OAuth app, once, to whoever creates it.

- `GET /_sandbox`: an HTML page.
- `GET /_sandbox/state`: counts: accepted, duplicates, dropped by reason, requests, batches, bytes.
- `GET /_sandbox/accepted`, `/dropped`, `/requests`: `{"total", "items"}`, newest last; `?limit=100&offset=0`.
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
  stops it until a reset, so that only `advance` moves it. One request may do both.
- `POST /_sandbox/reset`: forget everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from airflow_provider_segment.sandbox.enforced_limits import EnforcedLimits, RateLimit
from airflow_provider_segment.sandbox.state import State
from airflow_provider_segment.sandbox.stored_events import StoredEvent

PREFIX = "/_sandbox"


class Enforcement(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    enforced: bool = True


class ClockChange(msgspec.Struct, forbid_unknown_fields=True):
    advance: float = 0.0  # seconds
    freeze: bool = False


def routes(state: State) -> list[Route]:
    async def overview(request: Request) -> Response:
        return HTMLResponse(page(state))

    async def summary(request: Request) -> Response:
        return respond(state.summary())

    async def accepted(request: Request) -> Response:
        return listing(request, state.accepted, StoredEvent.as_event)

    async def dropped(request: Request) -> Response:
        return listing(request, state.dropped, StoredEvent.as_drop)

    async def requests(request: Request) -> Response:
        return listing(request, state.requests, msgspec.to_builtins)

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
        if change.freeze:
            state.clock.freeze()
        state.clock.advance(change.advance)
        return respond({"now": state.clock.now()})

    async def reset(request: Request) -> Response:
        state.reset()
        return respond(state.summary())

    return [
        Route(PREFIX, overview),
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


def listing(request: Request, items: Sequence[Any], show: Callable[[Any], Any]) -> Response:
    limit = int(request.query_params.get("limit", 100))
    offset = int(request.query_params.get("offset", 0))
    return respond({"total": len(items), "items": [show(item) for item in items[offset : offset + limit]]})


def page(state: State) -> str:
    summary = state.summary()
    dropped = summary.pop("dropped")
    return PAGE.format(
        counts=table(["count", ""], summary.items()),
        reasons=table(["dropped because", ""], dropped.items()),
        accepted=table(
            ["receivedAt", "type", "event", "userId", "messageId", "timestamp"],
            map(StoredEvent.as_event, state.accepted[-20:]),
        ),
        dropped=table(["reason", "messageId", "event"], map(StoredEvent.as_drop, state.dropped[-20:])),
        requests=table(
            ["receivedAt", "method", "path", "status", "events", "bytes", "fault"],
            map(msgspec.to_builtins, state.requests[-20:]),
        ),
        faults=table(["kind", "when", "api", "path", "hits"], map(msgspec.to_builtins, state.faults)),
    )


def table(columns: Sequence[str], rows: Iterable[Any]) -> str:
    """A table of dicts, or of tuples with a value for each column."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = ""
    for row in rows:
        values = [row.get(column) for column in columns] if isinstance(row, dict) else row
        cells = "".join(f"<td>{escape('' if value is None else str(value))}</td>" for value in values)
        body += f"<tr>{cells}</tr>"
    return f"<table><tr>{head}</tr>{body}</table>"


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Segment sandbox</title>
<style>
  body {{ font: 14px system-ui, sans-serif; margin: 2rem; max-width: 80rem }}
  table {{ border-collapse: collapse }}
  th, td {{ text-align: left; vertical-align: top; padding: 2px 12px 2px 0; border-bottom: 1px solid #ddd }}
</style>
<h1>Segment sandbox</h1>{counts}
<h2>Dropped after a 200</h2>{reasons}{dropped}
<h2>Last 20 accepted</h2>{accepted}
<h2>Last 20 requests</h2>{requests}
<h2>Active faults</h2>{faults}
</html>
"""
