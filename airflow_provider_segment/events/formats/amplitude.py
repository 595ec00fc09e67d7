"""Events as Amplitude exports them: one JSON object a line, by its Export API or to a bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.formats.format import (
    Format,
    Place,
    id_in,
    name_in,
    no_time,
    object_in,
    put,
    track,
)
from airflow_provider_segment.events.mapping.cells import as_timestamp
from airflow_provider_segment.values import ValueRejected

SKIPPED = frozenset({"$identify", "$groupidentify"})
"""Events that only change the properties of a user or a group."""

MERGED = "merged_amplitude_id"
"""What a line of the list of merged users has, which may lie beside the events."""

CONTEXT: dict[str, Place] = {
    "adid": ("device", "advertisingId"),
    "city": ("location", "city"),
    "country": ("location", "country"),
    "device_brand": ("device", "brand"),
    "device_carrier": ("network", "carrier"),
    "device_manufacturer": ("device", "manufacturer"),
    "device_model": ("device", "model"),
    "device_type": ("device", "name"),
    "idfa": ("device", "advertisingId"),
    "ip_address": ("ip",),
    "location_lat": ("location", "latitude"),
    "location_lng": ("location", "longitude"),
    "region": ("location", "region"),
    "version_name": ("app", "version"),
}
"""Amplitude's columns that have a place in Segment's ``context``."""

PLATFORMS = {"iOS": "ios", "Android": "android"}
"""Types of devices, as Segment's libraries write them."""

UTC = ZoneInfo("UTC")


class Amplitude(Format):
    """Events of Amplitude's export, unpacked."""

    name = "amplitude"
    what = "lines of Amplitude's export"

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """The event of a row."""
        if MERGED in row and "event_type" not in row:
            self.skipped[MERGED] += 1
            return None
        name = name_in(row, "event_type")
        if name in SKIPPED:
            self.skipped[name] += 1
            return None
        user_id, device_id = id_in(row, "user_id"), id_in(row, "device_id")
        if not user_id and not device_id:
            raise SegmentEventError("missing_id", "neither user_id nor device_id", "user_id")
        return track(
            event=name,
            userId=user_id,
            anonymousId=device_id,
            timestamp=_timestamp(row),
            properties=object_in(row, "event_properties"),
            context=_context(row),
            messageId=self._message_id(row, device_id),
        )

    def _message_id(self, row: Mapping[str, Any], device_id: str | None) -> str | None:
        if uuid := id_in(row, "uuid"):
            return self._derived_id(uuid)
        if insert_id := id_in(row, "$insert_id"):
            return self._derived_id(device_id, insert_id)
        return None


def _timestamp(row: Mapping[str, Any]) -> Any:
    try:
        timestamp = as_timestamp(row.get("event_time"), zone=UTC)
    except ValueRejected as error:
        raise SegmentEventError("invalid_timestamp", f"event_time: {error}", "event_time") from None
    if timestamp is None:
        raise no_time("event_time")
    return timestamp


def _context(row: Mapping[str, Any]) -> dict[str, Any]:
    context: dict[str, Any] = {}
    get = row.get
    for column, place in CONTEXT.items():
        put(context, place, get(column))
    platform = get("platform")
    if isinstance(platform, str):
        put(context, ("device", "type"), PLATFORMS.get(platform))
    if platform != "Web":  # there, Amplitude calls the browser the system
        put(context, ("os", "name"), get("os_name"))
        put(context, ("os", "version"), get("os_version"))
    library = get("library")
    if isinstance(library, str):
        name, _, version = library.partition("/")
        put(context, ("library", "name"), name)
        put(context, ("library", "version"), version)
    return context
