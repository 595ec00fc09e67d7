"""How many users there are: exactly, and nearly."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.events import distinct
from airflow_provider_segment.events.distinct import ANONYMOUS, EXACT, HASH_BITS, DistinctUsers, Sketch
from airflow_provider_segment.events.tallies import LONGEST_ID, MostFrequent, RepeatedIds

pytestmark = pytest.mark.core

ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=3)


def event(**fields: object) -> bytes:
    return msgspec.json.encode({"type": "page", "properties": {"userId": "no"}, **fields})


# --- users -----------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(ids | st.none(), ids)))
def test_each_user_counts_once_by_user_id_or_else_by_anonymous_id(
    users: list[tuple[str | None, str]],
) -> None:
    counted = DistinctUsers()
    for user, anonymous in users:
        counted.add(event(**{"userId": user} if user else {}, anonymousId=anonymous))
    known = {user for user, _ in users if user}
    only_anonymous = {anonymous for user, anonymous in users if not user}
    assert counted.count == len(known) + len(only_anonymous) == counted.at_most
    assert counted.exact


def test_users_one_by_one_and_many_at_once_are_the_same() -> None:
    counted = DistinctUsers()
    counted.add(event(userId="é"))
    counted.add(event(anonymousId="é"))
    counted.update(["é", "é", "f"])
    counted.update(["é"], ANONYMOUS)
    assert counted.count == 3


def test_a_million_users_are_exact_and_one_more_is_called_an_estimate() -> None:
    counted = DistinctUsers()
    for first in range(0, EXACT, 10_000):
        counted.update(map(str, range(first, first + 10_000)))
    assert (counted.exact, counted.count, counted.at_most) == (True, EXACT, EXACT)
    counted.update(["0"])
    assert counted.exact
    counted.update(["one more"])
    assert not counted.exact
    assert EXACT < counted.count < counted.at_most
    assert counted.count == pytest.approx(EXACT, rel=0.03)


def test_a_limit_is_never_exceeded_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct, "EXACT", 30_000)
    for start in range(0, 5_000_000, 500_000):
        counted = DistinctUsers()
        before = 0
        for users in range(1_000, 61_000, 1_000):
            counted.update(str(start + one) for one in range(users - 1_000, users))
            assert counted.exact == (users <= 30_000)
            assert users <= counted.at_most <= users * 1.06
            assert counted.count >= before  # it does not go back to what was allowed
            before = counted.count


def test_an_estimate_depends_on_the_users_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was previewed can be approved: neither the order nor the process changes the number."""
    monkeypatch.setattr(distinct, "EXACT", 100)
    users = list(map(str, range(5_000)))
    forward, backward = DistinctUsers(), DistinctUsers()
    forward.update(users)
    for user in reversed(users):
        backward.add(event(userId=user))
    assert forward.count == backward.count == 5_008


# --- the sketch ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_sketch_is_within_three_per_cent(seed: int) -> None:
    hashes = random.Random(seed)
    sketch, added = Sketch(), 0
    sizes = [1_000, 20_000, 41_000, 60_000, 82_000, 150_000, 400_000]
    for size in [*sizes, 1_000_000, 3_000_000] if seed == 0 else sizes:
        while added < size:
            sketch.update([hashes.getrandbits(HASH_BITS) for _ in range(1_000)])
            added += 1_000
        assert sketch.estimate == pytest.approx(size, rel=0.03)


def test_the_sketch_counts_a_few_exactly() -> None:
    sketch = Sketch()
    assert sketch.estimate == 0
    for number in range(1, 20):
        sketch.update([random.Random(number).getrandbits(HASH_BITS)] * 3)
        assert sketch.estimate == number


# --- tallies ---------------------------------------------------------------------------------------------


@given(st.lists(st.text("abcdefgh", min_size=1, max_size=2)), st.integers(1, 9), st.integers(1, 5))
def test_the_most_frequent_are_not_overrated_and_not_lost(texts: list[str], block: int, kept: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MostFrequent, "KEPT", kept)
        patch.setattr(MostFrequent, "MOST", kept * 2)
        tally = MostFrequent()
        for start in range(0, len(texts), block):
            tally.update(texts[start : start + block])
        true = Counter(texts)
        found = dict(tally.top(100))
        assert len(found) <= kept * 2
        for text, count in true.items():
            assert count - tally.missing <= found.get(text, 0) <= count
        assert tally.missing <= len(texts) / (kept + 1)
        if len(true) <= kept * 2:
            assert tally.missing == 0


def test_long_texts_are_told_apart_but_not_kept() -> None:
    tally = MostFrequent()
    same = "x" * 20_000
    tally.update([same + "a", same + "b", same + "a", "c"])
    (first, count), *others = tally.top(9)
    assert (count, [count for _, count in others]) == (2, [1, 1])
    assert first.startswith("xxx")
    assert all(len(text) <= LONGEST_ID for text, _ in tally.top(9))


@given(st.lists(st.text("ab", max_size=4)))
def test_repeated_ids_are_counted(all_ids: list[str]) -> None:
    counted = RepeatedIds()
    for start in range(0, len(all_ids), 3):
        counted.update(all_ids[start : start + 3])
    assert counted.count == len(all_ids) - len(set(all_ids))
    assert counted.exact


def test_repeated_ids_of_huge_runs_are_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RepeatedIds, "MOST", 10_000)
    counted = RepeatedIds()
    for start in range(0, 100_000, 1_000):
        counted.update(str(one % 80_000) for one in range(start, start + 1_000))
        assert counted.exact == (start < 10_000)
    assert counted.count == pytest.approx(20_000, rel=0.1)


def test_memory_does_not_grow_with_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct, "EXACT", 2_000)
    monkeypatch.setattr(MostFrequent, "KEPT", 500)
    monkeypatch.setattr(MostFrequent, "MOST", 1_000)
    monkeypatch.setattr(RepeatedIds, "MOST", 2_000)
    users, tally, repeated = DistinctUsers(), MostFrequent(), RepeatedIds()

    def count(first: int, last: int) -> None:
        for start in range(first, last, 500):
            texts = [f"user {one}" for one in range(start, start + 500)]
            users.update(texts)
            tally.update(texts)
            repeated.update(texts)

    tracemalloc.start()
    try:
        count(0, 10_000)
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        count(10_000, 60_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 500_000
