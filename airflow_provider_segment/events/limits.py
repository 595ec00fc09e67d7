"""What Segment's Tracking API takes, and what we keep below it.

Segment documents 32 KB an event, 500 KB a batch and 2,500 events a batch without saying which KB; its own
libraries disagree. The byte limits here are the ones that hold under every reading. They count the
serialised UTF-8, before any gzip.
"""

from __future__ import annotations

MAX_EVENT_BYTES = 32_000
MAX_BATCH_BYTES = 480_000
MAX_BATCH_EVENTS = 2_500
MAX_MESSAGE_ID_CHARACTERS = 100

CONCURRENCY = 32
"""Batches in flight at once: hides a round trip of 80 ms, and stays far below the 1,000 requests a second
that Segment recommends as a workspace's ceiling."""
