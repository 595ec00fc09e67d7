"""The package's metadata for Airflow, read whenever a process starts: imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from airflow_provider_segment.connection import CONN_FIELDS, CONN_TYPE, HOOK_NAME, UI_FIELD_BEHAVIOUR

_PACKAGE = "airflow_provider_segment"
_INTEGRATION = "Segment"
_ASSETS = {
    "schemes": ["segment"],
    "handler": f"{_PACKAGE}.assets.sanitize_uri",
    "to_openlineage_converter": f"{_PACKAGE}.assets.to_openlineage",
}


def get_provider_info() -> dict[str, Any]:
    """Entry point ``apache_airflow_provider``."""
    return {
        "package-name": "airflow-provider-segment",
        "name": "Segment",
        "description": "Segment (Twilio's customer data platform): backfill events, provision, wait.",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://www.twilio.com/docs/segment",
                "tags": ["service"],
            }
        ],
        "hooks": [
            {"integration-name": _INTEGRATION, "python-modules": [f"{_PACKAGE}.hooks.segment"]},
        ],
        "operators": [
            {"integration-name": _INTEGRATION, "python-modules": _modules("operators")},
        ],
        "sensors": [
            {"integration-name": _INTEGRATION, "python-modules": _modules("sensors")},
        ],
        "triggers": [
            {"integration-name": _INTEGRATION, "python-modules": _modules("triggers")},
        ],
        "transfers": [
            {
                "source-integration-name": _INTEGRATION,
                "target-integration-name": _INTEGRATION,
                "python-module": f"{_PACKAGE}.transfers.sql_to_segment",
            }
        ],
        "task-decorators": [
            {
                "name": "segment_events",
                "class-name": f"{_PACKAGE}.decorators.segment_events.segment_events_task",
            }
        ],
        "notifications": [f"{_PACKAGE}.notifications.segment.SegmentNotifier"],
        "cli": [f"{_PACKAGE}.cli.get_commands"],
        "extra-links": [f"{_PACKAGE}.tasks.links.SegmentLink"],
        "asset-uris": [_ASSETS],
        "dataset-uris": [_ASSETS],  # what Airflow 2 calls assets
        "connection-types": [
            {
                "connection-type": CONN_TYPE,
                "hook-class-name": f"{_PACKAGE}.hooks.segment.SegmentHook",
                "hook-name": HOOK_NAME,
                "ui-field-behaviour": UI_FIELD_BEHAVIOUR,
                "conn-fields": CONN_FIELDS,
            }
        ],
    }


def _modules(package: str) -> list[str]:
    folder = Path(__file__).parent / package
    return [f"{_PACKAGE}.{package}.{module.name}" for module in iter_modules([str(folder)])]
