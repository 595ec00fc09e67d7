"""What a trigger can match: false is certain, and what is not understood is never false."""

from __future__ import annotations

import pytest

from airflow_provider_segment.audit.trigger import Trigger

pytestmark = pytest.mark.core

PAID, HOME, USER = ("track", "Order Paid"), ("page", "Home"), ("identify", None)


@pytest.mark.parametrize(
    ("trigger", "name", "may"),
    [
        ('type = "track"', PAID, True),
        ('type = "track"', USER, False),
        ('type = "track" and event = "Order Paid"', PAID, True),
        ('type = "track" and event = "Order paid"', PAID, False),
        ('type="track"and(event="A"or event="Order Paid")', PAID, True),
        ("event = 'Order Paid'", PAID, True),
        ('event = "Order \\"Paid\\""', ("track", 'Order "Paid"'), True),
        ('event = "Order Paid"', USER, False),
        ('event != "Order Paid"', USER, True),
        ("event = null", USER, True),
        ("event != null", PAID, True),
        ("event = null", PAID, False),
        ('event = "x"', ("track", None), True),  # Segment did not say its name
        ('type = "screen"', ("", "Order Paid"), True),  # nor its type
        ('event = "x"', ("", "Order Paid"), True),
        ("event = 5", PAID, True),  # whether a text may equal a number is not known
        ('"track" = type', PAID, True),
        ('"page" = type', PAID, False),
        ('name = "Home"', HOME, True),
        ('name = "Away"', HOME, True),
        ('properties.total > 5 and type = "page"', PAID, False),
        ('properties.total > 5 or type = "page"', PAID, True),
        ('!(type = "page")', PAID, True),
        ('!(type = "track")', PAID, False),
        ("!(properties.a = 1)", PAID, True),
        ('contains(event, "Paid")', PAID, True),
        ('contains(event, "Left")', PAID, False),
        ('contains(event, "Left")', USER, False),
        ('!contains(event, "Paid")', PAID, False),
        ('match(event, "Order*")', PAID, True),
        ('match(event, "*aid")', PAID, True),
        ('match(event, "Cart*")', PAID, False),
        ('match(event, "Order\\\\*")', PAID, True),  # an escaped star: left open
        ('lowercase(event) = "order paid"', PAID, True),
        ('lowercase(event) = "Order Paid"', PAID, False),
        ('match(lowercase(event), "order *")', PAID, True),
        ("length(event) > 100", PAID, True),
        ('typeof(event) = "number"', PAID, True),
        ("true", PAID, True),
        ("false", PAID, False),
        ('type = "track" and false', PAID, False),
        ('type < "a"', PAID, True),
        ('unheard_of(event, "x")', PAID, True),
        ("!" * 12 + '(type = "track")', USER, False),
    ],
)
def test_a_trigger(trigger: str, name: tuple[str, str | None], may: bool) -> None:
    assert Trigger(trigger).may_match(name) is may


@pytest.mark.parametrize(
    "trigger",
    [
        "",
        "type =",
        'type = "track',
        'type = "track" event = "A"',
        'type in ("track")',
        'not type = "track"',
        'type = "track" and',
        '(type = "track"',
        'type = "track")',
        "event = @",
        "properties.total\\ price > 1",
        'event = "a" = "b"',
        "(" * 100_000,
        "(" * 5_000,
    ],
)
def test_what_is_not_understood_says_so(trigger: str) -> None:
    with pytest.raises(ValueError, match=r"understood|early|missing|characters|deeply"):
        Trigger(trigger)


def test_no_depth_of_a_trigger_ends_the_audit() -> None:
    for depth in range(100, 1_500, 20):
        try:
            trigger = Trigger("!" * depth + '(type = "track")')
        except ValueError as error:
            assert "deeply" in str(error)
        else:
            assert trigger.may_match(PAID)
