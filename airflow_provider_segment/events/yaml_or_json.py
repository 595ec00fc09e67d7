"""Reads the content of a file that people write: JSON or YAML."""

from __future__ import annotations

import re
from typing import Any

from airflow_provider_segment.api import documents

_BOOLEAN = re.compile("true|false")


def read_document(text: str) -> Any:
    """What a text in JSON or YAML stands for.

    :raises ValueError: it is neither
    """
    try:
        return documents.read(text)
    except ValueError as error:
        if text.lstrip()[:1] in ("{", "["):
            raise ValueError(f"it is not JSON: {error}") from None
    return _yaml(text)


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError:  # Airflow brings it
        raise ValueError("it is not JSON, and reading YAML needs: pip install pyyaml") from None

    class Loader(yaml.SafeLoader):
        """Reads words as YAML 1.2 does: ``on`` is a name and not true, and a date is a text."""

        yaml_implicit_resolvers = {
            letter: [(tag, form) for tag, form in forms if not tag.endswith((":bool", ":timestamp"))]
            for letter, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            keys = [key.value for key, _ in node.value]
            if twice := {key for key in keys if keys.count(key) > 1}:
                raise ValueError(f"the key {', '.join(map(repr, sorted(map(str, twice))))} is there twice")
            return super().construct_mapping(node, deep)

    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOLEAN, list("tf"))
    try:
        return yaml.load(text, Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"it is neither JSON nor YAML: {error}") from None
