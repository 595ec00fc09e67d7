"""Stops a send before it costs more than somebody approved."""

from __future__ import annotations

from airflow_provider_segment.errors import SegmentApprovalError
from airflow_provider_segment.events.distinct import DistinctUsers


class Approval:
    """Asked about each event before it is sent.

    :param max_events: the events that may be sent, each of which is an API call to Segment
    :param max_users: the different users that they may be about
    :param events: how many were sent before
    """

    def __init__(self, max_events: int | None, max_users: int | None, events: int = 0) -> None:
        self._max_events = max_events
        self._max_users = max_users
        self._events = events
        self._users = DistinctUsers()

    def admit(self, event: bytes) -> None:
        """Count an event.

        :raises SegmentApprovalError: it is one too many, or about one user too many
        """
        if self._max_events is not None and self._events >= self._max_events:
            raise SegmentApprovalError(
                f"there are more than the {self._max_events:,} events that max_events allows"
            )
        if self._max_users is not None:
            self._users.add(event)
            if self._users.at_most > self._max_users:
                about = "" if self._users.exact else f"about {self._users.count:,}, and perhaps "
                raise SegmentApprovalError(
                    f"there are {about}more than the {self._max_users:,} users that max_users allows"
                )
        self._events += 1
