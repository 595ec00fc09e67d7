"""Runs a backfill: reads, checks and sends events in batches, keeps dead letters, and reports."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from contextvars import copy_context
from hashlib import blake2b
from math import floor
from typing import Any

import msgspec
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_segment.api.client import AsyncSegmentClient, http_client
from airflow_provider_segment.api.regions import host_of
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.check import Checker
from airflow_provider_segment.events.codec import Unwritable
from airflow_provider_segment.events.dead_letters import DeadLetters
from airflow_provider_segment.events.options import identity_of
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.events.send import STOP_SECONDS, Checkpoint, Sending
from airflow_provider_segment.events.sources.source import Source
from airflow_provider_segment.events.stop import Stop
from airflow_provider_segment.events.transport import BulkClient

END_SECONDS = STOP_SECONDS + 1
"""How long the sending thread may take to end after it was stopped."""

SaveCheckpoint = Callable[[dict[str, Any]], None]


class Backfill:
    """One run over an input.

    :param settings: the connection's, with the write key of the source that the events go to
    :param options: all options of a bulk send, checked
    :param checkpoint: how far an earlier run got; ignored unless it was a run of the same backfill
    :param save_checkpoint: called with the checkpoint, plain JSON, about every second
    :param stop: ends the run
    :raises SegmentConfigurationError: the connection has no write key
    """

    def __init__(
        self,
        settings: Settings,
        log: Any,
        source: Source,
        options: Mapping[str, Any],
        *,
        checkpoint: Mapping[str, Any] | None = None,
        save_checkpoint: SaveCheckpoint | None = None,
        stop: Stop,
    ) -> None:
        if settings.write_key is None:
            raise SegmentConfigurationError(
                "the Segment connection has no write key: add one, or pass source_id"
            )
        write_key = settings.write_key.get_secret_value()
        self.report = SendReport(rejects_path=options["rejects_path"])
        self._settings = settings
        self._log = log
        self._source = source
        self._options = options
        self._stop = stop
        self._checker = Checker(write_key, **options)
        self._save_checkpoint = save_checkpoint
        self._identity = None
        if source.identity is not None and save_checkpoint is not None:
            host = host_of("tracking", settings.region, settings.base_url)
            self._identity = _digest([source.identity, host, write_key, identity_of(options)])
        self._start = self._start_after(checkpoint)

    def run(self) -> SendReport:
        """Send all events and return the report, which is logged even if the run ends early.

        Events are sent in a separate thread: in the main thread Airflow's timeout may raise at any moment,
        and an exception raised in a callback of the event loop is lost. The thread has ended when this
        returns or raises, unless the source blocks for longer than ``END_SECONDS``. Then it ends when the
        source returns, and sends nothing more.
        """
        # Created before the thread, so that the thread can be stopped at any moment: until it has claimed
        # the future, cancelling the future prevents it from starting work.
        done: Future[SendReport] = Future()
        context = copy_context()
        try:
            threading.Thread(
                target=context.run, args=(self._run_into, done), name="segment-send", daemon=True
            ).start()
            report = done.result()
        except BaseException:
            self._stop.request()
            if not done.cancel():
                wait([done], timeout=END_SECONDS)
            self._log.error("Sending ended early. %s", self.report)
            raise
        self._log.info("%s", report)
        return report

    def _run_into(self, done: Future[SendReport]) -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            done.set_result(asyncio.run(self._send()))
        except BaseException as error:
            done.set_exception(error)

    async def _send(self) -> SendReport:
        options = self._options
        rejects = options["rejects_path"]
        http = http_client(BulkClient, self._settings, connections=options["concurrency"])
        # Closed by the thread that writes to it.
        with DeadLetters(ObjectStoragePath(rejects) if rejects else None, self._log) as letters:
            async with AsyncSegmentClient(self._settings, http=http) as client:
                sending = Sending(
                    self._source,
                    self._checker,
                    client,
                    letters,
                    log=self._log,
                    report=self.report,
                    start=self._start,
                    save=self._save,
                    stop=self._stop,
                    **options,
                )
                await sending.run()
        self.report.rejects_failure = letters.failure
        return self.report

    def _start_after(self, checkpoint: Mapping[str, Any] | None) -> Checkpoint:
        """Where to start: a checkpoint is valid only for the same input, sent to the same source in the
        same form."""
        if checkpoint is None:
            return Checkpoint()
        if self._identity is None or checkpoint.get("identity") != self._identity:
            self._log.info("The input or the options changed since the last try: sending from the beginning")
            return Checkpoint()
        start = Checkpoint.from_json(checkpoint)
        self._log.info("An earlier try delivered everything up to line %s", f"{floor(start.position):,}")
        return start

    def _save(self, reached: Checkpoint) -> None:
        if self._save_checkpoint is not None and self._identity is not None:
            self._save_checkpoint({"identity": self._identity, **reached.as_json()})


def _digest(parts: list[Any]) -> str | None:
    """Identifies a backfill; None if it cannot be identified."""
    try:
        content = msgspec.json.encode(parts, enc_hook=repr)
    except Unwritable:
        return None  # some item is not an event; the checker will report it
    return blake2b(content, digest_size=16).hexdigest()
