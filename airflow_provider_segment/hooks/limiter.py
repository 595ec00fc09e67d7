"""The rate limiter that an Airflow connection leads to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_segment.errors import SegmentConfigurationError, SegmentError

if TYPE_CHECKING:
    from airflow_provider_segment.events.rate import Limiter


def limiter_of(options: Mapping[str, Any]) -> Limiter | None:
    """The limiter that the options of a send name, if they do.

    :raises SegmentConfigurationError: it is none, or there is nothing for it to limit
    """
    from airflow_provider_segment.events.rate import Ceiling

    conn_id = options["rate_limiter_conn_id"]
    if conn_id is None:
        return None
    if not Ceiling.of(options):
        raise SegmentConfigurationError(
            "rate_limiter_conn_id needs a ceiling: give max_events_per_second or max_requests_per_second"
        )
    return _open(conn_id)


def _open(conn_id: str) -> Limiter:
    from airflow.providers.common.compat.sdk import BaseHook

    from airflow_provider_segment.api.redaction import Scrubber
    from airflow_provider_segment.connection import secrets_of

    connection = BaseHook.get_connection(conn_id)
    secrets = secrets_of(connection)
    name = f"the rate limiter of the connection {conn_id!r}"
    try:
        hook: Any = BaseHook.get_hook(conn_id)
    except Exception as error:
        raise SegmentConfigurationError(
            f"rate_limiter_conn_id: there is no hook for the connection {conn_id!r} of the type "
            f"{connection.conn_type!r}; is its provider installed (for Redis: pip install "
            f"'airflow-provider-segment[redis]')? {Scrubber(secrets)(str(error))}"
        ) from None
    limiter: Limiter
    if connection.conn_type == "redis":
        from airflow_provider_segment.events.limiters.redis import RedisLimiter

        limiter = RedisLimiter(hook.get_conn, name)
    elif hasattr(hook, "get_conn") and hasattr(hook, "get_records"):
        from airflow_provider_segment.events.limiters.sql import SqlLimiter

        limiter = SqlLimiter(hook.get_conn, name)
    else:
        raise SegmentConfigurationError(
            f"rate_limiter_conn_id: the connection {conn_id!r} is neither one to Redis nor one to a database"
        )
    return _WithoutSecrets(limiter, Scrubber(secrets))


class _WithoutSecrets:
    """A limiter whose errors show no credential."""

    def __init__(self, limiter: Limiter, scrub: Callable[[Any], Any]) -> None:
        self.name = limiter.name
        self.close = limiter.close
        self._limiter = limiter
        self._scrub = scrub

    def reserve(self, source: str, seconds: float) -> float:
        try:
            return self._limiter.reserve(source, seconds)
        except SegmentError as error:
            error.scrub(self._scrub)
            raise
        except BaseException as error:  # called in a thread, which nobody interrupts
            said = self._scrub(f"{type(error).__name__}: {error}")
            raise ConnectionError(" ".join(said.split())) from None
