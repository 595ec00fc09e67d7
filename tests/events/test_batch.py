"""Batches: never over a limit, nothing lost, nothing duplicated."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.events import limits
from airflow_provider_segment.events.batch import Batch, Batcher

pytestmark = pytest.mark.core

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
LATER = datetime(2026, 1, 2, 0, 0, 1, tzinfo=timezone.utc)


def event(number: int, size: int = 0) -> bytes:
    return b'{"n":%d,"x":"%b"}' % (number, b"x" * size)


def filled(sizes: list[int], *, at_once: int = 7) -> list[Batch]:
    batcher = Batcher()
    events = [event(number, size) for number, size in enumerate(sizes)]
    full = [
        batch
        for start in range(0, len(events), at_once)
        for batch in batcher.add(events[start : start + at_once], range(start, start + at_once))
    ]
    return [*full, batcher.last]


@given(
    st.lists(
        st.integers(0, limits.MAX_EVENT_BYTES - 40) | st.sampled_from([0, 1, limits.MAX_EVENT_BYTES - 40]),
        max_size=120,
    ),
    st.integers(1, 200),
)
def test_no_batch_is_over_a_limit_and_every_event_is_in_one(sizes: list[int], at_once: int) -> None:
    batches = filled(sizes, at_once=at_once)
    positions = [position for batch in batches for position in batch.positions]
    assert positions == list(range(len(sizes)))
    for batch, following in pairwise(batches):  # and as many as fit
        assert batch.size + len(following.events()[0]) + 1 > limits.MAX_BATCH_BYTES
    for batch in batches:
        size = batch.size
        body = batch.body(NOW)
        assert len(body) == size or not len(batch)
        assert len(body) <= limits.MAX_BATCH_BYTES
    sent = [item["n"] for batch in batches for item in json.loads(batch.body(NOW))["batch"]]
    assert sent == list(range(len(sizes)))


def test_the_number_of_events_is_limited() -> None:
    first, second = filled([0] * (limits.MAX_BATCH_EVENTS + 1))
    assert (len(first), len(second)) == (limits.MAX_BATCH_EVENTS, 1)
    assert Batch(2).extend([event(n) for n in range(3)], range(3)) == 2


def test_each_attempt_has_its_own_sent_at() -> None:
    (batch,) = filled([5, 5])
    first, second = json.loads(batch.body(NOW)), json.loads(batch.body(LATER))
    assert (first.pop("sentAt"), second.pop("sentAt")) == (
        "2026-01-02T00:00:00.000Z",
        "2026-01-02T00:00:01.000Z",
    )
    assert first == second
    assert first["context"]["library"]["name"] == "airflow-provider-segment"


@pytest.mark.parametrize("sent_before", [False, True])
def test_halves_hold_the_same_events(sent_before: bool) -> None:
    (batch,) = filled([1, 2, 3, 4, 5])
    if sent_before:
        batch.body(NOW)
    halves = batch.halves()
    assert [half.positions for half in halves] == [[0, 1], [2, 3, 4]]
    assert [held for half in halves for held in half.events()] == [event(n, n + 1) for n in range(5)]
    for half in halves:
        size = half.size
        assert len(half.body(NOW)) == size
