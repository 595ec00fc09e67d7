"""Reads an iterator that blocks, one item ahead, beside an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from contextvars import copy_context
from typing import Generic, TypeVar

T = TypeVar("T")

END_SECONDS = 1.0
"""How long the end of the thread is waited for."""


class NotYetError(Exception):
    """The next item is not there yet. Not a TimeoutError: the iterator itself may raise one."""


class ReadAhead(Generic[T]):
    """An iterator read in a thread of its own, always one item ahead.

    The thread is a daemon: a source that never returns does not keep the process from ending. An exception
    of the iterator is raised by :meth:`next`, after the items before it.
    """

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self._loop = asyncio.get_running_loop()
        self._wanted = threading.Semaphore(1)
        self._closed = False
        self._ended = asyncio.Event()
        self._next: asyncio.Future[T | None] = self._loop.create_future()
        context = copy_context()
        threading.Thread(target=context.run, args=(self._read,), name="segment-read", daemon=True).start()

    async def next(self, timeout: float) -> T | None:
        """The next item, or None at the end.

        :param timeout: seconds to wait
        :raises NotYetError: it is not there yet; call again
        """
        done, _ = await asyncio.wait([self._next], timeout=timeout)
        if not done:
            raise NotYetError
        item = self._next.result()
        if item is not None:
            self._next = self._loop.create_future()
            self._wanted.release()
        return item

    async def aclose(self) -> None:
        """Read nothing more. The thread ends when the iterator returns, which is waited for briefly."""
        self._closed = True
        self._wanted.release()
        if self._next.done() and not self._next.cancelled():
            self._next.exception()  # nobody asks for it any more
        with suppress(asyncio.TimeoutError):  # a query that is cancelled ends, and its connection is closed
            await asyncio.wait_for(self._ended.wait(), END_SECONDS)

    def _read(self) -> None:
        try:
            while self._wanted.acquire() and not self._closed:
                self._tell(next(self._items, None), None)
        except Exception as error:
            self._tell(None, error)
        except BaseException as error:  # through the event loop it would end more than this run
            ended = RuntimeError(f"reading ended with {type(error).__name__}: {error}")
            ended.__cause__ = error
            self._tell(None, ended)
        finally:
            # A generator is closed by the thread that ran it.
            getattr(self._items, "close", lambda: None)()
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._ended.set)

    def _tell(self, item: T | None, error: Exception | None) -> None:
        def tell() -> None:
            if self._closed or self._next.done():
                return
            if error is not None:
                self._next.set_exception(error)
            else:
                self._next.set_result(item)

        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(tell)
