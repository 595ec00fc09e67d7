"""The example DAG with an agent, whose model is a script; none where Airflow lacks the provider common-ai."""

from __future__ import annotations

from contextlib import suppress

with suppress(ModuleNotFoundError):
    from example_dags.agent_with_approval import agent, dag  # noqa: F401
    from tests.toolsets.scripts import SwitchesOff

    agent.__class__ = SwitchesOff
