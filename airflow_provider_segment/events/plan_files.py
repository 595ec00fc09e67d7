"""Reads the rules of a tracking plan from the content of a file."""

from __future__ import annotations

from typing import Any

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.yaml_or_json import read_document


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
        return read_document(content.decode("utf-8-sig") if isinstance(content, bytes) else content)
    except UnicodeDecodeError as error:
        raise SegmentConfigurationError(f"the file is not UTF-8: {error}") from None
    except ValueError as error:
        raise SegmentConfigurationError(str(error).replace("it is", "the file is", 1)) from None
