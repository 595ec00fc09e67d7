"""One rule of a tracking plan: what is wrong with an event by its JSON schema."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.plan_files import kind_of

DRAFTS = {
    "draft-04": "Draft4Validator",
    "draft-06": "Draft6Validator",
    "draft/2019-09": "Draft201909Validator",
    "draft/2020-12": "Draft202012Validator",
}
"""By what is in ``$schema``."""

LONGEST_NAME = 100
"""Characters of a name that are shown: an event may have names of any length."""
ANY_CASE = "(?i)"
"""What a pattern of Segment's may begin with."""

_UUID = re.compile("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}").fullmatch


class Violation(NamedTuple):
    """What is wrong with an event, never with the value that is wrong.

    :param rule: the key of the rule, or its type; of an unplanned event the event's name
    :param path: where in the event: ``properties.products[].price``, or ``(root)``. A name that only the
        event has, because the schema allows any there, is ``*``
    :param keyword: the keyword of the schema; or ``unplanned``, if there is no rule, or ``unreadable``, if
        the event cannot be checked, because it is nested too deep or has a number out of range
    """

    rule: str
    path: str
    keyword: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.path} ({self.keyword})"


class Rule:
    """One rule, compiled.

    :param name: what violations call it
    :raises ValueError: it is not a JSON schema
    """

    def __init__(self, name: str, schema: Any) -> None:
        rs = _library()
        if not isinstance(schema, (dict, bool)):
            raise ValueError(f"jsonSchema is an object, not {kind_of(schema)}")
        said = str(schema.get("$schema")) if isinstance(schema, dict) else ""
        draft = next((draft for mark, draft in DRAFTS.items() if mark in said), "Draft7Validator")
        try:
            validator = getattr(rs, draft)(
                _with_flags(schema),
                formats={"uuid": _is_uuid},  # which the library checks in newer drafts only
                pattern_options=rs.RegexOptions(),
                retriever=_refuse,
                validate_formats=True,
            )
        except (ValueError, RecursionError, rs.ReferencingError) as error:
            place = ".".join(map(str, getattr(error, "instance_path", None) or ()))
            reason = str(error).partition("\n")[0]
            raise ValueError(short(f"{place}: {reason}" if place else reason, 3 * LONGEST_NAME)) from None
        self.name = name
        self._is_valid = validator.is_valid
        self._errors = validator.iter_errors
        self._names = frozenset(_names_in(schema))

    def violations(self, event: dict[str, Any]) -> Iterable[Violation]:
        """What is wrong with an event."""
        try:
            return () if self._is_valid(event) else list(self._each(event))
        except ValueError:  # nested deeper than the library goes
            return (Violation(self.name, "(root)", "unreadable"),)

    def _each(self, event: dict[str, Any]) -> Iterator[Violation]:
        for error in self._errors(event):
            kind = error.kind
            path = self._shown(error.instance_path)
            at_fault = [getattr(kind, "property", None), *getattr(kind, "unexpected", ())]
            names = [name for name in at_fault if isinstance(name, str)]
            # What is missing, or one too many, is told by its name, which is no value.
            for place in [f"{path}.{short(name)}" if path else short(name) for name in names] or [path]:
                yield Violation(self.name, place or "(root)", kind.name)

    def _shown(self, path: Iterable[str | int]) -> str:
        shown = ""
        for part in path:
            if isinstance(part, int):
                shown += "[]"
            else:
                # A name that the schema does not have may be data: the address of a customer as a key.
                name = short(part) if part in self._names else "*"
                shown += f".{name}" if shown else name
        return shown


def _names_in(schema: Any) -> Iterator[str]:
    """The names of properties that a schema has anywhere."""
    if isinstance(schema, dict):
        for word, value in schema.items():
            if word in ("properties", "dependencies", "dependentRequired") and isinstance(value, dict):
                yield from value
            elif word == "required" and isinstance(value, list):
                yield from (name for name in value if isinstance(name, str))
            yield from _names_in(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _names_in(item)


def _with_flags(schema: Any) -> Any:
    """A schema in which the flag that a pattern begins with is written as JavaScript has it: as a group's."""
    if isinstance(schema, list):
        return [_with_flags(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    rewritten = {}
    for word, value in schema.items():
        if word == "pattern" and isinstance(value, str):
            value = _flagged(value)
        elif word == "patternProperties" and isinstance(value, dict):
            value = {
                _flagged(name) if isinstance(name, str) else name: _with_flags(inner)
                for name, inner in value.items()
            }
        elif word not in ("const", "enum"):
            value = _with_flags(value)
        rewritten[word] = value
    return rewritten


def _flagged(pattern: str) -> str:
    return f"(?i:{pattern[len(ANY_CASE) :]})" if pattern.startswith(ANY_CASE) else pattern


def _is_uuid(text: str) -> bool:
    return _UUID(text) is not None


def _refuse(uri: str) -> Any:
    raise ValueError("nothing is fetched, a rule must be complete")


def _library() -> Any:
    try:
        import jsonschema_rs
    except ImportError:
        raise SegmentConfigurationError(
            "events cannot be checked against a tracking plan without jsonschema-rs: "
            "pip install 'airflow-provider-segment[tracking-plan]'"
        ) from None
    return jsonschema_rs


def short(text: str, longest: int = LONGEST_NAME) -> str:
    """A text, cut if it is long."""
    return text if len(text) <= longest else f"{text[:longest]}..."
