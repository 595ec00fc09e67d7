"""What the sandbox's page offers to copy: a connection, and code that sends an event here."""

from __future__ import annotations

import json
from string import Template
from typing import Any

from airflow_provider_segment.sandbox import constants

TEXTS = {
    "Airflow's connection": """\
export AIRFLOW_CONN_SEGMENT_DEFAULT='$connection'
""",
    "A task": """\
from airflow_provider_segment.operators.events import SegmentBatchEventsOperator

SegmentBatchEventsOperator(
    task_id="send",
    events=[{"type": "track", "userId": "u1", "event": "Order Completed"}],
)
""",
    "Python without Airflow": """\
from airflow_provider_segment.sending import send_events

send_events(
    [{"type": "track", "userId": "u1", "event": "Order Completed"}],
    write_key="$write_key",
    base_url="$url",
)
""",
    "A shell": """\
curl $url/v1/track -u $write_key: -H 'Content-Type: application/json' \\
  -d '{"userId": "u1", "event": "Order Completed", "properties": {"total": 9.5}}'
""",
    "A test": """\
# In conftest.py: pytest_plugins = ["airflow_provider_segment.sandbox.pytest_plugin"]


def test_my_dag(segment_airflow):
    run = segment_airflow.run(my_dag)
    assert run.state == "success"
    assert [event["event"] for event in run.accepted] == ["Order Completed"]
""",
}


def connection_to(url: str, region: constants.Region) -> dict[str, Any]:
    """The Airflow connection to the sandbox at this URL."""
    return {
        "conn_type": "segment",
        "password": constants.TOKEN,
        "host": url,
        "extra": {
            "region": region,
            "secret_write_key": constants.WRITE_KEY,
            "profile_api_token": constants.PROFILE_TOKEN,
        },
    }


def snippets(url: str, region: constants.Region) -> list[dict[str, str]]:
    """Titles and texts."""
    connection = json.dumps(connection_to(url, region))
    return [
        {
            "title": title,
            "text": Template(text).substitute(url=url, connection=connection, write_key=constants.WRITE_KEY),
        }
        for title, text in TEXTS.items()
    ]
