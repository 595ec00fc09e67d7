"""What the Test button of the connection says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.sandbox import Sandbox

pytestmark = pytest.mark.core


def use(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, **changes: Any) -> SegmentHook:
    fields = json.loads(json.dumps(sandbox.connection))
    fields["extra"].update(changes.pop("extra", {}))
    fields.update(changes)
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(fields))
    return SegmentHook(retries=0)


def test_all_is_well(segment_sandbox: Sandbox) -> None:
    well, message = SegmentHook().test_connection()
    assert well
    first, *lines = message.split("\n")
    assert first == "Works."
    assert lines[0].startswith("Region: US (Oregon) at http://127.0.0.1:")
    assert lines[1] == "Public API token: works for workspace 'Sandbox';"
    assert lines[2] == "write key: belongs to source 'sandbox';"
    assert lines[3].startswith("Profile API token: not checked")


@pytest.mark.parametrize(
    ("changes", "well", "said"),
    [
        ({"password": "a-wrong-token"}, False, "Public API token: Check the credential and the region"),
        ({"extra": {"secret_write_key": "a-wrong-key"}}, False, "belongs to no source"),
        ({"password": None}, True, "not checked: that needs access to the Public API"),
        (
            {"password": None, "extra": {"secret_write_key": None, "profile_api_token": None}},
            False,
            "No credential",
        ),
        ({"extra": {"region": "mars"}}, False, "region"),
    ],
)
def test_what_is_wrong_is_said(
    segment_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    well: bool,
    said: str,
) -> None:
    hook = use(monkeypatch, segment_sandbox, **changes)
    found, message = hook.test_connection()
    assert (found, said in message) == (well, True), message
    for value in (segment_sandbox.token, segment_sandbox.write_key, "a-wrong-token", "a-wrong-key"):
        assert value not in message


def test_nobody_answers(segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, refusing: str) -> None:
    well, message = use(monkeypatch, segment_sandbox, host=refusing).test_connection()
    assert not well and "no answer" in message


def test_a_token_that_may_not_see_write_keys(
    segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = use(monkeypatch, segment_sandbox, extra={"secret_write_key": "unseen"})
    hidden = {
        "data": {"sources": [{"id": "s", "slug": "s", "writeKeys": []}], "pagination": {"current": "x"}}
    }
    segment_sandbox.faults.add("status", path="/sources", status=200, body=hidden)
    assert hook.test_connection()[0]
    assert "cannot see the write keys of 1 sources" in hook.test_connection()[1]


def test_the_findings_are_what_the_button_says(
    segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = use(monkeypatch, segment_sandbox, extra={"secret_write_key": "a-wrong-key"})
    findings = hook.test_findings()
    assert [(finding.subject, finding.well) for finding in findings] == [
        ("Region", None),
        ("Public API token", True),
        ("write key", False),
        ("Profile API token", None),
    ]
    well, text = hook.test_connection()
    assert not well
    assert text == "Does not work: write key.\n" + ";\n".join(map(str, findings))


def test_sources_that_cannot_be_listed_leave_the_write_key_unchecked(segment_sandbox: Sandbox) -> None:
    segment_sandbox.faults.add("status", path="/sources", status=403)
    *_, write_key, _ = SegmentHook(retries=0).test_findings()
    assert (write_key.subject, write_key.well) == ("write key", None)
    assert "403" in write_key.text


def test_a_region_other_than_the_sandboxs_is_noticed(
    segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    well, said = use(monkeypatch, segment_sandbox, extra={"region": "eu"}).test_connection()
    assert not well
    assert said.startswith("Does not work: Public API token.")
    assert "a sandbox of the region us: set that region" in said


def test_a_write_key_that_airflow_shows_is_to_be_moved(
    segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = segment_sandbox.write_key
    hook = use(monkeypatch, segment_sandbox, extra={"secret_write_key": None, "write_key": key})
    well, said = hook.test_connection()
    assert well
    assert "Extra write_key: whoever can view connections can read it: move it to secret_write_key" in said
    assert key not in said


def test_a_connection_of_which_nothing_can_be_checked(
    segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    well, said = use(monkeypatch, segment_sandbox, password=None).test_connection()
    assert well and said.startswith("Nothing is known to be wrong.")
