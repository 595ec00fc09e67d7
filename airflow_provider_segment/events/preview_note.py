"""The note of a preview, in Markdown: for Airflow's pages, and for the person who approves the send.

Texts of the data are written as code, where Markdown has no other meaning for them; what would end the code
or the cell of a table, or cannot be seen, is written as JSON escapes it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_segment.events.limits import MAX_EVENT_BYTES

if TYPE_CHECKING:
    from airflow_provider_segment.events.preview_report import PreviewReport

NAMES_SHOWN = 20
USERS_SHOWN = 3
EVENT_CHARACTERS = 1_500


def note(preview: PreviewReport) -> str:
    """The note of a preview."""
    sections = (_summary, _kinds, _cost, _rejects, _look_at, _first_event)
    return "\n\n".join(text for section in sections if (text := section(preview))) + "\n"


def counted(number: int, noun: str) -> str:
    """A number of things, in words."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def code(text: str) -> str:
    """A text of the data, as Markdown shows it unchanged, also in a table."""
    if not text or text != text.strip(" "):
        text = f'"{text}"'  # Markdown strips spaces
    return f"`{_visible(text)}`"


def plain(sentence: str) -> str:
    """A sentence without meaning in Markdown."""
    return re.sub(r"([\\`*_\[\]<>|~&$])", r"\\\1", _visible(sentence, allowed="`|"))


def _visible(text: str, allowed: str = "") -> str:
    return "".join(
        one if (one.isprintable() and one not in "`|") or one in allowed else _escaped(one) for one in text
    )


def _escaped(one: str) -> str:
    units = one.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _summary(preview: PreviewReport) -> str:
    made = ""
    if preview.rows:
        made = f", made of {counted(preview.rows, 'row')}"
        if preview.skipped:
            made += f" ({preview.skipped:,} skipped)"
    of_these = "" if preview.limit is None else f" Of the first {preview.limit:,} rows or events:"
    return (
        f"**Nothing was sent.**{of_these} A send would deliver {counted(preview.events, 'event')}{made}, in "
        f"{preview.batches:,} batch{'' if preview.batches == 1 else 'es'} ({_size(preview.bytes)})."
    )


def _kinds(preview: PreviewReport) -> str:
    if not preview.events:
        return ""
    lines = ["### What would be sent", "", "| Events | Type | Name |", "|--:|---|---|"]
    shown = preview.names[:NAMES_SHOWN]
    lines += [f"| {each['events']:,} | {_cells(each)} |" for each in shown]
    if rest := preview.events - sum(each["events"] for each in shown):
        lines.append(f"| {rest:,} | | all others |")
    lines.append("")
    if preview.oldest and preview.newest:
        lines.append(f"- Timestamps from {preview.oldest} to {preview.newest}.")
    if largest := preview.largest:
        lines.append(
            f"- The largest event has {largest['bytes']:,} of at most {MAX_EVENT_BYTES:,} bytes: "
            f"{_named(largest)}, {_place(largest['place'])}."
        )
    users = preview.busiest_users[:USERS_SHOWN]
    if users and users[0]["events"] > 1:
        least = "" if preview.busiest_users_exact else "at least "
        lines.append(f"- Most events are about {', '.join(_user(user, least) for user in users)}.")
    return "\n".join(lines)


def _cost(preview: PreviewReport) -> str:
    if not preview.events:
        return ""
    about = "" if preview.users_exact else "about "
    users = (
        f"**At most {about}{counted(preview.users, 'monthly tracked user')}** (MTU): Segment counts a user "
        "once a month, so those who have been active this month cost nothing more."
    )
    if not preview.users_exact:
        users += f" The number is estimated; it does not exceed {preview.users_at_most:,}."
    lines = [
        "### What it costs",
        "",
        f"- **{counted(preview.api_calls, 'API call')}**: Segment counts each event of a batch.",
        f"- {users}",
    ]
    if preview.minutes is not None:
        ceilings = ((preview.events_per_second, "events"), (preview.requests_per_second, "requests"))
        rate = " and ".join(f"{number:,.10g} {what}" for number, what in ceilings if number)
        lines.append(f"- {_duration(preview.minutes)} at {rate} a second.")
    if preview.limit is None:
        limits = f"`max_events={preview.events}` and `max_users={preview.users_at_most}`"
        lines.append(f"- With {limits} a send stops before it costs more.")
    return "\n".join(lines)


def _rejects(preview: PreviewReport) -> str:
    total = sum(preview.rejected.values())
    if not total:
        return "No event would be rejected." if preview.events else ""
    lines = ["### What would be rejected", "", f"{total:,} of {counted(preview.read, 'event')}:", ""]
    for reason, count in preview.rejected.items():
        lines.append(f"- {count:,} {code(reason)}")
        lines += [
            f"    - {_place(example['place'])}"
            + (f", column {code(example['column'])}" if "column" in example else "")
            + f": {code(example['detail'])}"
            for example in preview.examples.get(reason, ())
        ]
    return "\n".join(lines)


def _look_at(preview: PreviewReport) -> str:
    lines = [f"- {plain(sentence)}" for sentence in preview.warnings]
    return "\n".join(["### What to look at before you approve", "", *lines]) if lines else ""


def _first_event(preview: PreviewReport) -> str:
    if not preview.bodies:
        return ""
    text = "\n".join("".join(map(_in_block, line)) for line in _pretty(preview.bodies[0]).split("\n"))
    return f"### The first event\n\n```json\n{text}\n```"


def _pretty(body: str) -> str:
    """The first event of a request, indented, if it is whole; otherwise the beginning of the request."""
    start = body.find("[") + 1
    try:
        _, end = json.JSONDecoder().raw_decode(body, start)
        text = msgspec.json.format(body[start:end], indent=2)
    except (ValueError, RecursionError):
        text = body
    return text if len(text) <= EVENT_CHARACTERS else text[:EVENT_CHARACTERS] + "..."


def _in_block(one: str) -> str:
    return one if one.isprintable() and one != "`" else _escaped(one)


def _cells(kind: dict[str, Any]) -> str:
    return f"{kind['type']} | {'' if kind['name'] is None else code(kind['name'])}"


def _named(kind: dict[str, Any]) -> str:
    return kind["type"] if kind["name"] is None else f"{kind['type']} {code(kind['name'])}"


def _place(place: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {code(value) if isinstance(value, str) else value}" for name, value in place.items()
    )


def _user(user: dict[str, Any], least: str) -> str:
    [(id_field, one)] = [(name, value) for name, value in user.items() if name != "events"]
    return f"{id_field} {code(one)} ({least}{user['events']:,})"


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size:,} bytes"


def _duration(minutes: float) -> str:
    if minutes < 1:
        return "Less than a minute"
    return counted(round(minutes), "minute") if minutes < 120 else f"{minutes / 60:,.1f} hours"
