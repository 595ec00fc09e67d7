"""What a verification found, in words: a note in Markdown, and a sentence."""

from __future__ import annotations

from typing import Any

import msgspec

from airflow_provider_segment.events.preview_note import code, plain
from airflow_provider_segment.verification.comparison import Finding, Sent, Step, overall

Sources = dict[str, list[Step]]

HEADLINES: dict[Finding, str] = {
    "ok": "**Everything arrived.**",
    "missing": "**Events are missing.**",
    "unknown": "**It cannot be known whether everything arrived.**",
}


def finding_of(sources: Sources) -> Finding:
    """The finding over all sources."""
    findings = [overall(steps) for steps in sources.values()]
    if "missing" in findings:
        return "missing"
    return "unknown" if "unknown" in findings else "ok"


def result_of(sends: list[Sent], sources: Sources) -> dict[str, Any]:
    """What the task returns."""
    return {
        "finding": finding_of(sources),
        "missing": sum(step.missing for steps in sources.values() for step in _missing(steps)),
        "sources": [
            {
                "source_id": sent.source_id,
                "start": sent.start.isoformat(),
                "end": sent.end.isoformat(),
                "finding": overall(sources[sent.source_id]),
                "steps": msgspec.to_builtins(sources[sent.source_id]),
            }
            for sent in sends
        ],
    }


def note(sends: list[Sent], sources: Sources) -> str:
    """The note, in Markdown."""
    parts = [HEADLINES[finding_of(sources)]]
    for sent in sends:
        parts.append(f"### Source {code(sent.source_id)}")
        if sent.sent:
            parts.append(f"Received from {sent.start:%F %H:%M} to {sent.end:%F %H:%M} UTC.")
        lines = ["| Step | Expected | Found | Missing | Finding | |", "|---|--:|--:|--:|---|---|"]
        lines += [_row(step) for step in sources[sent.source_id]]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _row(step: Step) -> str:
    numbers = [_number(step.expected), _number(step.found), _number(step.missing or None)]
    finding = f"**{step.finding}**" if step.finding in ("missing", "unknown") else step.finding or ""
    cells = [plain(step.step), *numbers, finding, plain(step.detail.replace("\n", " "))]
    return f"| {' | '.join(cells)} |"


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def summary(sends: list[Sent], sources: Sources) -> str:
    """What is not as it should be, in a sentence: the steps, and how many events."""
    finding = finding_of(sources)
    said = []
    for sent in sends:
        for step in sources[sent.source_id]:
            if step.finding != finding:
                continue
            count = f"{step.missing:,} events missing at " if step.missing else ""
            said.append(f"source {sent.source_id}: {count}{step.step!r} ({step.detail})")
    return f"{HEADLINES[finding].strip('*')} {'; '.join(said)}"


def _missing(steps: list[Step]) -> list[Step]:
    return [step for step in steps if step.finding == "missing"]
