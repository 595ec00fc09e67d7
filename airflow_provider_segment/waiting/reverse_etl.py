"""Conditions on reverse ETL syncs. Source: https://docs.segmentapis.com/tag/Reverse-ETL"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from typing import Any, Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.api.media_types import ALPHA
from airflow_provider_segment.api.pages import Paging
from airflow_provider_segment.api.paths import fill_path
from airflow_provider_segment.waiting.condition import Ask, Check, Condition, Verdict, moment, newest
from airflow_provider_segment.waiting.words import Meaning, meaning_of

PAGE_SIZE = 100
"""The most syncs that Segment returns per page."""

Sync = dict[str, Any]
"""The status of a sync, as Segment reports it: ``syncId``, ``syncStatus``, ``startedAt``, ``loadPhase``..."""


class SyncStatus(TypedDict):
    """What is read of a sync."""

    syncId: str
    syncStatus: str
    startedAt: NotRequired[str | None]
    finishedAt: NotRequired[str | None]
    extractPhase: NotRequired[dict[str, Any] | None]
    loadPhase: NotRequired[dict[str, Any] | None]


class ReverseEtlSynced(Condition, frozen=True, kw_only=True):
    """A sync has ended.

    :param on_partial: whether a sync that could not deliver all rows is accepted
    """

    model_id: str
    sync_id: str
    on_partial: Literal["accept", "fail"] = "fail"

    def check(self, now: datetime) -> Check:
        """Read the sync."""
        path = fill_path("/reverse-etl-models/{m}/syncs/{s}", {"m": self.model_id, "s": self.sync_id})
        data = yield Ask(path, media_type=ALPHA, shape={"reverseETLSyncStatus": SyncStatus})
        return verdict_of(data["reverseETLSyncStatus"], self.on_partial)

    def describe(self) -> str:
        """The condition in a few words, for logs and errors."""
        return f"reverse ETL sync {self.sync_id} of model {self.model_id}"


class ReverseEtlMappingSynced(Condition, frozen=True, kw_only=True):
    """A mapping has a sync that started at or after a given time and has ended, whoever started it.

    :param on_partial: whether a sync that could not deliver all rows is accepted
    """

    model_id: str
    subscription_id: str
    since: datetime
    on_partial: Literal["accept", "fail"] = "fail"

    def check(self, now: datetime) -> Check:
        """Read the syncs: any good one decides, otherwise the latest."""
        syncs = yield from syncs_since(self.since, self.model_id, self.subscription_id)
        verdicts = [verdict_of(sync, self.on_partial) for sync in syncs]
        if not verdicts:
            return Verdict("waiting", "no sync yet")
        return next((verdict for verdict in verdicts if verdict.state == "done"), verdicts[0])

    def describe(self) -> str:
        """The condition in a few words, for logs and errors."""
        return f"a sync of mapping {self.subscription_id} that started at or after {self.since:%F %T %Z}"


def syncs_since(since: datetime, model_id: str, subscription_id: str) -> Generator[Ask, Any, list[Sync]]:
    """Read the syncs of a mapping that started at or after a given time, newest first."""
    path = fill_path(
        "/reverse-etl-models/{m}/subscriptionId/{s}/syncs", {"m": model_id, "s": subscription_id}
    )
    syncs = yield from newest(
        path,
        "syncStatuses",
        since,
        lambda sync: sync.get("startedAt"),
        media_type=ALPHA,
        page_size=PAGE_SIZE,
        paging=Paging(group=None),
        item=SyncStatus,
    )
    return sorted(syncs, key=lambda sync: moment(sync["startedAt"]), reverse=True)


def verdict_of(sync: Sync, on_partial: str) -> Verdict:
    """The verdict on a sync. One that has ended with an unknown status has failed."""
    meaning: Meaning = meaning_of(sync["syncStatus"])
    message = summary_of(sync)
    if meaning == "success" or (meaning == "partial" and on_partial == "accept"):
        return Verdict("done", message, sync)
    if meaning == "running" or (meaning == "unknown" and not sync.get("finishedAt")):
        return Verdict("waiting", message)
    return Verdict("failed", message)


def summary_of(sync: Sync) -> str:
    """The state of a sync, for logs and errors."""
    extract, load = sync.get("extractPhase") or {}, sync.get("loadPhase") or {}
    counts = {
        "extracted": extract.get("extractCount"),
        "delivered": load.get("deliverSuccessCount"),
        "not delivered": load.get("deliverFailureCount"),
    }
    words = [f"{count} {name}" for name, count in counts.items() if count is not None]
    errors = [sync.get("error") or sync.get("errorCode"), extract.get("errorCode"), load.get("errorCode")]
    said = "; ".join(str(error) for error in dict.fromkeys(errors) if error)
    return ", ".join(
        [f"sync {sync.get('syncId')} is {sync['syncStatus']}", *words, *([said] if said else [])]
    )
