"""The arguments of ``preview``: those of a bulk send that make sense on a command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from airflow_provider_segment.commands import Flag
from airflow_provider_segment.docstrings import params_of
from airflow_provider_segment.events.options import OPTIONS, TYPES, SendOptions

OF_SENDING = (
    *("rejects_path", "concurrency", "gzip", "rate_limiter_conn_id"),
    *("ledger_path", "ledger_conn_id", "changed_input"),
)
"""Options that change how events are sent, and nothing in a preview."""
IN_FILES = ("mapping",)
"""Options that are documents: on a command line, the path of a file that has it."""
LISTS = ("message_id_fields",)
"""Options that are lists: on a command line, separated by commas."""

OTHER_WORDS = {
    "mapping": "how rows become events: a YAML or JSON file with a template of an event, or a list of them",
    "message_id_fields": "names of the fields, or columns, that identify an event, separated by commas",
    "max_events_per_second": "the ceiling of the rate, from which the duration of the send follows",
    "max_requests_per_second": "the same for requests",
}
"""What is to be said otherwise on a command line."""

INPUT = (
    Flag(("path",), "Files or globs, also in object storage (s3://...)", {"nargs": "+", "metavar": "PATH"}),
    Flag(("--conn",), "Airflow connection: adds what Segment knows of the users", {"metavar": "CONN_ID"}),
    Flag(("--source-id",), "With --conn: the source that the events go to", {"metavar": "ID"}),
    Flag(("--limit",), "Look at the first N rows or events only", {"metavar": "N"}),
    Flag(("--format",), "What the files are, if they do not tell, such as segment_archive"),
    Flag(("--csv",), "How CSV files are written, as JSON", {"metavar": "JSON"}),
    Flag(("--message-ids",), "Of a segment_archive: keep, or make new ones", {"choices": ("keep", "new")}),
)


def flags() -> Iterator[Flag]:
    """All of them."""
    yield from INPUT
    said = params_of(SendOptions.__doc__)
    for name in bulk_options():
        more: dict[str, Any] = {"metavar": "FILE" if name in IN_FILES or name.endswith("_path") else "VALUE"}
        if choices := _choices(TYPES[name]):
            more = {"choices": choices}
        words = OTHER_WORDS.get(name) or said[name].partition(". ")[0]
        yield Flag((f"--{name.replace('_', '-')}",), f"{words[0].upper()}{words[1:]}", more)


def bulk_options() -> list[str]:
    """The options of a bulk send that a preview has."""
    return [name for name in OPTIONS if name not in OF_SENDING]


def _choices(hint: Any) -> tuple[str, ...]:
    if get_origin(hint) is Literal:
        return tuple(get_args(hint))
    return next((found for part in get_args(hint) if (found := _choices(part))), ())
