"""Operators that send events: one at a time, or millions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import update_wrapper
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_segment.assets import PartitionKey
from airflow_provider_segment.events.options import (
    OPTIONS,
    TYPES,
    CsvOptions,
    Events,
    Format,
    InputPart,
    Limit,
    MessageIds,
    Paths,
    within,
)
from airflow_provider_segment.tasks.base import SegmentBaseOperator, as_result
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, option
from airflow_provider_segment.tasks.sql_query import (
    QUERY_FILES,
    note_query,
    open_query,
    warn_of_empty_window,
)
from airflow_provider_segment.version_compat import iteration_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_segment.events.preview_report import PreviewReport
    from airflow_provider_segment.events.report import SendReport
    from airflow_provider_segment.events.sources.sql import SqlSource
    from airflow_provider_segment.hooks.options import HookOptions
    from airflow_provider_segment.resources import ResourceLocator
    from airflow_provider_segment.tasks.memory import Memory

INPUT = ("events", "path", "part", "format", "csv", "message_ids")
"""The arguments that say what is sent."""

CHECKPOINT, STARTED = "checkpoint", "started"
"""Names of the notes that hold the checkpoint of a task instance, and when its first try began."""


class _EventOperator(SegmentBaseOperator):
    """Sends one event. Subclasses, one for each of Segment's six calls, add their arguments."""

    event_type: ClassVar[str]
    """The method of the hook that sends it."""

    default_place = "body"  # of the event

    user_id: Arg[str | int | None] = None
    anonymous_id: Arg[str | int | None] = None
    context: Arg[Mapping[str, Any] | None] = None
    integrations: Arg[Mapping[str, Any] | None] = None
    timestamp: Arg[str | datetime | None] = None
    message_id: Arg[str | None] = None
    raise_on_error: Arg[bool] = option(default=True)

    def execute(self, context: Context) -> dict[str, Any]:
        """Send the event."""
        from airflow_provider_segment.tasks.links import linked

        arguments = self.arguments()
        try:
            with linked(context, self.hook, self.about(arguments)):
                message_id = self.perform(arguments, context)
        except Exception as error:
            if arguments["raise_on_error"]:
                raise
            self.log.error("The event was not sent: %s", error)
            return as_result(error)
        self.log.info("Sent a %s event, message id %s", self.event_type, message_id)
        self.finish(arguments, message_id, context)
        return {"success": True, "message_id": message_id}

    def perform(self, arguments: dict[str, Any], context: Context) -> str:
        """Send the event; returns its message id."""
        ti: Any = context.get("ti")
        event = {name: arguments[name] for name, field in self.fields.items() if field.place == "body"}
        if not event["message_id"]:
            # The same for every try of a task instance, so that a retry does not duplicate the event.
            instance = (ti.dag_id, ti.run_id, ti.task_id, ti.map_index, *iteration_of(context))
            event["message_id"] = self.hook.derive_message_id(*instance)
        message_id: str = getattr(self.hook, self.event_type)(**event)
        return message_id

    def change(self, arguments: dict[str, Any], result: Any) -> dict[str, Any]:
        """The event's type and its message id."""
        return {"type": self.event_type, "message_id": result}

    def about(self, arguments: dict[str, Any]) -> Iterator[ResourceLocator]:
        """The source that the event goes to."""
        from airflow_provider_segment.resources import source_of

        yield source_of(None, arguments["segment_conn_id"])


class SegmentTrackOperator(_EventOperator):
    """Records what a user did: https://www.twilio.com/docs/segment/connections/spec/track

    All arguments are templated. An invalid argument fails the task before anything is sent, without a retry,
    whatever ``raise_on_error`` says.

    :param event: name of what happened
    :param properties: properties of the event
    :param user_id: the user's id in your database
    :param anonymous_id: id of an anonymous user; one of the two is required
    :param context: context of the event, see Segment's Spec
    :param integrations: which destinations receive the event, see Segment's Spec
    :param timestamp: when it happened, ISO 8601 with a time zone; by default when Segment receives it
    :param message_id: Segment drops an event whose id it has seen within about 24 hours. By default one that
        all tries of this task instance share, so that a retry does not duplicate the event. A cleared task
        sends the same id, too: pass another to have the event counted again
    :param raise_on_error: False to return ``{"success": false, "error": ..., "error_type": ...}`` instead of
        failing
    :param region: ``us`` or ``eu``, instead of the connection's
    :param segment_conn_id: the Airflow connection
    :raises AirflowFailException: an argument is invalid; nothing was sent
    :raises SegmentEventError: Segment would refuse or silently drop the event; nothing was sent
    :raises SegmentError: the event could not be delivered

    Returns ``{"success": true, "message_id": ...}``.
    """

    event_type = "track"

    event: Arg[str]
    properties: Arg[Mapping[str, Any] | None] = None


class SegmentIdentifyOperator(_EventOperator):
    """Ties a user to traits: https://www.twilio.com/docs/segment/connections/spec/identify

    :param traits: of the user, such as name and e-mail address

    Further arguments: see :class:`SegmentTrackOperator`, from ``user_id`` on.
    """

    event_type = "identify"

    traits: Arg[Mapping[str, Any] | None] = None


class SegmentPageOperator(_EventOperator):
    """Records that a user saw a page: https://www.twilio.com/docs/segment/connections/spec/page

    :param name: of the page
    :param category: of the page
    :param properties: of the page

    Further arguments: see :class:`SegmentTrackOperator`, from ``user_id`` on.
    """

    event_type = "page"

    name: Arg[str | None] = None
    category: Arg[str | None] = None
    properties: Arg[Mapping[str, Any] | None] = None


class SegmentScreenOperator(SegmentPageOperator):
    """Records that a user saw a screen of an app: https://www.twilio.com/docs/segment/connections/spec/screen

    Arguments: those of :class:`SegmentPageOperator`.
    """

    event_type = "screen"


class SegmentGroupOperator(_EventOperator):
    """Ties a user to a group: https://www.twilio.com/docs/segment/connections/spec/group

    :param group_id: of the account, company or team
    :param traits: of the group

    Further arguments: see :class:`SegmentTrackOperator`, from ``user_id`` on.
    """

    event_type = "group"

    group_id: Arg[str | int]
    traits: Arg[Mapping[str, Any] | None] = None


class SegmentAliasOperator(_EventOperator):
    """Ties a user's former id to ``user_id``: https://www.twilio.com/docs/segment/connections/spec/alias

    :param previous_id: the former id

    Further arguments: see :class:`SegmentTrackOperator`, from ``user_id`` on.
    """

    event_type = "alias"

    previous_id: Arg[str | int]


class SegmentTrackEventOperator(SegmentTrackOperator):
    """Replaces the operator of ``apache-airflow-providers-segment``: only the import changes.

    :param user_id: the user's id in your database
    :param event: name of what happened
    :param properties: properties of the event
    :param segment_conn_id: the Airflow connection; ``write_key`` in its extra is accepted
    :param segment_debug_mode: the same as ``log_requests``

    Further arguments: see :class:`SegmentTrackOperator`.
    """

    segment_debug_mode: Arg[bool] = option(default=False)

    def hook_options(self) -> HookOptions:
        """The arguments that the hook takes, checked."""
        options = super().hook_options()
        debug = self.checked(["segment_debug_mode"])["segment_debug_mode"]
        return options._replace(log_requests=True) if debug and options.log_requests is None else options


class _GivenBack:
    """A function as an argument: Airflow calls it to render it, and gets the function."""

    def __init__(self, function: Any) -> None:
        update_wrapper(self, function)
        self._function = function

    def __call__(self, **_: Any) -> Any:
        return self._function


class BulkEventsOperator(SegmentBaseOperator):
    """What all operators share that send any number of events; each has an input of its own.

    Files that the DAG's author keeps beside the DAG (``template_files``) are looked for where Airflow looks
    for templates, and are templates themselves.
    """

    waits = True

    template_files: ClassVar[dict[str, tuple[str, ...]]] = {"mapping": (".yaml", ".yml", ".json")}
    """Arguments that may be the name of a file, and how the name ends then."""

    _query: SqlSource | None = None  # while it is read

    source_id: Arg[str | None] = option(default=None)
    max_rejected: Arg[Annotated[int, within(0)] | None] = option(default=NOT_GIVEN)
    max_rejected_share: Arg[Annotated[float, within(0, 1)] | None] = option(default=None)
    partition_key: Arg[PartitionKey] = option(default=None)

    if not TYPE_CHECKING:
        # One argument per option; the options are declared only in events/options.py.
        __annotations__ |= {name: Arg[hint] for name, hint in TYPES.items()}
        vars().update({name: option(default=declared.default) for name, declared in OPTIONS.items()})

    def check_when_parsed(self) -> None:
        """Check the mapping, as far as that is possible before its templates are rendered.

        :raises SegmentConfigurationError: it is wrong
        """
        super().check_when_parsed()
        mapping: Any = getattr(self, "mapping", None)
        if callable(mapping):
            if not isinstance(mapping, _GivenBack):
                self.mapping = _GivenBack(mapping)
        elif isinstance(mapping, (dict, list)) or (isinstance(mapping, str) and "\n" in mapping):
            from airflow_provider_segment.errors import SegmentConfigurationError
            from airflow_provider_segment.events.mapping.template import read_mapping
            from airflow_provider_segment.events.yaml_or_json import read_document

            if isinstance(mapping, str) and "{%" in mapping:
                return  # it may be no YAML before it is rendered
            try:
                written = read_document(mapping) if isinstance(mapping, str) else mapping
                read_mapping(written, rendered=False)
            except ValueError as error:  # MappingError is one
                raise SegmentConfigurationError(f"{self.task_id}: mapping: {error}") from None

    def resolve_template_files(self) -> None:
        """Read the files of arguments that are the name of one."""
        super().resolve_template_files()
        for name, endings in self.template_files.items():
            value = getattr(self, name, None)
            if isinstance(value, str) and value.endswith(endings):
                env = self.get_template_env()
                setattr(self, name, cast("Any", env.loader).get_source(env, value)[0])
                self.check_when_parsed()

    def _do_render_template_fields(self, parent: Any, *args: Any, **kwargs: Any) -> None:
        if parent is self:
            self.resolve_template_files()  # of a mapped task, which comes into being only now
        super()._do_render_template_fields(parent, *args, **kwargs)

    def about(self, arguments: dict[str, Any]) -> Iterator[ResourceLocator]:
        """The source that the events go to."""
        from airflow_provider_segment.resources import source_of

        yield source_of(arguments["source_id"], arguments["segment_conn_id"])

    def send(self, arguments: dict[str, Any], **options: Any) -> SendReport:
        """Send the input.

        :param options: of the hook's ``send_events``, besides the input
        """
        raise NotImplementedError

    def perform(self, arguments: dict[str, Any], context: Context) -> dict[str, Any]:
        """Send the events; returns the report."""
        from airflow_provider_segment.errors import SegmentApprovalError, SegmentViolationError
        from airflow_provider_segment.tasks.lease import Lease, lease_seconds
        from airflow_provider_segment.tasks.mapped import instances_at_once
        from airflow_provider_segment.tasks.memory import Memory

        memory = Memory(context)
        lease = Lease(memory, context)
        started = self._started(memory, context)
        options: Any = {name: arguments[name] for name in OPTIONS}
        try:
            report = self.send(
                arguments,
                source_id=arguments["source_id"],
                senders=instances_at_once(self, context),
                checkpoint=memory.get(CHECKPOINT),
                save_checkpoint=lambda reached: lease.note(**{CHECKPOINT: reached}),
                checkpoint_timeout=lease_seconds(),
                **options,
            )
        except (SegmentApprovalError, SegmentViolationError) as error:  # a retry would find the same
            raise AirflowFailException(f"{type(self).__name__}: {error}") from None
        report.started = started
        report.part = part.name if (part := arguments.get("part")) else None
        share = arguments["max_rejected_share"]
        most = arguments.get("max_rejected", 0 if share is None else None)
        if fault := report.too_many_rejected(most, share):
            others = "All others were sent" if report.sent else "Nothing was sent"
            raise AirflowFailException(f"{fault}. {others}: {report}")
        return report.as_dict()

    def _started(self, memory: Memory, context: Context) -> str:
        """When the first try began; at the earliest when the run did, where Airflow kept no note of it."""
        from airflow_provider_segment.api.clock import Clock, timestamp

        started: str | None = memory.get(STARTED)
        if started is None:
            run: Any = context.get("dag_run")
            started = timestamp((run.start_date if memory.is_retry and run else None) or Clock().now())
            try:
                memory.note(**{STARTED: started})
            except Exception as error:  # sending the events matters more
                self.log.warning("When this try began could not be noted: %s", error)
        return started

    @contextmanager
    def rows_of_query(self, arguments: dict[str, Any]) -> Iterator[SqlSource]:
        """The rows of the task's query, of which the lineage collector is told if they were read."""
        warn_of_empty_window(arguments["parameters"], self.log)
        from airflow_provider_segment.hooks.databases import database_hook

        hook = database_hook(arguments["sql_conn_id"])
        self._query = query = open_query(hook, arguments)
        try:
            yield query
        finally:
            self._query = None
        note_query(hook, arguments["sql"], query.done)

    def on_kill(self) -> None:
        """Stop: batches in flight may arrive, then the report so far is logged. A query is cancelled."""
        self.hook.stop_sending()
        if (query := self._query) is not None:
            query.stop()


class SegmentBatchEventsOperator(BulkEventsOperator):
    """Sends any number of events in batches: nothing lost, nothing duplicated, nothing silent.

    Each event is checked against Segment's rules, because Segment answers 200 to events that it then drops.
    Valid events are sent, invalid ones go to ``rejects_path``. On Airflow 3.3 and later a retry continues
    where the last try stopped; on earlier versions it resends the events with the same message ids, which
    Segment deduplicates. A cleared task resends everything with the same message ids, too: within 24 hours
    Segment drops those events as duplicates; give them another ``messageId`` to send them once more. With a
    ledger (``ledger_path``, ``ledger_conn_id``) a retry and a cleared task send only what is missing, also
    after weeks, and on every version.

    An event without ``messageId`` gets one derived from its content, the same whenever it is sent. So Segment
    keeps only one of several identical events, timestamp included. If they are distinct events, give each a
    ``messageId`` or another field that differs. Written in another way (spaces, escapes, the order of keys, a
    dict instead of a line), the same event gets another id: name the fields that identify it in
    ``message_id_fields`` if the events may be exported once more. Defaults (``context``, ``integrations``,
    ``timestamp``) do not change ids.

    All arguments are templated. An invalid one fails the task before anything is sent, without a retry.

    :param events: a list of dicts, or an XComArg of one: events, or with a ``mapping`` rows
    :param path: instead of ``events``: a file, a glob, or a list of them, in any storage that Airflow's
        ``ObjectStoragePath`` supports (``s3://``, ``gs://``, ``file://``...): JSON Lines, JSON objects in an
        array or one after the other, CSV, Parquet, Avro. What a file is, and how it is compressed, is told by
        its content; CSV and TSV by the name (``.csv``, ``.tsv``) or by ``format``
    :param part: instead of ``events``: a part of files that
        :class:`~airflow_provider_segment.operators.parts.SegmentPartitionEventsOperator` made, a dict; as
        in ``.partial(...).expand(part=parts.output)``
    :param format: what the files are if their content and names do not tell: ``csv``, ``tsv``, ``jsonl``,
        ``parquet``, ``avro``; or what exported them: ``segment_archive``, ``mixpanel``, ``amplitude``
    :param csv: how CSV files are written: ``delimiter``, ``quotechar``, ``escapechar``, ``encoding``,
        ``header``, ``columns``
    :param message_ids: of events of a ``segment_archive``: ``keep``, or ``new`` (the default), without which
        Segment drops what it received within 24 hours
    :param source_id: source whose write key is looked up through the Public API, instead of the connection's
    :param max_rejected: with more rejected events than this the task fails, without a retry, after all valid
        ones were sent; None for no limit. 0 by default, and no limit if ``max_rejected_share`` is given
    :param max_rejected_share: the same as a share of the events read, from 0 to 1: 0.001 is one in a thousand
    :param partition_key: the partition of the ``outlets`` that was sent, for example the day: Airflow 3.2 and
        later start a DAG that waits for it (``PartitionedAssetTimetable``). By default that of the run
    :param region: ``us`` or ``eu``, instead of the connection's
    :param segment_conn_id: the Airflow connection
    :raises AirflowFailException: an argument is invalid, and nothing was sent; or too many events were
        rejected, or all of them (whatever is allowed), or the rejected events could not be written; or there
        is more than ``max_events`` or ``max_users`` allow, or a violation with ``on_violation="fail"``
    :raises SegmentInputError: no file matches, or a file cannot be read to its end, or changed while it was
        read, or there are fewer events than ``min_events``; what was read was sent
    :raises SegmentError: Segment does not accept the events

    Further arguments, such as ``mapping``, ``rejects_path`` and ``concurrency``: see
    :class:`~airflow_provider_segment.events.options.SendOptions`.

    Returns the report (:class:`~airflow_provider_segment.events.report.SendReport`) as a dict.
    """

    events: Arg[Events] = option(default=None)
    path: Arg[Paths] = option(default=None)
    part: Arg[InputPart] = option(default=None)
    format: Arg[Format] = option(default=None)
    csv: Arg[CsvOptions] = option(default=None)
    message_ids: Arg[MessageIds] = option(default=None)

    if TYPE_CHECKING:
        # For type checkers the options are any keywords. They are checked when the task is created and when
        # it is rendered.
        def __init__(
            self,
            *,
            task_id: str,
            events: Arg[Events] = None,
            path: Arg[str | list[str] | None] = None,
            part: Arg[dict[str, Any] | None] = None,
            format: Arg[str | None] = None,
            csv: Arg[dict[str, Any] | None] = None,
            message_ids: Arg[MessageIds] = None,
            source_id: Arg[str | None] = None,
            max_rejected: Arg[int | None] = NOT_GIVEN,
            max_rejected_share: Arg[float | None] = None,
            partition_key: Arg[str | None] = None,
            region: Arg[str | None] = None,
            segment_conn_id: Arg[str] = "segment_default",
            **kwargs: Any,
        ) -> None: ...

    def arguments(self) -> dict[str, Any]:
        """The checked arguments; exactly one input must be given."""
        arguments = super().arguments()
        if sum(arguments[name] is not None for name in ("events", "path", "part")) != 1:
            raise AirflowFailException(f"{type(self).__name__}: give either events, path or part")
        return arguments

    def send(self, arguments: dict[str, Any], **options: Any) -> SendReport:
        """Send the events, or the rows."""
        return self.hook.send_events(**{name: arguments[name] for name in INPUT}, **options)


class SegmentPreviewEventsOperator(SegmentBatchEventsOperator):
    """Does all that :class:`SegmentBatchEventsOperator` does with the same arguments, but sends nothing.

    It maps and checks every event, and reports what a send would do and cost: events by type and name,
    rejects with examples, requests, API calls, different users (the most that can be added to the MTU), how
    many of them are suppressed, the oldest and the newest timestamp, the largest event, duplicates, minutes
    at the given rate, warnings, and the first requests. With a Public API token it also looks for suppressed
    users and, with a ``source_id``, for the destinations that the events would reach.

    The report and the note are data of people: they hold ids of users, and the beginnings of requests.

    Instead of ``events`` or ``path``, the rows of a query may be looked at, with the arguments of
    :class:`~airflow_provider_segment.transfers.sql_to_segment.SqlToSegmentOperator`.

    :param limit: look at this many rows, or events that are not made of rows, only
    :param sql_conn_id: Airflow connection to the database
    :param sql: a single query, or the name of a file with one
    :param parameters: for the placeholders of the query
    :param resume_key: has no effect, because nothing is resumed
    :param fetch_timeout: seconds that the database may take to send the next rows
    :raises AirflowFailException: an argument is invalid
    :raises SegmentInputError: the input cannot be read to its end

    Further arguments: see :class:`SegmentBatchEventsOperator`. ``max_rejected``, ``max_rejected_share``,
    ``rejects_path``, ``min_events``, ``max_events`` and ``max_users`` do not end a preview, but it says where
    a send would end. With ``on_violation="fail"``, violations are counted as rejected.

    Returns the report (:class:`~airflow_provider_segment.events.preview_report.PreviewReport`) as a dict, and
    pushes the XCom ``note``: the same in Markdown, for a person who approves the send.
    """

    template_files: ClassVar[dict[str, tuple[str, ...]]] = {
        **BulkEventsOperator.template_files,
        **QUERY_FILES,
    }

    limit: Arg[Limit] = option(default=None)
    sql_conn_id: Arg[str | None] = option(default=None)
    sql: Arg[str | None] = option(default=None)
    parameters: Arg[Mapping[str, Any] | list[Any] | tuple[Any, ...] | None] = option(default=None)
    resume_key: Arg[str | None] = option(default=None)
    fetch_timeout: Arg[Annotated[float, within(0, exclusive=True)]] = option(default=3600)

    if TYPE_CHECKING:
        # For type checkers the options are any keywords.
        def __init__(self, *, task_id: str, limit: Arg[int | None] = None, **kwargs: Any) -> None: ...

    def arguments(self) -> dict[str, Any]:
        """The checked arguments; exactly one input must be given."""
        arguments = BulkEventsOperator.arguments(self)
        inputs = ["events", "path", "sql"]
        if arguments["part"] and arguments["part"].pieces:
            inputs.append("part")
        if sum(arguments[name] is not None for name in inputs) != 1:
            raise AirflowFailException(f"{type(self).__name__}: give either events, path, part or sql")
        if (arguments["sql"] is None) != (arguments["sql_conn_id"] is None):
            raise AirflowFailException(f"{type(self).__name__}: sql and sql_conn_id belong together")
        return arguments

    def perform(self, arguments: dict[str, Any], context: Context) -> dict[str, Any]:
        """Look at the events; returns the report."""
        options: Any = {name: arguments[name] for name in OPTIONS}
        preview = self.preview(
            arguments, source_id=arguments["source_id"], limit=arguments["limit"], **options
        )
        note = preview.markdown()
        self.log.info("%s", note)
        if (ti := context.get("ti")) and self.do_xcom_push:
            ti.xcom_push(key="note", value=note)
        return preview.as_dict()

    def preview(self, arguments: dict[str, Any], **options: Any) -> PreviewReport:
        """Look at the events, or the rows."""
        if arguments["sql"] is None:
            return self.hook.preview_events(**{name: arguments[name] for name in INPUT}, **options)
        with self.rows_of_query({**arguments, "resume_key": None}) as source:
            return self.hook.preview_from(source, **options)

    def change(self, arguments: dict[str, Any], result: Any) -> dict[str, Any]:
        """Nothing was changed."""
        return {}
