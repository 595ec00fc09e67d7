"""Takes items from an iterator in a thread of its own, so that nobody waits for the next to get the last."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextvars import copy_context
from typing import Any

BLOCK_ITEMS = 1_000
BLOCK_SECONDS = 0.05
"""How long items wait for others to be handed over with."""
ROOM = 4 * BLOCK_ITEMS
"""How far the iterator may be ahead."""


class Feed:
    """Blocks of the items of an iterable, each handed over as soon as the iterable makes one wait.

    What the iterable raises is raised after the items before it.
    """

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items
        self._waiting: deque[Any] = deque()
        self._some, self._full, self._room = threading.Event(), threading.Event(), threading.Event()
        self._room.set()
        self._ended = self._closed = False
        self._failure: BaseException | None = None

    def __iter__(self) -> Iterator[list[Any]]:
        context = copy_context()
        threading.Thread(target=context.run, args=(self._take,), name="segment-items", daemon=True).start()
        try:
            while True:
                self._some.wait()
                if not self._ended:
                    self._full.wait(BLOCK_SECONDS)
                self._full.clear()
                self._some.clear()
                if self._ended:  # asked after it was cleared: the end may come at any moment
                    self._some.set()
                block = [self._waiting.popleft() for _ in range(min(len(self._waiting), BLOCK_ITEMS))]
                if self._waiting:
                    self._some.set()
                if len(self._waiting) < ROOM:
                    self._room.set()
                if block:
                    yield block
                elif self._ended and not self._waiting:
                    break
            if self._failure is not None:
                raise self._failure
        finally:
            self._closed = True
            self._room.set()

    def _take(self) -> None:
        add, waiting, some, full, room = (
            self._waiting.append,
            self._waiting,
            self._some,
            self._full,
            self._room,
        )
        items: Iterator[Any] = iter(())
        try:
            items = iter(self._items)
            for item in items:
                add(item)
                if not some.is_set():
                    some.set()
                if len(waiting) >= BLOCK_ITEMS:
                    full.set()
                    if len(waiting) >= ROOM:
                        room.clear()
                        if len(waiting) >= ROOM and not self._closed:  # not emptied in between
                            room.wait()
                if self._closed:
                    break
        except BaseException as error:
            self._failure = error
        finally:
            self._ended = True
            some.set()
            full.set()
            if self._closed:  # a generator is closed by the thread that ran it
                getattr(items, "close", lambda: None)()
