"""JSON schemas as Segment's validator reads them, which knows drafts 4, 6 and 7.

`jsonschema` does the work. What it leaves to others, or would let a schema do harm with, is written here:

- Patterns are RE2's: no look-around, and no pattern takes long.
- A schema that lies elsewhere is not fetched.
- The formats below are checked, by their RFCs; the others are not.
- What is missing, or one too many, is at fault itself, each for itself.
- Multiples are those of the written numbers: 0.3 is one of 0.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from fractions import Fraction
from functools import cache, partial
from typing import Any, NamedTuple


class Fault(NamedTuple):
    """What is wrong with a document, without its values."""

    path: tuple[str | int, ...]
    keyword: str
    description: str

    @property
    def field(self) -> str:
        return ".".join(map(str, self.path)) or "(root)"


class SchemaError(ValueError):
    """This is no schema that documents can be judged by."""


class Schema:
    """A schema, compiled."""

    def __init__(self, schema: Any) -> None:
        import jsonschema
        import referencing

        said = str(schema.get("$schema")) if isinstance(schema, dict) else ""
        draft = next((draft for draft in ("4", "6") if f"draft-0{draft}" in said), "7")
        try:
            # With its own checker it would try Python's patterns.
            validator_class(draft).check_schema(schema, format_checker=formats())
            for pattern in patterns(schema):
                regex(pattern)
        except (jsonschema.SchemaError, RecursionError, ValueError) as error:
            raise SchemaError(str(error)) from None
        registry: Any = referencing.Registry()  # without one, it fetches
        self.validator = validator_class(draft)(schema, registry=registry, format_checker=formats())

    def faults(self, document: Any) -> list[Fault]:
        """What is wrong with a document; nothing if it, or the schema, goes too deep.

        :raises SchemaError: the schema refers to one that lies elsewhere
        """
        from referencing.exceptions import Unresolvable

        try:
            return [
                Fault(tuple(error.absolute_path), error.validator or "falseSchema", described(error))
                for error in self.validator.iter_errors(document)
            ]
        except RecursionError:
            return []
        except Unresolvable as error:
            raise SchemaError(str(error)) from None


def described(error: Any) -> str:
    """As Segment says it, where that is known."""
    if error.validator == "required":
        return f"{Fault((*error.absolute_path,), '', '').field} is required"
    if error.validator == "type":
        expected = (
            [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value
        )
        return f"Invalid type. Expected: {'/'.join(expected)}, given: {type_of(error.instance)}"
    return f"Does not match {error.validator}"


def type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    types = {
        dict: "object",
        list: "array",
        str: "string",
        int: "integer",
        float: "number",
        type(None): "null",
    }
    return types[type(value)]


# --- keywords ----------------------------------------------------------------------------------------------


@cache
def validator_class(draft: str) -> Any:
    import jsonschema
    from jsonschema import validators

    keywords: dict[str, Any] = {
        "pattern": pattern,
        "patternProperties": pattern_properties,
        "additionalProperties": additional_properties,
        "propertyNames": property_names,
        "required": required,
        "multipleOf": multiple_of,
    }
    if draft == "4":
        del keywords["propertyNames"]
    extend: Any = validators.extend
    return extend(getattr(jsonschema, f"Draft{draft}Validator"), keywords)


def fault(*path: str) -> Any:
    import jsonschema

    return jsonschema.ValidationError("", path=path)


def pattern(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if isinstance(instance, str) and not found(value, instance):
        yield fault()


def pattern_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    for each, inner in value.items() if isinstance(instance, dict) else ():
        for name in instance:
            if found(each, name):
                yield from validator.descend(instance[name], inner, path=name, schema_path=each)


def additional_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    known, known_patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name in instance:
        if name in known or any(found(each, name) for each in known_patterns):
            continue
        if value is False:
            yield fault(name)
        else:
            yield from validator.descend(instance[name], value, path=name)


def property_names(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if isinstance(instance, dict) and any(
        not validator.evolve(schema=value).is_valid(each) for each in instance
    ):
        yield fault()


def required(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if isinstance(instance, dict):
        yield from (fault(name) for name in value if name not in instance)


def multiple_of(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if (
        validator.is_type(instance, "number")
        and (Fraction(str(instance)) / Fraction(str(value))).denominator != 1
    ):
        yield fault()


# --- patterns ----------------------------------------------------------------------------------------------


def patterns(schema: Any) -> Iterator[str]:
    """All patterns in a schema."""
    if isinstance(schema, dict):
        for keyword, value in schema.items():
            if keyword == "pattern" and isinstance(value, str):
                yield value
            elif keyword == "patternProperties" and isinstance(value, dict):
                yield from value
            yield from patterns(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from patterns(item)


@cache
def regex(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(f"{pattern}: {error}") from None


def found(pattern: str, text: str) -> bool:
    return regex(pattern).search(text) is not None


# --- formats -----------------------------------------------------------------------------------------------

DAY = r"(\d{4})-(\d\d)-(\d\d)"
TIME = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)"
LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
FORMS = {
    "time": TIME,
    "email": rf"{ATOM}(\.{ATOM})*@{LABEL}(\.{LABEL})*",
    "hostname": rf"{LABEL}(\.{LABEL})*",
    "uri": r"[A-Za-z][A-Za-z0-9+.-]*:([A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*",
    "uuid": r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
}


@cache
def formats() -> Any:
    import jsonschema

    checker = jsonschema.FormatChecker(formats=("ipv4", "ipv6"))
    for name, check in {"date": is_date, "date-time": is_moment}.items():
        checker.checks(name, raises=ValueError)(for_texts(check))
    for name, form in FORMS.items():
        checker.checks(name)(for_texts(partial(has_form, form)))
    return checker


def for_texts(check: Callable[[str], Any]) -> Callable[[Any], bool]:
    return lambda value: not isinstance(value, str) or bool(check(value))


def is_moment(text: str) -> bool:
    return is_date(text[:10]) and text[10:11] in ("T", "t") and has_form(TIME, text[11:])


def has_form(form: str, text: str) -> bool:
    return re.fullmatch(form, text, re.ASCII) is not None


def is_date(text: str) -> bool:
    return has_form(DAY, text) and bool(date.fromisoformat(text))
