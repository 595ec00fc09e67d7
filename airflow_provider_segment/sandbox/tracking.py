"""The Tracking API: what it accepts, what it refuses, and what it drops behind a 200.

Its limits are written here once more, on purpose: it judges `events.limits`.

Where Segment's documentation is silent or vague, the sandbox does this:

- KB means 1,024 bytes, as in Segment's own Node, Java and Python clients; sizes are of the uncompressed body.
- All events of a batch of more than 2,500 are dropped.
- A write key that is unknown, or of the other region, is answered with 200 and its events are dropped.
- Batch level `context` and `integrations` are merged key by key, and the item's own keys win.
- An item's own `sentAt` wins over the batch's.
- `Content-Type` is `application/json`, `text/plain` (Segment's JavaScript sends it) or none; otherwise 400.
- With an OAuth token, the write key is the body's: a request without one is a 400. A token that is expired,
  revoked, of the other region or without `tracking_api:write` is a 401, and so is a write key alone where the
  source enforces OAuth. Every app counts as connected to every source.
- A page of any site may send events, but not read anything.
- An error's body is {"success": false, "code": ..., "message": ...}: the official Python client reads the
  last two.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_segment.sandbox.browsers import PREFLIGHT
from airflow_provider_segment.sandbox.constants import OTHER_REGION_WRITE_KEY
from airflow_provider_segment.sandbox.oauth import bearer_of
from airflow_provider_segment.sandbox.protocols import Judge
from airflow_provider_segment.sandbox.state import BATCH_PATHS, State
from airflow_provider_segment.sandbox.stored_events import Delivery, StoredEvent

TYPES = ("track", "identify", "page", "screen", "group", "alias")
SHORT = {type[0]: type for type in TYPES}
"""Segment's JavaScript sends to `/v1/t`, `/v1/i`, ...: the same endpoints."""
MEDIA_TYPES = ("", "application/json", "text/plain")

MAX_EVENT_BYTES = 32 * 1024
MAX_BATCH_BYTES = 500 * 1024
MAX_BATCH_EVENTS = 2_500
MAX_MESSAGE_ID_CHARACTERS = 100

CODES = {400: "invalid_request", 401: "unauthorized", 404: "not_found", 429: "rate_limited"}


class CheckedFields(msgspec.Struct, rename="camel", gc=False):
    """The fields that decide whether an event is accepted, and its name; the others are not parsed."""

    type: Any = None
    user_id: Any = None
    anonymous_id: Any = None
    previous_id: Any = None
    group_id: Any = None
    event: Any = None
    name: Any = None
    message_id: Any = None
    write_key: Any = None


class ReceivedBatch(msgspec.Struct, rename="camel"):
    batch: list[msgspec.Raw]
    write_key: Any = None
    sent_at: Any = None
    context: dict[str, Any] | None = None
    integrations: dict[str, Any] | None = None


decode_event = msgspec.json.Decoder(CheckedFields).decode
decode_batch = msgspec.json.Decoder(ReceivedBatch).decode


class TrackingError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def routes(state: State) -> list[Route]:
    async def single(request: Request) -> Response:
        name = request.url.path.rpartition("/")[2]
        return answer(state, request, await request.body(), type=SHORT.get(name, name))

    async def batch(request: Request) -> Response:
        return answer(state, request, await request.body())

    return [
        *(Route(f"/v1/{name}", single, methods=["POST"]) for name in (*TYPES, *SHORT)),
        *(Route(path, batch, methods=["POST"]) for path in BATCH_PATHS),
        *(Route(f"/v1/{name}", preflight, methods=["OPTIONS"]) for name in (*TYPES, *SHORT)),
        *(Route(path, preflight, methods=["OPTIONS"]) for path in BATCH_PATHS),
    ]


async def preflight(request: Request) -> Response:
    """What a browser asks before it sends an event from another site's page."""
    return Response(status_code=200, headers=PREFLIGHT)


def error(status: int, message: str) -> Response:
    body = {"success": False, "code": CODES.get(status, "error"), "message": message}
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def answer(state: State, request: Request, body: bytes, type: str | None = None) -> Response:
    try:
        receive(state, request, body, type)
    except TrackingError as refused:
        return error(refused.status, str(refused))
    return Response(b'{"success": true}', media_type="application/json")


def receive(state: State, request: Request, body: bytes, type: str | None) -> None:
    """Process one request: a batch or, with a `type`, a single event."""
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        raise TrackingError(400, f"Content-Type is {media_type}, not application/json")
    if len(body) > (MAX_EVENT_BYTES if type else MAX_BATCH_BYTES):
        raise TrackingError(400, "Exceed payload limit")
    try:
        body.decode()  # msgspec does not check text that it skips
        sent = decode_event(body) if type else decode_batch(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as failure:
        raise TrackingError(400, f"Malformed JSON: {failure}") from None

    raws = sent.batch if isinstance(sent, ReceivedBatch) else [msgspec.Raw(body)]
    request.state.record.events = len(raws)
    if any(len(raw) > MAX_EVENT_BYTES for raw in raws):
        raise TrackingError(400, "Exceed payload limit")

    now = state.clock.now()
    token = bearer_of(request.headers)
    if token is not None and (refusal := state.oauth.refusal(token, "tracking_api:write", now)):
        raise TrackingError(401, refusal)
    write_key = key_of(request) or sent.write_key
    if not write_key:
        raise TrackingError(401 if token is None else 400, "A write key is missing")

    source_id = state.source_of(str(write_key))
    if token is None and source_id in state.oauth.enforced:
        raise TrackingError(401, "This source enforces OAuth: a write key is not enough")
    request_id = request.state.record.request_id
    delivery = Delivery(received_at=now, source_id=source_id, request_id=request_id, type=type)
    if isinstance(sent, ReceivedBatch):
        delivery = msgspec.structs.replace(
            delivery, sent_at=sent.sent_at, context=sent.context, integrations=sent.integrations
        )
        request.state.record.sent_at = sent.sent_at

    why_all = None
    if source_id is None:
        why_all = "wrong_region" if write_key == OTHER_REGION_WRITE_KEY else "unknown_write_key"
    elif len(raws) > MAX_BATCH_EVENTS:
        why_all = "too_many_events"
    take_in(state, raws, delivery, why_all)


def key_of(request: Request) -> str | None:
    """The write key of a Basic header. A Bearer token (OAuth) leaves the key to the body."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        key, colon, _ = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        key = colon = ""
    if not colon:
        raise TrackingError(401, 'Authorization is not "Basic " and base64 of "writeKey:"')
    return key


def take_in(state: State, raws: list[msgspec.Raw], delivery: Delivery, why_all: str | None) -> None:
    judge = state.judge_of(delivery.source_id)
    taken: list[StoredEvent] = []
    named: list[tuple[Any, Any, str | None]] = []
    for raw in raws:
        try:
            event = decode_event(raw)
        except msgspec.ValidationError:
            event = CheckedFields()
            stored = StoredEvent("", bytes(raw), delivery, why_all or "not_an_object")
        else:
            stored = judged(state, raw, event, delivery, why_all, judge)
        taken.append(stored)
        named.append((event.type, event.event or event.name, stored.reason))
    state.take(taken)
    state.totals.add(delivery, named)


def judged(
    state: State,
    raw: msgspec.Raw,
    event: CheckedFields,
    delivery: Delivery,
    why_all: str | None,
    judge: Judge | None,
) -> StoredEvent:
    """An event as it is kept, with the reason if it is dropped."""
    message_id = str(event.message_id or secrets.token_hex(16))
    type = delivery.type or event.type
    reason = why_all or why_dropped(event, type, message_id, state.suppressed)
    if reason:
        return StoredEvent(message_id, bytes(raw), delivery, reason)
    if state.is_duplicate(message_id, delivery.received_at):
        return StoredEvent(message_id, b"", delivery, "duplicate")
    if judge is None:
        return StoredEvent(message_id, bytes(raw), delivery)
    reason, kept = judge.judge(bytes(raw), type, delivery.context)
    return StoredEvent(message_id, kept, delivery, reason)


def why_dropped(event: CheckedFields, type: Any, message_id: str, suppressed: set[str]) -> str | None:
    """Why Segment would silently drop this event, or None."""
    if type not in TYPES:
        return "unknown_type"
    if len(message_id) > MAX_MESSAGE_ID_CHARACTERS:
        return "message_id_too_long"
    if type == "alias":
        if missing(event.previous_id):
            return "missing_previous_id"
        if missing(event.user_id):
            return "missing_user_id"
    elif missing(event.user_id) and missing(event.anonymous_id):
        return "no_user_anon_id"  # Segment's own name for it
    if type == "track" and not (isinstance(event.event, str) and event.event):
        return "missing_event"
    if type == "group" and missing(event.group_id):
        return "missing_group_id"
    if suppressed and event.user_id in suppressed:
        return "suppressed_user"
    return None


def missing(identifier: Any) -> bool:
    return identifier is None or identifier == ""
