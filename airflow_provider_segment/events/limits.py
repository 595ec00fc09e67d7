"""The limits of Segment's Tracking API, and our own.

Segment documents 32 KB per event, 500 KB per batch and 2,500 events per batch without defining KB; its own
libraries disagree. The byte limits here are safe under every interpretation. They count serialised UTF-8,
before gzip.
"""

from __future__ import annotations

MAX_EVENT_BYTES = 32_000
MAX_BATCH_BYTES = 480_000
MAX_BATCH_EVENTS = 2_500
MAX_MESSAGE_ID_CHARACTERS = 100

CONCURRENCY = 32
"""Batches in flight: enough to hide a round trip of 80 ms, and far below the 1,000 requests per second that
Segment recommends as a workspace's maximum."""
