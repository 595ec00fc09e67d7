"""Runs a coroutine in a thread of its own.

In the main thread Airflow's timeout may raise at any moment, and an exception raised in a callback of the
event loop is lost.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import Any, TypeVar

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
        return done.result()
    except BaseException:
        stop.request()
        if not done.cancel():
            wait([done], timeout=end_seconds)
        raise
