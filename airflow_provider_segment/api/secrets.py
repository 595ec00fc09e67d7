"""Which values are secrets, and in what forms they may appear.

Settings are the settings of Segment's destinations, warehouses, sources and functions: their names come from
Segment's catalog, which has thousands, and new ones every week. So every value among them counts as a secret,
unless its name or its form says that it is not. Elsewhere the names of secrets decide.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from airflow_provider_segment.api.documents import MAX_NESTING

SHORTEST = 5
"""Characters of a secret. Airflow does not mask less, either: it would mask parts of other words."""

MASK = "•••"
"""What Segment shows instead of a secret, at most with its last characters."""

_NAME = re.compile(
    r"secret|token|password|passwd|pwd|passphrase|passcode|credential|certificate|bearer|jwt|cookie|dsn$"
    r"|auth(?!or(?!iz))|webhook|signature|connection(string|str|uri|url)|connstr|sas(url|uri|key)"
    r"|(access|account|api|app|auth|cipher|client|encryption|hash|hmac|license|master|pem|private|rsa|security"
    r"|server|service|shared|signing|ssh|storage|write)keys?(?!id)"
)
_NAME_OF_SETTING = re.compile(rf"{_NAME.pattern}|(?<!primary)(?<!foreign)(?<!partition)(?<!sort)key(?!s)")
_SETTINGS = re.compile(r"settings$|^hashproperties")

PUBLIC_SETTINGS = {
    *("name", "type", "region", "cluster", "hostname", "host", "port", "username", "user"),
    *("database", "databasename", "db", "dbname", "schema", "schemaname"),
}
"""Names of settings that are no secrets: places, people, words of the catalog."""

_WORD = re.compile(r"[A-Za-z]{0,10}")
"""A value among settings that is a plain word, as ``default``: a choice, which other texts have, too."""

_IN_URL = re.compile(r"\b[\w+.-]{1,40}://[^\s/@]*?:([^\s/]+)@")
_IN_PAIRS = re.compile(r"(?:key|pwd|password|passwd|secret|token|signature|sig)[\w]*\s*=\s*([^;&\s]+)", re.I)
_IN_PATH = re.compile(r"/writekey/([^/?#\s]+)")
_IN_HEADER = re.compile(r"\b(?:bearer|basic|digest|token)\s+([\w~+/.=-]{8,})", re.I)


def plain(name: object) -> str:
    """A name without what its spellings differ in: ``apiKey``, ``api_key``, ``API-KEY``."""
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


@lru_cache(maxsize=4096)  # a list of resources has the same names in each
def is_secret_name(name: object, *, setting: bool = False) -> bool:
    """Whether the name is that of a secret.

    :param setting: of a setting, where every key is one, but for those of tables
    """
    pattern = _NAME_OF_SETTING if setting else _NAME
    return bool(pattern.search(plain(name)))


@lru_cache(maxsize=4096)
def holds_settings(name: object) -> bool:
    """Whether the name is that of an object whose members are settings."""
    return bool(_SETTINGS.search(plain(name)))


def in_text(text: str) -> list[str]:
    """The secrets inside a connection string, a URL, a path or the value of an ``Authorization`` header."""
    patterns = (_IN_URL, _IN_PAIRS, _IN_HEADER, _IN_PATH)
    return [found for pattern in patterns for found in pattern.findall(text)]


def secrets_in(value: Any, name: object = "", *, declared: bool = False) -> Iterator[str]:
    """The secrets in an argument or in the body of a request.

    :param value: anything; JSON objects and lists may also be given as text
    :param name: of the argument or the member
    :param declared: the argument is secret as a whole, as settings are
    """
    # Not recursive: an argument may be nested deeper than a request can be, or hold itself.
    left = [(value, name, declared, 0)]
    while left:
        value, name, declared, level = left.pop()
        declared = declared or holds_settings(name)
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        if isinstance(value, str):
            if len(value) < SHORTEST or MASK in value:
                continue
            inner = _parsed(value)
            if inner is None:
                yield from in_text(value)
            if _is_secret(value, name, declared):
                yield value
            value = inner
        elif _is_number(value) and is_secret_name(name, setting=declared):  # others are sizes, ports, days
            yield str(value)
        if level == MAX_NESTING:
            continue
        if isinstance(value, Mapping):
            declared = declared or is_secret_name(name)
            left += [(item, each, declared, level + 1) for each, item in value.items()]
        elif isinstance(value, (list, tuple, set, frozenset)):
            left += [(item, name, declared, level + 1) for item in value]
        elif isinstance(value, str):
            left.append((value, name, declared, level + 1))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _parsed(text: str) -> Any:
    """The JSON object, list or text in a text; None if there is none."""
    if text.lstrip().startswith(("{", "[", '"')):
        with suppress(ValueError, RecursionError):
            return json.loads(text, strict=False)
    return None


def _is_secret(text: str, name: object, declared: bool) -> bool:
    if is_secret_name(name, setting=declared):
        return True
    if not declared or plain(name) in PUBLIC_SETTINGS:
        return False
    return not (_WORD.fullmatch(text) or text.startswith("$."))  # the latter is where an event has a value


def forms_of(secrets: Iterable[str]) -> list[str]:
    """The secrets, plain and as they look in JSON, in Python, in a URL and in base64, the longest first.

    In base64, a text looks different in each of three positions of the text around it, so that ``user:key``
    and JSON that holds a key are found by the part that is the same.

    A key in PEM is found line by line: texts join and escape its lines as they like. They are base64 already,
    and Airflow takes seconds to mask them in all forms.
    """
    forms: set[str] = set()
    for secret in secrets:
        if secret.startswith("-----BEGIN "):
            lines = [line for line in secret.splitlines() if not line.startswith("-----")]
            forms |= {*lines, *(quote(line, safe="") for line in lines)}
        else:
            forms |= {secret, *_written(secret), *_base64(secret)}
    return sorted((form for form in forms if len(form) >= SHORTEST), key=lambda form: (-len(form), form))


def _written(secret: str) -> Iterator[str]:
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    text = secret.encode(errors="replace")
    for url in (quote(text, safe=""), quote(text), quote_plus(text)):
        yield url
        yield re.sub("%..", lambda code: code[0].lower(), url)


def _base64(secret: str) -> Iterator[str]:
    content = secret.encode(errors="replace")
    if len(content) < 8:  # what is the same of a shorter one is found in other words, too
        return
    whole = base64.b64encode(content).decode().rstrip("=")
    parts = [whole]
    for before in range(3):
        # The first and the last characters also depend on what comes before and after.
        whole = base64.b64encode(b"\0" * before + content).decode().rstrip("=")
        parts.append(whole[-(-before * 8 // 6) : (before + len(content)) * 8 // 6])
    for part in parts:
        yield part
        yield part.replace("+", "-").replace("/", "_")
