"""Airflow's masks of secrets: they stay for the whole process, and each one more slows down every log."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

MODULES = (
    "airflow.sdk._shared.secrets_masker",
    "airflow._shared.secrets_masker",
    "airflow.utils.log.secrets_masker",  # Airflow 2
)


def maskers() -> list[Any]:
    found = []
    for name in MODULES:
        try:
            found.append(import_module(name)._secrets_masker())
        except (ImportError, AttributeError, RuntimeError):  # another version's
            continue
    assert found
    return found


@pytest.fixture
def masks_of_this_test() -> Iterator[None]:
    """Have only the masks that a test adds, and take them back: a private key is some fifty."""
    before = [(masker, masker.patterns, masker.replacer) for masker in maskers()]
    for masker, _, _ in before:
        masker.patterns, masker.replacer = set(), None
    yield
    for masker, patterns, replacer in before:
        masker.patterns, masker.replacer = patterns, replacer
