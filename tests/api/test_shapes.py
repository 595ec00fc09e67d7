"""What an answer must look like, and what is said of one that looks different."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from typing_extensions import NotRequired

from airflow_provider_segment.api.client import SegmentClient
from airflow_provider_segment.api.resources import Resource
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.api.shapes import Data, check_shape
from airflow_provider_segment.errors import SegmentAnswerError
from tests.harness.fake_clock import FakeClock

pytestmark = pytest.mark.core

SHAPE = {"source": {"id": str, "labels": NotRequired[list[Resource] | None]}}


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"source": {"id": "x"}}, None),
        ({"source": {"id": "x", "labels": None, "new": 1}, "new": 1}, None),
        ({"source": {"id": "x", "labels": [{}, {"id": None}]}}, None),
        ({}, "expected a member `source`, found none"),
        ({"s3": "cret"}, "expected a member `source`, found s3"),
        ({f"m{n}": 1 for n in range(9)}, "found m0, m1, m2, m3, m4, m5, m6, m7, ..."),
        ({"source": "s3cret"}, "expected `object`, got `str` in source"),
        ({"source": {"id": 7}}, "expected `str`, got `int` in source.id"),
        ({"source": {"id": "x", "labels": [{}, {"id": 7}]}}, "got `int` in source.labels.1.id"),
        (None, "expected `object`, got `null`"),
    ],
)
def test_shape(data: Any, complaint: str | None) -> None:
    if complaint is None:
        return check_shape(data, SHAPE)
    with pytest.raises(ValueError) as raised:
        check_shape(data, SHAPE)
    assert complaint in str(raised.value)
    assert "cret" not in str(raised.value)


def request(*answers: Any, method: str = "GET", **options: Any) -> tuple[Any, int]:
    """The answer to a request that is answered with these in turn, and how often it was sent."""
    left = list(answers)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=left.pop(0)))
    settings = Settings(public_api_token="t", profile_api_token="t", retries=2)
    with SegmentClient(settings, transport=transport, clock=FakeClock()) as client:
        answer = client.request(method, "/x", **options)
        return answer, len(answers) - len(left)


GOOD = {"data": {"source": {"id": "x"}}}


@pytest.mark.parametrize("body", [{}, [], None, 3, "maintenance", {"data": None}, {"source": {"id": "x"}}])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_another_shape_is_asked_for_again_where_that_is_harmless(body: Any, method: str) -> None:
    """A gateway may have answered."""
    answer, sent = request(body, GOOD, method=method, shape=SHAPE)
    assert (answer.data, sent) == (GOOD["data"], 2)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_another_shape_after_a_write_tells_that_it_may_be_done(method: str) -> None:
    with pytest.raises(SegmentAnswerError, match="may have been carried out") as raised:
        request({"data": {}}, GOOD, method=method, shape=SHAPE)
    assert raised.value.may_have_run


def test_a_read_does_not_speak_of_a_write() -> None:
    with pytest.raises(SegmentAnswerError, match="expected a member `source`") as raised:
        request(*[{"data": {"x": 1}}] * 3, shape=SHAPE)
    assert "carried out" not in str(raised.value)


def test_only_the_public_api_has_data() -> None:
    answer, _ = request({"traits": {}}, api="profile", shape={"traits": dict[str, Any]})
    assert answer.body == {"traits": {}}


@pytest.mark.parametrize("data", [None, {}, []])
def test_data_is_never_empty(data: Any) -> None:
    with pytest.raises(ValueError, match="expected `object`"):
        check_shape(data, Data)
