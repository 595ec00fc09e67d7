"""Makes events of rows by a function of each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_segment.errors import SegmentEventError
from airflow_provider_segment.events.codec import to_bytes
from airflow_provider_segment.events.dead_letters import Letter, letter_of
from airflow_provider_segment.events.mapping.mapped import NO_KEYS, Mapped
from airflow_provider_segment.events.mapping.objects import row_of
from airflow_provider_segment.events.mapping.rows import (
    SAME_ID,
    WHOLE_ROW,
    Compiling,
    Made,
    key_value,
    name_of,
    what_is_wrong,
)
from airflow_provider_segment.events.mapping.template import Column
from airflow_provider_segment.events.sources.source import Block
from airflow_provider_segment.values import ValueRejected, id_of, shown, shown_text

log = logging.getLogger(__name__)

RowFunction = Callable[[Any], Any]
"""From a row, as a dict, to an event, a list of events, or None to skip it."""


class FunctionMapper:
    """Makes events by a function of each row, a dict: it returns an event, a list of them, or None.

    What it raises rejects the row.
    """

    def __init__(self, function: RowFunction, options: Compiling) -> None:
        self._function = function
        self._options = options
        self._warned = False
        self.skipped: Mapping[str, int] = getattr(function, "skipped", {})
        """Rows of a known format that stand for no event, by what they are."""
        self._keys = [(name, key_value(Column(name), options)) for name in options.keys]

    def __call__(self, block: Block) -> Mapped:
        """The events of a block of rows."""
        events = Mapped(block, several=True)
        for position, item in enumerate(block.items, block.first):
            if not item and isinstance(item, (bytes, str)):
                continue
            letter = letter_of(item) if type(item) is bytes else None
            if letter is not None and not bytes(letter.row):
                events.add(position, [(0, bytes(letter.event))])
                continue
            if letter is not None:
                events.add(position, self._of_letter(letter))
                continue
            if block.columns is not None and not isinstance(item, SegmentEventError):
                events.add(position, self._events(dict(zip(block.columns, item, strict=True))))
                continue
            events.add_parts(position, item, self._events)
        return events

    def _of_letter(self, letter: Letter) -> list[Made]:
        """What was rejected of the row of a dead letter."""
        made = self._events(bytes(letter.row))
        if letter.template is None:
            return made
        place = letter.template - 1
        chosen = [(where, event) for where, event in made if where in (place, WHOLE_ROW)]
        said = f"the function no longer makes event {letter.template} of this row"
        return [(place, event) for _, event in chosen] or [(place, SegmentEventError("mapping_failed", said))]

    def _events(self, item: Any) -> list[Made]:
        try:
            row = row_of(item)
            made = self._function(row)
        except SegmentEventError as error:
            return [(WHOLE_ROW, error)]
        except Exception as error:  # the user's code: one row must not end a run of millions
            failure = f"{type(error).__name__}: {shown_text(error)}"
            return [(WHOLE_ROW, SegmentEventError("mapping_failed", failure))]
        if made is None:
            return []
        several = made if isinstance(made, (list, tuple)) else [made]
        ids: set[Any] = set()
        return [(place, self._event(event, place, row, ids)) for place, event in enumerate(several)]

    def _event(
        self, event: Any, place: int, row: Mapping[str, Any], ids: set[Any]
    ) -> bytes | SegmentEventError:
        """An event as JSON, or what is wrong with it.

        :param ids: those of the events of the same row before it
        """
        try:
            own_id = event.get("messageId") if isinstance(event, Mapping) else None
            if not own_id and not self._keys and not self._warned:
                self._warned = True
                log.warning(NO_KEYS)
            if own_id and (text := id_of(own_id)):
                if text in ids:
                    raise SegmentEventError("same_message_id", SAME_ID)
                ids.add(text)
            if self._keys and isinstance(event, Mapping) and not event.get("messageId"):
                assert self._options.id_of_event is not None
                texts = [self._key(name, text_of, row) for name, text_of in self._keys]
                event = {**event, "messageId": self._options.id_of_event(place, _identity(event), texts)}
            if not isinstance(event, Mapping):
                raise SegmentEventError(
                    "mapping_failed",
                    f"the function returned {shown(event)}: return a dict, a list of dicts, or None",
                )
            return to_bytes(event)
        except SegmentEventError as error:
            return error
        except ValueRejected as error:
            return SegmentEventError("invalid_value", str(error))
        except Exception as error:  # the user's objects
            return SegmentEventError("mapping_failed", what_is_wrong(error))

    @staticmethod
    def _key(name: str, text_of: Callable[[Any], str], row: Mapping[str, Any]) -> str:
        try:
            return text_of(row.get(name))
        except ValueRejected as error:
            raise SegmentEventError("invalid_message_id", f"{name}: {error}", name) from None


def _identity(event: Mapping[Any, Any]) -> dict[str, Any]:
    """What an id follows of an event, in the form in which it is sent: 5 and "5" are one user."""
    ids = {name: id_of(event.get(name)) for name in ("userId", "anonymousId", "groupId")}
    return ids | {name: name_of(event.get(name)) for name in ("type", "event")}
