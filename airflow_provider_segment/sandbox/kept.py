"""Lists that can forget their oldest items: what keeps a sandbox that runs for days within its memory."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class Kept(list[T]):
    """A list whose oldest items may be forgotten. `total` counts those, too."""

    forgotten = 0

    @property
    def total(self) -> int:
        return self.forgotten + len(self)

    def since(self, total: int) -> list[T]:
        """The items that came when there had been so many in total."""
        return self[max(total - self.forgotten, 0) :]

    def forget(self, count: int) -> list[T]:
        """Forget so many of the oldest, which are returned."""
        gone = self[:count]
        del self[:count]
        self.forgotten += len(gone)
        return gone
