"""The options of a bulk send, each declared once, here.

The hook takes them as keywords, and the operator has an argument for each. All of them are passed on to what
uses them, where each is read by its name.
"""

# Without `from __future__ import annotations`: the types are needed at import, and strings must be evaluated.

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from math import inf
from typing import Annotated, Any, Literal

from typing_extensions import TypedDict

from airflow_provider_segment.arguments import FilePath, Validator, make_checker
from airflow_provider_segment.events.function_identity import identity_of_function
from airflow_provider_segment.events.limits import CONCURRENCY


class Option:
    """What is declared of an option besides its name, type and checks.

    :param default: the value if none is given
    :param identity: whether events sent with another value would be different events. Then a checkpoint is
        valid only for the same value. False for options that change how events are sent, not which
    """

    def __init__(self, default: Any = None, *, identity: bool = True) -> None:
        self.default = default
        self.identity = identity


def within(least: float, most: float = inf, *, exclusive: bool = False) -> Validator:
    """Checks that a number is finite, not below ``least`` and not above ``most``."""
    bounds = f"{'greater than' if exclusive else 'at least'} {least:g}"
    if most < inf:
        bounds += f" and at most {most:g}"

    def check(number: float) -> float:
        # Comparisons with NaN are False, so NaN is rejected.
        if not (least < number < inf or (number == least and not exclusive)) or number > most:
            raise ValueError(f"must be {bounds}, not {number}")
        return number

    return Validator(check)


def _check_timestamp(value: str | datetime) -> str | datetime:
    from airflow_provider_segment.errors import SegmentConfigurationError
    from airflow_provider_segment.events.check import read_timestamp

    try:
        read_timestamp(value)
    except SegmentConfigurationError as error:
        raise ValueError(str(error)) from None
    return value


def check_events(value: Any) -> Any:
    """Events, or rows, of a bulk send.

    :raises ValueError: it cannot be iterated, or not over events
    """
    if value is None or hasattr(value, "__arrow_c_stream__"):
        return value
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise ValueError(f"must be a list of events (or an XComArg of one), not {type(value).__name__}")
    return value


Events = Annotated[Iterable[Mapping[str, Any] | bytes | str] | None, Validator(check_events, "plain")]
"""Any iterable of events. There may be millions, so they are not inspected before they are sent."""


Paths = Annotated[FilePath | list[FilePath] | tuple[FilePath, ...] | None, "a path or glob, or several"]


def _check_part(value: Any) -> Any:
    from airflow_provider_segment.events.parts import read_part

    return None if value is None else read_part(value)


InputPart = Annotated[Mapping[str, Any] | None, Validator(_check_part, "plain")]
"""A part of an input, as ``SegmentPartitionEventsOperator`` makes it."""


def _check_format(name: str) -> str:
    from airflow_provider_segment.events.sources.open import check_format

    return check_format(name)


def _check_csv(options: Mapping[str, Any]) -> Mapping[str, Any]:
    from airflow_provider_segment.events.sources.csv_dialect import CsvDialect

    CsvDialect.of(options)
    return options


Format = Annotated[str, Validator(_check_format)] | None
"""What files are: a format of tables, or the shape in which a known product exports events."""
CsvOptions = Annotated[Mapping[str, Any], Validator(_check_csv)] | None
"""How CSV files are written."""
Limit = Annotated[int, within(1)] | None
"""How many rows or events are looked at."""
MessageIds = Literal["keep", "new"] | None
"""Whether exported events keep their message ids."""
OnViolation = Literal["report", "reject", "fail"]
PerSecond = Annotated[float, within(0, exclusive=True)]
Seconds = Annotated[float, within(0, exclusive=True)] | None
Senders = Annotated[int, within(1)] | None
"""How many share a ceiling."""


def _check_json(value: Any) -> Any:
    from airflow_provider_segment.events.codec import Unwritable
    from airflow_provider_segment.values import json_value

    try:
        json_value(value)
    except Unwritable as error:  # ValueRejected is one
        raise ValueError(f"cannot be written as JSON: {error}") from None
    return value


Object = Annotated[Mapping[str, Any], Validator(_check_json)]
"""A JSON object."""


def _check_integrations(value: Mapping[str, Any]) -> Mapping[str, Any]:
    from airflow_provider_segment.events.integrations import check_integrations

    return check_integrations(value)


Integrations = Annotated[Object, Validator(_check_integrations)]
"""Destinations, each true, false or an object of options."""


def _check_field_name(name: str) -> str:
    if any(not part or part != part.strip() for part in name.split(".")):
        raise ValueError("must be names joined by dots, none of them empty or with space around it")
    return name


def _names(names: Any) -> Any:
    if isinstance(names, str) and not names.lstrip().startswith("["):
        raise ValueError(f'must be a list of names, such as ["{names}"]')
    return names


def _not_empty(names: Any) -> Any:
    if not names:
        raise ValueError("must name a field; leave it out for an id of the whole event")
    return names


def _check_mapping(value: Any) -> Any:
    from airflow_provider_segment.events.mapping.template import read_mapping

    if value is None or callable(value):
        return value
    if isinstance(value, str):
        from airflow_provider_segment.events.yaml_or_json import read_document

        value = read_document(value)
    read_mapping(value)
    return value


EventMapping = Annotated[
    Mapping[str, Any] | Sequence[Mapping[str, Any]] | Callable[[dict[str, Any]], Any] | None,
    Validator(_check_mapping, "plain"),
]
"""A template of an event, or several, or a function of a row; or the text of a YAML or JSON file of it."""


def _check_zone(name: str) -> str:
    from airflow_provider_segment.events.mapping.template import check_zone

    return check_zone(name)


FieldName = Annotated[str, Validator(_check_field_name)]
# Not any sequence: a str is one of its letters.
FieldNames = Annotated[
    list[FieldName] | tuple[FieldName, ...], Validator(_names, "before"), Validator(_not_empty)
]


class SendOptions(TypedDict, total=False):
    """Options of a bulk send.

    :param rejects_path: JSON Lines file for the rejected events, overwritten by each run, in any storage that
        Airflow's ``ObjectStoragePath`` supports; without one, only the first few are logged. A local file
        gets the mode 0600, and folders made for it 0700; a symbolic link is an error. Mapped tasks need one
        each: ``..._{{ ti.map_index }}.jsonl``
    :param concurrency: maximum number of batches in flight; at least 1
    :param gzip: compress the requests, for slow networks
    :param max_events_per_second: the ceiling of the rate, attempts to send an event again included; None for
        as fast as Segment accepts them. It is that of the DAG run: the instances of a mapped task share it.
        Each has the part that ``max_active_tis_per_dagrun`` leaves it, unless there is a
        ``rate_limiter_conn_id``. On the hook it is that of the call
    :param max_requests_per_second: the same for requests
    :param rate_limiter_conn_id: Airflow connection to Redis, PostgreSQL, MySQL, MariaDB or SQLite, which
        keeps both ceilings over all that sends to the same source with it: tasks, runs and DAGs
    :param context: default ``context`` of events; an event's own keys win
    :param integrations: the destinations that may receive the events, by name or as ``All`` (true by
        default): true, false or an object of options each. It only restricts: a destination that an event's
        own ``integrations`` disable stays disabled, and the event's own options stay. Backfills often want
        ``{"All": False, "<destination>": True}``
    :param timestamp: default ``timestamp`` of events, ISO 8601 with a time zone
    :param message_id_fields: a list of names (dotted: ``properties.order_id``) of the fields that identify an
        event: a missing ``messageId`` is derived from them, together with the type, the event's name and the
        user, and is the same however the event is written. They are text, whole numbers or dates, or
        ``timestamp``. By default it is derived from the event as it is written. With a ``mapping``, the
        names of the columns that identify a row
    :param mapping: how rows become events: a template of an event, in which ``"$name"`` is a column; a list
        of templates; or a function from a row, a dict, to an event, a list of them, or None. By default
        items and lines are events, and columns of tables are named as fields are (``properties.total``)
    :param nulls: ``keep`` or ``drop`` members of the mapping's objects that are null; events are sent as
        they are
    :param naive_timezone: zone (``Europe/Berlin``) of times that have none and must have one; by default
        such a time rejects the event
    :param min_events: fail if fewer events than this were sent: an empty input is often a mistake
    :param max_events: stop before more events than this are sent
    :param max_users: stop before events about more users than this are sent
    :param tracking_plan_id: tracking plan, read through the Public API, that each event is checked against
    :param tracking_plan_path: the same from a JSON or YAML file of rules
    :param on_violation: what becomes of an event that violates it: ``report`` (count it), ``reject`` it, or
        ``fail`` the run before it is sent
    :param ledger_path: folder for a ledger of what was delivered, in any storage that ``rejects_path`` may be
        in: a later run of the same input with the same options sends only what is missing. It needs a
        ``rejects_path``, to which such a run adds
    :param ledger_conn_id: instead of ``ledger_path``: Airflow connection to a database, whose hook is a
        ``DbApiHook``; the ledger is its table ``segment_ledger``, made if it is not there
    :param changed_input: what becomes of a file that has changed since the ledger says that it was delivered:
        ``resend`` all of it, ``skip`` it, or ``fail`` before anything is sent
    """

    rejects_path: Annotated[FilePath | None, Option(identity=False)]
    concurrency: Annotated[int, Option(CONCURRENCY, identity=False), within(1)]
    gzip: Annotated[bool, Option(False, identity=False)]
    max_events_per_second: Annotated[PerSecond | None, Option(identity=False)]
    max_requests_per_second: Annotated[PerSecond | None, Option(identity=False)]
    rate_limiter_conn_id: Annotated[str | None, Option(identity=False)]
    context: Annotated[Object | None, Option()]
    integrations: Annotated[Integrations | None, Option()]
    timestamp: Annotated[Annotated[str | datetime, Validator(_check_timestamp)] | None, Option()]
    message_id_fields: Annotated[FieldNames | None, Option()]
    mapping: Annotated[EventMapping, Option()]
    nulls: Annotated[Literal["keep", "drop"], Option("keep")]
    naive_timezone: Annotated[Annotated[str, Validator(_check_zone)] | None, Option()]
    min_events: Annotated[Annotated[int, within(0)] | None, Option(identity=False)]
    max_events: Annotated[Annotated[int, within(0)] | None, Option(identity=False)]
    max_users: Annotated[Annotated[int, within(0)] | None, Option(identity=False)]
    tracking_plan_id: Annotated[str | None, Option()]
    tracking_plan_path: Annotated[FilePath | None, Option()]
    on_violation: Annotated[OnViolation, Option("reject")]
    ledger_path: Annotated[FilePath | None, Option(identity=False)]
    ledger_conn_id: Annotated[str | None, Option(identity=False)]
    changed_input: Annotated[Literal["resend", "skip", "fail"], Option("resend", identity=False)]


TYPES: dict[str, Any] = SendOptions.__annotations__
"""The annotation of each option, with its checks."""

OPTIONS: dict[str, Option] = {
    name: next(item for item in hint.__metadata__ if isinstance(item, Option)) for name, hint in TYPES.items()
}


_ARGUMENTS: dict[str, Any] = {
    "events": Events,
    "path": Paths,
    "part": InputPart,
    "format": Format,
    "csv": CsvOptions,
    "message_ids": MessageIds,
    "source_id": str | None,
    "senders": Senders,
    "limit": Limit,
    "checkpoint": Mapping[str, Any] | None,
    "save_checkpoint": Callable[[dict[str, Any] | None], None] | None,
    "checkpoint_timeout": Seconds,
}
"""What methods of the hook take besides the options."""


@cache
def send_checker(arguments: frozenset[str]) -> Any:
    """Checks what a method of the hook is called with: these arguments, and the options."""
    own = {name: _ARGUMENTS[name] for name in arguments}
    return make_checker("SendArguments", TYPES | own, unknown="forbid")


def all_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """All options, and nothing else: those given, and the defaults of the others."""
    return {name: given.get(name, option.default) for name, option in OPTIONS.items()}


def identity_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that determine which events are sent."""
    return {
        # Not a function itself: it has another address in each process.
        name: identity_of_function(value) if callable(value) else value
        for name, value in options.items()
        if OPTIONS[name].identity
    }


def changed_from_default(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some options that are not as they are by default."""
    return {name: value for name, value in options.items() if value != OPTIONS[name].default}
