"""The text of a query: whether it is a single one that only reads, and where it ends."""

from __future__ import annotations

import re
from typing import NamedTuple

from airflow_provider_segment.errors import SegmentConfigurationError

WRITING = frozenset({"insert", "update", "delete", "merge", "replace", "upsert", "copy", "load", "truncate"})
WRITING |= frozenset({"create", "alter", "drop", "rename", "grant", "revoke"})
"""First words of statements that are no queries."""

_FIRST_WORD = re.compile(r"(?:\s|\(|--[^\n]*|\#[^\n]*|/\*.*?\*/)*(\w*)", re.DOTALL)

# Verbose regular expressions
_QUOTED = r"""'(?:[^']|'')*' | "(?:[^"]|"")*" """
_COMMENT = r"/\*.*?\*/ | --[^\n]*"


class Dialect(NamedTuple):
    """What is particular about the SQL of a database.

    :param quoted: regular expression of what is quoted: texts and names
    :param comment: regular expression of comments
    :param quote: encloses a name
    :param positional: a placeholder of a parameter in a list
    :param named: a placeholder of a parameter in a dict
    :param doubles: whether a ``%`` is doubled in a query with parameters
    :param queries: the first words of queries whose rows can be read in parts; empty for all
    """

    quoted: str
    comment: str
    quote: str
    positional: str
    named: str
    doubles: bool = True
    queries: str = ""

    def column(self, name: str) -> str:
        """A column's name as it is written in a query."""
        return f"{self.quote}{name.replace(self.quote, self.quote * 2)}{self.quote}"

    def literally(self, sql: str) -> str:
        """A query without placeholders, for a call with parameters."""
        return sql.replace("%", "%%") if self.doubles else sql


POSTGRES = Dialect(
    rf"[eE]'(?:[^'\\]|\\.|'')*' | {_QUOTED} | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$",
    _COMMENT,
    quote='"',
    positional="%s",
    named="%({})s",
    queries="select, with, values, table",
)
MYSQL = Dialect(
    r"""'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`]|``)*`""",
    r"/\*.*?\*/ | --(?=\s|$)[^\n]* | \#[^\n]*",
    quote="`",
    positional="%s",
    named="%({})s",
)
SQLITE = Dialect(
    rf"{_QUOTED} | `(?:[^`]|``)*` | \[[^\]]*\]",
    _COMMENT,
    quote="`",  # an unknown name in double quotes would be text
    positional="?",
    named=":{}",
    doubles=False,
)


def check_query(sql: str) -> None:
    """Make sure that a statement is a query, as far as its first word tells.

    :raises SegmentConfigurationError: it is none
    """
    word = _first_word(sql)
    if not word:
        raise SegmentConfigurationError("sql is no query")
    if word in WRITING:
        raise SegmentConfigurationError(
            f"sql is no query: it begins with {word.upper()}. Rows are only read: give a SELECT"
        )


def _first_word(sql: str) -> str:
    match = _FIRST_WORD.match(sql)
    return match[1].lower() if match else ""


def single(sql: str, dialect: Dialect) -> str:
    """A query without the semicolon at its end and what follows it.

    :raises SegmentConfigurationError: there are several, or it is one that cannot be read in parts
    """
    if dialect.queries and (word := _first_word(sql)) not in dialect.queries.split(", "):
        raise SegmentConfigurationError(
            f"sql begins with {word.upper()}, but its rows can be read in parts only of {dialect.queries}"
        )
    end = None
    tokens = re.compile(
        rf"{dialect.quoted} | (?P<blank>\s+ | {dialect.comment}) | (?P<end>;) | .", re.DOTALL | re.VERBOSE
    )
    for token in tokens.finditer(sql):
        if token["end"]:
            end = token.start() if end is None else end
        elif end is not None and not token["blank"]:
            raise SegmentConfigurationError("sql has several statements: give a single query")
    return sql[:end]


def wrapped(sql: str, what: str, rest: str) -> str:
    """A query over the rows of a query.

    :param sql: of :func:`single`
    """
    # On lines of its own: it may end with a comment.
    return f"select {what} from (\n{sql}\n) segment_rows {rest}"
