"""A cleared task does its work again, whereas a retry continues the previous try."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from importlib.metadata import version

import pytest

from airflow_provider_segment import operators
from tests.harness.scripted_api import Request, ScriptedAPI
from tests.harness.task_runner import RunTask

pytestmark = pytest.mark.skipif(
    version("apache-airflow") < "3.3", reason="before Airflow 3.3 nothing is kept from try to try"
)
CLEARED = {"try_number": 2, "max_tries": 2}
"""A task with one retry that was cleared after its first try."""


def test_write_key(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    keys = ["a"]

    def create(request: Request) -> dict[str, object]:
        keys.append(f"k{len(keys)}")
        return {"source": {"id": "s", "writeKeys": list(keys)}}

    scripted_api.answers["GET /sources/s"] = lambda request: {"source": {"id": "s", "writeKeys": list(keys)}}
    scripted_api.answers["POST /sources/s/writekey"] = create

    operator = operators.SegmentCreateWriteKeyForSourceOperator(task_id="t", source_id="s", retries=1)
    first = run_task(operator)
    assert first.state == "success", first.error
    retried = run_task(operator, try_number=2, state_store=first.state_store)
    assert (retried.state, len(keys)) == ("success", 2), retried.error
    cleared = run_task(operator, **CLEARED, state_store=first.state_store)
    assert (cleared.state, len(keys)) == ("success", 3), cleared.error


def test_natural_key(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    groups: list[dict[str, str]] = []

    def create(request: Request) -> dict[str, object]:
        groups.append({"id": "g", "name": "A"})
        return {"userGroup": groups[0]}

    scripted_api.answers["GET /groups"] = lambda request: {"userGroups": groups}
    scripted_api.answers["POST /groups"] = create
    first = run_task(operators.SegmentCreateUserGroupOperator(task_id="t", name="A", retries=1))
    assert first.state == "success", first.error
    cleared = run_task(
        operators.SegmentCreateUserGroupOperator(task_id="t", name="A", retries=1),
        **CLEARED,
        state_store=first.state_store,
    )
    assert cleared.state == "failed"
    assert "exists already" in str(cleared.error)


def test_deletion(run_task: RunTask, scripted_api: ScriptedAPI) -> None:
    """A retry after a clear does not adopt a regulation from before the clear."""
    made: list[dict[str, object]] = []
    an_hour_ago = datetime.now(timezone.utc) - timedelta(hours=1)  # when the task ran before it was cleared

    def create(request: Request) -> object:
        if len(made) == 1 and scripted_api.asked.count("POST /regulations") == 1:
            return 400, {"errors": []}
        made.append(regulation("new", datetime.now(timezone.utc)))
        return {"regulateId": "new"}

    def regulation(regulate_id: str, moment: datetime) -> dict[str, object]:
        return {
            "id": regulate_id,
            "regulationType": "DELETE_ONLY",
            "subjectType": "USER_ID",
            "subjects": ["u"],
            "createdAt": moment.isoformat(),
            "status": "RUNNING",
        }

    made.append(regulation("old", an_hour_ago))
    scripted_api.answers["GET /regulations"] = lambda request: {"regulations": made}
    scripted_api.answers["POST /regulations"] = create
    operator = operators.SegmentDeleteUsersDataOperator(
        task_id="t", regulation_type="DELETE_ONLY", user_ids=["u"], wait_for_completion=False, retries=1
    )
    cleared = run_task(operator, **CLEARED)
    assert cleared.state == "up_for_retry", cleared.error
    retried = run_task(operator, try_number=3, max_tries=2, state_store=cleared.state_store)
    assert retried.state == "success", retried.error
    assert [group["regulate_id"] for group in retried.xcom["groups"]] == ["new"]
