"""Tracked users and API calls of the month, against an allowance.

Segment's counts are cumulative: each day's is of the month up to that day, in UTC. At the pace so far, the
month ends with the count, divided by the days so far, times the days of the month. The day of the latest
count is one of the days so far, although it may not be over: a projection is rather too low than too high.
On the first day nothing is projected. Tracked users are counted once a month, so their number grows slower
in its course; Segment's invoice may be of other periods than calendar months.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import timezone
from typing import Any

from airflow_provider_segment.audit.outcomes import Finding, NotChecked, Outcomes, Thing, as_documented
from airflow_provider_segment.audit.resources import ApiCalls, TrackedUsers
from airflow_provider_segment.audit.workspace import Workspace
from airflow_provider_segment.waiting.condition import moment


def tracked_users(workspace: Workspace) -> Outcomes:
    """Monthly tracked users."""
    allowance = workspace.limits.mtu_allowance
    return _used(workspace, "mtu", allowance, "/usage/mtu/daily", "dailyWorkspaceMTUUsage", TrackedUsers)


def api_calls(workspace: Workspace) -> Outcomes:
    """API calls."""
    allowance = workspace.limits.api_calls_allowance
    path, key = "/usage/api-calls/daily", "dailyWorkspaceAPICallsUsage"
    return _used(workspace, "api_calls", allowance, path, key, ApiCalls)


def _used(workspace: Workspace, what: str, allowance: int | None, path: str, key: str, item: Any) -> Outcomes:
    assert allowance is not None  # the check is not chosen otherwise
    now = workspace.now
    first = now.date().replace(day=1)
    snapshots = workspace.items(path, key, item, period=first.isoformat())
    with as_documented(path):
        by_day = [
            (moment(snapshot.timestamp).astimezone(timezone.utc).date(), snapshot.count)
            for snapshot in snapshots
        ]
    of_month = [(day, count) for day, count in by_day if first <= day <= now.date()]
    if not of_month:
        yield NotChecked(f"{what} of {first:%B %Y}", "Segment has no count of this month yet")
        return
    day, used = max(of_month)[0].day, max(count for _, count in of_month)
    days = monthrange(now.year, now.month)[1]
    facts = {
        "month": f"{first:%Y-%m}",
        "used": used,
        "allowance": allowance,
        "days_counted": day,
        "days_of_month": days,
        "projected": None if day == 1 else -(-used * days // day),
    }
    thing = Thing("workspace", workspace.about["id"], workspace.about["name"])
    if used > allowance:
        yield Finding(f"{what}_over_allowance", thing, facts)
    elif day > 1 and used * days > allowance * day:
        yield Finding(f"{what}_projected_over_allowance", thing, facts)
