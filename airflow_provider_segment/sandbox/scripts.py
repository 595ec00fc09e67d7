"""Outcomes of Segment's long-running work, set in advance: `sandbox.scripts.add("warehouse_sync", ...)`.

Without a script everything succeeds. A script is for work that starts after it was added; the
last one counts. All times are the sandbox's own, which `advance_clock` moves and `freeze_clock` stops.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from airflow_provider_segment.sandbox.kinds import kind_of

Seconds = Annotated[float, Meta(ge=0, le=10 * 365 * 24 * 60 * 60)]
Count = Annotated[int, Meta(ge=0)]


class Script(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Applies to the next N matching jobs (`next`), or to all from now on."""

    next: Count | None = None

    given_at: float = 0.0
    used: int = 0

    def fits(self, **about: str) -> bool:
        """Whether it is about this; a field that is None matches everything."""
        return all(getattr(self, name) in (None, value) for name, value in about.items())

    @property
    def is_used_up(self) -> bool:
        return self.used == self.next


class WarehouseSyncScript(Script, tag="warehouse_sync"):
    """Syncs of a source to a warehouse; by default of all sources to all warehouses.

    `now` starts one at once, in addition to the schedule. `late`: seconds after the hour. `missing`: the sync
    does not take place. `count`: rows; by default the number of received events.
    """

    warehouse_id: str | None = None
    source_id: str | None = None
    status: str = "SUCCESS"
    seconds: Seconds = 30.0
    late: Seconds = 0.0
    count: Count | None = None
    notices: list[str] = []
    missing: bool = False
    now: bool = False


class ReverseEtlSyncScript(Script, tag="reverse_etl_sync"):
    """Reverse ETL syncs. `now` starts one of a model and a mapping at once, as their schedule would."""

    model_id: str | None = None
    subscription_id: str | None = None
    status: str = "SUCCESS"
    seconds: Seconds = 1.0
    extracted: Count = 0
    delivered: Count = 0
    failed: Count = 0
    error: str = ""
    error_code: str = ""
    cancel_seconds: Seconds = 0.0
    now: bool = False


class RegulationScript(Script, tag="regulation"):
    """Deletions and suppressions. `destinations`: statuses by destination id, where they differ."""

    status: str = "FINISHED"
    seconds: Seconds = 1.0
    destinations: dict[str, str] = {}
    error: str = ""


class AudienceScript(Script, tag="audience"):
    """Computations of audiences and computed traits: `steps` (status, seconds), then `status`."""

    audience_id: str | None = None
    steps: tuple[tuple[str, Seconds], ...] = (("Computing", 1.0),)
    status: str = "Live"
    size: Count | None = None


class PreviewScript(Script, tag="preview"):
    """Previews of audiences."""

    status: str = "COMPLETED"
    seconds: Seconds = 1.0
    reason: str = ""
    size: Count | None = None


class VolumeScript(Script, tag="volume"):
    """The event volume, which counts an event `lag` seconds after it was received."""

    lag: Seconds = 0.0


class DeliveryScript(Script, tag="delivery"):
    """Failed deliveries to a destination: of all events or those with a name, earlier ones included."""

    destination_id: str | None = None
    event_name: str | None = None


S = TypeVar("S", bound=Script)


class Scripts:
    """The scripts in force.

    :param now: gives the sandbox's time
    """

    def __init__(self, now: Any) -> None:
        self._now = now
        self._scripts: list[Script] = []

    def add(self, kind: str, **fields: Any) -> Script:
        """Add a script; the fields are those of its class.

        >>> scripts.add("warehouse_sync", status="Partial", next=1)
        >>> scripts.add("warehouse_sync", warehouse_id=id, now=True, seconds=0)
        >>> scripts.add("reverse_etl_sync", status="PARTIAL_SUCCESS", delivered=90, failed=10)
        """
        fields |= {"given_at": self._now(), "used": 0}
        script = msgspec.convert(fields, kind_of(Script, kind))
        self._scripts.append(script)
        return script

    def clear(self) -> None:
        self._scripts = []

    def __iter__(self) -> Iterator[Script]:
        return iter(list(self._scripts))

    def of(self, kind: type[S], **about: str) -> list[S]:
        """The scripts of a kind that are about it, the last one first."""
        return [each for each in reversed(self._scripts) if isinstance(each, kind) and each.fits(**about)]

    def take(self, kind: type[S], **about: str) -> S:
        """The script for work that starts now; the default one if there is none."""
        for script in self.of(kind, **about):
            if not script.is_used_up:
                script.used += 1
                return script
        return kind()
