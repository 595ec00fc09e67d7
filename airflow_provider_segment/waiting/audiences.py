"""Conditions on audiences and previews. Source: https://docs.segmentapis.com/tag/Audiences"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.api.paths import fill_path
from airflow_provider_segment.waiting.condition import Ask, Check, Condition, Verdict
from airflow_provider_segment.waiting.words import meaning_of


class Audience(TypedDict):
    """What is read of an audience."""

    id: str
    status: NotRequired[str | None]
    size: NotRequired[dict[str, Any] | None]
    updatedAt: NotRequired[str | None]


class Preview(TypedDict):
    """What is read of a preview."""

    status: str
    failureReason: NotRequired[str | None]


class AudienceComputed(Condition, frozen=True, kw_only=True):
    """An audience is computed and live.

    :param not_before: ignore a final status before this time. Segment does not report whether a run that was
        requested has started, so a live or failed audience may be about to be computed
    """

    space_id: str
    audience_id: str
    not_before: datetime | None = None

    def check(self, now: datetime) -> Check:
        """Read the audience."""
        path = fill_path("/spaces/{s}/audiences/{a}", {"s": self.space_id, "a": self.audience_id})
        audience = (yield Ask(path, shape={"audience": Audience}))["audience"]
        status = audience.get("status")  # which Segment may omit
        if status is None:
            return Verdict("waiting", "no status yet")
        meaning = meaning_of(status)
        found = {"id": self.audience_id, "status": status, "size": audience.get("size")}
        settled = self.not_before is None or now >= self.not_before
        if meaning in ("failed", "skipped") and settled:
            return Verdict("failed", f"status {status}", found)
        return Verdict("done" if meaning == "success" and settled else "waiting", f"status {status}", found)

    def describe(self) -> str:
        """The condition in a few words, for logs and errors."""
        return f"audience {self.audience_id} to be computed"


class AudiencePreviewed(Condition, frozen=True, kw_only=True):
    """The preview of an audience is ready."""

    space_id: str
    preview_id: str

    def check(self, now: datetime) -> Check:
        """Read the preview."""
        path = fill_path("/spaces/{s}/audiences/previews/{p}", {"s": self.space_id, "p": self.preview_id})
        preview = (yield Ask(path, shape={"audiencePreview": Preview}))["audiencePreview"]
        status, reason = preview["status"], preview.get("failureReason")
        message = f"status {status}" + (f", {reason}" if reason else "")
        meaning = meaning_of(status)
        found = {"id": self.preview_id, "status": status, "size": preview.get("size")}
        if meaning == "success":
            return Verdict("done", message, found)
        return Verdict("failed" if meaning == "failed" else "waiting", message, found)

    def describe(self) -> str:
        """The condition in a few words, for logs and errors."""
        return f"preview {self.preview_id}"
