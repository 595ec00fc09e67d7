"""What Segment's words for states mean. The one table; compared without regard to case and punctuation.

Segment documents the words of reverse ETL syncs, regulations, audiences and previews. That of warehouse syncs
it does not: its app and its alerts say Success, Partial, Failed, Skipped, its API may say it otherwise. Hence
families of words: of success these very words only, of all others what begins with them. A word of none is
logged loudly, and never counts as success.
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

# "Live" is an audience's, where a computation that goes on for ever is the good end.
SUCCESS = frozenset(
    {"success", "successful", "succeeded", "finished", "complete", "completed", "done", "live"}
)

# The beginnings of words, the longer ones first where one begins another.
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
    """What one of Segment's words for a state means; one that is not known is logged as an error, once."""
    plain = re.sub(r"[^a-z]", "", str(word).lower())
    if plain in SUCCESS:
        return "success"
    for beginning, meaning in MEANINGS.items():
        if plain.startswith(beginning):
            return meaning
    log.error(
        "A state is %r, a word that this version of airflow-provider-segment does not know; "
        "not taken for a success. Please report it.",
        word,
    )
    return "unknown"
