"""Known shapes of rows: the archive that Segment writes, and the exports of other tools.

A format is a function of a row, as a dict: it returns an event, or None for a row that stands for none, and
counts those by what they are. docs/formats.md shows what becomes of each field, and why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.formats.amplitude import Amplitude
from airflow_provider_segment.events.formats.archive import SegmentArchive
from airflow_provider_segment.events.formats.format import Format
from airflow_provider_segment.events.formats.mixpanel import Mixpanel


class ProductFormat(NamedTuple):
    """Instead of a mapping: what exported the rows.

    :param name: one of ``FORMATS``
    :param message_ids: ``new`` or ``keep``, for the formats that leave the choice
    """

    name: str
    message_ids: str | None = None


FORMATS: dict[str, type[Format]] = {kind.name: kind for kind in (SegmentArchive, Mixpanel, Amplitude)}
"""By the name that ``format=`` takes."""


def format_function(
    name: str, write_key: str, *, message_ids: str | None = None, naive_timezone: str | None = None
) -> Format:
    """The function from a row of a known format to its event.

    :param write_key: of the source that the events go to; the ids of the events are derived from it
    :param message_ids: ``new`` or ``keep``, for the formats that leave the choice
    :param naive_timezone: of the times, for the formats whose times have none
    :raises SegmentConfigurationError: there is no such format, or it lacks an option, or does not have it
    """
    if name not in FORMATS:
        known = "; ".join(f"{kind.name} ({kind.what})" for kind in FORMATS.values())
        raise SegmentConfigurationError(f"format: there is no {name!r}. There are {known}")
    kind = FORMATS[name]
    given = {"message_ids": message_ids, "naive_timezone": naive_timezone}
    options = {option: value for option, value in given.items() if value is not None}
    for option in options:
        if option not in kind.options:
            raise SegmentConfigurationError(f"{option} has no meaning with format={name!r}: leave it out")
    make: Callable[..., Format] = kind
    return make(write_key, **options)
