"""How many different users events are about: exactly up to a million, then nearly, in little memory.

A user is a ``userId``, or the ``anonymousId`` of events that have none. Segment bills users (MTU): it counts
the user ids of a month, and those anonymous ids that came with no user id. So the number is the most that
the events can add to a bill.

The same users give the same number in every process and in any order: what was previewed can be approved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat
from math import ceil, inf, log, sqrt
from operator import rshift

import msgspec
from xxhash import xxh3_64_intdigest

EXACT = 1_000_000
"""Up to this many users are counted exactly."""

HASH_BITS = 60
"""Bits of a hash. An integer of 60 bits takes 32 bytes; one of 64 takes 48."""
INDEX_BITS = 14
REGISTERS = 1 << INDEX_BITS
RANK_BITS = HASH_BITS - INDEX_BITS

STANDARD_ERROR = 1.04 / sqrt(REGISTERS)
"""Of the estimate: 0.8 %."""

USER, ANONYMOUS = 0, 1
"""Seeds: a user id and an anonymous id that are written alike are two users."""


def hashes_of(texts: Iterable[str], seed: int = 0) -> Iterator[int]:
    """Hashes of texts, the same in every process."""
    encoded = map(str.encode, texts)
    return map(rshift, map(xxh3_64_intdigest, encoded, repeat(seed)), repeat(64 - HASH_BITS))


class _Who(msgspec.Struct, rename="camel", gc=False):
    user_id: str = ""
    anonymous_id: str = ""


_who = msgspec.json.Decoder(_Who).decode


class DistinctUsers:
    """Counts different users."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._sketch: Sketch | None = None

    def add(self, event: bytes) -> None:
        """Count the user of an event.

        :param event: as JSON, checked
        """
        who = _who(event)
        seed, one = (USER, who.user_id) if who.user_id else (ANONYMOUS, who.anonymous_id)
        # As hashes_of() has it, but this is called while events are sent, for each of them.
        self._add((xxh3_64_intdigest(one.encode(), seed) >> 64 - HASH_BITS,))

    def update(self, ids: Iterable[str], seed: int = USER) -> None:
        """Count users by their ids, which may repeat.

        :param seed: which ids they are, ``USER`` or ``ANONYMOUS``
        """
        self._add(hashes_of(ids, seed))

    def _add(self, hashes: Iterable[int]) -> None:
        if self._sketch is not None:
            self._sketch.update(hashes)
            return
        self._known.update(hashes)
        if len(self._known) > EXACT:
            self._sketch = Sketch()
            self._sketch.update(self._known)
            self._known.clear()

    @property
    def exact(self) -> bool:
        """Whether the count is exact; otherwise it is an estimate, to be called "about"."""
        return self._sketch is None

    @property
    def count(self) -> int:
        """How many users there are. Never less than what is certain."""
        return len(self._known) if self._sketch is None else max(EXACT + 1, self._sketch.estimate)

    @property
    def at_most(self) -> int:
        """What the number of users does not exceed: the count, or an estimate and three standard errors.

        A limit is compared with this: then it is not exceeded unnoticed.
        """
        return self.count if self.exact else ceil(self.count / (1 - 3 * STANDARD_ERROR))


class Sketch:
    """A HyperLogLog: the number of different hashes in 16 KB, from the rarest of them.

    The estimate is Otmar Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches", 2017),
    which needs neither thresholds nor tables. Its term for full registers is left out: there are none below
    a million million users.
    """

    def __init__(self) -> None:
        self._registers = bytearray(REGISTERS)
        self._ranks = [REGISTERS] + [0] * (RANK_BITS + 1)  # how many registers have each value
        self._estimate: int | None = None

    def update(self, hashes: Iterable[int]) -> None:
        """Add hashes."""
        registers, ranks = self._registers, self._ranks
        for one in hashes:
            rank = RANK_BITS + 1 - (one >> INDEX_BITS).bit_length()
            index = one & (REGISTERS - 1)
            before = registers[index]
            if rank > before:
                registers[index] = rank
                ranks[before] -= 1
                ranks[rank] += 1
                self._estimate = None

    @property
    def estimate(self) -> int:
        """How many different hashes were added, with a standard error of 0.8 %."""
        if self._estimate is None:  # it is asked for after each event
            weight = 0.0
            for registers in reversed(self._ranks[1:]):
                weight = (weight + registers) / 2
            weight += REGISTERS * _sigma(self._ranks[0] / REGISTERS)
            self._estimate = round(REGISTERS**2 / (2 * log(2) * weight))
        return self._estimate


def _sigma(empty: float) -> float:
    """The weight of registers without a value, of which there is this share."""
    if empty == 1:
        return inf
    total, power, before = empty, 1.0, -1.0
    while total != before:
        before = total
        empty *= empty
        total += empty * power
        power *= 2
    return total
