"""Keeps the right to send: whoever can save its checkpoint still is the one that is to send.

A save may take long, or fail while a server is away. Sending goes on meanwhile, but not for ever: whoever
started it may have given it up by then, and started another try.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Generic, TypeVar

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.errors import SegmentReplacedError, SegmentStoppedError

T = TypeVar("T")

CHECKPOINT_SECONDS = 1.0
"""Seconds between saves of the checkpoint."""
CHECKPOINT_TIMEOUT = 300.0
"""Seconds without a save after which a send stops, unless its caller knows better."""
WARN_SECONDS = 60.0
"""Seconds between warnings about saves that fail."""


class Lease(Generic[T]):
    """Saves the checkpoint at a fixed interval, also if it is the same as before; one save at a time.

    :param save: saves a checkpoint; called in a thread of its own, because it may block
    :param checkpoint: called for what to save
    :param timeout: seconds without a save after which nothing more may be sent
    """

    def __init__(
        self,
        save: Callable[[T], None],
        checkpoint: Callable[[], T],
        *,
        clock: Clock,
        log: logging.Logger,
        timeout: float | None,
    ) -> None:
        self._save = save
        self._checkpoint = checkpoint
        self._clock = clock
        self._log = log
        self._timeout = timeout or CHECKPOINT_TIMEOUT
        self._outstanding: asyncio.Future[BaseException | None] | None = None
        self._began = self._held = clock.monotonic()  # the last save, and the last one that succeeded
        self._warned: float | None = None
        self._failure: BaseException | None = None

    async def keep(self) -> None:
        """Save again and again, until this is cancelled; a save that is under way then goes on.

        :raises SegmentReplacedError: as a save said
        :raises SegmentStoppedError: no save has succeeded for too long
        """
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            await self._ended(self._begin())

    @property
    def overdue(self) -> bool:
        """Whether nothing may be sent before a save has succeeded: the process may have been frozen."""
        return self._without() > self._timeout

    async def pause(self) -> None:
        """Give a save the time to succeed; if none can, :meth:`keep` ends the run."""
        await asyncio.sleep(CHECKPOINT_SECONDS)

    async def end(self) -> None:
        """Save for the last time, after the save that is under way.

        :raises SegmentReplacedError: as a save said
        """
        try:
            if self._outstanding is not None:
                await self._ended(self._outstanding)
            await self._ended(self._begin())
        except SegmentReplacedError:
            raise
        except SegmentStoppedError as error:  # there is nothing left to stop
            self._log.warning("The last checkpoint could not be saved: %s", error)

    def _begin(self) -> asyncio.Future[BaseException | None]:
        checkpoint, loop = self._checkpoint(), asyncio.get_running_loop()
        self._began = self._clock.monotonic()
        self._outstanding = outstanding = loop.create_future()

        def tell(error: BaseException | None) -> None:
            if not outstanding.done():
                outstanding.set_result(error)

        def save() -> None:
            error: BaseException | None = None
            try:
                self._save(checkpoint)
            except BaseException as caught:  # in the event loop some would end more than the send
                error = caught
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(tell, error)

        # A daemon: a save that never returns does not keep the process from ending.
        threading.Thread(target=copy_context().run, args=(save,), name="segment-save", daemon=True).start()
        return outstanding

    async def _ended(self, saving: asyncio.Future[BaseException | None]) -> None:
        while not saving.done():
            await asyncio.wait([saving], timeout=CHECKPOINT_SECONDS)
            if not saving.done():
                self._check_time()
        self._outstanding = None
        error = self._failure = saving.result()
        if isinstance(error, SegmentReplacedError):
            raise error
        if error is not None:
            self._warn(error)
            self._check_time()
        else:
            self._held = self._began  # who answers late may have looked long ago
            if self._warned is not None:
                self._log.info("The checkpoint is saved again")
            self._warned = None

    def _warn(self, error: BaseException) -> None:
        now = self._clock.monotonic()
        if self._warned is None or now - self._warned >= WARN_SECONDS:
            self._warned = now
            self._log.warning(
                "The checkpoint could not be saved. Sending goes on for at most %.0f s without it; a retry "
                "will resend more: %s",
                max(0.0, self._held + self._timeout - now),
                _said(error),
            )

    def _without(self) -> float:
        """Seconds since the last save that succeeded."""
        return self._clock.monotonic() - self._held

    def _check_time(self) -> None:
        if self.overdue:
            without = self._without()
            why = "the last attempt has not ended" if self._failure is None else _said(self._failure)
            raise SegmentStoppedError(
                f"stopped: no checkpoint could be saved for {without:,.0f} s, so that another try may have "
                f"been started: {why}"
            )


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
