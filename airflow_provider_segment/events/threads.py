"""Runs a coroutine in a thread of its own.

In the main thread Airflow's timeout may raise at any moment, and an exception raised in a callback of the
event loop is lost.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import suppress
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, TypeVar

from airflow_provider_segment.api.clock import SIGNAL_SECONDS
from airflow_provider_segment.events.stop import Stop

T = TypeVar("T")


def run_in_thread(
    make: Callable[[], Coroutine[Any, Any, T]], *, name: str, stop: Stop, end_seconds: float
) -> T:
    """The result of a coroutine.

    The thread has ended when this returns or raises, unless the coroutine does not end within
    ``end_seconds`` of the request to stop. Then it ends when it can.

    :param make: makes the coroutine, in the thread
    :param name: of the thread
    :param stop: requested if this is interrupted
    """
    # Created before the thread, so that the thread can be stopped at any moment: until it has claimed the
    # future, cancelling the future prevents it from starting work.
    done: Future[T] = Future()

    def run() -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            done.set_result(asyncio.run(make()))
        except BaseException as error:
            done.set_exception(error)

    context = copy_context()
    try:
        threading.Thread(target=context.run, args=(run,), name=name, daemon=True).start()
        while not done.done():
            wait([done], timeout=SIGNAL_SECONDS)
        return done.result()
    except BaseException:
        stop.request()
        if not done.cancel():
            wait([done], timeout=end_seconds)
        raise


class Worker:
    """A thread that makes calls for coroutines, one after the other.

    It is a daemon: a call that never returns does not keep the process from ending.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """What a function returns, which is called in the thread."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def tell(set_it: Callable[[Any], None], value: Any) -> None:
            if not future.done():  # the caller may have been cancelled
                set_it(value)

        def run() -> None:
            told: tuple[Callable[[Any], None], Any]
            try:
                told = future.set_result, function(*arguments)
            except BaseException as error:  # such as a panic of a library in Rust: the thread goes on
                can_be_told = isinstance(error, Exception) and not isinstance(error, StopIteration)
                told = future.set_exception, error if can_be_told else RuntimeError(repr(error))
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(tell, *told)

        self._calls.put(run)
        if self._thread is None:
            context = copy_context()
            self._thread = threading.Thread(
                target=context.run, args=(self._run,), name=self._name, daemon=True
            )
            self._thread.start()
        return await future

    def close(self, last: Callable[[], Any]) -> None:
        """End the thread, if there is one, after a last call."""
        self._calls.put(last)
        self._calls.put(None)

    def _run(self) -> None:
        while call := self._calls.get():
            with suppress(Exception):
                call()
