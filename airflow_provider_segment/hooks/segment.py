"""The hook: everything that can be done with a connection to Segment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from airflow.providers.common.compat.sdk import BaseHook
from typing_extensions import Unpack

from airflow_provider_segment.connection import (
    CONN_TYPE,
    HOOK_NAME,
    form_behaviour,
    form_widgets,
    read_settings,
)
from airflow_provider_segment.events.calls import check_call, open_input, plan_rules
from airflow_provider_segment.events.stop import Stop

if TYPE_CHECKING:
    from airflow_provider_segment.api.calls import Answer
    from airflow_provider_segment.api.client import (
        AsyncSegmentClient,
        CallOptions,
        PageOptions,
        SegmentClient,
    )
    from airflow_provider_segment.api.regions import Region
    from airflow_provider_segment.api.settings import Settings
    from airflow_provider_segment.events.ledger.watermark import Watermark
    from airflow_provider_segment.events.options import SendOptions
    from airflow_provider_segment.events.preview_report import PreviewReport
    from airflow_provider_segment.events.report import SendReport
    from airflow_provider_segment.events.single import EventFields
    from airflow_provider_segment.events.sources.source import Source
    from airflow_provider_segment.hooks.connection_test import Finding


class SegmentHook(BaseHook):
    """Access to Segment's Public API, Tracking API and Profile API.

    Creating a hook is cheap: the connection is read at the first call.

    :param segment_conn_id: Airflow connection of type ``segment``
    :param region: ``us`` or ``eu``, instead of the connection's
    :param timeout: seconds for one request to connect, to send and to answer, each, instead of the
        connection's; all of it takes at most three times as long
    :param retries: retries of one request, instead of the connection's
    :param log_requests: whether to log each request (method, path, status, milliseconds, request id) at INFO,
        instead of the connection's; it is logged at DEBUG anyway
    """

    conn_name_attr = "segment_conn_id"
    default_conn_name = "segment_default"
    conn_type = CONN_TYPE
    hook_name = HOOK_NAME

    def __init__(
        self,
        segment_conn_id: str = default_conn_name,
        *,
        region: Region | None = None,
        timeout: float | None = None,
        retries: int | None = None,
        log_requests: bool | None = None,
    ) -> None:
        super().__init__()
        self.segment_conn_id = segment_conn_id
        self._overrides: dict[str, Any] = {
            "region": region,
            "timeout": timeout,
            "retries": retries,
            "log_requests": log_requests,
        }
        self._client: SegmentClient | None = None
        self._warned = False
        self._stop = Stop()

    def copy(self, **changed: Any) -> SegmentHook:
        """Another hook with the same arguments, but for some.

        :param changed: arguments of the hook, besides the connection
        """
        return SegmentHook(self.segment_conn_id, **(self._overrides | changed))

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The extra fields of the form, for Airflow before 3.2."""
        return form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """The standard fields of the form, for Airflow before 3.2."""
        return form_behaviour()

    def get_conn(self) -> SegmentClient:
        """The client, created at the first call.

        :raises SegmentConfigurationError: the connection has an invalid field
        """
        if self._client is None:
            from airflow_provider_segment.api.client import SegmentClient

            self._client = SegmentClient(self._settings())
        return self._client

    async def get_async_conn(self) -> AsyncSegmentClient:
        """A client for coroutines (triggers), to be closed by the caller: ``async with``."""
        from airflow_provider_segment.api.client import AsyncSegmentClient

        return AsyncSegmentClient(await self._async_settings())

    async def get_conn_for_threads(self) -> SegmentClient:
        """The same client as :meth:`get_conn`, created in a coroutine, to be closed by the caller: ``with``.

        In a triggerer only coroutines can read a connection. Afterwards the hook can be used in a thread.
        """
        from airflow_provider_segment.api.client import SegmentClient

        self._client = SegmentClient(await self._async_settings())
        return self._client

    def request(self, method: str, path: str, **options: Unpack[CallOptions]) -> Answer:
        """Call any endpoint; see :meth:`airflow_provider_segment.api.client.SegmentClient.request`."""
        return self.get_conn().request(method, path, **options)

    def paginate(self, path: str, **options: Unpack[PageOptions]) -> Iterator[Any]:
        """Every item of a list; see :meth:`airflow_provider_segment.api.client.SegmentClient.paginate`."""
        return self.get_conn().paginate(path, **options)

    def track(
        self, event: str, properties: Mapping[str, Any] | None = None, **fields: Unpack[EventFields]
    ) -> str:
        """Record what a user did.

        This method and the five like it send one event immediately and return its message id.

        :param event: name of what happened
        :param properties: properties of the event
        :param fields: see :class:`.EventFields`; a ``user_id`` or an ``anonymous_id`` is required
        :raises SegmentConfigurationError: an argument has the wrong type; nothing was sent
        :raises SegmentEventError: Segment would refuse or silently drop the event; nothing was sent
        :raises SegmentError: the event could not be delivered
        """
        return self._send_event("track", event=event, properties=properties, **fields)

    def identify(self, traits: Mapping[str, Any] | None = None, **fields: Unpack[EventFields]) -> str:
        """Tie a user to traits."""
        return self._send_event("identify", traits=traits, **fields)

    def page(
        self,
        name: str | None = None,
        category: str | None = None,
        properties: Mapping[str, Any] | None = None,
        **fields: Unpack[EventFields],
    ) -> str:
        """Record that a user saw a page of a website."""
        return self._send_event("page", name=name, category=category, properties=properties, **fields)

    def screen(
        self,
        name: str | None = None,
        category: str | None = None,
        properties: Mapping[str, Any] | None = None,
        **fields: Unpack[EventFields],
    ) -> str:
        """Record that a user saw a screen of an app."""
        return self._send_event("screen", name=name, category=category, properties=properties, **fields)

    def group(
        self, group_id: str | int, traits: Mapping[str, Any] | None = None, **fields: Unpack[EventFields]
    ) -> str:
        """Tie a user to a group (an account, a company) and its traits."""
        return self._send_event("group", group_id=group_id, traits=traits, **fields)

    def alias(self, previous_id: str | int, **fields: Unpack[EventFields]) -> str:
        """Tie a user's former id to ``user_id``."""
        return self._send_event("alias", previous_id=previous_id, **fields)

    def send_events(
        self,
        events: Any = None,
        *,
        path: str | PathLike[str] | Sequence[str | PathLike[str]] | None = None,
        part: Mapping[str, Any] | None = None,
        format: str | None = None,
        csv: Mapping[str, Any] | None = None,
        message_ids: Literal["keep", "new"] | None = None,
        source_id: str | None = None,
        senders: int | None = 1,
        checkpoint: Mapping[str, Any] | None = None,
        save_checkpoint: Callable[[dict[str, Any] | None], None] | None = None,
        checkpoint_timeout: float | None = None,
        **options: Unpack[SendOptions],
    ) -> SendReport:
        """Send any number of events in batches: each is delivered, or rejected and accounted for.

        :param events: an iterable of dicts, or of JSON texts as bytes or str, read while it is sent: events,
            or, with a ``mapping``, rows, which may also be named tuples. A generator is read in a thread of
            its own. A DataFrame of pandas or polars, or an Arrow table, has rows in any case;
            a stream of Arrow, such as pyarrow's ``RecordBatchReader``, is read batch by batch
        :param path: instead of ``events``: a file, a glob, or a list of them, in any storage that Airflow's
            ``ObjectStoragePath`` supports (``s3://``, ``gs://``, ``file://``...): JSON Lines, JSON objects in
            an array or one after the other, CSV, Parquet, Avro. What a file is, and how it is compressed, is
            told by its content; CSV and TSV by the name (``.csv``, ``.tsv``) or by ``format``
        :param part: instead of ``events``: a part of files, as ``SegmentPartitionEventsOperator`` makes it
        :param format: what the files are if their content and names do not tell: ``csv``, ``tsv``, ``jsonl``,
            ``parquet``, ``avro``; or what exported them: ``segment_archive``, ``mixpanel``, ``amplitude``
        :param csv: how CSV files are written: ``delimiter``, ``quotechar``, ``escapechar``, ``encoding``,
            ``header``, ``columns``
        :param message_ids: of events of a ``segment_archive``: ``keep``, or ``new`` (the default), without
            which Segment drops what it received within 24 hours
        :param source_id: source whose write key is looked up through the Public API, instead of the
            connection's
        :param senders: how many calls run at once that share the ceilings; None if that is not known, which
            takes a ``rate_limiter_conn_id``
        :param checkpoint: the last one that an earlier run passed to ``save_checkpoint``; ignored unless that
            run had the same input and options
        :param save_checkpoint: called with the checkpoint (plain JSON types) about every second, also if it
            did not change, in another thread; with None if the input is not a file, a list or a tuple.
            Sending goes on while it runs or fails. If it raises ``SegmentReplacedError``, it stops at once
        :param checkpoint_timeout: seconds after which sending stops if no call of ``save_checkpoint``
            succeeded: another process may have taken over by then; None for 300
        :param options: see :class:`~airflow_provider_segment.events.options.SendOptions`
        :raises SegmentConfigurationError: an argument or the connection is invalid; nothing was sent
        :raises SegmentInputError: there is no input, or it cannot be read to its end, or changed while it was
            read, or has fewer events than ``min_events``; what was read was sent
        :raises SegmentApprovalError: there is more than ``max_events`` or ``max_users`` allow; the rest was
            sent
        :raises SegmentViolationError: an event violates the tracking plan, and ``on_violation`` is ``fail``;
            what was before it was sent
        :raises SegmentStoppedError: :meth:`stop_sending` was called, or no checkpoint could be saved for
            ``checkpoint_timeout``
        :raises SegmentReplacedError: ``save_checkpoint`` raised it
        :raises SegmentError: Segment does not accept the events
        """
        given = {
            "events": events,
            "path": path,
            "part": part,
            "format": format,
            "csv": csv,
            "message_ids": message_ids,
            "source_id": source_id,
            "senders": senders,
            "checkpoint": checkpoint,
            "save_checkpoint": save_checkpoint,
            "checkpoint_timeout": checkpoint_timeout,
        }
        with self._may_be_stopped():
            own, chosen = check_call(given, options)
            source, chosen = open_input(own, chosen)
            return self._send(source, own, chosen)

    def send_from(
        self,
        source: Source,
        *,
        source_id: str | None = None,
        senders: int | None = 1,
        checkpoint: Mapping[str, Any] | None = None,
        save_checkpoint: Callable[[dict[str, Any] | None], None] | None = None,
        checkpoint_timeout: float | None = None,
        **options: Unpack[SendOptions],
    ) -> SendReport:
        """Send what a source reads, such as the rows of a query: see :meth:`send_events`.

        :param source: see :class:`~airflow_provider_segment.events.sources.source.Source`
        """
        given = {
            "source_id": source_id,
            "checkpoint": checkpoint,
            "save_checkpoint": save_checkpoint,
            "checkpoint_timeout": checkpoint_timeout,
            "senders": senders,
        }
        with self._may_be_stopped():
            return self._send(source, *check_call(given, options))

    def watermark(
        self,
        load: Sequence[str],
        *,
        source_id: str | None = None,
        ledger_path: str | None = None,
        ledger_conn_id: str | None = None,
    ) -> Watermark:
        """The mark of an incremental load, in a ledger.

        :param load: names the load, among those to the same source
        :param source_id: source that the events go to, instead of the connection's
        :param ledger_path: folder of the ledger
        :param ledger_conn_id: instead of it, connection to the database of the ledger
        :raises SegmentConfigurationError: not one ledger is named, or the connection has no write key
        """
        from airflow_provider_segment.api.regions import host_of
        from airflow_provider_segment.errors import SegmentConfigurationError
        from airflow_provider_segment.events.ledger.open import open_store
        from airflow_provider_segment.events.ledger.watermark import Watermark
        from airflow_provider_segment.hooks.databases import database_and_scrubber

        store = open_store(ledger_path, ledger_conn_id, database_and_scrubber)
        if store is None:
            raise SegmentConfigurationError("a watermark needs a ledger: give ledger_path or ledger_conn_id")
        settings = self._settings(write_key=self.get_write_key(source_id) if source_id else None)
        if settings.write_key is None:
            raise SegmentConfigurationError(
                "the Segment connection has no write key: add one, or pass source_id"
            )
        host = host_of("tracking", settings.region, settings.base_url)
        return Watermark(store, [host, settings.write_key.get_secret_value()], load)

    @contextmanager
    def _may_be_stopped(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._stop = Stop()

    def preview_events(
        self,
        events: Any = None,
        *,
        path: str | PathLike[str] | Sequence[str | PathLike[str]] | None = None,
        part: Mapping[str, Any] | None = None,
        format: str | None = None,
        csv: Mapping[str, Any] | None = None,
        message_ids: Literal["keep", "new"] | None = None,
        source_id: str | None = None,
        limit: int | None = None,
        **options: Unpack[SendOptions],
    ) -> PreviewReport:
        """Do all that :meth:`send_events` does with the same arguments, but send nothing.

        With a Public API token, the report also says how many of the users are suppressed, and, with a
        ``source_id``, which destinations the events would reach.

        :param limit: look at this many rows or events only
        """
        given = {
            "events": events,
            "path": path,
            "part": part,
            "format": format,
            "csv": csv,
            "message_ids": message_ids,
            "source_id": source_id,
            "limit": limit,
        }
        with self._may_be_stopped():
            own, chosen = check_call(given, options)
            source, chosen = open_input(own, chosen)
            return self._preview(source, own, chosen)

    def preview_from(
        self,
        source: Source,
        *,
        source_id: str | None = None,
        limit: int | None = None,
        **options: Unpack[SendOptions],
    ) -> PreviewReport:
        """The same as :meth:`preview_events`, of what a source reads, such as the rows of a query."""
        with self._may_be_stopped():
            given = {"source_id": source_id, "limit": limit}
            return self._preview(source, *check_call(given, options))

    def _preview(self, source: Source, own: dict[str, Any], options: dict[str, Any]) -> PreviewReport:
        from airflow_provider_segment.errors import SegmentAuthenticationError
        from airflow_provider_segment.events.dry_run import DryRun

        source_id = own["source_id"]
        settings = self._settings(write_key=self.get_write_key(source_id) if source_id else None)
        suppressed = destinations = None
        try:
            if settings.public_api_token is not None or settings.uses_oauth("public"):
                suppressed, destinations = self._spared_and_reached(source_id, options["integrations"])
        except SegmentAuthenticationError as error:
            if settings.public_api_token is not None:
                raise
            # An OAuth app may be for events only.
            self.log.warning("Suppressed users and destinations are not looked up: %s", error)
        return DryRun(
            settings.write_key.get_secret_value() if settings.write_key else "",
            self.log,
            source,
            options,
            limit=own["limit"],
            rules=plan_rules(options, self.paginate, self.log),
            suppressed=suppressed,
            destinations=destinations,
            stop=self._stop,
        ).run()

    def _spared_and_reached(
        self, source_id: str | None, integrations: Any
    ) -> tuple[set[str], list[str] | None]:
        """The suppressed users; and, of a source, which destinations get its events."""
        from airflow_provider_segment.api.paths import fill_path
        from airflow_provider_segment.events.integrations import reached

        found = self.paginate("/suppressions", page_size=200)
        suppressed = {user for one in found for user in one.get("subjectIds") or ()}
        if not source_id:
            return suppressed, None
        path = fill_path("/sources/{source_id}/connected-destinations", {"source_id": source_id})
        return suppressed, reached(self.paginate(path), integrations)

    def _send(self, source: Source, own: dict[str, Any], options: dict[str, Any]) -> SendReport:
        from airflow_provider_segment.assets import note_lineage
        from airflow_provider_segment.events.backfill import Backfill
        from airflow_provider_segment.events.ledger.open import open_ledger
        from airflow_provider_segment.hooks.databases import database_and_scrubber
        from airflow_provider_segment.hooks.limiter import limiter_of
        from airflow_provider_segment.hooks.metrics import SendMetrics
        from airflow_provider_segment.resources import source_of

        source_id = own["source_id"]
        backfill = Backfill(
            self._settings(write_key=self.get_write_key(source_id) if source_id else None),
            self.log,
            source,
            options,
            rules=plan_rules(options, self.paginate, self.log),
            senders=own["senders"],
            limiter=limiter_of(options),
            checkpoint=own["checkpoint"],
            save_checkpoint=own["save_checkpoint"],
            ledger=open_ledger(options, database_and_scrubber),
            checkpoint_timeout=own["checkpoint_timeout"],
            stop=self._stop,
            observe=SendMetrics(self.segment_conn_id),
        )
        backfill.report.source_id = source_id
        report = backfill.run()
        note_lineage(self, source.files, [source_of(source_id, self.segment_conn_id).uri])
        return report

    def stop_sending(self) -> None:
        """Make a running :meth:`send_events` end soon; may be called from a signal handler."""
        self._stop.request()

    def get_write_key(self, source_id: str) -> str:
        """The first write key of a source; see :meth:`get_write_keys`."""
        return self.get_write_keys(source_id)[0]

    def get_write_keys(self, source_id: str) -> list[str]:
        """All write keys of a source, read through the Public API and masked in logs.

        :raises SegmentConfigurationError: the token cannot see them
        """
        from airflow_provider_segment.api.paths import fill_path
        from airflow_provider_segment.api.resources import Source
        from airflow_provider_segment.errors import SegmentConfigurationError

        path = fill_path("/sources/{source_id}", {"source_id": source_id})
        answer = self.request("GET", path, shape={"source": Source})
        keys = self.visible_write_keys(answer.data["source"])
        if not keys:
            raise SegmentConfigurationError(
                f"source {source_id} shows no write key: the Public API token needs Source Admin access to it"
            )
        return keys

    @staticmethod
    def visible_write_keys(source: Mapping[str, Any]) -> list[str]:
        """:func:`.write_keys_of`, masked in logs."""
        from airflow_provider_segment.api.redaction import write_keys_of
        from airflow_provider_segment.api.secrets import forms_of
        from airflow_provider_segment.version_compat import mask_secrets

        keys = write_keys_of(source)
        mask_secrets(forms_of(keys))
        return keys

    def test_connection(self) -> tuple[bool, str]:
        """What Airflow's Test button shows: success or failure, and a finding on each credential."""
        from airflow_provider_segment.hooks.connection_test import as_text, is_well

        findings = self.test_findings()
        return is_well(findings), as_text(findings)

    def test_findings(self) -> list[Finding]:
        """The same as a list: a finding on the region, on each credential, and on what else is to be said."""
        from airflow_provider_segment.api.client import SegmentClient
        from airflow_provider_segment.connection import fields_to_move
        from airflow_provider_segment.hooks.connection_test import Finding, check

        findings: list[Finding] = []
        try:
            with SegmentClient(self._settings(retries=1)) as client:  # somebody is waiting
                findings.extend(check(client))
            for name, new_name in fields_to_move(self.get_connection(self.segment_conn_id)).items():
                hint = f"whoever can view connections can read it: move it to {new_name}"
                findings.append(Finding(f"Extra {name}", hint, well=None))
        except Exception as error:  # the user at the button should see any error
            findings.append(Finding("Connection", str(error), well=False))
        return findings

    def derive_message_id(self, *parts: Any) -> str:
        """A message id that is the same for the same parts and the connection's write key.

        It depends on the key because Segment's deduplication does not distinguish sources.
        """
        return message_id_of(self.get_conn().settings, *parts)

    def _settings(self, **overrides: Any) -> Settings:
        from airflow_provider_segment.api.secrets import forms_of
        from airflow_provider_segment.version_compat import mask_secrets, quiet_masker

        with quiet_masker():
            connection = self.get_connection(self.segment_conn_id)
        settings = read_settings(connection, **(self._overrides | overrides))
        mask_secrets(forms_of(settings.secrets))
        self._warn(settings)
        return settings

    async def _async_settings(self) -> Settings:
        from airflow.providers.common.compat.connection import get_async_connection

        from airflow_provider_segment.api.certificates import ssl_context
        from airflow_provider_segment.api.secrets import forms_of
        from airflow_provider_segment.version_compat import amask_secrets, quiet_masker

        with quiet_masker():
            connection = await get_async_connection(self.segment_conn_id)
        settings = read_settings(connection, **self._overrides)
        await amask_secrets(forms_of(settings.secrets))
        self._warn(settings)
        await asyncio.to_thread(ssl_context)  # slow the first time
        return settings

    def _warn(self, settings: Settings) -> None:
        """Warn, once, of credentials that anybody on the way can read."""
        if settings.clear_text and not self._warned:
            self._warned = True
            self.log.warning("Connection %r: %s", self.segment_conn_id, settings.clear_text)

    def _send_event(self, type: str, **fields: Any) -> str:
        from airflow_provider_segment.events.message_ids import random_id

        fields["message_id"] = fields.get("message_id") or random_id()
        self.request(**single_event(type, fields))
        return str(fields["message_id"])


def message_id_of(settings: Settings, *parts: Any) -> str:
    """See :meth:`SegmentHook.derive_message_id`."""
    from airflow_provider_segment.events.message_ids import id_from_parts

    return id_from_parts(settings.write_key.get_secret_value() if settings.write_key else "", parts)


def single_event(type: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The request that sends one event, as the arguments of a client's ``request``.

    :param type: ``track``, ``identify``, ...
    :param fields: the arguments of the hook's method of that name, checked here; with a message id
    :raises SegmentConfigurationError: an argument has the wrong type
    :raises SegmentEventError: Segment would refuse or silently drop the event
    """
    from airflow_provider_segment.arguments import check_arguments
    from airflow_provider_segment.events.single import event_body

    fields = check_arguments(_event_checker(type), fields)
    return {
        "method": "POST",
        "path": f"/v1/{type}",
        "api": "tracking",
        "body": event_body(type, fields),
    }


@cache
def _event_checker(call: str) -> Any:
    """Checks the arguments of one of the six calls, whose types are those of its method."""
    from airflow_provider_segment.arguments import make_checker
    from airflow_provider_segment.events.single import EventFields

    types = get_type_hints(getattr(SegmentHook, call), localns={"EventFields": EventFields})
    del types["fields"], types["return"]
    return make_checker(call, types | get_type_hints(EventFields), unknown="forbid")
