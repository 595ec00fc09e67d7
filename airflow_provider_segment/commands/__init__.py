"""The command line: ``airflow segment ...`` (Airflow 3), and ``python -m airflow_provider_segment ...``.

A command is one declaration in :data:`COMMANDS`. This is imported for every ``airflow`` call, so it imports
nothing heavy.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

NAME = "segment"
HELP = "Find operators, check connections, preview sends to Segment"
PROGRAM = "python -m airflow_provider_segment"
CONN_ID = "segment_default"


@dataclass(frozen=True)
class Flag:
    """An argument of a command: its names, its help, and further keywords of ``argparse``."""

    names: tuple[str, ...]
    help: str
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Command:
    """A command. Its function takes the parsed arguments and returns an :class:`.Answer`."""

    name: str
    help: str
    description: str
    run: str
    """The module of the function ``run``, which is imported when the command is used."""
    flags: Callable[[], Sequence[Flag]]

    def __call__(self, arguments: argparse.Namespace) -> None:
        """Run it, and end the process with its exit status."""
        from airflow_provider_segment.commands.process import answer

        sys.exit(answer(self, lambda: import_module(self.run).run(arguments)))


JSON = Flag(("--json",), "Print JSON, for programs", {"action": "store_true"})


def _flags_of_operations() -> Sequence[Flag]:
    return (
        Flag(("words",), "What is to be done, in any words; or the name of an operator", {"nargs": "+"}),
        Flag(("--show",), "Show the best one in full", {"action": "store_true"}),
        Flag(("--limit",), "Show so many at most (10)", {"type": int, "default": 10, "metavar": "N"}),
        JSON,
    )


def _flags_of_check() -> Sequence[Flag]:
    return (
        Flag(("conn_id",), f"Id of an Airflow connection ({CONN_ID})", {"nargs": "?", "default": CONN_ID}),
        JSON,
    )


def _flags_of_preview() -> Sequence[Flag]:
    from airflow_provider_segment.commands.preview_flags import flags

    return (*flags(), JSON)


COMMANDS = (
    Command(
        name="operations",
        help="Find the operator for what is to be done",
        description=(
            "Lists the operators, sensors and triggers that have to do with some words, the best first. With "
            "the name of one, or --show: its arguments, endpoint, rate limit, and an example to paste. Exit "
            "status: 0, or 1 if nothing is found."
        ),
        run="airflow_provider_segment.commands.operations",
        flags=_flags_of_operations,
    ),
    Command(
        name="check",
        help="Check the credentials of a connection",
        description=(
            "Says what the Test button of the connection says, a line for each credential. Exit status: 0, "
            "or 1 if one is known to be wrong, or the connection does not exist."
        ),
        run="airflow_provider_segment.commands.check",
        flags=_flags_of_check,
    ),
    Command(
        name="preview",
        help="Say what a send of files would do, and send nothing",
        description=(
            "Maps and checks every event of some files, and says what a send would do and cost. It takes no "
            "connection; with one, it also looks for suppressed users. Exit status: 0 if all events would be "
            "sent; 2 if some would be rejected, or violate the tracking plan; 1 if there is an error."
        ),
        run="airflow_provider_segment.commands.preview",
        flags=_flags_of_preview,
    ),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command of ``python -m airflow_provider_segment``.

    :param arguments: of the command line; by default those of the process
    """
    parser = argparse.ArgumentParser(PROGRAM, description=f"{HELP}.")
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        own = parsers.add_parser(command.name, help=command.help, description=command.description)
        for flag in command.flags():
            own.add_argument(*flag.names, help=flag.help.replace("%", "%%"), **flag.more)
        own.set_defaults(command=command)
    given = parser.parse_args(arguments)
    given.command(given)
