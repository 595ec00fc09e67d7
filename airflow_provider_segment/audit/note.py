"""The report in Markdown."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from airflow_provider_segment.audit.kinds import KINDS
from airflow_provider_segment.audit.report import NOT_CHECKED, Report
from airflow_provider_segment.events.preview_note import code, counted, plain


def note(report: Report) -> str:
    """The note of a report, whole or bounded."""
    parts = [f"# Audit of {plain(report['workspace']['name'])}", headline(report)]
    parts.append(f"{report['audited_at']}. Checks: {', '.join(report['checks'])}.")
    if report["excluded"]:
        parts.append(f"{counted(report['excluded'], 'thing')} excluded.")
    for kind, findings in groupby(report["findings"], key=lambda finding: str(finding["kind"])):
        parts += _section(kind, list(findings))
    if report[NOT_CHECKED]:
        parts.append("## Not checked\n\nNo finding here does not mean that all is well.")
        lines = ["| Check | What | Because |", "|---|---|---|"]
        lines += [_row([one["check"], one["what"], one["because"]]) for one in report[NOT_CHECKED]]
        parts.append("\n".join(lines))
    left_out = report.get("left_out") or {}
    if any(left_out.values()):
        parts.append(
            f"Only in the whole report: {left_out['findings']:,} more findings, "
            f"{left_out[NOT_CHECKED]:,} more things not checked."
        )
    return "\n\n".join(parts) + "\n"


def headline(report: Report) -> str:
    """What was found, in a sentence."""
    counts = ", ".join(f"{number:,} {severity}" for severity, number in report["counts"].items() if number)
    found = f"**Findings: {counts}.**" if counts else "**No findings.**"
    if missed := len(report[NOT_CHECKED]) + report.get("left_out", {}).get(NOT_CHECKED, 0):
        found += f" **Not checked: {missed:,}.**"
    return found


def _section(kind: str, findings: list[dict[str, Any]]) -> list[str]:
    about = KINDS[kind]
    lines = ["| Name | Id | Facts |", "|---|---|---|"]
    for finding in findings:
        facts = "; ".join(
            f"{name.replace('_', ' ')}: {_value(value)}" for name, value in finding["facts"].items()
        )
        what = finding["what"]
        lines.append(f"| {plain(what['name'])} | {code(what['id'])} | {plain(facts)} |")
    return [
        f"## {about.title} ({about.severity}, {len(findings):,})",
        f"{about.why} {about.action}",
        "\n".join(lines),
    ]


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(plain(cell) for cell in cells)} |"
