"""``preview``: what a send of files would do."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_segment.commands.preview_flags import IN_FILES, LISTS, bulk_options
from airflow_provider_segment.commands.process import Answer, CommandError

if TYPE_CHECKING:
    from airflow_provider_segment.events.preview_report import PreviewReport

NOT_ALL = 2
"""Exit status: some events would not be sent, or violate the tracking plan."""


def run(arguments: Namespace) -> Answer:
    """The report."""
    report = preview(arguments)
    text = json.dumps(report.as_dict(), indent=2) if arguments.json else report.markdown().rstrip()
    return Answer(text, NOT_ALL if report.rejected or report.violations else 0)


def preview(arguments: Namespace) -> PreviewReport:
    """The report: through the hook with a connection, without Airflow else."""
    given = {"format": arguments.format, "csv": arguments.csv, "message_ids": arguments.message_ids}
    given |= {"path": arguments.path, "limit": arguments.limit}
    given |= {name: _read(name, getattr(arguments, name)) for name in bulk_options()}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if arguments.conn is None:
        if arguments.source_id is not None:
            raise CommandError("--source-id is looked up through a connection: give --conn")
        from airflow_provider_segment.sending import preview_events

        try:
            return preview_events(**options)
        except ValueError as error:  # what Airflow 2 says of an unknown storage
            raise CommandError(str(error)) from None
    from airflow_provider_segment.commands.connections import hook_of

    with hook_of(arguments.conn) as hook:
        return hook.preview_events(source_id=arguments.source_id, **options)


def _read(name: str, value: str | None) -> Any:
    """The value of an option, of what is given on the command line."""
    if value is None:
        return None
    if name in LISTS and not value.lstrip().startswith("["):
        return [part.strip() for part in value.split(",")]
    if name in IN_FILES:
        try:
            return Path(value).read_text("utf-8")
        except (OSError, UnicodeError) as error:
            raise CommandError(f"--{name}: {error}") from None
    return value
