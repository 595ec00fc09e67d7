"""How a CSV file is written: what cannot be told from the file itself."""

from __future__ import annotations

import codecs
import encodings.aliases
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from airflow_provider_segment.events.mapping.template import nearest
from airflow_provider_segment.values import shown

COMMA, TAB = ",", "\t"


class CsvDialect(NamedTuple):
    """How a CSV file is written.

    :param delimiter: between values; None for a comma, or a tab in TSV
    :param quotechar: around values with delimiters or line breaks, doubled inside them; None if there is none
    :param escapechar: before a character that means itself
    :param encoding: of the text; None for UTF-8, or UTF-16 if there is a byte order mark
    :param header: whether the first row has the names of the columns
    :param columns: the names of the columns, instead of the header's
    """

    delimiter: str | None = None
    quotechar: str | None = '"'
    escapechar: str | None = None
    encoding: str | None = None
    header: bool = True
    columns: tuple[str, ...] | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any] | None) -> CsvDialect:
        """The dialect with these options.

        :raises ValueError: one is unknown, or has no meaning
        """
        options = options or {}
        for name in options:
            if name not in cls._fields:
                raise ValueError(f"{shown(name)} is no option of CSV{nearest(str(name), cls._fields)}")
        given: dict[str, Any] = {name: _CHECKS[name](name, value) for name, value in options.items()}
        dialect = cls(**given)
        if dialect.columns and "header" not in options:
            raise ValueError(
                "columns needs header, too: True if the names replace those in the first row, False if the "
                "first row has values"
            )
        if not dialect.header and not dialect.columns:
            raise ValueError("without a header, columns must name the columns")
        marks = [mark for mark in (dialect.delimiter, dialect.quotechar, dialect.escapechar) if mark]
        if len(set(marks)) < len(marks):
            raise ValueError("delimiter, quotechar and escapechar must differ")
        return dialect


def _character(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) != 1 or value in "\r\n\0":
        raise ValueError(f"{name} must be one character, and no line break, not {shown(value)}")
    return value


def _character_or_none(name: str, value: Any) -> str | None:
    return None if value is None or value == "" else _character(name, value)


def _encoding(name: str, value: Any) -> str:
    try:
        codec = codecs.lookup(value)
        "".encode(value)  # some codecs are not of text
    except (LookupError, TypeError, ValueError):
        hint = nearest(str(value), encodings.aliases.aliases) if isinstance(value, str) else ""
        known = hint if hint.startswith(":") else ", such as utf-8, utf-16 or cp1252"
        raise ValueError(f"encoding must be one that Python knows, not {shown(value)}{known}") from None
    return codec.name


def _header(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"header must be True or False, not {shown(value)}")
    return value


def _columns(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise ValueError(f"columns must be a list of names, not {shown(value)}")
    if not all(isinstance(column, str) for column in value):
        raise ValueError("columns must be a list of names, and a name is text")
    if fault := fault_of(value):
        raise ValueError(f"columns: {fault}")
    return tuple(value)


_CHECKS = {
    "delimiter": _character,
    "quotechar": _character_or_none,
    "escapechar": _character_or_none,
    "encoding": _encoding,
    "header": _header,
    "columns": _columns,
}


def fault_of(names: Sequence[str]) -> str | None:
    """Why these cannot be the names of columns; None if they can."""
    if empty := [str(number) for number, name in enumerate(names, 1) if not name.strip()]:
        return f"the name of column {', '.join(empty)} is empty"
    if twice := [shown(name) for name, count in Counter(names).items() if count > 1]:
        return f"{', '.join(twice)} is the name of several columns"
    return None
