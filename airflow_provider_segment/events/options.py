"""The options of a bulk send, each declared once, here.

The hook takes them as keywords, and the operator has an argument for each.
:mod:`airflow_provider_segment.events.backfill` reads each by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from math import inf
from typing import Annotated, Any, NamedTuple, cast, get_type_hints

from typing_extensions import TypedDict

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.limits import CONCURRENCY


class Option(NamedTuple):
    """What is declared of an option besides its name, type and checks.

    :param default: the value if none is given
    :param identity: whether events sent with another value would be different events. Then a checkpoint is
        valid only for the same value. False for options that change how events are sent, not which
    """

    default: Any = None
    identity: bool = True


class Check:
    """A check of a value, for pydantic, which is imported on first use.

    :param check: returns the value, or raises ValueError
    :param alone: whether it replaces the type check
    """

    def __init__(self, check: Callable[[Any], Any], *, alone: bool = False) -> None:
        self._check = check
        self._alone = alone

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        if self._alone:
            return core_schema.no_info_plain_validator_function(self._check)
        return core_schema.no_info_after_validator_function(self._check, handler(source))


def within(least: float, *, exclusive: bool = False) -> Check:
    """Checks that a number is finite and not below ``least``."""

    def check(number: float) -> float:
        # Comparisons with NaN are False, so NaN is rejected.
        if not (least < number < inf or (number == least and not exclusive)):
            raise ValueError(f"must be {'greater than' if exclusive else 'at least'} {least:g}, not {number}")
        return number

    return Check(check)


def _check_timestamp(value: str | datetime) -> str | datetime:
    from airflow_provider_segment.events.check import read_timestamp

    try:
        read_timestamp(value)
    except SegmentConfigurationError as error:
        raise ValueError(str(error)) from None
    return value


def _check_events(value: Any) -> Any:
    if value is not None and (isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable)):
        raise ValueError(f"must be a list of events (or an XComArg of one), not {type(value).__name__}")
    return value


Events = Annotated[Iterable[Mapping[str, Any] | bytes | str] | None, Check(_check_events, alone=True)]
"""Any iterable of events. There may be millions, so they are not inspected before they are sent."""

FieldName = Annotated[str, Check(lambda name: name if name.strip() else _refuse("must not be empty"))]


def _refuse(complaint: str) -> Any:
    raise ValueError(complaint)


class SendOptions(TypedDict, total=False):
    """Options of a bulk send.

    :param rejects_path: JSON Lines file for the rejected events, overwritten by each run, in any storage that
        Airflow's ``ObjectStoragePath`` supports; without one, only the first few are logged. Mapped tasks
        need one each: ``..._{{ ti.map_index }}.jsonl``
    :param concurrency: maximum number of batches in flight; at least 1
    :param gzip: compress the requests, for slow networks
    :param max_events_per_second: upper limit of the rate; None for as fast as Segment accepts them
    :param context: default ``context`` of events; an event's own keys win
    :param integrations: default ``integrations`` of events; an event's own keys win. Backfills often want
        ``{"All": False, "<destination>": True}``
    :param timestamp: default ``timestamp`` of events, ISO 8601 with a time zone
    :param message_id_fields: a list of names (dotted: ``properties.order_id``) of the fields from which a
        missing ``messageId`` is derived, together with the type and the event's name; by default the whole
        event
    """

    rejects_path: Annotated[str | None, Option(identity=False)]
    concurrency: Annotated[int, Option(CONCURRENCY, identity=False), within(1)]
    gzip: Annotated[bool, Option(False, identity=False)]
    max_events_per_second: Annotated[
        Annotated[float, within(0, exclusive=True)] | None, Option(identity=False)
    ]
    context: Annotated[Mapping[str, Any] | None, Option()]
    integrations: Annotated[Mapping[str, Any] | None, Option()]
    timestamp: Annotated[Annotated[str | datetime, Check(_check_timestamp)] | None, Option()]
    # Not any sequence: a str is a sequence of its letters.
    message_id_fields: Annotated[list[FieldName] | tuple[FieldName, ...] | None, Option()]


TYPES: dict[str, Any] = get_type_hints(SendOptions, include_extras=True)
"""The annotation of each option, with its checks."""

OPTIONS: dict[str, Option] = {
    name: next(item for item in hint.__metadata__ if isinstance(item, Option)) for name, hint in TYPES.items()
}


@cache
def _adapter() -> Any:
    from pydantic import ConfigDict, TypeAdapter

    cast(Any, SendOptions).__pydantic_config__ = ConfigDict(extra="forbid")
    return TypeAdapter(SendOptions)


def check_options(events: Any, options: SendOptions) -> dict[str, Any]:
    """All options: those given, checked, and the defaults of the others.

    :param events: also checked: must be an iterable of events
    :raises SegmentConfigurationError: names each invalid option
    """
    from pydantic import ValidationError

    wrong = []
    checked: Any = {}
    try:
        checked = _adapter().validate_python(options)
    except ValidationError as error:
        for one in error.errors(include_input=False):
            where = ".".join(str(step) for step in one["loc"] if str(step).isidentifier())
            wrong.append(f"{where}: {one['msg']}")
    try:
        _check_events(events)
    except ValueError as error:
        wrong.append(f"events: {error}")
    if wrong:
        raise SegmentConfigurationError("; ".join(wrong))
    return {**{name: option.default for name, option in OPTIONS.items()}, **checked}


def identity_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that determine which events are sent."""
    return {name: value for name, value in options.items() if OPTIONS[name].identity}
