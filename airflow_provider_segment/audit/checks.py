"""The table of all checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from airflow_provider_segment.audit import (
    destinations,
    functions,
    mappings,
    plans,
    sources,
    usage,
    users,
    volume,
    warehouses,
)
from airflow_provider_segment.audit.outcomes import Outcomes
from airflow_provider_segment.audit.workspace import Workspace

Requests = Mapping[str, int]
"""How many requests, by the path of the endpoint, with ``{}`` for ids, and what is read there if that is not
always the same."""
NAMES = "/events/volume by name"


class Check(NamedTuple):
    """A check.

    :param run: yields what hurts
    :param ahead: how many requests it makes for single resources, pages beyond the first not counted
    :param needs: the argument without which it is not made
    """

    run: Callable[[Workspace], Outcomes]
    ahead: Callable[[Workspace], Requests] = lambda workspace: {}
    needs: str | None = None


def _totals(workspace: Workspace) -> Requests:
    days = workspace.limits.silent_days
    return {"/events/volume": len(volume.parts(workspace, workspace.since(days=days)))}


def _names(workspace: Workspace) -> int:
    return len(volume.parts(workspace, workspace.since(days=workspace.limits.event_days)))


def _plans(workspace: Workspace) -> Requests:
    return {"/tracking-plans/{}/sources": len(workspace.plans())}


def _rules(workspace: Workspace) -> Requests:
    number = len(workspace.plans())
    return {
        "/tracking-plans/{}/sources": number,
        "/tracking-plans/{}/rules": number,
        NAMES: _names(workspace) if number else 0,
    }


def _mappings(workspace: Workspace) -> Requests:
    number = len(mappings.with_mappings(workspace))
    return {
        "/destinations/{}/subscriptions": number,
        NAMES: _names(workspace) if number else 0,
    }


def _warehouses(workspace: Workspace) -> Requests:
    enabled = sum(warehouse.enabled for warehouse in workspace.warehouses())
    return {"/warehouses/{}/connected-sources": enabled, "/warehouses/{}/syncs": enabled}


CHECKS: dict[str, Check] = {
    "silent_sources": Check(sources.silent, _totals),
    "sources_without_plan": Check(plans.missing, _plans),
    "unplanned_events": Check(plans.unplanned, _rules),
    "disabled_destinations": Check(destinations.switched_off),
    "mappings": Check(mappings.unused, _mappings),
    "mtu": Check(usage.tracked_users, needs="mtu_allowance"),
    "api_calls": Check(usage.api_calls, needs="api_calls_allowance"),
    "users": Check(users.without_group, lambda workspace: {"/groups/{}/users": len(users.groups(workspace))}),
    "functions": Check(
        functions.old, lambda workspace: {"/functions/{}": len(functions.functions(workspace))}
    ),
    "failing_destinations": Check(
        destinations.failing, lambda workspace: {destinations.FAILED: len(workspace.receiving())}
    ),
    "warehouses": Check(warehouses.syncs, _warehouses),
}
"""By name. The slow ones are last: if the time is up, all others are done."""
