"""Makes values.md: what each kind of value becomes in an event, from the table that the tests prove.

python -m docs.make_value_table
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

from tests.events.value_table import (
    CELLS,
    CONVERSIONS,
    LEFT_OUT,
    LINES,
    PYTHON,
    REJECTED,
    TIMESTAMPS,
    Group,
)

PAGE = Path(__file__).with_name("values.md")

HEAD = """\
# What values become

<!-- Made by docs/make_value_table.py (make docs): change tests/events/value_table.py, not this page. -->

A value in an event passes, is converted if it has one meaning, or rejects the event, with the value and
its place in the error. It does not matter how the event is sent: `events=`, the operators of single events
and the hook's `track()` and its like follow this table, and `path=` follows it at the top level of each line.
The defaults `context` and `integrations` of a bulk send follow it as well.

- *Inside* is anywhere in `properties`, `traits`, `context` and `integrations`.
- *As id* is as `userId`, `anonymousId` or `messageId`, as the `groupId` of a group or the `previousId` of an
  alias. Arguments of operators that are ids, such as `source_id`, follow it, too.
- The name of an event (`event`) must be text: what becomes text inside does so there.
- An error shows at most 100 characters of a value, and of an object of an unknown type only the type.
"""

TIMES = """\
## Timestamps as text

Segment reads [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339). What databases and languages write
otherwise is converted at the top level, if it has one meaning.

| `timestamp` | Sent |
|---|---|
"""


COLUMNS = """\
## Columns of tables

With a `mapping`, and for tables without one, the value of a column follows the tables above, whatever it was
read from, except in what readers of the same data have to agree on: a time with a zone is written in UTC,
with microseconds at most, and a whole number that a float cannot hold is text, also within objects and lists.
A null for `timestamp` rejects the event, unless there is a default `timestamp`: it would get the time at
which it arrives. *As key* is as one of the columns in `message_id_fields`.

| Value | Inside | As key |
|---|---|---|
"""

CONVERTED = """\
A mapping may say what a column is, as `{"$": "total", "as": "number"}` does:

| `as` | Value | Sent |
|---|---|---|
"""

TEMPLATES = """\
## Templates

With `render_template_as_native_obj=True`, Airflow itself makes Python values of rendered text, before
any operator sees them: the text `1e5` becomes the number 100000.0, and `+49123` the number 49123. An
argument that is an id, such as `user_id` or `source_id`, follows the column *As id*; any other argument
that is text gets the number as Python writes it. Where a text must stay as it is, leave native rendering
off, or pass the output of another task, which is not rendered: `user_id=task.output`.
"""


def page() -> str:
    """The whole page."""
    sections = (line for group in (*PYTHON, *LINES) for line in section(group))
    return "\n".join([HEAD, *sections, *timestamps(), *columns(), TEMPLATES])


def section(group: Group) -> Iterator[str]:
    """A heading, its text and its table."""
    yield f"## {group.title}\n\n{fill(group.about, 118)}\n"
    yield "| Value | Inside | As id | As `timestamp` |\n|---|---|---|---|"
    for row in group.rows:
        yield f"| {' | '.join([code(row.value), *map(cell, row[1:])])} |"
    yield ""


def timestamps() -> Iterator[str]:
    """The table of timestamps."""
    yield TIMES + "\n".join(f"| {code(text)} | {cell(sent)} |" for text, sent in TIMESTAMPS)
    yield ""


def columns() -> Iterator[str]:
    """The tables of the values of columns."""
    yield COLUMNS + "\n".join(
        f"| {code(row.value)} | {cell(row.inside)} | {cell(row.as_key)} |" for row in CELLS
    )
    yield ""
    yield CONVERTED + "\n".join(
        f"| `{kind}` | {code(value)} | {cell(sent)} |"
        for kind, rows in CONVERSIONS.items()
        for value, sent in rows
    )
    yield ""


def cell(outcome: str) -> str:
    """An outcome as Markdown."""
    return outcome if outcome in (REJECTED, LEFT_OUT) else code(outcome)


def code(text: str) -> str:
    """Text as code in a table."""
    return f"`{text}`" if text else "empty text"


if __name__ == "__main__":
    PAGE.write_text(page())
