"""Bulk sending without Airflow: from a script, or from the workers of Spark, Beam or Dask.

What :class:`.SegmentHook` does with a connection of Airflow, by the same code, with a write key instead.
``docs/sending_without_airflow.md`` says what has to be installed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_segment.connection import checked_settings
from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.calls import check_call, open_input, plan_rules
from airflow_provider_segment.events.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Unpack

    from airflow_provider_segment.api.regions import Region
    from airflow_provider_segment.events.options import SendOptions
    from airflow_provider_segment.events.preview_report import PreviewReport
    from airflow_provider_segment.events.rate import Limiter
    from airflow_provider_segment.events.report import SendReport

__all__ = ["preview_events", "send_events"]

LOG = logging.getLogger(__name__)


def send_events(
    events: Any = None,
    *,
    write_key: str,
    region: Region = "us",
    base_url: str | None = None,
    timeout: float | None = None,
    retries: int | None = None,
    oauth_app_id: str | None = None,
    oauth_key_id: str | None = None,
    oauth_private_key: str | None = None,
    path: str | PathLike[str] | Sequence[str | PathLike[str]] | None = None,
    part: Mapping[str, Any] | None = None,
    format: str | None = None,
    csv: Mapping[str, Any] | None = None,
    message_ids: Literal["keep", "new"] | None = None,
    senders: int | None = 1,
    limiter: Limiter | None = None,
    checkpoint: Mapping[str, Any] | None = None,
    save_checkpoint: Callable[[dict[str, Any] | None], None] | None = None,
    checkpoint_timeout: float | None = None,
    log: Any = LOG,
    **options: Unpack[SendOptions],
) -> SendReport:
    """Send any number of events in batches: each is delivered, or rejected and accounted for.

    :param events: an iterable of dicts, or of JSON texts as bytes or str, read while it is sent: events, or,
        with a ``mapping``, rows. A DataFrame of pandas or polars, or an Arrow table, has rows in any
        case; a stream of Arrow, such as pyarrow's ``RecordBatchReader``, is read batch by batch
    :param write_key: of the source that the events go to
    :param region: of the workspace: ``us`` or ``eu``
    :param base_url: replaces Segment's hosts: a sandbox, proxy or private gateway
    :param timeout: seconds for a request to connect, to send and to answer, each; 30 by default
    :param retries: retries of a request that failed; 10 by default
    :param oauth_app_id: of an OAuth app, for a source that enforces OAuth; needs ``pyjwt[crypto]``
    :param oauth_key_id: Segment's id of the app's public key
    :param oauth_private_key: its private half in PEM, or the path of a file that holds it
    :param path: instead of ``events``: a file, a glob, or a list of them. Without Airflow, what is not on
        this machine (``s3://``...) is reached by ``universal-pathlib``
    :param part: instead of ``events``: a part of files, as ``events.partition`` makes it
    :param format: what the files are if their content and names do not tell
    :param csv: how CSV files are written
    :param message_ids: of events of a ``segment_archive``: ``keep`` or ``new``
    :param senders: how many calls run at once that share the ceilings; None if that is not known, which takes
        a ``limiter``
    :param limiter: keeps the ceilings over all calls that have it, such as a
        :class:`~airflow_provider_segment.events.limiters.redis.RedisLimiter` or a
        :class:`~airflow_provider_segment.events.limiters.sql.SqlLimiter`
    :param checkpoint: the last one that an earlier run passed to ``save_checkpoint``; ignored unless that
        run had the same input and options
    :param save_checkpoint: called with the checkpoint (plain JSON types) about every second, also if it did
        not change, in another thread; with None if the input is not a file, a list or a tuple. Sending goes
        on while it runs or fails. If it raises ``SegmentReplacedError``, it stops at once
    :param checkpoint_timeout: seconds after which sending stops if no call of ``save_checkpoint`` succeeded:
        another process may have taken over by then; None for 300
    :param log: a logger
    :param options: see :class:`~airflow_provider_segment.events.options.SendOptions`; no
        ``tracking_plan_id`` and no ``rate_limiter_conn_id``, which take connections of Airflow
    :raises SegmentConfigurationError: an argument is invalid; nothing was sent
    :raises SegmentInputError: there is no input, or it cannot be read to its end, or changed while it was
        read, or has fewer events than ``min_events``; what was read was sent
    :raises SegmentApprovalError: there is more than ``max_events`` or ``max_users`` allow; the rest was sent
    :raises SegmentViolationError: an event violates the tracking plan, and ``on_violation`` is ``fail``;
        what was before it was sent
    :raises SegmentStoppedError: no checkpoint could be saved for ``checkpoint_timeout``
    :raises SegmentReplacedError: ``save_checkpoint`` raised it
    :raises SegmentError: Segment does not accept the events
    """
    from airflow_provider_segment.events.backfill import Backfill
    from airflow_provider_segment.events.ledger.open import open_ledger

    given = {
        "events": events,
        "path": path,
        "part": part,
        "format": format,
        "csv": csv,
        "message_ids": message_ids,
        "senders": senders,
        "checkpoint": checkpoint,
        "save_checkpoint": save_checkpoint,
        "checkpoint_timeout": checkpoint_timeout,
    }
    own, chosen = check_call(given, options)
    settings = checked_settings(
        {
            "write_key": _own_key(write_key),
            "region": region,
            "base_url": base_url,
            "timeout": timeout,
            "retries": retries,
            "oauth_app_id": oauth_app_id,
            "oauth_key_id": oauth_key_id,
            "oauth_private_key": oauth_private_key,
        }
    )
    if settings.clear_text:
        log.warning("%s", settings.clear_text)
    if chosen["rate_limiter_conn_id"] is not None:
        raise SegmentConfigurationError(
            "rate_limiter_conn_id is a connection of Airflow, which takes SegmentHook: give a limiter"
        )
    source, chosen = open_input(own, chosen)
    return Backfill(
        settings,
        log,
        source,
        chosen,
        rules=plan_rules(chosen, _no_public_api, log),
        senders=own["senders"],
        limiter=limiter,
        checkpoint=own["checkpoint"],
        save_checkpoint=own["save_checkpoint"],
        checkpoint_timeout=own["checkpoint_timeout"],
        ledger=open_ledger(chosen),
        stop=Stop(),
    ).run()


def preview_events(
    events: Any = None,
    *,
    write_key: str = "",
    path: str | PathLike[str] | Sequence[str | PathLike[str]] | None = None,
    part: Mapping[str, Any] | None = None,
    format: str | None = None,
    csv: Mapping[str, Any] | None = None,
    message_ids: Literal["keep", "new"] | None = None,
    limit: int | None = None,
    log: Any = LOG,
    **options: Unpack[SendOptions],
) -> PreviewReport:
    """Do all that :func:`send_events` does with the same arguments, but send nothing.

    :param write_key: as in :func:`send_events`; message ids depend on it
    :param limit: look at this many rows or events only
    """
    from airflow_provider_segment.events.dry_run import DryRun

    given = {
        "events": events,
        "path": path,
        "part": part,
        "format": format,
        "csv": csv,
        "message_ids": message_ids,
        "limit": limit,
    }
    own, chosen = check_call(given, options)
    source, chosen = open_input(own, chosen)
    return DryRun(
        write_key,
        log,
        source,
        chosen,
        limit=own["limit"],
        rules=plan_rules(chosen, _no_public_api, log),
        stop=Stop(),
    ).run()


def _own_key(write_key: Any) -> str:
    if not isinstance(write_key, str) or not write_key.strip():
        raise SegmentConfigurationError("write_key must be the write key of a source")
    return write_key


def _no_public_api(*_: Any, **__: Any) -> Iterable[Any]:
    raise SegmentConfigurationError(
        "tracking_plan_id is read through the Public API, which takes SegmentHook and its connection: give "
        "tracking_plan_path, a file of the plan's rules"
    )
