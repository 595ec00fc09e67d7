"""Stops a backfill from outside."""

from __future__ import annotations

from collections.abc import Callable


class Stop:
    """A request to stop that may come at any moment, even before the backfill begins.

    It may be made in a signal handler or in another thread, and takes no lock.
    """

    def __init__(self) -> None:
        self.requested = False
        self._react: Callable[[], None] | None = None

    def request(self) -> None:
        """Ask the backfill to stop."""
        self.requested = True
        if self._react is not None:
            self._react()

    def on_request(self, react: Callable[[], None]) -> None:
        """Call ``react`` when the request comes, or immediately if it has come; possibly twice."""
        # The reverse of the order in request(), so that neither can miss the other.
        self._react = react
        if self.requested:
            react()
