"""The command line of a running Airflow, which keeps its connections in its database."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_segment.sandbox import Sandbox


def test_a_connection_of_the_database(airflow: Any, segment_sandbox: Sandbox) -> None:
    checked = airflow.command("segment", "check", "segment_impatient", "--json")
    assert (checked.returncode, checked.stderr) == (0, "")
    answer = json.loads(checked.stdout)
    assert (answer["connection"], answer["well"]) == ("segment_impatient", True)
