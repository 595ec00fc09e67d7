"""Events as Mixpanel exports them: one JSON object a line, with ``event`` and ``properties``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentEventError
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
from airflow_provider_segment.events.mapping.cells import EPOCH
from airflow_provider_segment.values import shown

MILLISECONDS_FROM = 1e11
"""Times from here on are in milliseconds (1973 and later); as seconds they would be after the year 5000."""

DEVICE = "$device:"
"""How a ``distinct_id`` begins that is that of a device: nobody is logged in."""

SKIPPED = frozenset({"$identify", "$create_alias", "$merge", "$hotshard_record"})
"""Events that say which ids are one user, or what Mixpanel did itself."""

HOT_SHARD = "$hotshard_events"
"""What Mixpanel calls an event of somebody with too many on a day; its name and its user are elsewhere."""

CONTEXT: dict[str, Place] = {
    "$app_build_number": ("app", "build"),
    "$app_name": ("app", "name"),
    "$app_namespace": ("app", "namespace"),
    "$app_version_string": ("app", "version"),
    "$bluetooth_enabled": ("network", "bluetooth"),
    "$carrier": ("network", "carrier"),
    "$cellular_enabled": ("network", "cellular"),
    "$city": ("location", "city"),
    "$current_url": ("page", "url"),
    "$device": ("device", "name"),
    "$device_type": ("device", "type"),
    "$lib_version": ("library", "version"),
    "$locale": ("locale",),
    "$manufacturer": ("device", "manufacturer"),
    "$model": ("device", "model"),
    "$os": ("os", "name"),
    "$os_version": ("os", "version"),
    "$referrer": ("page", "referrer"),
    "$region": ("location", "region"),
    "$screen_height": ("screen", "height"),
    "$screen_width": ("screen", "width"),
    "$wifi": ("network", "wifi"),
    "ip": ("ip",),
    "mp_country_code": ("location", "country"),
    "mp_lib": ("library", "name"),
}
"""Mixpanel's own properties that have a place in Segment's ``context``."""

LEFT_OUT = frozenset(
    {
        # These become the event's ids and its time.
        "$device_id",
        "$distinct_id",
        "$insert_id",
        "$time",
        "$user_id",
        "distinct_id",
        "mp_original_distinct_id",
        "mp_original_event_name",
        "time",
        # The project's token.
        "token",
        # How the event came to Mixpanel.
        "$import",
        "$mp_api_endpoint",
        "$mp_api_timestamp_ms",
        "$mp_event_size",
        "mp_processing_time_ms",
        "mp_sent_by_lib_version",
    }
)
"""Properties that are not sent."""


class Mixpanel(Format):
    """Events of Mixpanel's raw export.

    :param naive_timezone: that of the project, if it was created before 2023: its times are those of the
        clocks there. ``UTC`` for others
    :raises SegmentConfigurationError: it was not given, or there is no such zone
    """

    name = "mixpanel"
    what = "lines of Mixpanel's raw export"
    options = frozenset({"naive_timezone"})

    def __init__(self, write_key: str, *, naive_timezone: str | None = None) -> None:
        super().__init__(write_key)
        if naive_timezone is None:
            raise SegmentConfigurationError(
                "format='mixpanel' needs naive_timezone, because the export does not tell: the time zone of "
                "the Mixpanel project if it was created before 2023, otherwise 'UTC'"
            )
        try:
            self._zone = ZoneInfo(naive_timezone)
        except (ValueError, OSError, LookupError):
            raise SegmentConfigurationError(
                f"naive_timezone: there is no time zone {naive_timezone!r}"
            ) from None

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """The event of a row."""
        name = name_in(row, "event")
        if name in SKIPPED:
            self.skipped[name] += 1
            return None
        properties = object_in(row, "properties")
        if name == HOT_SHARD:
            name = name_in(properties, "mp_original_event_name")
        distinct_id = _distinct_id(properties)
        user_id, device_id = _user(properties, distinct_id)
        moment = _time(properties)
        insert_id = _id(properties, "$insert_id")
        rest: dict[str, Any] = {}
        context: dict[str, Any] = {}
        for key, value in properties.items():
            if place := CONTEXT.get(key):
                put(context, place, value)
            elif key not in LEFT_OUT:
                rest[key] = value
        return track(
            event=name,
            userId=user_id,
            anonymousId=device_id,
            timestamp=moment.replace(tzinfo=self._zone).astimezone(timezone.utc),
            properties=rest,
            context=context,
            # Of what Mixpanel takes for one event. Whole seconds: an export may leave out their fractions.
            messageId=insert_id and self._derived_id(name, int(moment.timestamp()), distinct_id, insert_id),
        )


def _id(properties: Mapping[str, Any], key: str) -> str | None:
    return id_in(properties, key, f"properties.{key}")


def _distinct_id(properties: Mapping[str, Any]) -> str | None:
    for key in ("mp_original_distinct_id", "distinct_id", "$distinct_id"):
        if found := _id(properties, key):
            return found
    return None


def _user(properties: Mapping[str, Any], distinct_id: str | None) -> tuple[str | None, str | None]:
    """Who it was: the ids of the user and of the device, one of which may be None."""
    user_id, device_id = _id(properties, "$user_id"), _id(properties, "$device_id")
    if distinct_id is not None:
        if distinct_id.startswith(DEVICE):
            device_id = device_id or distinct_id.removeprefix(DEVICE)
        elif distinct_id != device_id:
            user_id = user_id or distinct_id
    if not user_id and not device_id:
        raise SegmentEventError(
            "missing_id",
            "properties.distinct_id is empty, and there is neither $user_id nor $device_id",
            "properties.distinct_id",
        )
    return user_id, device_id


def _time(properties: Mapping[str, Any]) -> datetime:
    """When it was, by the clocks of the project's time zone, as if those showed UTC."""
    value = properties.get("time", properties.get("$time"))
    if value is None:
        raise no_time("properties.time")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        units = "milliseconds" if abs(value) >= MILLISECONDS_FROM else "seconds"
        with suppress(ValueError, OverflowError):
            return EPOCH + timedelta(**{units: value})
    raise SegmentEventError(
        "invalid_timestamp",
        f"properties.time: {shown(value)} is no number of seconds or milliseconds since 1970",
        "properties.time",
    )
