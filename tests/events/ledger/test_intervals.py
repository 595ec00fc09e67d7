"""The algebra of intervals, against sets of points."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.ledger.intervals import (
    WHOLE,
    Bound,
    Interval,
    subtract,
    subtract_all,
)
from airflow_provider_segment.events.ledger.watermark import highest

pytestmark = pytest.mark.core

POINTS = range(-1, 13)
"""More than the points of the intervals."""

ends = st.none() | st.integers(0, 11)
numbers = st.builds(Interval, ends, ends)
keys = st.none() | st.builds(Bound, st.integers(0, 5), st.booleans())
of_keys = st.builds(Interval, keys, keys)


def held(intervals: list[Interval]) -> set[int]:
    """The points that are in the intervals; those of keys are doubled, so that there is one between two."""

    def place(point: Any) -> int:
        return 2 * point.key + point.behind if isinstance(point, Bound) else point

    return {
        at
        for at in POINTS
        for one in intervals
        if (one.start is None or place(one.start) <= at) and (one.end is None or at < place(one.end))
    }


def well_formed(intervals: list[Interval]) -> bool:
    return not any(one.empty for one in intervals)


@given(wanted=numbers | of_keys, others=st.lists(numbers) | st.lists(of_keys))
def test_what_is_left_is_in_the_wanted_and_in_no_other(wanted: Interval, others: list[Interval]) -> None:
    if any(isinstance(point, Bound) for point in wanted) != any(
        isinstance(point, Bound) for one in others for point in one
    ):
        others = []
    left = subtract(wanted, others)
    assert held(left) == held([wanted]) - held(others)
    assert well_formed(left)


@given(wanted=st.lists(numbers) | st.lists(of_keys), data=st.data())
def test_nothing_is_left_of_intervals_without_themselves(wanted: list[Interval], data: st.DataObject) -> None:
    assert subtract_all(wanted, wanted) == []
    some = data.draw(st.lists(st.sampled_from(wanted))) if wanted else []
    assert held(subtract_all(wanted, some)) == held(wanted) - held(some)


words = st.sampled_from("abcd")


@given(order=st.permutations("abcd"), cuts=st.lists(st.tuples(words, st.booleans())), data=st.data())
def test_no_order_of_texts_leaves_a_row_out(
    order: list[str], cuts: list[tuple[str, bool]], data: st.DataObject
) -> None:
    """Whatever order a database has: what is left holds every row that no other interval holds."""
    places = {word: place for place, word in enumerate(order)}

    def as_numbers(one: Interval) -> Interval:
        return Interval(
            *(point if point is None else Bound(places[point.key], point.behind) for point in one)
        )

    points = st.sampled_from([None, *(Bound(*cut) for cut in cuts)])
    made = st.builds(Interval, points, points)
    wanted = data.draw(made)
    # A database delivers nothing of an interval that ends before it begins.
    others = data.draw(st.lists(made))
    left = held([as_numbers(one) for one in subtract(wanted, others)])
    assert left >= held([as_numbers(wanted)]) - held([as_numbers(one) for one in others])


def test_texts_are_done_with_where_they_meet() -> None:
    a, b, c = (Bound(key, False) for key in "aXc")
    parts = [Interval(None, a), Interval(b, c), Interval(a, b)]
    assert subtract(WHOLE, parts) == [Interval(c, None)]
    assert subtract(Interval(a, c), parts) == []
    assert subtract(WHOLE, [*parts, Interval(c, None)]) == []
    assert subtract(Interval(Bound("M", False), None), parts) == [Interval(Bound("M", False), None)]
    assert subtract(Interval(a, c), [WHOLE]) == []
    assert subtract(Interval(a, c), [Interval(None, c)]) == [Interval(a, c)], "a re-send; nothing is lost"


def test_times_with_and_without_a_zone_are_different_inputs() -> None:
    naive, aware = datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=timezone.utc)
    wanted = Interval(None, Bound(naive, False))
    assert subtract(wanted, [Interval(None, Bound(aware, True))]) == [
        Interval(Bound(aware, True), Bound(naive, False))
    ]
    assert subtract(Interval(Bound(naive, False), None), [Interval(None, Bound(aware, True))]) == [
        Interval(Bound(naive, False), None)
    ]


def test_keys_without_an_order_leave_nothing_out() -> None:
    nan = Bound(Decimal("NaN"), False)
    assert subtract(Interval(nan, None), [Interval(None, Bound(Decimal(1), True))]) == [Interval(nan, None)]
    with pytest.raises(SegmentConfigurationError, match="NaN"):
        highest([Decimal("NaN"), Decimal(1)])
