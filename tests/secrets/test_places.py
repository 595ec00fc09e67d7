"""No secret, in no form, in any place where Airflow shows or stores what a task does."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest

from airflow_provider_segment import operators
from airflow_provider_segment.api.secrets import forms_of
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.operators.request import SegmentRequestOperator
from airflow_provider_segment.tasks.declarative import Arg, path
from airflow_provider_segment.tasks.operation import SegmentOperator
from tests.harness.scripted_api import Request, ScriptedAPI
from tests.harness.task_runner import RunTask, TaskRun
from tests.secrets.forms import FORMS, b64, found

pytestmark = pytest.mark.core

TOKEN = 'sgp_to/ken+"17"=%&'
WRITE_KEY = "Wk17abcdefghijklmnop"
PROFILE_TOKEN = "profile?token~17/"
SETTING = 'Pässw0rd/"17"\n%+=x'
PATH_SECRET = "pathkey17/with+more"

SECRETS = {
    "token": TOKEN,
    "write key": WRITE_KEY,
    "profile token": PROFILE_TOKEN,
    "setting": SETTING,
    "path argument": PATH_SECRET,
}


class UseKeyOperator(SegmentOperator):
    """An operator of a user's own, with a secret in its path and another in its body."""

    endpoint = "POST /things/{thingKey}/use"
    secrets = ("thing_key", "settings")
    returns = "thing"

    thing_key: Arg[str] = path()
    settings: Arg[dict[str, Any]]


@pytest.fixture
def api(scripted_api: ScriptedAPI, monkeypatch: pytest.MonkeyPatch) -> ScriptedAPI:
    connection = {
        "conn_type": "segment",
        "password": TOKEN,
        "host": f"http://127.0.0.1:{scripted_api.port}",
        "extra": {"secret_write_key": WRITE_KEY, "profile_api_token": PROFILE_TOKEN, "retries": 0},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(connection))
    return scripted_api


def echo(api: ScriptedAPI, status: int, text: str) -> None:
    """Whatever is asked, the answer quotes a text, wherever an answer has room for one."""

    def answer(request: Request) -> tuple[int, Any]:
        api.requests.append(request)
        errors = [{"type": text, "message": "x" * 1990 + f"you sent {text}", "field": text, "more": [text]}]
        data = {"thing": {"id": "t1", "said": [text], text: "name"}, "success": True, "said": text}
        return (status, {"errors": errors}) if status >= 400 else (status, {"data": data})

    api.answer = answer  # type: ignore[method-assign]


def places(run: TaskRun, operator: Any) -> dict[str, str]:
    error = run.error
    return {
        "log": "\n".join(
            line
            for line in run.log.splitlines()
            # Airflow tells its supervisor what to mask; and the libraries' debug lines, before masking.
            if "MaskSecret(" not in line and "httpcore" not in line and "SetRenderedFields" not in line
        ),
        "error": f"{error} {error!r} {vars(error) if error else ''}",
        "traceback": "".join(traceback.format_exception(error)) if error else "",
        "xcoms": repr(run.xcoms) + json.dumps(run.xcoms, default=str),
        "rendered": repr(run.rendered) + json.dumps(run.rendered),
        "asset events": repr(run.asset_events),
        "notes": repr(run.state_store),
        "trigger": repr(run.deferred),
        "repr": f"{operator!r}",
    }


def shown(run: TaskRun, operator: Any) -> dict[str, list[str]]:
    """Where which secret is shown, and in what form."""
    return {
        f"{name} in {place}": forms
        for place, text in places(run, operator).items()
        for name, secret in SECRETS.items()
        if (forms := found(secret, text))
    }


def task(**changes: Any) -> UseKeyOperator:
    arguments: dict[str, Any] = {"thing_key": PATH_SECRET, "settings": {"a": [{"b": SETTING}]}} | changes
    return UseKeyOperator(task_id="t", **arguments)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_server_that_echoes(run_task: RunTask, api: ScriptedAPI, status: int, name: str, form: str) -> None:
    echo(api, status, FORMS[form](SECRETS[name]))
    operator = task()
    run = run_task(operator)
    assert run.state == ("success" if status == 200 else "failed")
    if status == 200 and name in ("setting", "path argument"):
        return  # what a server answers to a request that it carries out is the result
    assert shown(run, operator) == {}


@pytest.mark.parametrize("form", FORMS)
def test_the_result_of_an_event_that_may_fail(run_task: RunTask, api: ScriptedAPI, form: str) -> None:
    """An XCom is not masked by Airflow."""
    echo(api, 400, FORMS[form](WRITE_KEY))
    operator = operators.SegmentTrackOperator(task_id="t", event="e", user_id="u", raise_on_error=False)
    run = run_task(operator)
    assert run.xcom["success"] is False and "Segment answered 400" in run.xcom["error"]
    assert shown(run, operator) == {}


def test_ids_of_people_that_a_server_echoes(run_task: RunTask, api: ScriptedAPI) -> None:
    echo(api, 400, "jane.doe@example.com")
    operator = operators.SegmentDeleteUsersDataOperator(
        task_id="t",
        regulation_type="SUPPRESS_ONLY",
        user_ids=["jane.doe@example.com", "john.doe@example.com"],
        retries=0,
    )
    run = run_task(operator)
    assert run.state == "failed" and "400: ***" in str(run.error)
    for place, content in places(run, operator).items():
        assert not found("jane.doe@example.com", content), place


def test_the_echo_endpoint_returns_headers_without_the_token(run_task: RunTask, api: ScriptedAPI) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "accept": "*/*"}
    api.answers["GET /echo"] = {"method": "GET", "message": "m", "headers": headers}
    run = run_task(operators.SegmentEchoOperator(task_id="t", message="m"))
    assert run.xcom["headers"] == {"authorization": "Bearer ***", "accept": "*/*"}


def test_an_argument_that_is_a_secret_is_in_no_asset_event(run_task: RunTask, api: ScriptedAPI) -> None:
    from airflow.providers.common.compat.sdk import Asset

    api.answers[f"DELETE /sources/s/writekey/{WRITE_KEY}"] = {"status": "SUCCESS"}
    operator = operators.SegmentRemoveWriteKeyFromSourceOperator(
        task_id="t", source_id="s", write_key=WRITE_KEY, outlets=[Asset("segment://sources/s")]
    )
    run = run_task(operator)
    assert run.asset_events == [
        (
            "segment://sources/s",
            {"operation": "DELETE /sources/{sourceId}/writekey/{writeKey}", "source_id": "s"},
        )
    ]
    assert shown(run, operator) == {}


LEAVES = {
    "list": {"privateKeys": ["leaf-one-17", "leaf-two-17"]},
    "tuple": {"keys": ("leaf-one-17", ["leaf-two-17"])},
    "short names": {"pwd": "leaf-one-17", "auth": {"x": "leaf-two-17"}},
    "webhook": {"webhookUrl": "https://leaf-one-17", "sink": "leaf-two-17"},
    "URL": {"connection": "postgres://user:leaf-one-17@db.example.com/x", "host": "http://u:leaf-two-17@h"},
    "pairs": {"storage": "AccountName=acme;AccountKey=leaf-one-17;X=1", "host": "x;Password=leaf-two-17;"},
    "header": {
        "headers": [{"key": "Authorization", "value": "Bearer leaf-one-17"}],
        "x": "Basic leaf-two-17",
    },
    "text in a setting": {"serviceAccount": '{"private_key": "leaf-one-17", "x": ["leaf-two-17"]}'},
    "any name": {"foo": {"bar": "leaf-one-17"}, "baz": "leaf-two-17"},
}


@pytest.mark.parametrize("as_text", [False, True], ids=["object", "JSON text"])
@pytest.mark.parametrize("template", [False, True], ids=["literal", "template"])
@pytest.mark.parametrize("kind", LEAVES)
def test_every_leaf_of_settings(
    run_task: RunTask, api: ScriptedAPI, kind: str, template: bool, as_text: bool
) -> None:
    settings: Any = LEAVES[kind]
    if template:
        settings = json.loads(json.dumps(settings).replace("leaf-", "{{ params.leaf }}-"))
    text = json.dumps(settings) if as_text else settings
    operator = operators.SegmentCreateWarehouseOperator(
        task_id="t", metadata_id="m", settings=text, name="w", params={"leaf": "leaf"}
    )
    api.answers["GET /warehouses"] = {"warehouses": [], "pagination": {"current": "x"}}
    secrets = ("https://leaf-one-17" if kind == "webhook" else "leaf-one-17", "leaf-two-17")
    echoed = json.dumps(LEAVES[kind]) + " ".join(form(leaf) for form in FORMS.values() for leaf in secrets)
    api.answers["POST /warehouses"] = (400, {"errors": [{"type": "invalid", "message": echoed}]})
    run = run_task(operator)
    assert run.state == "failed"
    assert api.last.body["settings"] == json.loads(json.dumps(LEAVES[kind])), "masking changes nothing"
    for place, content in places(run, operator).items():
        for leaf in secrets:
            assert not found(leaf, content), (place, leaf)


def test_what_is_public_stays_readable(run_task: RunTask, api: ScriptedAPI) -> None:
    """Airflow masks a value in all of a task's log: a mask for `segment` or `analytics` would garble it."""
    settings = {
        "hostname": "db.example.com",
        "port": 5439,
        "database": "analytics_prod_1",
        "username": "segment",
        "mode": "standard",
        "enabled": True,
        "password": "leaf-one-17",
    }
    api.answers["GET /warehouses"] = {"warehouses": [], "pagination": {"current": "x"}}
    api.answers["POST /warehouses"] = {"warehouse": {"id": "w"}}
    operator = operators.SegmentCreateWarehouseOperator(
        task_id="t", metadata_id="m", settings=settings, name="w"
    )
    assert run_task(operator).rendered["settings"] == settings | {"password": "***"}


RAW = {
    "json": {"json": {"settings": {"privateKeys": ["leaf-one-17"]}}},
    "json text": {"json": '{"settings": {"privateKeys": ["leaf-one-17"]}}'},
    "a name in the body": {"json": {"apiKey": "leaf-one-17"}},
    "query": {"query": {"access_token": "leaf-one-17"}},
    "path": {"path": "/sources/s/writekey/leaf-one-17"},
}


@pytest.mark.parametrize("kind", RAW)
@pytest.mark.parametrize("status", [200, 400])
def test_a_raw_request(run_task: RunTask, api: ScriptedAPI, kind: str, status: int) -> None:
    echo(api, status, "leaf-one-17" if status == 400 else "fine")
    operator = SegmentRequestOperator(
        task_id="t", **{"path": "/things", "method": "POST", "json": {}, **RAW[kind]}
    )
    run = run_task(operator)
    assert api.last.method == "POST"
    for place, content in places(run, operator).items():
        assert not found("leaf-one-17", content), place
    if status == 200:
        assert f"POST {'/sources/s/writekey/***' if kind == 'path' else '/things'}: 200" in run.log


ANSWERS: dict[str, tuple[Any, Any]] = {
    "a transformation": (
        {"id": "t", "hashPropertiesConfiguration": {"algorithm": "HMAC_SHA256", "key": "leaf-one-17"}},
        {"id": "t", "hashPropertiesConfiguration": {"algorithm": "HMAC_SHA256", "key": "•••"}},
    ),
    "write keys": ({"writeKeys": ["leaf-one-17"]}, {"writeKeys": ["•••e-17"]}),
    "settings": (
        {"settings": {"apiKey": "leaf-one-17", "keys": ["a"], "auth": {"pwd": "leaf-one-17"}, "host": "h"}},
        {"settings": {"apiKey": "•••", "keys": ["a"], "auth": {"pwd": "•••"}, "host": "h"}},
    ),
    "already masked": ({"settings": {"apiKey": "•••e-17"}}, {"settings": {"apiKey": "•••e-17"}}),
    "a connection string": ({"settings": {"url": "redis://:leaf-one-17@h"}}, {"settings": {"url": "•••"}}),
    "encrypted": ({"encryptedSettings": {"token": "leaf-one-17"}}, {"encryptedSettings": {"token": "•••"}}),
    "a webhook": ({"previewWebhookUrl": "https://x/leaf-one-17"}, {"previewWebhookUrl": "•••"}),
    "traits": ({"traits": {"token": "a trait"}}, {"traits": {"token": "a trait"}}),
    "keys that are names": ({"labels": [{"key": "env"}]}, {"labels": [{"key": "env"}]}),
    "a table's key": ({"settings": {"primaryKey": "id"}}, {"settings": {"primaryKey": "id"}}),
}


@pytest.mark.parametrize("case", ANSWERS)
@pytest.mark.parametrize("in_list", [False, True])
def test_secrets_in_answers(run_task: RunTask, api: ScriptedAPI, case: str, in_list: bool) -> None:
    answer, stored = ANSWERS[case]
    api.answers["GET /things"] = {"all": {"things": [answer]}} if in_list else {"thing": answer}
    run = run_task(SegmentRequestOperator(task_id="t", path="/things"))
    assert run.xcom == ({"all": {"things": [stored]}} if in_list else {"thing": stored})


def test_reprs(api: ScriptedAPI) -> None:
    from airflow_provider_segment.api.calls import Call

    api.answers["POST /things"] = {"thing": SETTING}
    hook = SegmentHook()
    client = hook.get_conn()
    answer = hook.request("POST", "/things", json={"settings": {"password": SETTING}})
    call = Call(
        "DELETE",
        f"/sources/s/writekey/{WRITE_KEY}",
        query={"token": TOKEN},
        body=lambda _: SETTING.encode(),
        headers={"X-Token": TOKEN},
    )
    text = repr([hook, client, client.settings, client.scrub, answer, call]) + str(client.settings)
    assert [name for name, secret in SECRETS.items() if found(secret, text)] == []
    assert repr(call) == "Call(DELETE /sources/s/writekey/***)"
    assert repr(answer) == "Answer(200, request id request-1)"


def test_all_that_is_masked_in_logs(api: ScriptedAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first request, and with what comes from Segment."""
    masked: list[str] = []
    monkeypatch.setattr("airflow_provider_segment.version_compat.mask_secrets", masked.extend)
    api.answers["GET /sources/s"] = {"source": {"id": "s", "writeKeys": ["another-key-17"]}}
    hook = SegmentHook()
    hook.get_conn()
    assert set(forms_of([TOKEN, WRITE_KEY, PROFILE_TOKEN])) <= set(masked)
    assert b64(f"{WRITE_KEY}:").rstrip("=") in masked or b64(WRITE_KEY).rstrip("=") in masked
    masked.clear()
    hook.get_write_keys("s")
    assert "another-key-17" in masked
    masked.clear()
    SegmentHook().test_connection()
    assert {TOKEN, WRITE_KEY, PROFILE_TOKEN} <= set(masked)
