"""``operations``: finds the operator for what is to be done."""

from __future__ import annotations

import json
import textwrap
from argparse import Namespace
from collections.abc import Iterator
from shutil import get_terminal_size

from airflow_provider_segment.catalogue import Operation, find_operations, operation_named
from airflow_provider_segment.commands.process import ERROR, Answer, CommandError

LEAST, MOST = 40, 110
"""Columns of text."""


def run(arguments: Namespace) -> Answer:
    """What is found."""
    words = " ".join(arguments.words)
    if arguments.limit < 1:
        raise CommandError(f"--limit must be at least 1, not {arguments.limit}")
    found = find_operations(words, arguments.limit)
    named = operation_named(words)
    details = named is not None or arguments.show
    if details:
        found = found[:1]
    if arguments.json:
        facts = {"operations": [operation.as_dict() for operation in found]}
        return Answer(json.dumps(facts, indent=2), 0 if found else ERROR)
    if not found:
        raise CommandError(f"nothing has to do with {words!r}: use other words, or fewer")
    width = max(LEAST, min(MOST, get_terminal_size().columns)) - 1
    return Answer("\n".join(in_full(found[0], width) if details else in_short(found, width)))


def in_short(found: list[Operation], width: int) -> Iterator[str]:
    """A list of operations."""
    for operation in found:
        yield operation.name
        yield from _wrapped(operation.summary, width, 4)
    yield ""
    yield from _wrapped("All about one: give its name, or --show for the first.", width, 0)


def in_full(operation: Operation, width: int) -> Iterator[str]:
    """All about an operation."""
    yield f"{operation.name} ({operation.kind})"
    yield from _wrapped(operation.summary, width, 0)
    yield ""
    yield from _facts(operation)
    if operation.description:
        yield ""
        yield from operation.description.splitlines()
    yield ""
    yield "Arguments"
    for argument in operation.arguments:
        needed = "required" if argument.required else f"default {argument.default}"
        if not argument.required and argument.default in (None, "None"):
            needed = "optional"
        yield from _wrapped(f"{argument.name}: {argument.type} ({needed})", width, 2, hanging=6)
        yield from _wrapped(argument.description, width, 6)
    yield ""
    yield "Example"
    yield from textwrap.indent(operation.example, "  ").splitlines()


def _facts(operation: Operation) -> Iterator[str]:
    if operation.endpoint:
        stability = "" if operation.stability == "stable" else f" ({operation.stability})"
        yield f"Endpoint    {operation.endpoint}{stability}"
        yield f"Rate limit  {operation.limit or 'not published'}"
    if operation.waits:
        yield f"Waits       yes{', also in the triggerer (deferrable=True)' if operation.deferrable else ''}"


def _wrapped(text: str, width: int, indent: int, hanging: int | None = None) -> list[str]:
    first, others = " " * indent, " " * (indent if hanging is None else hanging)
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
