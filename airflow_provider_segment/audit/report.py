"""The report of an audit: whole for a file, and bounded for what is kept in Airflow's database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from airflow_provider_segment.audit.audit import Audit
from airflow_provider_segment.audit.kinds import KINDS, SEVERITIES

Report = dict[str, Any]

NOT_CHECKED = "not_checked"
"""What ``fail_on`` calls that something could not be looked at."""

FINDINGS, NOTES, VALUES = 50, 20, 10
"""How many findings, things not checked, and values of a list a bounded report has."""
CHARACTERS, OF_LISTS = 300, 100
"""Characters of a text in it, and of one in a list."""


def report_of(audit: Audit) -> Report:
    """The whole report, the worst findings first."""
    workspace = audit.workspace
    order = {kind: place for place, kind in enumerate(KINDS)}
    findings: list[dict[str, Any]] = [
        {
            "check": check,
            "kind": finding.kind,
            "severity": KINDS[finding.kind].severity,
            "what": finding.what.as_dict(),
            "facts": finding.facts,
            "why": KINDS[finding.kind].why,
            "action": KINDS[finding.kind].action,
        }
        for check, finding in audit.findings
    ]
    findings.sort(key=lambda finding: (SEVERITIES.index(finding["severity"]), order[finding["kind"]]))
    severities = Counter(finding["severity"] for finding in findings)
    missed = [{"check": check, **outcome._asdict()} for check, outcome in audit.not_checked]
    thresholds = workspace.limits._asdict()
    return {
        "workspace": workspace.about,
        "audited_at": workspace.now.isoformat(timespec="seconds"),
        "checks": audit.checks,
        "thresholds": thresholds,
        "excluded": len(workspace.excluded),
        "requests": workspace.requests,
        "counts": {severity: severities[severity] for severity in SEVERITIES},
        "findings": findings,
        NOT_CHECKED: missed,
    }


def bounded(report: Report) -> Report:
    """The same, small enough for an XCom. ``left_out`` says what only the whole report has."""
    findings, missed = report["findings"], report[NOT_CHECKED]
    return {
        **report,
        "findings": [
            {**finding, "what": _all_short(finding["what"]), "facts": _all_short(finding["facts"])}
            for finding in findings[:FINDINGS]
        ],
        NOT_CHECKED: [_all_short(one) for one in missed[:NOTES]],
        "left_out": {
            "findings": max(0, len(findings) - FINDINGS),
            NOT_CHECKED: max(0, len(missed) - NOTES),
        },
    }


def _all_short(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _short(value, CHARACTERS) for name, value in values.items()}


def _short(value: Any, most: int) -> Any:
    if isinstance(value, list):
        more = [f"and {len(value) - VALUES:,} more"] if len(value) > VALUES else []
        return [*(_short(each, OF_LISTS) for each in value[:VALUES]), *more]
    if isinstance(value, str) and len(value) > most:
        return f"{value[:most]}..."
    return value


def reasons_to_fail(report: Report, fail_on: Collection[str]) -> list[str]:
    """What of the report is to fail the task, in words.

    :param fail_on: kinds; severities, each of which stands for those that are worse as well; ``not_checked``
    """
    ranks = [SEVERITIES.index(each) for each in SEVERITIES if each in fail_on]
    failing = {severity for severity in SEVERITIES if SEVERITIES.index(severity) <= max(ranks, default=-1)}
    kinds = Counter(
        finding["kind"]
        for finding in report["findings"]
        if finding["severity"] in failing or finding["kind"] in fail_on
    )
    reasons = [f"{KINDS[kind].title} ({number:,})" for kind, number in kinds.items()]
    if NOT_CHECKED in fail_on and report[NOT_CHECKED]:
        reasons.append(f"Not checked ({len(report[NOT_CHECKED]):,})")
    return reasons
