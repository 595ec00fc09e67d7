"""The connection: its form, what is read from it, what the Test button says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import airflow
import pytest
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_segment.connection import CONN_FIELDS, UI_FIELD_BEHAVIOUR, read_settings
from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.provider_info import get_provider_info
from airflow_provider_segment.sandbox import Sandbox

AIRFLOW = Path(airflow.__file__).parent
AIRFLOW_2 = airflow.__version__.startswith("2.")
pytestmark = pytest.mark.core


def connection(**fields: Any) -> Connection:
    extra = fields.pop("extra", {})
    return Connection(conn_id="segment_default", conn_type="segment", extra=json.dumps(extra), **fields)


def secret(value: Any) -> str | None:
    return value.get_secret_value() if value else None


# The provider info


def test_the_provider_info_is_what_airflow_asks_for() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    info = get_provider_info()
    runtime = json.loads((AIRFLOW / "provider_info.schema.json").read_text())
    jsonschema.validate(info, runtime)
    strict = AIRFLOW / "provider.yaml.schema.json"
    if strict.exists():  # Airflow 2.11 ships only the first
        properties = json.loads(strict.read_text())["properties"]
        if AIRFLOW_2:
            del info["asset-uris"]  # which it calls dataset-uris
        for key, value in info.items():
            assert key in properties, key
            jsonschema.validate(value, properties[key])


def test_the_provider_info_imports_nothing() -> None:
    script = (
        "import sys; from airflow_provider_segment.provider_info import get_provider_info as info; info();"
        "print([name for name in ('airflow', 'httpx', 'pydantic', 'msgspec') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_airflow_finds_the_connection_type() -> None:
    from airflow.providers_manager import ProvidersManager

    hook = ProvidersManager().hooks["segment"]
    assert hook is not None
    assert (hook.package_name, hook.connection_type) == ("airflow-provider-segment", "segment")
    assert hook.hook_name == SegmentHook.hook_name


def test_everything_that_the_provider_info_names_exists() -> None:
    from importlib import import_module

    info = get_provider_info()
    for part in ("hooks", "operators", "sensors", "triggers"):
        for group in info[part]:
            for module in group["python-modules"]:
                import_module(module)
    for kind in info["connection-types"]:
        module, _, name = kind["hook-class-name"].rpartition(".")
        assert getattr(import_module(module), name).conn_type == kind["connection-type"]
    for path in (*info["notifications"], *info["extra-links"], *list(info["asset-uris"][0].values())[1:]):
        module, _, name = path.rpartition(".")
        assert callable(getattr(import_module(module), name))


def test_the_old_form_has_the_same_fields() -> None:
    pytest.importorskip("flask_appbuilder")
    widgets = SegmentHook.get_connection_form_widgets()
    assert list(widgets) == list(CONN_FIELDS)
    kinds = {name: widget.field_class.__name__ for name, widget in widgets.items()}
    assert kinds["secret_write_key"] == kinds["profile_api_token"] == "PasswordField"
    behaviour = SegmentHook.get_ui_field_behaviour()
    assert behaviour["hidden_fields"] == UI_FIELD_BEHAVIOUR["hidden-fields"]
    assert behaviour["relabeling"]["password"] == "Public API token"


def test_airflow_masks_every_secret_field_by_its_name() -> None:
    from airflow.providers.common.compat.sdk import redact

    extra = {name: "the secret" for name, field in CONN_FIELDS.items() if "password" in str(field["schema"])}
    assert len(extra) == 2
    assert set(redact(extra).values()) == {"***"}


# Reading


def test_the_fields_of_a_connection() -> None:
    settings = read_settings(
        connection(
            password="token",
            host="http://127.0.0.1",
            port=8765,
            extra={
                "region": "eu",
                "secret_write_key": "key",
                "profile_api_token": "profile",
                "timeout": "12.5",
                "retries": "3",
            },
        )
    )
    assert (settings.region, settings.base_url) == ("eu", "http://127.0.0.1:8765")
    assert (settings.timeout, settings.retries) == (12.5, 3)
    assert secret(settings.public_api_token) == "token"
    assert secret(settings.write_key) == "key"
    assert secret(settings.profile_api_token) == "profile"


def test_a_form_left_empty_saves_nulls_which_count_as_absent() -> None:
    settings = read_settings(connection(password="", host="", port=0, extra=dict.fromkeys(CONN_FIELDS)))
    assert (settings.region, settings.base_url, settings.retries) == ("us", None, None)
    assert settings.write_key is settings.public_api_token is None


def test_port_0_is_no_port() -> None:
    settings = read_settings(connection(host="http://127.0.0.1:8765", port=0))
    assert settings.base_url == "http://127.0.0.1:8765"


def test_a_connection_of_the_official_provider_works_unchanged() -> None:
    assert secret(read_settings(connection(extra={"write_key": "key"})).write_key) == "key"
    both = {"write_key": "old", "secret_write_key": "new"}
    assert secret(read_settings(connection(extra=both)).write_key) == "new"


@pytest.mark.parametrize(
    ("extra", "field"),
    [({"region": "mars"}, "region"), ({"timeout": "soon"}, "timeout"), ({"retries": -1}, "retries")],
)
def test_a_wrong_field_is_named_and_nothing_secret_shown(extra: dict[str, Any], field: str) -> None:
    with pytest.raises(SegmentConfigurationError, match=f"'segment_default': {field}") as caught:
        read_settings(connection(password="the token", extra=extra))
    assert "the token" not in str(caught.value)


def test_arguments_of_the_hook_come_first(segment_sandbox: Sandbox) -> None:
    settings = SegmentHook(region="eu", timeout=1, retries=2).get_conn().settings
    assert (settings.region, settings.timeout, settings.retries) == ("eu", 1, 2)


def test_making_a_hook_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SEGMENT_DEFAULT", raising=False)
    assert SegmentHook("no_such_connection").segment_conn_id == "no_such_connection"


# The Test button


def use(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, **changes: Any) -> SegmentHook:
    fields = json.loads(json.dumps(sandbox.connection))
    fields["extra"].update(changes.pop("extra", {}))
    fields.update(changes)
    monkeypatch.setenv("AIRFLOW_CONN_SEGMENT_DEFAULT", json.dumps(fields))
    return SegmentHook(retries=0)


def test_all_is_well(segment_sandbox: Sandbox) -> None:
    well, message = SegmentHook().test_connection()
    assert well
    assert message.startswith("Region US (Oregon) at http://127.0.0.1:")
    assert "workspace 'Sandbox'" in message and "belongs to source 'sandbox'" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("changes", "well", "said"),
    [
        ({"password": "a-wrong-token"}, False, "Public API token: GET /: Segment answered 401"),
        ({"extra": {"secret_write_key": "a-wrong-key"}}, False, "belongs to no source"),
        ({"password": None}, True, "not checked, as that needs a Public API token that works"),
        (
            {"password": None, "extra": {"secret_write_key": None, "profile_api_token": None}},
            False,
            "No credential",
        ),
        ({"extra": {"region": "mars"}}, False, "region"),
        ({"host": "http://127.0.0.1:9"}, False, "no answer"),
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


def test_a_token_that_may_not_see_write_keys(
    segment_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = use(monkeypatch, segment_sandbox, extra={"secret_write_key": "unseen"})
    hidden = {"data": {"sources": [{"id": "s", "slug": "s", "writeKeys": []}]}}
    segment_sandbox.faults.add("status", path="/sources", status=200, body=hidden)
    assert hook.test_connection()[0]
    assert "may not see the write keys of 1 sources" in hook.test_connection()[1]


def test_get_write_key_says_what_is_missing(segment_sandbox: Sandbox) -> None:
    assert SegmentHook().get_write_key(segment_sandbox.source_id) == segment_sandbox.write_key
    hidden = {"data": {"source": {"id": "s", "writeKeys": []}}}
    segment_sandbox.faults.add("status", path="/sources/", status=200, body=hidden)
    with pytest.raises(SegmentConfigurationError, match="Source Admin"):
        SegmentHook().get_write_key("s")
