"""The meaning of Segment's status words, compared without regard to case and punctuation.

Segment documents the status words of reverse ETL syncs, regulations, audiences and previews, but not those of
warehouse syncs: its app and alerts say Success, Partial, Failed and Skipped, and its API may use other words.
So only success is matched by whole words; all other meanings are matched by prefixes. An unknown word is
logged as an error, and never counts as success.
"""

from __future__ import annotations

import logging
import re
from functools import cache
from typing import Literal

log = logging.getLogger(__name__)

Meaning = Literal[
    "running", "success", "partial", "failed", "invalid", "skipped", "cancelled", "unsupported", "unknown"
]

# "Live" is a status of audiences, which are computed continuously.
SUCCESS = frozenset(
    {"success", "successful", "succeeded", "finished", "complete", "completed", "done", "live"}
)

# Prefixes of words. Where one is a prefix of another, the longer one comes first.
MEANINGS: dict[str, Meaning] = {
    "inprogress": "running",
    "running": "running",
    "pending": "running",
    "queued": "running",
    "scheduled": "running",
    "started": "running",
    "initializ": "running",
    "syncing": "running",
    "cancelling": "running",
    "canceling": "running",
    "partial": "partial",
    "fail": "failed",
    "error": "failed",
    "invalid": "invalid",
    "skip": "skipped",
    "cancel": "cancelled",
    "notsupported": "unsupported",
    "unsupported": "unsupported",
    # Of audiences.
    "computing": "running",
    "backfilling": "running",
    "preparing": "running",
    "awaitingdestinations": "running",
    "locked": "running",
    "notcomputing": "skipped",
    "disabled": "skipped",
}


@cache
def meaning_of(word: object) -> Meaning:
    """The meaning of a status word. An unknown word is logged as an error, once."""
    plain = re.sub(r"[^a-z]", "", str(word).lower())
    if plain in SUCCESS:
        return "success"
    for beginning, meaning in MEANINGS.items():
        if plain.startswith(beginning):
            return meaning
    log.error(
        "Unknown status %r: this version of airflow-provider-segment does not know it and does not count "
        "it as success. Please report it.",
        word,
    )
    return "unknown"
