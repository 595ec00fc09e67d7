"""What is wrong with a job is said on the driver, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("pyspark")

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.options import TYPES
from airflow_provider_segment.spark import LEFT_OUT, SegmentWriter, check_options

pytestmark = pytest.mark.spark


def test_each_option_of_a_send_is_taken_or_left_out_for_a_reason() -> None:
    """A new one has to be thought of, here and in the guide."""
    assert TYPES.keys() - LEFT_OUT.keys() == {
        "rejects_path",
        "concurrency",
        "gzip",
        "max_events_per_second",
        "max_requests_per_second",
        "context",
        "integrations",
        "timestamp",
        "message_id_fields",
        "mapping",
        "nulls",
        "naive_timezone",
        "tracking_plan_path",
        "on_violation",
    }


def test_options_are_text() -> None:
    given = {
        "mapping": '{"type": "track", "event": "e", "userId": "$user"}',
        "message_id_fields": '["id"]',
        "max_events_per_second": "500",
        "parallelism": "4",
        "max_rejected": "null",
        "gzip": "true",
        "timeout": "10",
    }
    assert check_options(given) == {
        "mapping": {"type": "track", "event": "e", "userId": "$user"},
        "message_id_fields": ["id"],
        "max_events_per_second": 500,
        "parallelism": 4,
        "max_rejected": None,
        "gzip": True,
        "timeout": 10,
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"write_key": "the-key"}, "write_key: options are shown in plans"),
        ({"max_events_per_second": "500"}, "max_events_per_second .* give parallelism"),
        ({"max_requests_per_second": "5"}, "max_requests_per_second .* give parallelism"),
        ({"parallelism": "0"}, "parallelism: must be at least 1"),
        ({"min_events": "1"}, "min_events: it is about all events"),
        ({"max_users": "1"}, "max_users: it is about all events"),
        ({"rate_limiter_conn_id": "redis"}, "rate_limiter_conn_id: it is a connection"),
        ({"tracking_plan_id": "tp"}, "tracking_plan_id: it is a connection"),
        ({"ledger_path": "ledger"}, "ledger_path: a ledger is kept of files"),
        ({"json_colum": "value"}, "json_colum: "),
        ({"mapping": '{"type": "trick"}'}, "mapping: "),
        ({"region": "mars"}, "region: "),
        ({"gzip": "perhaps"}, "gzip: "),
    ],
)
def test_a_wrong_option_is_named(given: dict[str, str], said: str) -> None:
    with pytest.raises(SegmentConfigurationError, match=said) as raised:
        check_options(given)
    assert "the-key" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"json_column": "valeu"}, "json_column: there is no valeu: did you mean value"),
        ({"mapping": {"type": "track", "event": "e", "userId": "$usr"}}, "mapping: there is no column usr"),
    ],
)
def test_a_missing_column_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SegmentConfigurationError, match=said):
        SegmentWriter(options, ["value", "user"])


def test_rows_in_json_have_columns_of_their_own() -> None:
    mapping = {"type": "track", "event": "e", "userId": "$user"}
    assert SegmentWriter({"json_column": "value", "mapping": mapping}, ["value"])
