"""Items of any iterable, in particular of one that makes its reader wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.events.sources import feed
from airflow_provider_segment.events.sources.feed import Feed
from airflow_provider_segment.events.sources.items import ItemSource
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox

pytestmark = pytest.mark.core


@given(st.integers(0, 30), st.integers(1, 5), st.integers(0, 20))
def test_all_items_arrive_in_their_order(count: int, block: int, room: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "BLOCK_ITEMS", block)
        patch.setattr(feed, "ROOM", block + room)
        patch.setattr(feed, "BLOCK_SECONDS", 0.001)
        blocks = list(Feed(iter(range(count))))
    assert [item for items in blocks for item in items] == list(range(count))
    assert all(blocks) and max(map(len, blocks), default=0) <= block


def test_what_is_raised_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield from range(1_500)
        raise KeyError("gone")

    seen: list[int] = []
    with pytest.raises(KeyError, match="gone"):
        for block in Feed(items()):
            seen += block
    assert seen == list(range(1_500))


def test_a_feed_that_is_left_closes_its_generator() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    blocks = iter(Feed(items()))
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert closed.wait(600)


def test_the_context_of_the_task_is_that_of_the_generator() -> None:
    task: ContextVar[str] = ContextVar("task")
    task.set("backfill")
    assert list(Feed(task.get() for _ in range(2))) == [["backfill", "backfill"]]


def test_what_a_generator_yielded_is_sent_while_it_waits(segment_sandbox: Sandbox) -> None:
    """It waits until its first items have arrived, which would be for ever if it stopped the sending."""

    def events() -> Iterator[dict[str, Any]]:
        for number in range(3):
            yield {"type": "page", "userId": f"u{number}"}
        for _ in range(60_000):
            if len(segment_sandbox.accepted) == 3:
                break
            threading.Event().wait(0.01)
        yield {"type": "page", "userId": f"after {len(segment_sandbox.accepted)}"}

    assert SegmentHook().send_events(events()).sent == 4
    assert segment_sandbox.accepted[-1]["userId"] == "after 3"


def test_lists_are_read_without_a_thread() -> None:
    assert not ItemSource([1]).blocking and not ItemSource((1,)).blocking
    assert ItemSource(iter([1])).blocking
    assert [block.items for block in ItemSource(list(range(1_500)))] == [
        list(range(1_000)),
        list(range(1_000, 1_500)),
    ]


def test_a_generator_that_raises_a_timeout_ends_the_run(segment_sandbox: Sandbox) -> None:
    def events() -> Iterator[dict[str, Any]]:
        yield {"type": "page", "userId": "u"}
        raise TimeoutError("the database does not answer")

    with pytest.raises(TimeoutError, match="does not answer"):
        SegmentHook().send_events(events())
    assert len(segment_sandbox.accepted) == 1


@pytest.mark.parametrize("mapping", [None, {"type": "page", "userId": "$u"}])
def test_a_generator_that_ends_the_interpreter_ends_the_run(segment_sandbox: Sandbox, mapping: Any) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        yield {"type": "page", "userId": "u"} if mapping is None else {"u": "u"}
        raise SystemExit(3)

    with pytest.raises(RuntimeError, match="reading ended with SystemExit: 3"):
        SegmentHook().send_events(rows(), mapping=mapping)
    assert len(segment_sandbox.accepted) == 1


def test_a_feed_that_ends_while_its_last_block_is_taken_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "BLOCK_SECONDS", 0.001)
    for _ in range(300):  # the end and the last block meet at another moment each time
        assert [item for block in Feed(iter(range(3))) for item in block] == [0, 1, 2]
