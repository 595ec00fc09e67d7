"""The differences between versions of Airflow and of its compatibility package; the only such place,
but for what runs DAGs in tests: `testing.airflow_versions`."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, cast

try:
    from airflow.providers.common.compat.sdk import mask_secret
except ImportError:  # common-compat before 1.22; 1.20 is the last one for Python 3.10
    try:
        from airflow.sdk.log import mask_secret
    except ImportError:  # Airflow 2
        from airflow.utils.log.secrets_masker import mask_secret  # type: ignore[import-not-found,no-redef]

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import SharedStreamProducer

__all__ = [
    "SharedStreamProducer",
    "amask_secrets",
    "extra_behind_alias",
    "is_supervised",
    "iteration_of",
    "mask_secrets",
    "quiet_masker",
    "set_partition",
    "stores_of_assets",
    "watches_assets",
]


def mask_secrets(secrets: list[str]) -> None:
    """Have Airflow mask secrets in logs and rendered templates."""
    if secrets:
        mask_secret(cast("Any", secrets))


async def amask_secrets(secrets: list[str]) -> None:
    """The same from a coroutine, where ``mask_secrets`` has no effect."""
    try:
        from airflow.sdk.log import amask_secret
    except ImportError:  # Airflow before 3.3
        mask_secrets(secrets)
    else:
        await amask_secret(cast("Any", secrets))


MASKERS = ("airflow.sdk._shared.secrets_masker.secrets_masker", "airflow.sdk.execution_time.secrets_masker")
"""The loggers of Airflow 3's masker, of the newest version first."""


@contextmanager
def quiet_masker() -> Iterator[None]:
    """For the reading of a connection: Airflow 3 takes each value of its extra for a secret, and warns, once
    a process, that one is too short to mask, such as ``us``. The real secrets are masked by the hook."""

    def is_no_such_warning(record: logging.LogRecord) -> bool:
        return "too short" not in record.getMessage()

    with ExitStack() as stack:
        for logger in map(logging.getLogger, MASKERS):
            logger.addFilter(is_no_such_warning)
            stack.callback(logger.removeFilter, is_no_such_warning)
        yield


def extra_behind_alias(extra: dict[str, Any]) -> dict[str, Any]:
    """The extra allowed for the event of an asset behind an alias: in Airflow 2, JSON for lists and dicts."""
    from airflow.providers.common.compat.sdk import AssetAlias

    if AssetAlias.__name__ == "AssetAlias":
        return extra
    return {
        name: json.dumps(value) if isinstance(value, (dict, list)) else value for name, value in extra.items()
    }


def iteration_of(context: Mapping[str, Any]) -> tuple[str, ...]:
    """What tells the iterations of a task loop (Airflow 3.4) apart, whose task instances are else alike.

    Empty outside a loop.
    """
    loop = context.get("loop")
    return () if loop is None else (f"iteration {loop.index}",)


def set_partition(events: Any, key: str) -> None:
    """Say which partition of an asset the events of an outlet are of; assets have none before Airflow 3.2."""
    if hasattr(events, "add_partitions"):
        events.add_partitions(key)


def is_supervised(context: Any) -> bool:
    """Whether the parent of this process is the supervisor of its task, unlike in ``dag.test()``."""
    try:
        from airflow.sdk.execution_time import comms, task_runner
    except ImportError:  # Airflow 2
        return getattr(context.get("ti"), "job_id", None) is not None
    return isinstance(getattr(task_runner, "SUPERVISOR_COMMS", None), comms.CommsDecoder)


def watches_assets() -> bool:
    """Whether triggers can start DAGs, by an ``AssetWatcher``."""
    from airflow import __version__

    return int(__version__.split(".")[0]) > 2


def stores_of_assets(accessors: Any) -> list[Any]:
    """The state store of each asset that an event trigger watches for; none before Airflow 3.3."""
    if accessors is None:
        return []
    # The accessors' public methods only work with a single asset.
    return [*accessors._by_name.values(), *accessors._by_uri.values()]


def __getattr__(name: str) -> Any:
    # Only triggers need it, and importing it takes a second.
    if name == "SharedStreamProducer":
        try:
            from airflow.triggers.shared_stream import SharedStreamProducer
        except ImportError:  # Airflow before 3.3
            return object
        return SharedStreamProducer
    raise AttributeError(name)
