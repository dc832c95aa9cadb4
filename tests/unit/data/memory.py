"""Segments in memory: records that are there as long as the test is."""

from __future__ import annotations

from collections.abc import Iterator

from setpoint.core.errors import LogUnavailable


class MemorySegments:
    """The Segments port in memory; `full` refuses what comes."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.full = False

    def append(self, record: bytes) -> int:
        """Add one record; gives its position."""
        if self.full:
            raise LogUnavailable("The log is full.", expected="space")
        self.records.append(record)
        return len(self.records) - 1

    def read(self, after: int = -1) -> Iterator[tuple[int, bytes]]:
        """Positions and records beyond a position."""
        yield from list(enumerate(self.records))[after + 1 :]

    def sync(self) -> None:
        """There is no disk."""

    def forget(self, before: int) -> int:
        """Nothing is ever dropped."""
        return 0 * before

    def close(self) -> None:
        """There is nothing to let go of."""
