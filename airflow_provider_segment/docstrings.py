"""What docstrings say about arguments, as plain text."""

from __future__ import annotations

import inspect
import re

_PARAM = re.compile(r"^:param (\w+): ?(.*(?:\n[ \t]+.*)*)", re.MULTILINE)
_FIELD = re.compile(r"^:(?:param|raises|returns)\b.*(?:\n[ \t]+.*)*\n?", re.MULTILINE)
_ROLE = re.compile(r":\w+:`[~.]?(?:[\w.]+\.)?(\w+)`")


def params_of(docstring: str | None) -> dict[str, str]:
    """What a docstring says about each argument."""
    return {name: plain(words) for name, words in _PARAM.findall(inspect.cleandoc(docstring or ""))}


def without_params(docstring: str | None) -> str:
    """A docstring without what it says about arguments, errors and results."""
    return unmarked(_FIELD.sub("", inspect.cleandoc(docstring or ""))).strip()


def unmarked(text: str) -> str:
    """A text with names instead of references to them, and one backtick around code instead of two."""
    return _ROLE.sub(r"\1", text).replace("``", "`")


def plain(text: str) -> str:
    """The same in one line."""
    return re.sub(r"\s+", " ", unmarked(text)).strip()
