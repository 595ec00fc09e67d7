"""Reads the rules of a tracking plan from the content of a file."""

from __future__ import annotations

import re
from typing import Any

from airflow_provider_segment.api import documents
from airflow_provider_segment.errors import SegmentConfigurationError

_BOOLEAN = re.compile("true|false")


def read_rules(content: bytes | str) -> list[Any]:
    """The rules in the content of a file.

    :param content: JSON or YAML: a list of rules, or an object with a list of ``rules``, or Segment's answer
        to a request for all rules of a plan
    :raises SegmentConfigurationError: it is none of them
    """
    document = _document(content)
    if isinstance(document, dict) and isinstance(document.get("data"), dict):
        document = document["data"]
    rules = document.get("rules") if isinstance(document, dict) else document
    if not isinstance(rules, list):
        raise SegmentConfigurationError(
            "a file of rules is a list of them, or an object with a list called rules, "
            f"not {kind_of(document)}{' without one' if isinstance(document, dict) else ''}"
        )
    if isinstance(document, dict) and (document.get("pagination") or {}).get("next"):
        raise SegmentConfigurationError(
            "the file is only a page of the plan's rules: get the others, too, or give tracking_plan_id"
        )
    return rules


def kind_of(value: Any) -> str:
    """What a value is, for a message that does not show it."""
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "nothing"}
    return kinds.get(type(value), "a number" if isinstance(value, (int, float)) else type(value).__name__)


def _document(content: bytes | str) -> Any:
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
    except UnicodeDecodeError as error:
        raise SegmentConfigurationError(f"the file is not UTF-8: {error}") from None
    try:
        return documents.read(text)
    except ValueError as error:
        if text.lstrip()[:1] in ("{", "["):
            raise SegmentConfigurationError(f"the file is not JSON: {error}") from None
    return _yaml(text)


def _yaml(text: str) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Reads words as YAML 1.2 does: ``on`` is a name and not true, and a date is a text."""

        yaml_implicit_resolvers = {
            letter: [(tag, form) for tag, form in forms if not tag.endswith((":bool", ":timestamp"))]
            for letter, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOLEAN, list("tf"))
    try:
        return yaml.load(text, Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SegmentConfigurationError(f"the file is neither JSON nor YAML: {error}") from None
