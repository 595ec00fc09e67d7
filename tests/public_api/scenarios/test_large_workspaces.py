"""Lists of a large workspace."""

from __future__ import annotations

import pytest

from tests.public_api.scenario import Scenario, ids

core = pytest.mark.core


@core
def test_ten_thousand_sources_take_ten_requests(go: Scenario) -> None:
    sources = go.sandbox.state.collections["/sources"]
    (some,) = sources.values()
    sources |= {f"id{number}": {**some, "id": f"id{number}"} for number in range(9_999)}
    assert ids(go("ListSources").value) == list(sources)
    assert len(go.recorded.exchanges) == 10
    go.recorded.exchanges.clear()
    go("ListSources", limit=1_500)
    assert [exchange.query for exchange in go.recorded.exchanges] == [
        "pagination.count=1000",
        "pagination.count=500&pagination.cursor=MTAwMA%3D%3D",
    ]
