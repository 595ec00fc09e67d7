"""A whole job: reader, checker, batches, sending, dead letters and report, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from hashlib import blake2b
from typing import Any, TypedDict

import msgspec
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_segment.api.client import AsyncSegmentClient
from airflow_provider_segment.api.regions import host_of
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.check import Checker
from airflow_provider_segment.events.compression import compress
from airflow_provider_segment.events.dead_letters import DeadLetters
from airflow_provider_segment.events.limits import CONCURRENCY
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.events.send import STOP_SECONDS, Checkpoint, Sending
from airflow_provider_segment.events.sources.files import describe, list_files
from airflow_provider_segment.events.sources.items import ItemSource
from airflow_provider_segment.events.sources.json_lines import FileSource
from airflow_provider_segment.events.sources.source import Source
from airflow_provider_segment.events.transport import BulkClient


class SendOptions(TypedDict, total=False):
    """Options of a job; :meth:`airflow_provider_segment.hooks.segment.SegmentHook.send_events` explains."""

    rejects_path: str | None
    concurrency: int
    gzip: bool
    max_events_per_second: float | None
    context: Mapping[str, Any] | None
    integrations: Mapping[str, Any] | None
    timestamp: str | None
    message_id_fields: Sequence[str] | None
    checkpoint: Mapping[str, Any] | None
    save_checkpoint: Callable[[dict[str, Any]], None] | None


def send_events(
    settings: Settings,
    log: Any,
    events: Iterable[Any] | None,
    path: str | None,
    *,
    rejects_path: str | None = None,
    concurrency: int = CONCURRENCY,
    gzip: bool = False,
    max_events_per_second: float | None = None,
    context: Mapping[str, Any] | None = None,
    integrations: Mapping[str, Any] | None = None,
    timestamp: str | None = None,
    message_id_fields: Sequence[str] | None = None,
    checkpoint: Mapping[str, Any] | None = None,
    save_checkpoint: Callable[[dict[str, Any]], None] | None = None,
    on_start: Callable[[Sending], None],
) -> SendReport:
    """Send all events and return the report; on a failure the report is logged.

    :param on_start: called with the run, which can be stopped through it
    """
    if settings.write_key is None:
        raise SegmentConfigurationError("the Segment connection lacks a write key; or give a source_id")
    write_key = settings.write_key.get_secret_value()
    if concurrency < 1:
        raise SegmentConfigurationError(f"concurrency is at least 1, not {concurrency}")
    source, identity = _open(events, path, rejects_path)
    checker = Checker(
        write_key,
        message_id_fields=message_id_fields,
        context=context,
        integrations=integrations,
        timestamp=timestamp,
    )
    # A checkpoint counts only for the same input, sent to the same source in the same form.
    job_id = None
    if identity is not None and save_checkpoint is not None:
        host = host_of("tracking", settings.region, settings.base_url)
        job_id = _digest([identity, host, write_key, message_id_fields, context, integrations, timestamp])
    start = Checkpoint()
    if checkpoint is not None:
        if job_id is not None and checkpoint.get("job") == job_id:
            start = Checkpoint.from_json(checkpoint)
            log.info("An earlier try delivered everything up to line %s", f"{start.position:,}")
        else:
            log.info("The input or the options changed since the last try: sending from the beginning")

    def save(reached: Checkpoint) -> None:
        if save_checkpoint is not None and job_id is not None:
            save_checkpoint({"job": job_id, **reached.as_json()})

    async def run() -> SendReport:
        http = BulkClient(concurrency, settings.timeout)
        async with AsyncSegmentClient(settings, http=http) as client:
            sending = Sending(
                source,
                checker,
                client,
                letters,
                log=log,
                concurrency=concurrency,
                compress=compress if gzip else None,
                max_events_per_second=max_events_per_second,
                start=start,
                save=save,
            )
            runs.append(sending)
            on_start(sending)
            try:
                return await sending.run()
            except BaseException:
                log.error("Sending broke off. %s", sending.report)
                raise

    runs: list[Sending] = []
    with DeadLetters(ObjectStoragePath(rejects_path) if rejects_path else None, log) as letters:
        # Beside the main thread: there Airflow's timeout raises, at any moment, and what is raised in one of
        # the loop's callbacks is lost.
        thread = ThreadPoolExecutor(1, "segment-send")
        future = thread.submit(copy_context().run, lambda: asyncio.run(run()))
        try:
            report = future.result()
        except BaseException:
            for sending in runs:
                sending.stop()
            wait([future], timeout=STOP_SECONDS + 1)
            raise
        finally:
            thread.shutdown(wait=False)
    report.rejects_path = rejects_path
    report.rejects_failure = str(letters.failure) if letters.failure else None
    log.info("%s", report)
    return report


def _open(events: Iterable[Any] | None, path: str | None, rejects_path: str | None) -> tuple[Source, Any]:
    """The input, and what tells it from another one; None where nothing can."""
    if (events is None) == (path is None):
        raise SegmentConfigurationError("give either events or path")
    if path is not None:
        files = list_files(path, rejects_path=rejects_path)
        identity = describe(files)
        return FileSource(files, size=sum(size for _, size, _ in identity)), identity
    assert events is not None
    if isinstance(events, (str, bytes, Mapping)):
        raise SegmentConfigurationError(
            f"events is a list (or an XComArg that gives one), not one {type(events).__name__}"
        )
    return ItemSource(events), list(events) if isinstance(events, (list, tuple)) else None


def _digest(parts: list[Any]) -> str | None:
    """Tells one job from another; None where nothing can."""
    try:
        content = msgspec.json.encode(parts, enc_hook=repr)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        return None  # an event that is none; the checker will say so
    return blake2b(content, digest_size=16).hexdigest()
