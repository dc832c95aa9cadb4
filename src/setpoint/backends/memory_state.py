"""Online state in the memory of one process: for tests, notebooks and replays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence

from setpoint.core.errors import SettingInvalid
from setpoint.core.ports import Mark

_NOTHING: MutableMapping[str, bytes] = {}


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
        self._blobs: dict[str, MutableMapping[str, bytes]] = {}

    def keep(self, group: str, make: Callable[[], MutableMapping[str, bytes]]) -> MutableMapping[str, bytes]:
        """What keeps the blobs of a group: what `make` gives, where nothing keeps them yet."""
        with self._lock:
            if group not in self._blobs:
                self._blobs[group] = make()
            return self._blobs[group]

    def apply(
        self,
        moves: Mapping[str, tuple[Mark | None, Mark]],
        blobs: Sequence[tuple[str, str, bytes]],
        *,
        also: Callable[[], None] | None = None,
    ) -> bool:
        """Write blobs (group, key, bytes) and move groups from one mark to another; False when one has moved.

        `also` writes more, before these blobs are written, into what keeps a group.
        """
        with self._lock:
            if any(self._marks.get(group) != before for group, (before, _) in moves.items()):
                return False
            if also is not None:
                also()
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
            blobs = self._blobs.get(group, {})
            gone = len(blobs)
            blobs.clear()
            return gone

    def close(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._marks.clear()
            self._blobs.clear()
