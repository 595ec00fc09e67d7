"""Text of any encoding, from blocks of bytes, in pieces that end where a line ends."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from airflow_provider_segment.events.sources.source import MAX_ITEM_BYTES, Overlong

UTF_16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
BOM = "\ufeff"

DAMAGED = re.compile("[\udc00-\udcff]")
"""A character that stands for a byte that is no text in the encoding: no text has one by itself."""
_HANDLER = "segment-damaged"


def _mark_damage(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_HANDLER, _mark_damage)


def is_damaged(text: str) -> bool:
    """Whether some bytes of a text could not be decoded."""
    if text.isascii():
        return False
    try:
        text.encode()  # faster than to search
    except UnicodeEncodeError:
        return True
    return False


def visible(text: str) -> str:
    """The text, with bytes that could not be decoded as escapes."""
    return DAMAGED.sub(lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02x}", text)


def whole_lines(blocks: Iterable[bytes], encoding: str) -> Iterator[str | Overlong]:
    """The text in pieces of whole lines, which may end with LF, CR or CRLF; without a byte order mark.

    A line longer than ``MAX_ITEM_BYTES`` is not kept: an :class:`.Overlong` stands for it. Bytes that cannot
    be decoded become ``DAMAGED`` characters.
    """
    decode = codecs.getincrementaldecoder(encoding)(_HANDLER).decode
    rest = ""
    is_start = True
    overlong: Overlong | None = None
    for block, last in chain(((block, False) for block in blocks), [(b"", True)]):
        text = rest + decode(block, last)
        if is_start and text:
            text, is_start = text.removeprefix(BOM), False
        if overlong:
            end = _LINE_END.search(text)
            overlong = overlong.with_more(end.end() if end else len(text))
            rest = text = text[end.end() :] if end else ""
            if not end and not last:
                continue
            yield overlong
            overlong = None
        # A CR at the end may be half of a CRLF.
        cut = len(text) if last else max(text.rfind("\n"), text.rfind("\r", 0, max(len(text) - 1, 0))) + 1
        if cut:
            yield text[:cut]
        rest = text[cut:]
        if len(rest) > MAX_ITEM_BYTES:
            overlong, rest = Overlong(rest[:1_000].encode(errors="replace"), len(rest)), ""


_LINE_END = re.compile(r"\r\n|\n|\r")
