"""Segment's own archive: what its S3 destinations write, and its Kinesis and Firehose destinations.

Each line is an event as Segment passed it on: besides what was sent, it has what Segment added when it was
received. That must not be sent again: ``sentAt`` would shift the event's time, and ``writeKey`` is the key of
the source that it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.formats.format import Format, id_in, no_time
from airflow_provider_segment.events.mapping.template import FIELDS

KEEP, NEW = "keep", "new"


class SegmentArchive(Format):
    """Events that Segment archived, as they were. They keep their time.

    :param message_ids: ``new`` derives each event's id from the one it had; with ``keep`` it keeps that
    :raises SegmentConfigurationError: ``message_ids`` is neither
    """

    name = "segment_archive"
    what = "lines of Segment's archive in S3, or of its Kinesis and Firehose destinations"
    options = frozenset({"message_ids"})

    def __init__(self, write_key: str, *, message_ids: str = NEW) -> None:
        super().__init__(write_key)
        if message_ids not in (KEEP, NEW):
            raise SegmentConfigurationError(f"message_ids must be {KEEP!r} or {NEW!r}, not {message_ids!r}")
        self._new_ids = message_ids == NEW

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """The event of a row."""
        get = row.get
        if get("type") == "delete":  # Segment tells destinations to delete a user; no source can
            self.skipped["delete"] += 1
            return None
        event = {field: value for field in FIELDS if (value := get(field)) is not None}
        if not event.get("timestamp"):
            raise no_time("timestamp")
        if self._new_ids and (old := id_in(row, "messageId")):
            event["messageId"] = self._derived_id(old)
        return event
