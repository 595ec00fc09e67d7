"""Usage: API calls and monthly tracked users of the events that the sandbox really received.

The counts of a day are cumulative: of the month up to the end of that day. There is one for each day from the
first with an event to today.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timezone
from typing import Any

from airflow_provider_segment.sandbox.clock import iso, seconds
from airflow_provider_segment.sandbox.collection import Handler
from airflow_provider_segment.sandbox.public_api_errors import invalid
from airflow_provider_segment.sandbox.received_call import ReceivedCall
from airflow_provider_segment.sandbox.received_events import DAY, Person


def days_of(call: ReceivedCall) -> tuple[int, int]:
    """Start and end of the month that is asked for."""
    period = call.valid_query({"period": str}, ("period",))["period"]
    start = seconds(f"{period}T00:00:00Z")
    if start is None:
        raise invalid("period is not a date: 2026-01-01.", "period")
    first = datetime.fromtimestamp(start, timezone.utc).replace(day=1)
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return int(first.timestamp()), int(after.timestamp())


def days_to_count(call: ReceivedCall, first: int, after: int) -> range:
    """The days (seconds since 1970) of a month that have a count."""
    return range(first, min(after, int(call.state.clock.now()) + 1), DAY)


def api_calls(key: str, per_source: bool) -> Handler:
    def usage(call: ReceivedCall) -> Any:
        start, end = days_of(call)
        calls: defaultdict[str | None, Counter[int]] = defaultdict(Counter)
        for kind, count in call.state.counts.catch_up().by_key.items():
            if kind.reason is None and start <= kind.minute < end:
                calls[kind.source_id if per_source else None][kind.minute // DAY * DAY] += count
        items = [
            {
                **({"sourceId": source_id} if per_source else {}),
                "apiCalls": str(sum(count for when, count in counts.items() if when <= day)),
                "timestamp": iso(day),
            }
            for source_id, counts in calls.items()
            for day in days_to_count(call, min(counts), end)
        ]
        return call.page(key, items)

    return usage


def tracked_users(key: str, per_source: bool) -> Handler:
    def usage(call: ReceivedCall) -> Any:
        start, end = days_of(call)
        people: defaultdict[str | None, list[Person]] = defaultdict(list)
        for person in call.state.counts.catch_up().people:
            if start <= person.day < end:
                people[person.source_id if per_source else None].append(person)
        items = []
        for source_id, active in people.items():
            for day in days_to_count(call, min(person.day for person in active), end):
                seen = [person for person in active if person.day <= day]
                known = {person.user_id for person in seen if person.user_id}
                visitors = {person.anonymous_id for person in seen if person.anonymous_id}
                named = {person.anonymous_id for person in seen if person.anonymous_id and person.user_id}
                items.append(
                    {
                        **({"sourceId": source_id} if per_source else {}),
                        "periodStart": start,
                        "periodEnd": end,
                        "anonymous": str(len(visitors)),
                        "anonymousIdentified": str(len(named)),
                        "identified": str(len(known)),
                        "neverIdentified": str(len(visitors - named)),
                        "timestamp": iso(day),
                    }
                )
        return call.page(key, items)

    return usage


SPECIAL: dict[str, Handler] = {
    "GET /usage/api-calls/daily": api_calls("dailyWorkspaceAPICallsUsage", False),
    "GET /usage/api-calls/sources/daily": api_calls("dailyPerSourceAPICallsUsage", True),
    "GET /usage/mtu/daily": tracked_users("dailyWorkspaceMTUUsage", False),
    "GET /usage/mtu/sources/daily": tracked_users("dailyPerSourceMTUUsage", True),
}
