"""A data source of PySpark 4: ``df.write.format("segment").options(...).mode("append").save()``.

Each partition is sent by its executor, with the code of :func:`airflow_provider_segment.sending.send_events`.
Spark runs a partition again from its beginning where a try failed: events keep their ids, and Segment drops
what it received within the last day. ``docs/spark.md`` has the options and what to expect.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pyspark import TaskContext  # pyright: ignore[reportMissingImports]
from pyspark.sql.datasource import (  # pyright: ignore[reportMissingImports]
    DataSource,
    DataSourceArrowWriter,
    WriterCommitMessage,
)
from typing_extensions import TypedDict

from airflow_provider_segment.arguments import FilePath, check_arguments, make_checker
from airflow_provider_segment.errors import SegmentConfigurationError, SegmentInputError
from airflow_provider_segment.events.mapping.template import nearest, read_mapping
from airflow_provider_segment.events.options import TYPES, within
from airflow_provider_segment.events.report import SendReport
from airflow_provider_segment.events.storage import storage_path
from airflow_provider_segment.sending import send_events

if TYPE_CHECKING:
    from pyarrow import RecordBatch  # pyright: ignore[reportMissingImports]
    from pyspark.sql.types import StructType  # pyright: ignore[reportMissingImports]

LOG = logging.getLogger(__name__)

WRITE_KEY_ENV = "SEGMENT_SECRET_WRITE_KEY"
"""Spark hides values in logs and in its UI whose names contain ``secret``, but not those of ``write_key``."""
PRIVATE_KEY_ENV = "SEGMENT_SECRET_OAUTH_PRIVATE_KEY"

_OF_ALL = "it is about all events, and a partition knows of its own only"
_OF_AIRFLOW = "it is a connection of Airflow, or takes one"
_OF_FILES = "a ledger is kept of files, and partitions are none"
LEFT_OUT = {
    "min_events": _OF_ALL,
    "max_events": _OF_ALL,
    "max_users": _OF_ALL,
    "tracking_plan_id": _OF_AIRFLOW,
    "rate_limiter_conn_id": _OF_AIRFLOW,
    "ledger_conn_id": _OF_AIRFLOW,
    "ledger_path": _OF_FILES,
    "changed_input": _OF_FILES,
}
"""Options of a bulk send that the data source does not have, and why."""


class OwnOptions(TypedDict, total=False):
    """Options of the data source besides those of a bulk send.

    :param write_key_env: the environment variable of the executors that has the write key
    :param json_column: the column with events, or rows, as JSON; by default the columns are the fields
    :param parallelism: how many partitions can run at once: they share the ceilings of the rate
    :param max_rejected: with more rejected events than this the job fails after all valid ones were sent;
        ``null`` for no limit. 0 by default, and no limit if ``max_rejected_share`` is given
    :param max_rejected_share: the same as a share of the events read, from 0 to 1
    :param report_path: file for the report, as JSON
    :param region: of the workspace: ``us`` or ``eu``
    :param base_url: replaces Segment's hosts
    :param timeout: seconds for a request to connect, to send and to answer, each
    :param retries: retries of a request that failed
    :param oauth_app_id: of an OAuth app, for a source that enforces OAuth
    :param oauth_key_id: Segment's id of the app's public key
    :param oauth_private_key_env: the environment variable of the executors that has its private half, or the
        path of a file that holds it
    """

    write_key_env: str
    json_column: str | None
    parallelism: Annotated[int, within(1)] | None
    max_rejected: Annotated[int, within(0)] | None
    max_rejected_share: Annotated[float, within(0, 1)] | None
    report_path: FilePath | None
    region: Literal["us", "eu"]
    base_url: str | None
    timeout: float | None
    retries: int | None
    oauth_app_id: str | None
    oauth_key_id: str | None
    oauth_private_key_env: str


OWN: dict[str, Any] = OwnOptions.__annotations__
CLIENT = ("region", "base_url", "timeout", "retries", "oauth_app_id", "oauth_key_id")
"""Which of them ``send_events`` takes, too."""


class SegmentDataSource(DataSource):
    """Register it in each session: ``spark.dataSource.register(SegmentDataSource)``."""

    @classmethod
    def name(cls) -> str:
        """What ``format()`` takes."""
        return "segment"

    def writer(self, schema: StructType, overwrite: bool) -> SegmentWriter:
        """Called on the driver.

        :raises SegmentConfigurationError: an option is wrong, or the mode, or a column is missing
        """
        if overwrite:
            raise SegmentConfigurationError(
                'nothing in Segment can be overwritten: use mode("append"). What has the same messageId is '
                "dropped there for a day"
            )
        return SegmentWriter(check_options(dict(self.options)), schema.fieldNames())


@dataclass
class Sent(WriterCommitMessage):
    """What became of a partition."""

    partition: int
    attempt: int
    report: SendReport


class SegmentWriter(DataSourceArrowWriter):
    """Sends the partitions of a DataFrame. It goes to executors by pickle, and has no secret in it.

    :param options: as :func:`check_options` returns them
    :param columns: of the DataFrame
    """

    def __init__(self, options: dict[str, Any], columns: list[str]) -> None:
        self._options = options
        self._own = {name: options.pop(name) for name in list(options) if name in OWN}
        for path in filter(None, (self._own.get("report_path"), options.get("rejects_path"))):
            storage_path(path)  # a missing library is told before anything is sent
        column, mapping = self._own.get("json_column"), options.get("mapping")
        if column is not None and column not in columns:
            raise SegmentConfigurationError(f"json_column: there is no {column}{nearest(column, columns)}")
        if column is None and mapping is not None:
            for name in read_mapping(mapping).names:
                if name not in columns:
                    raise SegmentConfigurationError(
                        f"mapping: there is no column {name}{nearest(name, columns)}"
                    )

    def write(self, iterator: Iterator[RecordBatch]) -> Sent:
        """Called on an executor for each try of a partition.

        :raises SegmentError: see :func:`airflow_provider_segment.sending.send_events`
        """
        write_key = _secret_in(self._own.get("write_key_env", WRITE_KEY_ENV), "the write key")
        private_key = None
        if self._own.get("oauth_app_id"):
            name = self._own.get("oauth_private_key_env", PRIVATE_KEY_ENV)
            private_key = _secret_in(name, "the private key of the OAuth app")
        task = TaskContext.get()
        assert task is not None
        options = dict(self._options)
        if folder := options.get("rejects_path"):
            options["rejects_path"] = f"{folder.rstrip('/')}/part-{task.partitionId():05}.jsonl"
        report = send_events(
            self._events(iterator),
            write_key=write_key,
            oauth_private_key=private_key,
            senders=self._own.get("parallelism"),
            log=_logger(),
            **{name: self._own[name] for name in CLIENT if name in self._own},
            **options,
        )
        return Sent(task.partitionId(), task.attemptNumber(), report)

    def commit(self, messages: list[WriterCommitMessage | None]) -> None:
        """Called on the driver when all partitions were sent.

        :raises SegmentInputError: too many events were rejected
        """
        total = self._tell(messages, committed=True)
        share = self._own.get("max_rejected_share")
        most = self._own.get("max_rejected", 0 if share is None else None)
        if fault := total.too_many_rejected(most, share):
            raise SegmentInputError(f"{fault}. All others were sent")

    def abort(self, messages: list[WriterCommitMessage | None]) -> None:
        """Called on the driver when the job failed."""
        self._tell(messages, committed=False)

    def _events(self, batches: Iterator[RecordBatch]) -> Any:
        column = self._own.get("json_column")
        if column is not None:
            return chain.from_iterable(batch.column(column).to_pylist() for batch in batches)
        import pyarrow  # pyright: ignore[reportMissingImports]

        first = next(batches, None)
        if first is None:
            return ()
        return pyarrow.RecordBatchReader.from_batches(first.schema, chain([first], batches))

    def _tell(self, messages: list[WriterCommitMessage | None], *, committed: bool) -> SendReport:
        sent = sorted(
            (message for message in messages if isinstance(message, Sent)), key=lambda each: each.partition
        )
        total = SendReport.of_parts([each.report.as_dict() for each in sent])
        total.rejects_path = self._options.get("rejects_path")
        unknown = len(messages) - len(sent)
        if committed:
            _logger().info("%s partitions: %s", f"{len(sent):,}", total)
        else:
            others = f"an unknown number of those of {unknown:,} others" if unknown else "there are no others"
            _logger().error(
                "The job failed. What is in Segment stays there: the events of %s partitions (%s); %s. Run "
                "it again: events keep their ids, and Segment drops what it received within a day",
                f"{len(sent):,}",
                total,
                others,
            )
        if path := self._own.get("report_path"):
            content = {
                "committed": committed,
                "unknown_partitions": unknown,
                "total": total.as_dict(),
                "partitions": [
                    {"partition": each.partition, "attempt": each.attempt, **each.report.as_dict()}
                    for each in sent
                ],
            }
            file = storage_path(path)
            with suppress(Exception):  # object stores have no folders; if one is needed, writing will fail
                file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content, indent=1))
        return total


def _secret_in(name: str, what: str) -> str:
    """What an environment variable of the executor holds.

    :raises SegmentConfigurationError: it is not set
    """
    secret = os.environ.get(name, "")
    if not secret.strip():
        raise SegmentConfigurationError(
            f"the environment variable {name} of the executor, which has {what}, is not set: set "
            f"spark.executorEnv.{name}, or a secret of the platform. Nothing was sent"
        )
    return secret


def check_options(given: Mapping[str, str]) -> dict[str, Any]:
    """The options of the data source, which Spark keeps as text.

    :raises SegmentConfigurationError: names each that is wrong; never shows a value
    """
    for secret in ("write_key", "oauth_private_key"):
        if secret in given:
            raise SegmentConfigurationError(
                f"{secret}: options are shown in plans, logs and the UI. Put the key into the environment of "
                f"the executors, and name the variable in {secret}_env; this key should be replaced now"
            )
    for name in given:
        if name in LEFT_OUT:
            raise SegmentConfigurationError(f"{name}: {LEFT_OUT[name]}")
    types = OWN | {name: kind for name, kind in TYPES.items() if name not in LEFT_OUT}
    checker = make_checker("SparkOptions", types, unknown="forbid")
    options = check_arguments(checker, given)
    limited = [name for name in ("max_events_per_second", "max_requests_per_second") if options.get(name)]
    if limited and options.get("parallelism") is None:
        raise SegmentConfigurationError(
            f"{limited[0]} is that of the job, and nobody knows how many partitions run at once: give "
            "parallelism, the most that can (executors x cores of each / spark.task.cpus), or the number of "
            "partitions. Each of them keeps to its share"
        )
    return options


def _logger() -> logging.Logger:
    """The logger. In a Python worker of Spark nobody has set up logging, and only warnings would be seen."""
    package = logging.getLogger(__name__.partition(".")[0])
    if not package.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        package.addHandler(handler)
        package.setLevel(logging.INFO)
    return LOG
