"""JSON documents: read from answers and texts, written to bodies.

Both ways, what is not JSON is a ``ValueError`` that says why and where. It never shows a value, which may be
a secret.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

MAX_NESTING = 100
"""Levels of objects and arrays. Segment's own have a dozen; Python's parser ends near a thousand."""
_LONGEST_PLACE = 100

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_INNERMOST = re.compile(rb"\[\]|{}")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def read(content: bytes | str) -> Any:
    """The document in a text.

    :raises ValueError: it is not JSON, or nested too deep
    """
    # A lone surrogate stays what it is: the parser of JSON makes the same from its escape.
    content = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    if _is_too_deep(content):
        raise ValueError(f"JSON is nested more than {MAX_NESTING} levels deep")
    try:
        # strict=False: the code of a function may come with raw newlines inside its string.
        return json.loads(content, strict=False, parse_constant=_refuse)
    except RecursionError:  # in another encoding
        raise ValueError(f"JSON is nested more than {MAX_NESTING} levels deep") from None


def write(document: Any) -> bytes:
    """A document as compact UTF-8.

    :raises ValueError: it cannot be written as JSON; says where
    """
    try:
        content = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError):
        raise ValueError(fault(document) or "cannot be written as JSON") from None
    if _is_too_deep(content):
        raise ValueError(fault(document))
    return content


def fault(document: Any, *, also: type | tuple[type, ...] = ()) -> str | None:
    """The first place of a document that is not JSON, and why; None if all of it is.

    :param also: types of values that are allowed, too
    """
    left: list[tuple[str, Any, int]] = [("", document, 0)]
    while left:
        where, value, level = left.pop()
        why = _why_not(value, level) if not isinstance(value, also) else None
        if why:
            return f"{_shown(where.lstrip('.')) or 'the document'} {why}"
        if isinstance(value, dict):
            inner = [(f"{where}.{name}", item, level + 1) for name, item in value.items()]
        elif isinstance(value, (list, tuple)):
            inner = [(f"{where}[{number}]", item, level + 1) for number, item in enumerate(value)]
        else:
            continue
        left += reversed(inner)
    return None


def _why_not(value: Any, level: int) -> str | None:
    if level > MAX_NESTING:
        return f"is nested more than {MAX_NESTING} levels deep"
    if isinstance(value, dict):
        for name in value:
            if not isinstance(name, (str, int, float, type(None))):
                return f"has a name of type {type(name).__name__}, not a text"
            if not _is_text(str(name)):
                return "has a name that holds half of a character (a lone surrogate)"
        return None
    if isinstance(value, str):
        return None if _is_text(value) else "holds half of a character (a lone surrogate)"
    if isinstance(value, float):
        return None if math.isfinite(value) else "is no finite number"
    if isinstance(value, int):
        return None if value.bit_length() < 10_000 else "is a number of more than 3,000 digits"
    if value is None or isinstance(value, (list, tuple)):
        return None
    return f"is of type {type(value).__name__}, which is not JSON"


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(where: str) -> str:
    text = where.encode("ascii", "backslashreplace").decode()
    return text if len(text) <= _LONGEST_PLACE else f"{text[:_LONGEST_PLACE]}..."


def _is_too_deep(content: bytes) -> bool:
    if len(content.translate(None, _NO_BRACKETS)) <= MAX_NESTING:
        return False
    brackets = _STRING.sub(b"", content).translate(None, _NO_BRACKETS)
    for _ in range(MAX_NESTING):
        # Each pass takes the innermost level away.
        fewer = _INNERMOST.sub(b"", brackets)
        if fewer == brackets:  # nothing is left; or a pair is incomplete, which the parser will say
            return False
        brackets = fewer
    return bool(brackets)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
