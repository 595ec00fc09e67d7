"""A limiter in Redis, or in a server that speaks its protocol: one call of a script for each request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_segment.events.rate import LONGEST_QUEUE

PREFIX = "segment-rate:"
"""What the keys begin with."""
KEPT_SECONDS = 86_400
"""How long a timeline is kept that nobody uses."""

# Effects are replicated, not the script (Redis 5 and later), so it may read the time.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local ends = tonumber(redis.call('GET', KEYS[1]) or 0)
if ends < now or ends > now + ARGV[2] then ends = now end
ends = ends + ARGV[1]
redis.call('SET', KEYS[1], string.format('%.6f', ends), 'EX', ARGV[3])
return string.format('%.6f', ends - now)
"""


class RedisLimiter:
    """Timelines in Redis.

    :param connect: makes a client, such as a ``redis.Redis``, which connects again by itself
    :param name: what messages call it
    """

    def __init__(self, connect: Callable[[], Any], name: str = "the rate limiter in Redis") -> None:
        self.name = name
        self._connect = connect
        self._client: Any = None
        self._script: Any = None

    def reserve(self, source: str, seconds: float) -> float:
        """Reserve the next seconds of a source's timeline; how long it is until their end."""
        if self._client is None:
            self._client = self._connect()
            self._script = self._client.register_script(SCRIPT)
        arguments = [f"{seconds:.6f}", LONGEST_QUEUE, KEPT_SECONDS]
        return max(0.0, float(self._script(keys=[PREFIX + source], args=arguments)))

    def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
