"""Every operator and sensor, and the hook, with any JSON in any argument.

Either a request is sent that the facts of the Public API accept, or there is an error of ours before any.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_type_hints

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from airflow_provider_segment import operators, sensors
from airflow_provider_segment.errors import SegmentAPIError, SegmentAuthenticationError, SegmentError
from airflow_provider_segment.events.options import SendOptions
from airflow_provider_segment.events.single import EventFields
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.tasks.declarative import REQUIRED
from tests.harness.fuzzing import examples
from tests.harness.task_runner import RunTask
from tests.public_api.scenario import RecordedSandbox

TASKS: list[Any] = [
    task
    for module in (operators, sensors)
    for name in dir(module)
    if hasattr(task := getattr(module, name), "fields")  # the one that gathers reports declares nothing
]
# Values that are easily taken for one another, or break what reads them.
ODD: list[Any] = [
    *("", " ", ".", "..", "/", "a/b", "%2e%2e", "?a=b", "#", "\x00", "\n", "\u2028", "𝄞", "é"),
    *("true", "null", "5", "{}", '{"a": NaN}', "x" * 70_000, "2026-13-45", "PT1H"),
    *(0, -1, 1, 10**20, 10**400, 0.5, 1e308, True, False, None),
    *([], [None], [[]], {}, {"": ""}, {"id": None}, {"a": {"b": [1, {"c": 0.1}]}}),
]
# A brace may begin a template, and a bracket in a query a list, to the judge of requests. Airflow itself
# fails for half of a character, NaN and infinity in a field.
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_characters="{[", exclude_categories=["Cs"]), max_size=20)
JSON = st.sampled_from([value for value in ODD if "{" not in str(value)[:2]]) | st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FILES = {"path", "rejects_path"}
NO_FILES: st.SearchStrategy[Any] = st.sampled_from(
    ["", " ", "none.jsonl", "none/*.gz", "no://none", 5, [], None]
)


@pytest.fixture(autouse=True)
def refusing(recorded: RecordedSandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RecordedSandbox:
    """Every request is refused for good, so that a task ends with its first one."""
    monkeypatch.chdir(tmp_path)
    recorded.sandbox.faults.add("status", status=401)
    return recorded


def likely(name: str, hint: Any) -> st.SearchStrategy[Any]:
    """What an argument may well be, so that its neighbours are looked at, too."""
    named = str(hint)
    choices: list[Any] = [None, "abc", "a b", 1, 5, True, False, ["a"], {"a": 1}, "2026-01-02T03:04:05Z"]
    if "Literal[" in named:
        choices += [word.strip("'\" ") for word in named.split("Literal[")[1].split("]")[0].split(",")]
    return st.sampled_from(choices)


def arguments_of(task: Any) -> st.SearchStrategy[dict[str, Any]]:
    def values(name: str) -> st.SearchStrategy[Any]:
        hint = task.fields[name].annotation
        return NO_FILES if name in FILES and "events" in task.fields else likely(name, hint) | JSON

    required = {name: values(name) for name, field in task.fields.items() if field.default is REQUIRED}
    others = {
        name: values(name) for name in task.fields if name not in required and name != "segment_conn_id"
    }
    return st.fixed_dictionaries(required, optional=others)


@examples(150)
@given(data=st.data())
def test_any_arguments_of_any_task(run_task: RunTask, refusing: RecordedSandbox, data: DataObject) -> None:
    task = data.draw(st.sampled_from(TASKS))
    given = data.draw(arguments_of(task))
    refusing.exchanges.clear()
    run = run_task(task(task_id="any", retries=1, **given))

    sent = refusing.exchanges
    assert isinstance(run.error, (SegmentError, AirflowException)) or run.state in ("success", "deferred"), (
        repr(run.error)
    )
    if sent:
        if task is not operators.SegmentRequestOperator:  # its requests are the user's own
            assert refusing.faults() == []
    elif run.error:
        assert not isinstance(run.error, SegmentAPIError)
        assert 0 < len(str(run.error)) < 2_000


ANY = JSON | st.sampled_from(["\ud83d", float("nan"), float("inf"), [float("-inf")], {"\udc00": "a"}])
EVENTS = st.lists(
    ANY
    | st.fixed_dictionaries(
        {"type": st.sampled_from(["track", "identify"]) | ANY, "userId": st.just("u") | ANY},
        optional={"event": st.just("E") | ANY, "timestamp": ANY, "messageId": ANY, "context": ANY},
    ),
    max_size=3,
)
CALLS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "track": {"event": ANY, "properties": ANY},
    "identify": {"traits": ANY},
    "page": {"name": ANY, "category": ANY, "properties": ANY},
    "screen": {"name": ANY, "category": ANY, "properties": ANY},
    "group": {"group_id": ANY, "traits": ANY},
    "alias": {"previous_id": ANY},
}
REQUIRED_OF_THE_HOOK = {"event", "group_id", "previous_id"}
EVENT_FIELDS = {name: likely(name, hint) | ANY for name, hint in get_type_hints(EventFields).items()}
SEND_OPTIONS = {name: likely(name, "") | ANY for name in get_type_hints(SendOptions) if name not in FILES}


@given(call=st.sampled_from(list(CALLS)), data=st.data())
def test_any_event_of_the_hook(refusing: RecordedSandbox, call: str, data: DataObject) -> None:
    arguments: dict[str, Any] = {**CALLS[call], **EVENT_FIELDS}
    required = {name: arguments.pop(name) for name in REQUIRED_OF_THE_HOOK & set(CALLS[call])}
    given = data.draw(st.fixed_dictionaries(required, optional=arguments))
    refusing.exchanges.clear()
    with pytest.raises(SegmentError) as caught:
        getattr(SegmentHook(), call)(**given)
    assert bool(refusing.exchanges) == isinstance(caught.value, SegmentAuthenticationError)
    assert len(str(caught.value)) < 2_000


@given(data=st.data())
def test_any_bulk_send_of_the_hook(refusing: RecordedSandbox, data: DataObject) -> None:
    given: dict[str, Any] = data.draw(
        st.fixed_dictionaries({"events": EVENTS | ANY}, optional={**SEND_OPTIONS, "checkpoint": ANY})
    )
    refusing.exchanges.clear()
    try:
        report = SegmentHook().send_events(**given)
    except SegmentError as error:
        assert bool(refusing.exchanges) == isinstance(error, SegmentAuthenticationError), repr(error)
    else:
        assert not refusing.exchanges
        blank = [event for event in given["events"] if isinstance(event, str) and not event.strip()]
        assert (report.sent, report.rejected_total) == (0, len(given["events"]) - len(blank))


@given(
    options=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("region", "timeout", "retries", "log_requests"), ANY)
    )
)
def test_any_hook(refusing: RecordedSandbox, options: dict[str, Any]) -> None:
    with pytest.raises(SegmentError) as caught:
        SegmentHook(**options).get_write_keys("s")
    assert not refusing.faults()
    assert len(str(caught.value)) < 2_000
