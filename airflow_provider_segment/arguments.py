"""Arguments checked against their types: of tasks when they are rendered, of the hook when it is called.

Both accept and refuse the same values. Pydantic is slow to import, so it is imported on first use.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, cast

from typing_extensions import Required, TypedDict

SHOWN = re.compile(r"[A-Za-z]{1,10}|[\d.,:+\-TZ ]{1,35}")
"""Wrong arguments that an error shows: a short word, a number, a time. Anything else may be a secret that was
given to the wrong argument."""


class Validator:
    """A custom check in the type of an argument: ``Annotated[int, Validator(...)]``.

    :param check: returns the value, or raises ValueError
    :param mode: whether it runs before or after the check of the type, or instead of it (``plain``)
    """

    def __init__(
        self, check: Callable[[Any], Any], mode: Literal["before", "after", "plain"] = "after"
    ) -> None:
        self._check = check
        self._mode = mode

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        if self._mode == "plain":
            return core_schema.no_info_plain_validator_function(self._check)
        if self._mode == "before":
            return core_schema.no_info_before_validator_function(self._check, handler(source))
        return core_schema.no_info_after_validator_function(self._check, handler(source))


FilePath = Annotated[
    str, Validator(lambda path: os.fspath(path) if isinstance(path, os.PathLike) else path, "before")
]
"""A path as text, or an ``os.PathLike`` such as ``pathlib.Path``."""


def make_checker(
    name: str,
    types: Mapping[str, Any],
    *,
    required: Collection[str] = (),
    unknown: Literal["allow", "forbid"],
) -> Any:
    """A checker for :func:`check_arguments`.

    :param types: the type of each argument
    :param required: the arguments that must be given
    :param unknown: whether other arguments are allowed, and other members of a TypedDict
    """
    from pydantic import BeforeValidator, ConfigDict, TypeAdapter, WrapValidator

    hints: dict[str, Any] = {}
    for argument, kind in types.items():
        is_id = getattr(kind, "__origin__", kind) is not Any and _ID.search(argument)
        hint: Any = Annotated[kind, BeforeValidator(_ids)] if is_id else kind
        hint = Annotated[hint, WrapValidator(_or_json)]
        hints[argument] = Required[hint] if argument in required else hint
    shape = cast(Any, TypedDict)(name, hints, total=False)
    # Numbers to strings: native rendering turns an id of digits into a number.
    shape.__pydantic_config__ = ConfigDict(coerce_numbers_to_str=True, extra=unknown)
    return TypeAdapter(shape)


def check_arguments(
    checker: Any, given: Mapping[str, Any], *, secrets: Collection[str] = ()
) -> dict[str, Any]:
    """The given arguments, converted to their types.

    :param secrets: arguments whose value no error shows; nor does one that looks like a secret
    :raises SegmentConfigurationError: names each invalid one, with its value
    """
    from pydantic import ValidationError

    from airflow_provider_segment.errors import SegmentConfigurationError

    try:
        return cast("dict[str, Any]", checker.validate_python(given))
    except ValidationError as error:
        # Without a cause, which shows all values: some may be secrets.
        shown = {name: _shown(name, value) for name, value in given.items() if name not in secrets}
        wrong = {
            f"{_where(one['loc'])}: {complaint(one)}{shown.get(str(one['loc'][0]), '')}"
            for one in error.errors(include_input=False)
        }
        raise SegmentConfigurationError("; ".join(sorted(wrong))) from None


def _shown(name: str, value: Any) -> str:
    """A value for the end of a complaint about it; "" for what may be long, a secret, or data of people."""
    from airflow_provider_segment.api.secrets import secrets_in

    if not isinstance(value, (str, int, float)) or any(secrets_in(value, name)):
        return ""
    return f" (given: {value!r})" if SHOWN.fullmatch(str(value)) else ""


def complaint(fault: Mapping[str, Any]) -> str:
    """What is wrong, of one of the errors of Pydantic's ValidationError."""
    return str(fault["msg"]).removeprefix("Value error, ")


def _or_json(value: Any, validate: Callable[[Any], Any]) -> Any:
    """The value as it is, or parsed from JSON: a template that is not rendered natively gives a string."""
    from airflow_provider_segment.api.documents import read

    try:
        return _as_it_was_meant(value, validate(value))
    except ValueError as refused:
        if not isinstance(value, str):
            raise
        try:
            parsed = read(value)
        except ValueError:
            raise refused from None
        return _as_it_was_meant(parsed, validate(parsed))


def _ids(value: Any) -> Any:
    """Ids that are not text yet, in the form that the table of values gives them."""
    if isinstance(value, (list, tuple)):
        return [_ids(each) for each in value]
    if value is None or type(value) in (str, int, bool):
        return value
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, bytearray, memoryview)):
        return value
    from airflow_provider_segment.values import id_of

    return id_of(value)


_ID = re.compile(r"(?:^|_)ids?$|[a-z]Ids?$")
"""The names of ids."""


def _as_it_was_meant(given: Any, taken: Any, name: str = "") -> Any:
    """What was taken, unless Pydantic took True for 1, a number for the id "1.0", or a number for a time.

    :param name: of the member that it is, inside an argument
    """
    if given is taken:
        return taken
    if isinstance(given, bool):
        raise ValueError("must not be a bool")
    if isinstance(taken, datetime) and not _is_time(given):
        raise ValueError("may be in seconds or in milliseconds: give ISO 8601 with a time zone")
    if isinstance(given, float) and isinstance(taken, str) and _ID.search(name):
        raise ValueError(f"{name} must be text, not the number {given}")
    if isinstance(given, Mapping) and isinstance(taken, Mapping):
        for member, value in given.items():
            _as_it_was_meant(value, taken.get(member, value), str(member))
    elif isinstance(given, (list, tuple)) and isinstance(taken, (list, tuple)):
        for one, other in zip(given, taken, strict=False):
            _as_it_was_meant(one, other, name)
    return taken


def _is_time(given: Any) -> bool:
    """Whether it is a time to anybody, and not only to Pydantic, which also takes numbers, even as text."""
    if isinstance(given, str):
        return re.fullmatch(r"\s*[+-]?[\d.]+(?:[eE][+-]?\d+)?\s*", given) is None
    return isinstance(given, date)


def _where(location: tuple[int | str, ...]) -> str:
    # Pydantic's location also contains names of its own.
    return ".".join(str(step) for step in location if not isinstance(step, str) or step.isidentifier())
