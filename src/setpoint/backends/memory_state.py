"""Online state in the memory of one process: for tests, notebooks and replays."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

from setpoint.core.errors import SettingInvalid
from setpoint.core.ports import Mark

_NOTHING: dict[str, bytes] = {}


class MemoryState:
    """The OnlineState port in memory, `memory://`: shared by the threads of one process, gone when it is closed.

    >>> state = MemoryState()
    >>> state.apply({"buys": (None, Mark(0, 5))}, [("buys", "u1", b"one")])
    True
    >>> state.apply({"buys": (None, Mark(0, 5))}, [("buys", "u1", b"one")])
    False
    >>> state.read(["buys"], [("buys", "u1"), ("buys", "u2")])
    ([Mark(position=0, known_at=5)], [b'one', None])
    """

    def __init__(self, url: str = "memory://") -> None:
        if url != "memory://":
            raise SettingInvalid(f"The online state is at {url!r}.", expected='"memory://"')
        self._lock = threading.Lock()
        self._marks: dict[str, Mark] = {}
        self._blobs: dict[str, dict[str, bytes]] = {}

    def apply(self, moves: Mapping[str, tuple[Mark | None, Mark]], blobs: Sequence[tuple[str, str, bytes]]) -> bool:
        """Write blobs (group, key, bytes) and move groups from one mark to another; False when one has moved."""
        with self._lock:
            if any(self._marks.get(group) != before for group, (before, _) in moves.items()):
                return False
            for group, key, content in blobs:
                if content:
                    self._blobs.setdefault(group, {})[key] = bytes(content)
                else:
                    self._blobs.get(group, {}).pop(key, None)
            self._marks.update({group: after for group, (_, after) in moves.items()})
            return True

    def read(
        self, groups: Sequence[str], keys: Sequence[tuple[str, str]]
    ) -> tuple[list[Mark | None], list[bytes | None]]:
        """The marks of groups, and the blobs of (group, key) pairs."""
        blobs = self._blobs
        with self._lock:
            return [*map(self._marks.get, groups)], [blobs.get(group, _NOTHING).get(key) for group, key in keys]

    def marks(self) -> dict[str, Mark]:
        """The mark of every group."""
        with self._lock:
            return dict(self._marks)

    def keys(self, group: str) -> Iterator[str]:
        """The keys that a group has now, in any order."""
        with self._lock:
            return iter(list(self._blobs.get(group, _NOTHING)))

    def forget(self, group: str) -> int:
        """Drop a group; gives how many blobs went."""
        with self._lock:
            self._marks.pop(group, None)
            return len(self._blobs.pop(group, _NOTHING))

    def close(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._marks.clear()
            self._blobs.clear()
