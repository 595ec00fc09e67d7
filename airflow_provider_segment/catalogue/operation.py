"""What the catalogue says about an operator."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Argument:
    """An argument of an operator."""

    name: str
    type: str
    """As Python writes it; the members of objects in braces: ``list[{key: str, value: str}]``."""
    required: bool
    default: str | None
    """Its default as Python writes it; None if it is required, or not sent unless it is given."""
    description: str


@dataclass(frozen=True)
class Operation:
    """An operator, sensor, transfer, notifier, or trigger of an asset watcher."""

    name: str
    """The name of the class."""
    module: str
    """Where it is imported from."""
    kind: str
    """``operator``, ``sensor``, ``transfer``, ``notifier`` or ``trigger``."""
    summary: str
    """What it does, in a sentence."""
    description: str
    """The rest of its docstring, without the arguments."""
    arguments: tuple[Argument, ...]
    """Those that are required come first. The arguments of every Airflow task are not among them."""
    endpoint: str | None
    """Method and path, as Segment's reference writes them; None if it is not one request."""
    stability: str | None
    """``stable``, ``beta`` or ``alpha``, in Segment's words; None if it is not one request."""
    limit: str | None
    """How many requests Segment takes, as far as it publishes that: ``2 a minute``."""
    waits: bool
    """Whether the task waits for something at Segment."""
    deferrable: bool
    """Whether it can wait in the triggerer."""
    example: str
    """Python to paste into a DAG file."""

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain JSON types."""
        return {**asdict(self), "arguments": [asdict(argument) for argument in self.arguments]}
