"""What a careful reader of a preview would ask about, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_provider_segment.api.clock import CLOCKS_APART
from airflow_provider_segment.events.preview import NAMES, Statistics
from airflow_provider_segment.events.preview_note import counted

if TYPE_CHECKING:
    from airflow_provider_segment.events.preview_report import PreviewReport

DESTINATIONS_SHOWN = 25

PLACEHOLDER_SHARE = 0.1
PLACEHOLDER_EVENTS = 1_000
"""A user with this many events, and this share of all, may be a placeholder such as ``unknown``."""


def warnings_of(preview: PreviewReport, statistics: Statistics, keys: bool) -> Iterator[str]:
    """The sentences.

    :param keys: whether ``message_id_fields`` are given
    """
    if preview.limit is not None:
        yield f"Only the first {preview.limit:,} rows or events were looked at; there are more."
    if not preview.events and preview.read:
        yield "There is nothing to send: every event is rejected."
    elif not preview.events:
        yield "There is nothing to send: no event was read. Is the time window empty?"
    if preview.destinations is not None:
        yield _reached(preview.destinations)
    if suppressed := preview.suppressed_users:
        yield (
            f"{counted(suppressed, 'user')} {_is(suppressed)} suppressed: Segment accepts the "
            f"{counted(preview.suppressed_events, 'event')} about them, and drops them."
        )
    if preview.violations:
        worst = ", ".join(f"{what} ({count:,})" for what, count in [*preview.violations.items()][:3])
        yield f"The tracking plan is violated, most often by {worst}."
    if old := statistics.old_traits:
        yield (
            f"{counted(old, 'identify or group event')} {_is(old)} more than a day old: that may overwrite "
            "newer traits, because Segment keeps what arrives last."
        )
    yield from _of_times(preview, statistics)
    yield from _of_ids(preview, statistics, keys)
    if len(statistics.kinds) >= NAMES:
        yield (
            f"There are {NAMES:,} event names or more: something that varies, such as an id, may be part of "
            "them, and belongs into properties."
        )


def _of_times(preview: PreviewReport, statistics: Statistics) -> Iterator[str]:
    if undated := statistics.without_timestamp:
        yield f"{counted(undated, 'event')} {_has(undated)} no timestamp, and will get the time of arrival."
    if statistics.newest is not None and statistics.newest > statistics.now + CLOCKS_APART:
        yield f"The newest timestamp, {preview.newest}, lies in the future: is its time zone right?"


def _of_ids(preview: PreviewReport, statistics: Statistics, keys: bool) -> Iterator[str]:
    if same := preview.duplicates:
        about = "" if preview.duplicates_exact else "About "
        yield (
            f"{about}{counted(same, 'event')} {_has(same)} the message id of another one: Segment keeps only "
            "one of them."
        )
    if (derived := statistics.derived_ids) and not keys:
        yield (
            f"{counted(derived, 'event')} {_has(derived)} no message id, and there are no message_id_fields: "
            "the id follows the event as it is written. If it is exported again and differs in anything, "
            "it is sent twice."
        )
    most = preview.busiest_users[0]["events"] if preview.busiest_users else 0
    if most >= max(PLACEHOLDER_EVENTS, PLACEHOLDER_SHARE * preview.events):
        yield (
            f"{most / preview.events:.0%} of the events are about one user: is that id a placeholder, such "
            "as unknown?"
        )


def _reached(destinations: list[str]) -> str:
    if not destinations:
        return "The events reach no destination but the source's warehouses."
    shown = ", ".join(destinations[:DESTINATIONS_SHOWN])
    more = len(destinations) - DESTINATIONS_SHOWN
    names = f"{shown} and {more:,} more" if more > 0 else shown
    return f"The events reach {counted(len(destinations), 'destination')}: {names}."


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _has(number: int) -> str:
    return "has" if number == 1 else "have"
