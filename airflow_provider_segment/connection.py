"""The fields of an Airflow connection of type ``segment``: their form, and how settings are read from them.

One definition serves both kinds of form: Airflow 3.2 and later take it from the provider info, older versions
get widgets made from it. A new field is an entry in ``CONN_FIELDS`` and a setting of the same name in
``api/settings.py``; a test fails if either is missing.

Airflow decides by an extra field's name whether to mask it. It would show ``write_key`` in its UI and API, so
the field is called ``secret_write_key``. ``write_key``, the name in the official provider, is read, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_segment.api.regions import REGION_NAMES

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_segment.api.settings import Settings

CONN_TYPE = "segment"
HOOK_NAME = "Segment"

STANDARD_FIELDS = {"host": "base_url", "password": "public_api_token"}
"""The settings that come from Airflow's standard fields; the port is part of the base URL."""

OTHER_NAMES = {"write_key": ("secret_write_key", "write_key")}
"""The settings whose extra fields have other names; the first field with a value counts."""

NOT_IN_THE_FORM = frozenset({"name"})
"""The setting that is the id of the connection."""

REGION_AND_KEYS = "Region and keys"
"""The section of the form below Airflow's standard fields. Those are first, open, and in Airflow's order:
only the others can be ordered, by :data:`CONN_FIELDS`."""

CONN_FIELDS: dict[str, dict[str, Any]] = {
    "region": {
        "label": "Region",
        "description": "EU if the address of Segment's app begins with eu1. A token of one region is not "
        "valid in the other.",
        "schema": {
            "type": ["string", "null"],
            "section": REGION_AND_KEYS,
            "enum": list(REGION_NAMES),
            "values_display": dict(REGION_NAMES),
            "default": "us",
        },
    },
    "secret_write_key": {
        "label": "Write key",
        "description": "To send events. In Segment: Connections > Sources > the source > Settings > API "
        "Keys. Leave empty if nothing is sent, or if tasks name the source.",
        "schema": {"type": ["string", "null"], "format": "password", "section": REGION_AND_KEYS},
    },
    "profile_api_token": {
        "label": "Profile API token",
        "description": "To read profiles of a space. In Segment: Unify > the space > Unify settings > API "
        "access. Leave empty otherwise.",
        "schema": {"type": ["string", "null"], "format": "password", "section": REGION_AND_KEYS},
    },
    "oauth_app_id": {
        "label": "OAuth app id",
        "description": "For sources that enforce OAuth, or instead of a Public API token. In Segment: "
        "Settings > Workspace settings > Access Management > OAuth applications. Leave all three fields "
        "empty otherwise.",
        "schema": {"type": ["string", "null"], "section": "OAuth"},
    },
    "oauth_key_id": {
        "label": "OAuth key id",
        "description": "Segment's id of the app's public key.",
        "schema": {"type": ["string", "null"], "section": "OAuth"},
    },
    "oauth_private_key": {
        "label": "OAuth private key",
        "description": "The key's private half: the PEM, in one line or several, or the path of a file that "
        "holds it, where tasks run.",
        "schema": {"type": ["string", "null"], "format": "password", "section": "OAuth"},
    },
    "workspace": {
        "label": "Workspace",
        "description": "The workspace's slug, as in app.segment.com/<slug>, for links to Segment's "
        "app. Without it they lead to your current workspace.",
        "schema": {"type": ["string", "null"], "section": "Advanced"},
    },
    "timeout": {
        "label": "Timeout (seconds)",
        "description": "For each step of a request: connect, send, receive. All of it takes at most three "
        "times as long, however slowly it goes on. Default: 30.",
        "schema": {"type": ["number", "null"], "minimum": 1, "section": "Advanced"},
    },
    "retries": {
        "label": "Retries",
        "description": "Per request. Waits that Segment asks for (429) do not count. "
        "Default: 6, and 10 when sending events.",
        "schema": {"type": ["integer", "null"], "minimum": 0, "section": "Advanced"},
    },
    "log_requests": {
        "label": "Log requests",
        "description": "Log each request in the task's log: method, path, status, milliseconds, request id. "
        "Never a body.",
        "schema": {"type": ["boolean", "null"], "default": False, "section": "Advanced"},
    },
}

UI_FIELD_BEHAVIOUR: dict[str, Any] = {
    "hidden-fields": ["login", "schema"],
    # A label stays visible when the field is filled in; a placeholder does not.
    "relabeling": {
        "password": "Public API token",
        "host": "Base URL (empty: Segment)",
        "port": "Port (enter 0 to test)",
    },
    "placeholders": {
        "password": "In Segment: Settings > Workspace settings > Access Management > Tokens",
        "host": "only for a sandbox, a proxy or a private gateway",
        # If no port is stored, the Test button of Airflow 3.3.2 sends port 0, and its API server then refuses
        # the test because the connection differs from the stored one. With a stored 0 it works.
        "port": "0: without, Airflow 3.3 cannot test the connection",
    },
}


def read_settings(connection: Connection, **overrides: Any) -> Settings:
    """The client's settings from a connection.

    :param overrides: settings that replace those of the connection, unless they are None or blank
    :raises SegmentConfigurationError: a field has an invalid value; the message names it, without the value
    """
    from airflow_provider_segment.api.base_urls import with_port
    from airflow_provider_segment.errors import SegmentConfigurationError

    try:
        extra = _extra_of(connection)
    except ValueError as error:
        raise SegmentConfigurationError(
            f"Segment connection {connection.conn_id!r}: extra: {error}"
        ) from None
    base_url = connection.host
    if base_url and connection.port:
        base_url = with_port(base_url, connection.port)
    values = {
        "name": connection.conn_id,
        **{name: extra.get(name) for name in CONN_FIELDS},
        **{
            name: next((extra[each] for each in names if extra.get(each)), None)
            for name, names in OTHER_NAMES.items()
        },
        **{name: getattr(connection, field) for field, name in STANDARD_FIELDS.items()},
        "base_url": base_url,
        **{name: value for name, value in overrides.items() if not (value is None or _is_blank(value))},
    }
    return checked_settings(values, f"Segment connection {connection.conn_id!r}: ")


def checked_settings(values: dict[str, Any], whose: str = "") -> Settings:
    """A client's settings.

    :param whose: begins the message of an error
    :raises SegmentConfigurationError: a value is invalid; the message names it, without the value
    """
    from pydantic import ValidationError

    from airflow_provider_segment.api.settings import Settings
    from airflow_provider_segment.arguments import complaint
    from airflow_provider_segment.errors import SegmentConfigurationError

    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, fault['loc'][:1]))}: {complaint(fault)}" for fault in error.errors()
        )
        raise SegmentConfigurationError(f"{whose}{wrong}") from None


def fields_to_move(connection: Connection) -> dict[str, str]:
    """The extra fields with old names, which Airflow does not mask, and the names that they should have."""
    extra = _extra_of(connection)
    return {name: new for new, *old in OTHER_NAMES.values() for name in old if extra.get(name)}


def secrets_of(connection: Connection) -> list[str]:
    """What is secret in a connection of any type.

    Airflow's own reading of the extra, ``extra_dejson``, would warn of each value that is too short to mask.
    """
    from airflow_provider_segment.api.secrets import secrets_in

    try:
        extra = _extra_of(connection)
    except ValueError:  # no JSON: its hook will not find anything there either
        extra = {}
    return [*secrets_in(extra), *filter(None, [connection.password])]


def _extra_of(connection: Connection) -> dict[str, Any]:
    """The extra. Airflow's own reading takes text that is not JSON for no extra at all.

    :raises ValueError: it is no JSON object
    """
    from airflow_provider_segment.api.documents import read

    text = connection.extra
    extra = {} if text is None or _is_blank(text) else read(text)
    if not isinstance(extra, (dict, type(None))):
        raise ValueError(f"must be a JSON object, and is of type {type(extra).__name__}")
    return extra or {}


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def form_widgets() -> dict[str, Any]:
    """The extra fields as widgets, for Airflow before 3.2."""
    # Only those versions install these packages.
    from flask_appbuilder.fieldwidgets import (  # type: ignore[import-not-found]
        BS3PasswordFieldWidget,
        BS3TextFieldWidget,
    )
    from flask_babel import lazy_gettext  # type: ignore[import-not-found]
    from wtforms import BooleanField, PasswordField, StringField  # type: ignore[import-untyped]

    widgets = {}
    for name, spec in CONN_FIELDS.items():
        schema = spec["schema"]
        secret = schema.get("format") == "password"
        kind, looks = StringField, {"widget": BS3PasswordFieldWidget() if secret else BS3TextFieldWidget()}
        if secret:
            kind = PasswordField
        elif "boolean" in schema["type"]:
            kind, looks = BooleanField, {}
        widgets[name] = kind(
            lazy_gettext(spec["label"]),
            description=spec["description"],
            default=schema.get("default"),
            **looks,
        )
    return widgets


def form_behaviour() -> dict[str, Any]:
    """The behaviour of the standard fields, for Airflow before 3.2."""
    return {name.replace("-", "_"): value for name, value in UI_FIELD_BEHAVIOUR.items()}
