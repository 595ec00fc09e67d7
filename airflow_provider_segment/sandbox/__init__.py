"""Segment on this machine, for tests and demos: an HTTP server that behaves as Segment documents.

It serves the Tracking, the Public and the Profile API, and OAuth's authorization server, from one origin. It
keeps everything in memory, and shows what it accepted, what it dropped and why. It fails on demand
(`Sandbox.faults`).

It tests this package, so it shares almost no code with it: time format, event limits and region names are
deliberately repeated here. Only the published rate limits are shared.

All operations of the Public API keep state, and what they report about events is computed from the received
ones. A new workspace holds a source, a space, three users and the catalogs. Long-running work (syncs,
regulations, audiences) follows the sandbox's clock, which tests can advance and stop:
`Sandbox.advance_clock`, `Sandbox.freeze_clock`.

In a program or a test::

    from airflow_provider_segment.sandbox import Sandbox

    with Sandbox() as segment:
        os.environ["AIRFLOW_CONN_SEGMENT_DEFAULT"] = json.dumps(segment.connection)
        ...
        assert len(segment.accepted) == 3

In pytest, `pytest_plugins = ["airflow_provider_segment.sandbox.pytest_plugin"]` provides the fixture
`segment_sandbox`. From a shell: ``python -m airflow_provider_segment.sandbox``.

Needs the extra `sandbox` (starlette, uvicorn and others), which is imported only when `Sandbox` is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_segment.sandbox.server import Sandbox

__all__ = ["Sandbox"]


def __getattr__(name: str) -> object:
    if name != "Sandbox":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from airflow_provider_segment.sandbox.server import Sandbox
    except ModuleNotFoundError as error:
        if error.name not in {"starlette", "uvicorn", "jwt", "cryptography"}:
            raise
        raise ImportError(
            f"The sandbox needs {error.name}: pip install 'airflow-provider-segment[sandbox]'"
        ) from error
    return Sandbox
