"""Single events, for the Tracking API's endpoints of each type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from airflow_provider_segment.api.clock import timestamp
from airflow_provider_segment.events.batch import LIBRARY
from airflow_provider_segment.events.check import Checker


class EventFields(TypedDict, total=False):
    """Fields that every event may have; for ``context`` and ``integrations`` see Segment's Spec."""

    user_id: str | int | None
    anonymous_id: str | int | None
    context: Mapping[str, Any] | None
    integrations: Mapping[str, Any] | None
    timestamp: str | datetime | None
    message_id: str | None


def event_body(type: str, fields: Mapping[str, Any]) -> Callable[[datetime], bytes]:
    """The body for an event, checked: ``sentAt`` is the time of each attempt.

    :param fields: in snake_case; None counts as absent
    :raises SegmentEventError: Segment would refuse or silently drop it
    """
    event = {_camel(name): value for name, value in fields.items() if value is not None}
    # The message id is given, so no write key is needed to derive it.
    line = Checker("", context={"library": LIBRARY}).prepare({**event, "type": type})
    return lambda now: b'%b,"sentAt":"%b"}' % (line[:-1], timestamp(now).encode())


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))
