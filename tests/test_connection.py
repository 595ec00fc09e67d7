"""The connection: its form, and what is read from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Connection
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from airflow_provider_segment.api.client import SegmentClient
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.connection import (
    CONN_FIELDS,
    NOT_IN_THE_FORM,
    OTHER_NAMES,
    STANDARD_FIELDS,
    UI_FIELD_BEHAVIOUR,
    read_settings,
)
from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.hooks.segment import SegmentHook

pytestmark = pytest.mark.core


def connection(**fields: Any) -> Connection:
    extra = fields.pop("extra", {})
    return Connection(conn_id="segment_default", conn_type="segment", extra=json.dumps(extra), **fields)


def stored(**fields: Any) -> Any:
    """A connection with fields that Airflow itself may refuse to make, but that are stored."""
    return SimpleNamespace(**{"conn_id": "c", "host": None, "port": None, "password": None, **fields})


PEM = f"-----BEGIN PRIVATE KEY-----\n{'TWFu' * 16}\n{'a2V5' * 16}\n-----END PRIVATE KEY-----"
OAUTH = {"oauth_app_id": "app", "oauth_key_id": "key", "oauth_private_key": PEM}


def secret(value: Any) -> str | None:
    return value.get_secret_value() if value else None


# The form and the settings


def half_known(form: Mapping[str, Any], settings: type[Settings]) -> set[str]:
    """What the form has and the settings do not know, and the other way round."""
    extra_field_of = {setting: names[0] for setting, names in OTHER_NAMES.items()}
    elsewhere = {*STANDARD_FIELDS.values(), *NOT_IN_THE_FORM}
    read = {extra_field_of.get(name, name) for name in settings.model_fields if name not in elsewhere}
    return read ^ form.keys() | {name for name in elsewhere if name not in settings.model_fields}


def test_the_form_has_a_field_for_each_setting() -> None:
    assert half_known(CONN_FIELDS, Settings) == set()


def test_a_field_that_only_one_side_knows_is_found() -> None:
    class More(Settings):
        proxy: str | None = None

    assert half_known(CONN_FIELDS, More) == {"proxy"}
    assert half_known({**CONN_FIELDS, "proxy": {}}, Settings) == {"proxy"}
    assert half_known({**CONN_FIELDS, "proxy": {}}, More) == set()
    assert half_known({**CONN_FIELDS, "write_key": {}}, Settings) == {"write_key"}
    assert half_known({name: CONN_FIELDS[name] for name in list(CONN_FIELDS)[1:]}, Settings) == {"region"}


@pytest.mark.parametrize("name", CONN_FIELDS)
def test_what_is_written_in_a_field_becomes_a_setting(name: str) -> None:
    schema = CONN_FIELDS[name]["schema"]
    samples = {"string": "a-text", "number": 2.5, "integer": 4, "boolean": True}
    value = schema["enum"][-1] if "enum" in schema else samples[schema["type"][0]]
    value = PEM if name == "oauth_private_key" else value
    others = OAUTH if name in OAUTH else {}  # they belong together
    settings = read_settings(connection(extra={**others, name: value}))
    setting = next((each for each, names in OTHER_NAMES.items() if name in names), name)
    found = getattr(settings, setting)
    assert found != getattr(Settings(), setting)
    assert (secret(found) if schema.get("format") == "password" else found) == value


def test_each_standard_field_is_read_or_hidden() -> None:
    shown = UI_FIELD_BEHAVIOUR["relabeling"].keys()
    assert shown == {*STANDARD_FIELDS, "port"}
    assert {*shown, *UI_FIELD_BEHAVIOUR["hidden-fields"]} == {"host", "login", "password", "port", "schema"}


def test_the_old_form_has_the_same_fields() -> None:
    pytest.importorskip("flask_appbuilder")
    widgets = SegmentHook.get_connection_form_widgets()
    assert list(widgets) == list(CONN_FIELDS)
    kinds = {name: widget.field_class.__name__ for name, widget in widgets.items()}
    assert kinds["secret_write_key"] == kinds["profile_api_token"] == "PasswordField"
    assert kinds["log_requests"] == "BooleanField"
    behaviour = SegmentHook.get_ui_field_behaviour()
    assert behaviour["hidden_fields"] == UI_FIELD_BEHAVIOUR["hidden-fields"]
    assert behaviour["relabeling"]["password"] == "Public API token"


def test_airflow_masks_every_secret_field_by_its_name() -> None:
    from airflow.providers.common.compat.sdk import redact

    extra = {name: "the secret" for name, field in CONN_FIELDS.items() if "password" in str(field["schema"])}
    assert len(extra) == 3
    assert set(redact(extra).values()) == {"***"}


def test_a_new_secret_is_masked_like_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    class More(Settings):
        proxy_password: SecretStr | None = None

    secrets = [name for name, field in More.model_fields.items() if "SecretStr" in str(field.annotation)]
    assert len(secrets) == 5
    monkeypatch.setattr("airflow_provider_segment.api.settings.Settings", More)
    monkeypatch.setitem(CONN_FIELDS, "proxy_password", {})
    extra = {name: f"the {name}" for name in secrets} | OAUTH
    monkeypatch.setattr(
        SegmentHook, "get_connection", lambda *_: connection(password=extra["public_api_token"], extra=extra)
    )
    masked: list[str] = []
    monkeypatch.setattr("airflow_provider_segment.version_compat.mask_secrets", masked.extend)
    SegmentHook().get_conn()
    in_one_line = {extra[name] for name in secrets if name != "oauth_private_key"}
    assert {*in_one_line, *PEM.splitlines()[1:-1]} < set(masked)


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


WRONG_TIMEOUTS = ("soon", 0, -1, "inf", "nan", 1e9, 10**400, True, [5], {})


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"region": "mars"}, "region"),
        *(({"timeout": value}, "timeout") for value in WRONG_TIMEOUTS),
        *(({"retries": value}, "retries") for value in (-1, 1.5, True, "many", 10**9, "9" * 5_000, [3])),
    ],
)
def test_a_wrong_field_is_named_and_nothing_secret_shown(extra: dict[str, Any], field: str) -> None:
    with pytest.raises(SegmentConfigurationError, match=f"'segment_default': {field}") as caught:
        read_settings(connection(password="the token", extra=extra))
    assert "the token" not in str(caught.value)


@pytest.mark.parametrize("blank", [None, "", " "])
def test_a_blank_argument_leaves_the_field_of_the_connection(blank: str | None) -> None:
    assert read_settings(connection(extra={"region": "eu"}), region=blank).region == "eu"


def test_a_wrong_argument_of_the_hook_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SegmentHook, "get_connection", lambda *_: connection(password="the token"))
    for timeout in (*WRONG_TIMEOUTS, float("inf"), float("nan")):
        hook = SegmentHook(timeout=timeout)  # type: ignore[arg-type]
        with pytest.raises(SegmentConfigurationError, match="timeout"):
            hook.get_conn()
        assert hook.test_connection()[0] is False


@pytest.mark.parametrize(
    "extra",
    [
        "[1]",
        "5",
        '"text"',
        "true",
        "not JSON",
        "{",
        '{"region": NaN}',
        "[" * 100_000,
        '{"a":' * 200 + "1" + "}" * 200,
    ],
    ids=lambda extra: extra[:20],
)
def test_an_extra_that_is_no_object_is_told(extra: str) -> None:
    made = stored(password="the token", extra=extra)
    with pytest.raises(SegmentConfigurationError, match="connection 'c': extra: ") as caught:
        read_settings(made)
    assert "the token" not in str(caught.value)


@pytest.mark.parametrize("extra", [None, "", " ", "{}", "null"])
def test_an_extra_that_is_empty(extra: str | None) -> None:
    made = stored(extra=extra)
    assert read_settings(made).region == "us"


def test_a_port_goes_before_the_path() -> None:
    made = connection(host="http://gate/segment", port=8080)
    assert read_settings(made).base_url == "http://gate:8080/segment"


def test_a_base_url_of_an_endpoint_is_refused() -> None:
    with pytest.raises(SegmentConfigurationError, match=r"base_url: .*ends with /v1/batch"):
        read_settings(connection(host="https://api.segment.io/v1/batch"))


TEXT = st.text(max_size=20) | st.text(st.characters(categories=["Cs", "Cc", "Po"]), max_size=5)
ANY = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.lists(st.integers(), max_size=2)


@given(
    host=st.none() | TEXT | TEXT.map("http://{}".format),
    port=st.none() | st.integers(),
    password=st.none() | TEXT,
    extra=st.none()
    | TEXT
    | ANY.map(json.dumps)
    | st.dictionaries(st.sampled_from([*CONN_FIELDS, "write_key"]), ANY).map(json.dumps),
)
def test_any_connection_is_read_or_refused(
    host: str | None, port: int | None, password: str | None, extra: str | None
) -> None:
    made = stored(host=host, port=port, password=password, extra=extra)
    try:
        SegmentClient(read_settings(made)).close()
    except SegmentConfigurationError as error:
        if password and len(password) >= 4 and password in str(error):  # by chance?
            other = stored(host=host, port=port, password="?" * len(password), extra=extra)
            with pytest.raises(SegmentConfigurationError) as again:
                SegmentClient(read_settings(other)).close()
            assert str(again.value) == str(error)
