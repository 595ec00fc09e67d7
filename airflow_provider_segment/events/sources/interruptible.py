"""Reads an iterator that may block for ever, and can be left alone then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")

END_SECONDS = 3.0
"""How long what was interrupted may take to end, before it is left alone."""
AGAIN_SECONDS = 1.0
"""An interruption may come too early, so it is repeated: after this, then after twice as long, and so on."""


class Silence(Exception):
    """No item came in time."""


class Stopped(Exception):
    """The reading was stopped."""


class Interruptible(Generic[T]):
    """A generator that runs in a thread of its own, from its first step to its end.

    The thread is a daemon: one that never returns does not keep the process from ending.

    :param items: the generator
    :param interrupt: called in another thread to make it end early, until it does
    :param seconds: how long an item may take
    """

    def __init__(
        self, items: Generator[T, None, None], interrupt: Callable[[], None], seconds: float
    ) -> None:
        self._items = items
        self._interrupt = interrupt
        self._seconds = seconds
        # Its put() may be called in a signal handler, whatever that interrupts.
        self._arrived: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self._wanted: SimpleQueue[bool] = SimpleQueue()
        run = copy_context().run
        self._thread = threading.Thread(target=run, args=(self._read,), name="segment-rows", daemon=True)

    def stop(self) -> None:
        """End the reading, also while it waits; may be called in a signal handler."""
        self._arrived.put((None, Stopped()))

    def __iter__(self) -> Iterator[T]:
        """The items.

        :raises Silence: one did not come in time
        :raises Stopped: :meth:`stop` was called
        """
        self._thread.start()
        try:
            while True:
                self._wanted.put(True)
                item, error = self._next()
                if isinstance(error, StopIteration):
                    return
                if error is not None:
                    raise error
                yield item
        finally:
            self._wanted.put(False)

    def _next(self) -> tuple[Any, BaseException | None]:
        try:
            item, error = self._arrived.get(timeout=self._seconds)
        except Empty:
            item, error = None, Silence()
        if isinstance(error, (Silence, Stopped)):
            self._wanted.put(False)
            threading.Thread(target=self._end, name="segment-interrupt", daemon=True).start()
            self._thread.join(END_SECONDS)
        return item, error

    def _end(self) -> None:
        pause = AGAIN_SECONDS
        while self._thread.is_alive():
            self._interrupt()
            self._thread.join(pause)
            pause *= 2

    def _read(self) -> None:
        try:
            while self._wanted.get():
                self._arrived.put((next(self._items), None))
        except BaseException as error:
            self._arrived.put((None, error))
        finally:
            self._items.close()
