"""Runs a backfill: reads, checks and sends events in batches, keeps dead letters, and reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from hashlib import blake2b
from math import floor, inf
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_segment.api.client import AsyncSegmentClient, http_client
from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.api.regions import host_of
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError, SegmentReplacedError
from airflow_provider_segment.events.codec import Unwritable
from airflow_provider_segment.events.dead_letters import DeadLetters
from airflow_provider_segment.events.options import changed_from_default, identity_of
from airflow_provider_segment.events.pipeline import make_pipeline
from airflow_provider_segment.events.rate import Ceiling, Limiter, source_key
from airflow_provider_segment.events.reading import Checkpoint
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.events.send import STOP_SECONDS, Sending
from airflow_provider_segment.events.shared_rate import make_rate
from airflow_provider_segment.events.sources.source import Source
from airflow_provider_segment.events.stop import Stop
from airflow_provider_segment.events.storage import storage_path
from airflow_provider_segment.events.threads import run_in_thread
from airflow_provider_segment.events.transport import BulkClient

if TYPE_CHECKING:
    from airflow_provider_segment.events.ledger.run import LedgerOfRun
    from airflow_provider_segment.events.ledger.store import LedgerStore
    from airflow_provider_segment.events.tracking_plan import PlanRules

END_SECONDS = STOP_SECONDS + 1
"""How long the sending thread may take to end after it was stopped."""

SaveCheckpoint = Callable[[dict[str, Any] | None], None]


class Backfill:
    """One run over an input.

    :param settings: the connection's, with the write key of the source that the events go to
    :param options: all options of a bulk send, checked
    :param rules: of the tracking plan that the events are checked against, if any
    :param senders: how many senders share the ceilings at most; None if that is not known
    :param limiter: keeps the ceilings over all senders that have it; see
        :class:`~airflow_provider_segment.events.rate.Rate`
    :param checkpoint: how far an earlier run got; ignored unless it was a run of the same backfill
    :param save_checkpoint: called with the checkpoint, plain JSON, about every second, in another thread;
        with None if the input cannot be identified
    :param checkpoint_timeout: seconds after which the run stops if no checkpoint could be saved
    :param ledger: knows what earlier runs delivered, and learns what this one does
    :param stop: ends the run
    :param observe: called with the report every ten seconds, and at the end
    :raises SegmentConfigurationError: the connection has no write key, or the rate cannot be held
    """

    def __init__(
        self,
        settings: Settings,
        log: Any,
        source: Source,
        options: Mapping[str, Any],
        *,
        rules: PlanRules | None = None,
        senders: int | None = 1,
        limiter: Limiter | None = None,
        checkpoint: Mapping[str, Any] | None = None,
        save_checkpoint: SaveCheckpoint | None = None,
        checkpoint_timeout: float | None = None,
        ledger: LedgerStore | None = None,
        stop: Stop,
        observe: Callable[[SendReport], None] = lambda report: None,
    ) -> None:
        if settings.write_key is None:
            raise SegmentConfigurationError(
                "the Segment connection has no write key: add one, or pass source_id"
            )
        write_key = settings.write_key.get_secret_value()
        host = host_of("tracking", settings.region, settings.base_url)
        self.report = SendReport(rejects_path=options["rejects_path"])
        self._settings = settings
        self._log = log
        self._source = source
        self._options = options
        self._stop = stop
        self._observe = observe
        self._rate = make_rate(
            Ceiling.of(options),
            senders=senders,
            limiter=limiter,
            source=source_key(host, write_key),
            clock=Clock(),
            log=log,
        )
        self._save_checkpoint = save_checkpoint
        self._checkpoint_timeout = checkpoint_timeout
        self._identity = None
        if source.identity is not None and save_checkpoint is not None:
            # With a ledger, positions are those of what is left.
            of_ledger = ["ledger"] if ledger else []
            self._identity = _digest([source.identity, host, write_key, identity_of(options), *of_ledger])
        self._ledger: LedgerOfRun | None = None
        if ledger is not None:
            from airflow_provider_segment.events.ledger.run import LedgerOfRun

            self._ledger = LedgerOfRun(
                ledger,
                # Without what is as it is by default: a new option leaves the ledger valid.
                [host, write_key, changed_from_default(identity_of(options))],
                source,
                log,
                rejects_path=options["rejects_path"],
                report=self.report,
            )
            self._source = self._ledger.source
        self._start = self._start_after(checkpoint)
        if self._ledger is not None:
            self._ledger.go_on(self._start, checkpoint)
        counts = self._start.counts
        before = counts["read"] - sum(counts["rejected"].values()) if counts else 0
        self._pipeline = make_pipeline(write_key, options, self.report, rules, events_before=before)

    def run(self) -> SendReport:
        """Send all events and return the report, which is logged even if the run ends early.

        They are sent in a separate thread, which has ended when this returns or raises, unless the source
        blocks for longer than ``END_SECONDS``. Then it ends when the source returns, and sends nothing more.
        """
        try:
            report = run_in_thread(self._send, name="segment-send", stop=self._stop, end_seconds=END_SECONDS)
        except BaseException:
            self._log.error("Sending ended early. %s", self.report)
            raise
        self._log.info("%s", report)
        if skipped := getattr(self._pipeline.mapper, "skipped", None):
            self._log.info("Skipped: %s", ", ".join(f"{count:,} {what}" for what, count in skipped.items()))
        least = self._options["min_events"]
        if least is not None and report.sent + report.left_out < least:
            raise SegmentInputError(
                f"{report.sent + report.left_out:,} events were sent, and min_events is {least:,}: is the "
                f"input complete, and its time window not empty? {report}"
            )
        return report

    async def _send(self) -> SendReport:
        options = self._options
        rejects = options["rejects_path"]
        http = http_client(BulkClient, self._settings, connections=options["concurrency"])
        # Closed by the thread that writes to it.
        mapper, checker = self._pipeline
        file = storage_path(rejects) if rejects else None
        keep_to, kept = self._resume()
        if self._ledger is not None:
            self._ledger.leave_out(options["changed_input"])
            keep_to = inf  # for the ledger, what earlier runs rejected is done with
        with (
            self._ledger or nullcontext(),
            DeadLetters(file, self._log, keep_to=keep_to, kept=kept) as letters,
        ):
            if self._ledger is not None:
                self._ledger.letters = letters
            async with AsyncSegmentClient(self._settings, http=http) as client:
                sending = Sending(
                    self._source,
                    checker,
                    client,
                    letters,
                    mapper=mapper,
                    rate=self._rate,
                    log=self._log,
                    report=self.report,
                    start=self._start,
                    save=self._save if self._save_checkpoint or self._ledger else None,
                    save_timeout=self._checkpoint_timeout,
                    stop=self._stop,
                    observe=self._observe,
                    **options,
                )
                await sending.run()
        self.report.rejects_failure = letters.failure
        return self.report

    def _resume(self) -> tuple[float, int]:
        """Have the source go on where an earlier run got, if it can.

        :returns: up to where that is, and how many events were rejected up to there
        """
        start = self._start
        if start.mark is None:
            return 0, 0
        self._source.resume(start.mark)  # type: ignore[attr-defined]
        position: int = start.mark["position"]
        refused = sum(where <= position for where in start.refused)
        return position, refused + sum(start.counts["rejected"].values())

    def _start_after(self, checkpoint: Mapping[str, Any] | None) -> Checkpoint:
        """Where to start: a checkpoint is valid only for the same input, sent to the same source in the
        same form."""
        if checkpoint is None:
            return Checkpoint()
        if self._identity is None or checkpoint.get("identity") != self._identity:
            self._log.info("The input or the options changed since the last try: sending from the beginning")
            return Checkpoint()
        start = Checkpoint.from_json(checkpoint)
        if hasattr(self._source, "resume"):
            # What is read anew may be other rows than before, so only up to the mark is known to be sent.
            start = start.at_its_mark()
            if start.position and self._options["max_users"] is not None:
                self._log.info("All rows are read again: max_users also counts the users of those before")
                return Checkpoint()
        if start.position:
            self._log.info(
                "An earlier try delivered everything up to number %s", f"{floor(start.position):,}"
            )
        return start

    def _save(self, reached: Checkpoint) -> None:
        if self._ledger is not None:
            reached = self._ledger.kept(reached)
        try:
            if self._save_checkpoint is not None:
                self._save_checkpoint(self._as_json(reached))
        except SegmentReplacedError:
            raise  # the other try counts, and its file of rejected events
        except Exception:
            self._record(reached)
            raise
        self._record(reached)

    def _record(self, reached: Checkpoint) -> None:
        if self._ledger is not None:
            self._ledger.record(reached)

    def _as_json(self, reached: Checkpoint) -> dict[str, Any] | None:
        if self._identity is None:
            return None
        more = self._ledger.unrecorded(reached) if self._ledger is not None else {}
        return {"identity": self._identity, **reached.as_json(), **more}


def _digest(parts: list[Any]) -> str | None:
    """Identifies a backfill; None if it cannot be identified."""
    try:
        content = msgspec.json.encode(parts, enc_hook=repr)
    except Unwritable:
        return None  # some item is not an event; the checker will report it
    return blake2b(content, digest_size=16).hexdigest()
