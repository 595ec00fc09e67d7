"""How a command behaves as a process: its output, its errors, signals, and what is missing."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from airflow_provider_segment.errors import SegmentError

if TYPE_CHECKING:
    from airflow_provider_segment.commands import Command

ERROR, INTERRUPTED, CLOSED_PIPE = 1, 130, 141
"""Exit statuses: the last two are those of a shell for SIGINT and SIGPIPE."""

STDOUT, STDERR = 1, 2


class CommandError(Exception):
    """What was asked cannot be done, with the reason for the person who asked."""


@dataclass(frozen=True)
class Answer:
    """What a command answers."""

    text: str
    status: int = 0


def answer(command: Command, run: Callable[[], Answer]) -> int:
    """Run a command and print what it answers; returns the exit status."""
    try:
        with _quiet():
            answer = run()
        _print(answer.text, sys.stdout)
        return answer.status
    except BrokenPipeError:
        # Python flushes stdout at its end, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except ModuleNotFoundError as error:
        missing = "Apache Airflow" if f"{error.name}.".startswith("airflow.") else error.name
        return _fail(command, f"this needs {missing}, which is not installed ({error})")
    except (CommandError, SegmentError, ImportError, OSError) as error:
        return _fail(command, str(error))


def _fail(command: Command, message: str) -> int:
    _print(f"segment {command.name}: {message}", sys.stderr)
    return ERROR


def _print(text: str, stream: TextIO | None) -> None:
    if stream is None:  # closed: only the exit status is asked for
        return
    # What the terminal cannot show gets its number, and so does what would control the terminal.
    shown = "".join(one if one.isprintable() or one in "\n\t" else ascii(one)[1:-1] for one in text)
    encoding = stream.encoding or "utf-8"
    print(shown.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what is logged: what is to be known is in the answer."""
    before = logging.root.manager.disable
    logging.disable()
    try:
        with _stdout_to_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Airflow's own code
            yield
    finally:
        logging.disable(before)


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Keep stdout for the answer, which may be for a program: Airflow's own log goes there, too."""
    if sys.stdout is None or sys.stderr is None:  # closed
        yield
        return
    sys.stdout.flush()
    stdout = os.dup(STDOUT)
    os.dup2(STDERR, STDOUT)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(stdout, STDOUT)
        os.close(stdout)
