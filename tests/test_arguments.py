"""Arguments that are ids follow the table of values, wherever they are declared."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentError
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.operators import (
    SegmentCreateWorkspaceRegulationOperator,
    SegmentDeleteUsersDataOperator,
    SegmentGetSourceOperator,
    SegmentIdentifyOperator,
    SegmentPageOperator,
    SegmentRemoveWriteKeyFromSourceOperator,
    SegmentTrackOperator,
    SegmentUpdateSelectiveSyncForWarehouseOperator,
)
from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sensors import SegmentWarehouseSyncSensor
from tests.events.test_values import evaluate, rows
from tests.events.value_table import LEFT_OUT, PYTHON, REJECTED, Row
from tests.harness.task_runner import RunTask

pytestmark = pytest.mark.core


OTHER = [each for each in rows(PYTHON) if each.id != "itself()" and not str(each.id).startswith("'")]
"""Text is what an argument is anyway; and Airflow itself cannot hold what contains itself."""


@pytest.mark.parametrize("row", OTHER)
def test_an_id_follows_the_table(row: Row) -> None:
    value = evaluate(row)
    user = SegmentTrackOperator(task_id="user", event="e", anonymous_id="a", user_id=value)
    source = SegmentGetSourceOperator(task_id="source", source_id=value)
    if row.as_id == REJECTED:
        with pytest.raises(AirflowFailException, match="user_id"):
            user.arguments()
        with pytest.raises(SegmentConfigurationError, match="user_id"):
            SegmentHook().track("e", user_id=value)
    elif row.as_id == LEFT_OUT:
        assert user.arguments()["user_id"] is None
    else:
        assert json.dumps(str(user.arguments()["user_id"])) == row.as_id
    if row.as_id in (REJECTED, LEFT_OUT):
        with pytest.raises(AirflowFailException, match="source_id"):
            source.arguments()
    else:
        assert json.dumps(source.arguments()["source_id"]) == row.as_id


def deletion(subject_ids: Any) -> SegmentCreateWorkspaceRegulationOperator:
    return SegmentCreateWorkspaceRegulationOperator(
        task_id="a", regulation_type="SUPPRESS_ONLY", subject_type="USER_ID", subject_ids=subject_ids
    )


@pytest.mark.parametrize("given", [[55520.0, 7, "a"], '[55520.0, 7, "a"]', (55520.0, Decimal("7.0"), "a")])
def test_lists_of_ids(given: Any) -> None:
    assert deletion(given).arguments()["subject_ids"] == ["55520", "7", "a"]


@pytest.mark.parametrize("given", [[1.5], [True], [1e21], [float("nan")]])
def test_a_list_with_what_is_no_id_is_refused(given: Any) -> None:
    with pytest.raises(AirflowFailException, match="subject_ids"):
        deletion(given).arguments()


def test_users_whose_data_is_deleted() -> None:
    ids = SegmentDeleteUsersDataOperator._ids
    assert list(ids({"user_ids": [55520.0, 7, " a "], "path": None})) == ["55520", "7", "a"]
    for wrong in (1.5, True, None, float("nan"), b"a"):
        with pytest.raises(AirflowFailException, match="id 1 is"):
            list(ids({"user_ids": [wrong], "path": None}))


def test_a_number_as_an_id_inside_an_argument_is_refused() -> None:
    rows = [{"sourceId": 55520.0, "enabled": True}]
    replace = SegmentUpdateSelectiveSyncForWarehouseOperator(
        task_id="a", warehouse_id="w", sync_overrides=rows
    )
    with pytest.raises(AirflowFailException, match="sourceId must be text, not the number"):
        replace.arguments()


@pytest.mark.parametrize("since", ["20260102", "1767323045", 1767323045, 1767323045.5, True])
def test_a_number_is_no_time(since: Any) -> None:
    sensor = SegmentWarehouseSyncSensor(task_id="a", warehouse_id="w", since=since)
    with pytest.raises(AirflowFailException, match="since"):
        sensor.arguments()


def test_other_text_may_look_like_a_number() -> None:
    """With native rendering, Airflow makes a number of it."""
    page = SegmentPageOperator(task_id="a", name=2.0, user_id="u")
    assert page.arguments()["name"] == "2.0"


def test_the_id_arrives_as_its_digits(run_task: RunTask, segment_sandbox: Sandbox) -> None:
    assert run_task(SegmentTrackOperator(task_id="send", event="e", user_id=55520.0)).state == "success"
    SegmentHook().group(7.0, user_id=Decimal("55520"))  # type: ignore[arg-type]
    assert [event["userId"] for event in segment_sandbox.accepted] == ["55520"] * 2
    assert segment_sandbox.accepted[1]["groupId"] == "7"


@pytest.mark.parametrize("row", OTHER)
def test_the_rest_of_an_event_follows_the_table(segment_sandbox: Sandbox, row: Row) -> None:
    value = evaluate(row)
    for arguments, place, becomes in (
        ({"properties": {"x": value}}, ("properties", "x"), row.inside),
        ({"context": {"x": {"y": value}}}, ("context", "x", "y"), row.inside),
        ({"timestamp": value}, ("originalTimestamp",), row.as_timestamp),
    ):
        operator = SegmentTrackOperator(task_id="a", event="e", user_id="u", **arguments)
        for send in (
            lambda: SegmentHook().track("e", user_id="u", **arguments),  # noqa: B023
            lambda: operator.perform(operator.arguments() | {"message_id": str(uuid4())}, {}),  # noqa: B023
        ):
            before = len(segment_sandbox.accepted)
            if becomes == REJECTED:
                with pytest.raises((SegmentError, AirflowFailException)):
                    send()
                assert len(segment_sandbox.accepted) == before
            elif becomes != LEFT_OUT:
                send()
                sent = segment_sandbox.accepted[-1]
                for step in place:
                    sent = sent[step]
                assert json.dumps(sent) == json.dumps(json.loads(becomes))


def error_of(operator: Any) -> str:
    with pytest.raises(AirflowFailException) as caught:
        operator.arguments()
    return str(caught.value)


def test_a_wrong_argument_is_shown() -> None:
    error = error_of(SegmentGetSourceOperator(task_id="a", source_id="s", region="mars", request_timeout=-1))
    assert "region: Input should be 'us' or 'eu' (given: 'mars')" in error
    assert "(given: -1)" in error


@pytest.mark.parametrize(
    ("arguments", "hidden"),
    [
        ({"traits": '{"email": "jane@example.com"'}, "jane"),  # data of people
        ({"raise_on_error": "https://user:s3cret@example.com"}, "s3cret"),
        ({"raise_on_error": "s3cr-t"}, "s3cr-t"),  # given to the wrong argument
        ({"raise_on_error": "x" * 11}, "xxx"),
    ],
)
def test_what_may_be_secret_or_long_is_not_shown(arguments: dict[str, str], hidden: str) -> None:
    error = error_of(SegmentIdentifyOperator(task_id="a", user_id="u", **arguments))
    assert error.startswith(f"SegmentIdentifyOperator: {next(iter(arguments))}: ")
    assert "given" not in error and hidden not in error


def test_an_argument_that_is_secret_is_not_shown() -> None:
    operator = SegmentRemoveWriteKeyFromSourceOperator(task_id="a", source_id="s", write_key=True)
    assert error_of(operator) == (
        "SegmentRemoveWriteKeyFromSourceOperator: write_key: Input should be a valid string"
    )
