"""A trigger's timeout that fires after the first poll, however long that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from airflow_provider_segment.triggers import segment
from airflow_provider_segment.waiting.condition import Verdict
from airflow_provider_segment.waiting.watch import Watch


def time_out_after_first_poll(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Have the next trigger time out after its first poll.

    :returns: receives the seconds that the trigger would have waited
    """
    given: list[float] = []
    has_news = Watch.has_news

    async def wait_for(wait: Coroutine[Any, Any, Any], seconds: float) -> None:
        given.append(seconds)
        event, loop = asyncio.Event(), asyncio.get_running_loop()

        def see_and_signal(watch: Watch, verdict: Verdict, now: float) -> bool:
            watch.tell(verdict, now)
            loop.call_soon_threadsafe(event.set)
            return has_news(watch, verdict, now)

        monkeypatch.setattr(Watch, "has_news", see_and_signal)
        task = asyncio.ensure_future(wait)
        await event.wait()
        task.cancel()
        await asyncio.wait([task])
        raise asyncio.TimeoutError

    monkeypatch.setattr(segment.asyncio, "wait_for", wait_for)
    return given
