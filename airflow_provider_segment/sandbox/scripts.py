"""What becomes of Segment's long-running work, said beforehand: `sandbox.scripts.add("warehouse_sync", ...)`.

Without a script all goes well. A script is for what starts after it was given; of several the last counts.
All times are the sandbox's own, which `advance_clock` moves and
`freeze_clock` stops.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from airflow_provider_segment.sandbox.kinds import kind_of


class Script(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """For the `next` N that it is about, or for all from now on."""

    next: int | None = None

    given_at: float = 0.0
    used: int = 0

    def fits(self, **about: str) -> bool:
        """Whether it is about this: a field that is None is about all."""
        return all(getattr(self, name) in (None, value) for name, value in about.items())

    @property
    def is_used_up(self) -> bool:
        return self.used == self.next


class WarehouseSyncScript(Script, tag="warehouse_sync"):
    """Syncs of a source to a warehouse: by default of all to all.

    `now` starts one at once, beside the schedule. `late`: seconds after the hour; `missing`: there is none.
    `count`: rows, by default as many as events were received.
    """

    warehouse_id: str | None = None
    source_id: str | None = None
    status: str = "SUCCESS"
    seconds: float = 30.0
    late: float = 0.0
    count: int | None = None
    notices: list[str] = []
    missing: bool = False
    now: bool = False


class ReverseEtlSyncScript(Script, tag="reverse_etl_sync"):
    """Reverse ETL syncs. `now` starts one of a model and a mapping at once, as their own schedule would."""

    model_id: str | None = None
    subscription_id: str | None = None
    status: str = "SUCCESS"
    seconds: float = 1.0
    extracted: int = 0
    delivered: int = 0
    failed: int = 0
    error: str = ""
    error_code: str = ""
    cancel_seconds: float = 0.0
    now: bool = False


class RegulationScript(Script, tag="regulation"):
    """Deletions and suppressions. `destinations`: status by destination id, for those that end otherwise."""

    status: str = "FINISHED"
    seconds: float = 1.0
    destinations: dict[str, str] = {}
    error: str = ""


class AudienceScript(Script, tag="audience"):
    """Computations of audiences and computed traits: `steps` of a status and its seconds, then `status`."""

    audience_id: str | None = None
    steps: tuple[tuple[str, float], ...] = (("Computing", 1.0),)
    status: str = "Live"
    size: int | None = None


class PreviewScript(Script, tag="preview"):
    """Previews of audiences."""

    status: str = "COMPLETED"
    seconds: float = 1.0
    reason: str = ""
    size: int | None = None


class VolumeScript(Script, tag="volume"):
    """The event volume, which knows of an event `lag` seconds after it came."""

    lag: float = 0.0


class DeliveryScript(Script, tag="delivery"):
    """Deliveries to a destination, which fail: of all events, or of those of a name; also of earlier ones."""

    destination_id: str | None = None
    event_name: str | None = None


S = TypeVar("S", bound=Script)


class Scripts:
    """The scripts in force.

    :param now: the sandbox's time
    """

    def __init__(self, now: Any) -> None:
        self._now = now
        self._scripts: list[Script] = []

    def add(self, kind: str, **fields: Any) -> Script:
        """Give a script; the fields are those of its class. A wrong one is a `msgspec.ValidationError`.

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
        """Those of a kind that are about it, the last one first."""
        return [each for each in reversed(self._scripts) if isinstance(each, kind) and each.fits(**about)]

    def take(self, kind: type[S], **about: str) -> S:
        """The one that counts for something that starts now; without one, all goes well."""
        for script in self.of(kind, **about):
            if not script.is_used_up:
                script.used += 1
                return script
        return kind()
