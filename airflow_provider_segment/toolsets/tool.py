"""What a tool is, and the tool that is one operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_segment.docstrings import plain, without_params
from airflow_provider_segment.toolsets.calls import check, perform
from airflow_provider_segment.toolsets.offer import Operator, is_read
from airflow_provider_segment.toolsets.schemas import Schema, schema_of

if TYPE_CHECKING:
    from airflow_provider_segment.hooks.segment import SegmentHook

Arguments = dict[str, Any]


def _anything(arguments: Arguments) -> None:
    """The check of arguments of which the schema says all."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool of a model.

    :param schema: the JSON schema of its arguments
    :param run: what it returns
    :param check: raises :class:`.WrongCallError` for arguments that fit the schema and are wrong all the same
    :param writes: whether it changes the workspace
    """

    name: str
    description: str
    schema: Schema
    run: Callable[[Arguments, SegmentHook], Any]
    check: Callable[[Arguments], None] = _anything
    writes: bool = False


def object_of(required: dict[str, Schema], **optional: Schema) -> Schema:
    """The schema of arguments that are declared one by one."""
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def tool_of(name: str, operator: Operator) -> Tool:
    """The tool that runs one operator."""
    return Tool(
        name=name,
        description=plain(without_params(operator.__doc__)),
        schema=schema_of(operator),
        run=lambda arguments, hook: perform(operator, arguments, hook),
        check=lambda arguments: check(operator, arguments),
        writes=not is_read(operator),
    )
