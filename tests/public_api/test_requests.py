"""Each operator's request against the facts of its operation; no server needed."""

from __future__ import annotations

import pytest

from tests.public_api import requests_of_operators
from tests.public_api.requests_of_operators import MODES
from tests.public_api.table import TABLE
from tests.public_api.wire import Document


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operation", TABLE)
def test_request(operation: str, mode: str) -> None:
    assert requests_of_operators.faults(operation, mode, Document.of_the_facts()) == []
