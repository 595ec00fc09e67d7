"""Counts the rows that Segment made of events in a warehouse.

Segment's tables: https://www.twilio.com/docs/segment/connections/storage/warehouses/schema
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from airflow_provider_segment.events.event_names import split
from airflow_provider_segment.events.message_ids import PREFIX
from airflow_provider_segment.verification.comparison import (
    ALL,
    ROWS,
    Limits,
    Sent,
    Step,
    in_words,
    not_known,
    spare_names,
)

TABLES = {
    "track": "tracks",
    "identify": "identifies",
    "page": "pages",
    "screen": "screens",
    "group": "groups",
    "alias": "aliases",
}
"""The table of all events of a type."""
SCHEMA = re.compile(r"[\w$-]+(\.[\w$-]+)*")


class Rows(NamedTuple):
    """Different message ids, by what the events are counted as.

    :param own: those that this package derived
    :param all: those of others, too
    """

    own: Counter[str]
    all: Counter[str]


def count_rows(hook: Any, schema: str, sent: Sent) -> Rows:
    """Count what a source received in the window of a send. When it was synced does not matter.

    :param hook: of the database
    """
    rows = Rows(Counter(), Counter())
    kinds = TABLES if ALL in sent.names else {split(key)[0] for key in sent.names}
    for kind in kinds:
        name = "event_text" if kind == "track" else "null"
        query = (
            f"select {name}, count(distinct case when substr(id, 1, {len(PREFIX)}) = '{PREFIX}' "
            f"then id end), count(distinct id) from {schema}.{TABLES[kind]} "
            f"where received_at >= '{_literal(sent.start)}' and received_at < '{_literal(sent.end)}'"
            + (f" group by {name}" if kind == "track" else "")
        )
        for event_name, own, all_ids in hook.get_records(query):
            key = sent.key_of(kind, event_name)
            if key is not None:
                rows.own[key] += int(own)
                rows.all[key] += int(all_ids)
    return rows


def _literal(moment: datetime) -> str:
    # Databases read this as UTC, whether the column has a zone or not.
    return moment.strftime("%Y-%m-%d %H:%M:%S+00:00")


def judge_rows(sent: Sent, rows: Rows | str, limits: Limits) -> Step:
    """The step of the warehouse.

    :param rows: or why they could not be counted
    """
    expected = sent.sent - sent.duplicates
    if isinstance(rows, str):
        return not_known(ROWS, rows, expected)
    lacking = _lacking(sent.names, rows.all, sent.duplicates)
    if not sent.brought:  # each id of the run begins with the prefix
        lacking = _lacking(sent.names, rows.own, sent.duplicates)
    else:
        derived = max(0, expected - sent.brought - rows.own.total())
        lacking = max(lacking, Counter({ALL: derived}), key=Counter.total)
    step = Step(
        step=ROWS,
        expected=expected,
        found=(rows.all if sent.brought else rows.own).total(),
        missing=lacking.total(),
        finding=limits.finding(lacking.total(), expected),
        detail=f"different ids{'' if sent.brought else f' that begin with {PREFIX}'}",
    )
    if lacking.total():
        step.detail = in_words(lacking)
    if step.finding == "ok":
        if _lacking(rows.own, sent.names, 0).total():
            step.finding = "unknown"
            step.detail = "another run sent events with the same names at the same time: give its report, too"
        elif sent.brought and _lacking(rows.all, sent.names, 0).total():
            step.finding = "unknown"
            step.detail = (
                "others sent events with the same names, and those of the run brought ids of their own"
            )
    return step


def _lacking(expected: Mapping[str, int], found: Mapping[str, int], spare: int) -> Counter[str]:
    """How many of each name there are too few, if so many may be."""
    lacking = Counter({key: max(0, count - found.get(key, 0)) for key, count in expected.items()})
    spare_names(lacking, spare)
    return lacking
