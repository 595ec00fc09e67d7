"""What Airflow is told about the package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import airflow
import jsonschema
import pytest

from airflow_provider_segment.hooks.segment import SegmentHook
from airflow_provider_segment.provider_info import get_provider_info

AIRFLOW = Path(airflow.__file__).parent
AIRFLOW_2 = airflow.__version__.startswith("2.")
pytestmark = pytest.mark.core


def test_the_provider_info_is_what_airflow_asks_for() -> None:
    info = get_provider_info()
    runtime = json.loads((AIRFLOW / "provider_info.schema.json").read_text())
    jsonschema.validate(info, runtime)
    strict = AIRFLOW / "provider.yaml.schema.json"
    if strict.exists():  # Airflow 2.11 ships only the first
        properties = json.loads(strict.read_text())["properties"]
        if AIRFLOW_2:
            del info["asset-uris"]  # which it calls dataset-uris
            del info["cli"]
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
    for path in (
        *info["cli"],
        *info["notifications"],
        *info["extra-links"],
        *list(info["asset-uris"][0].values())[1:],
    ):
        module, _, name = path.rpartition(".")
        assert callable(getattr(import_module(module), name))
