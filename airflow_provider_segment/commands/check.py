"""``check``: what the Test button of a connection says."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import asdict

from airflow_provider_segment.commands.connections import hook_of
from airflow_provider_segment.commands.process import ERROR, Answer
from airflow_provider_segment.hooks.connection_test import is_well, verdict

MARKS = {True: "ok", False: "failed", None: "-"}


def run(arguments: Namespace) -> Answer:
    """The findings."""
    with hook_of(arguments.conn_id) as hook:
        findings = hook.test_findings()
    well = is_well(findings)
    if arguments.json:
        facts = {"connection": arguments.conn_id, "well": well, "findings": list(map(asdict, findings))}
        text = json.dumps(facts, indent=2)
    else:
        lines = (f"{MARKS[finding.well]:6}  {finding}" for finding in findings)
        text = "\n".join((verdict(findings), *lines))
    return Answer(text, 0 if well else ERROR)
