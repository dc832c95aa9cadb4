"""The laws of the TileState port, as tests to inherit, and a state in memory that keeps them."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from setpoint.conformance.child import child
from setpoint.core.ports import TileState

_APPLIES = """
state = opened(sys.argv[1])
for position in range(int(sys.argv[2]), 1_000_000):
    rows = [("a", f"k{position % 3}", position // 100, b"%08d" % position), ("b", "all", 0, b"%08d" % position)]
    assert state.apply("log", position, rows)
    print(position, flush=True)
"""


class MemoryState:
    """The TileState port in memory, for tests and notebooks: gone when the process is.

    >>> state = MemoryState()
    >>> state.apply("buys", 3, [("n", "u1", 0, b"one"), ("n", "u1", 1, b"two")])
    True
    >>> state.read("n", "u1", 0, 1), state.positions()
    (b'onetwo', {'buys': 3})
    """

    def __init__(self) -> None:
        self._tiles: dict[tuple[str, str], dict[int, bytearray]] = {}
        self._positions: dict[str, int] = {}
        self._lock = threading.Lock()

    def apply(self, source: str, position: int, rows: Sequence[tuple[str, str, int, bytes]]) -> bool:
        """Append bytes to tiles (group, key, tile), and move the source's position; False when already applied."""
        with self._lock:
            if position <= self._positions.get(source, -1):
                return False
            for group, key, tile, content in rows:
                self._tiles.setdefault((group, key), {}).setdefault(tile, bytearray()).extend(content)
            self._positions[source] = position
            return True

    def read(self, group: str, key: str, first: int, last: int) -> bytes:
        """The bytes of a key's tiles from `first` to `last`, both included."""
        with self._lock:
            tiles = self._tiles.get((group, key), {})
            return b"".join(bytes(tiles[tile]) for tile in sorted(tiles) if first <= tile <= last)

    def positions(self) -> dict[str, int]:
        """The position applied of each source."""
        with self._lock:
            return dict(self._positions)

    def forget(self, group: str, before: int) -> int:
        """Drop a group's tiles before this one; gives how many went."""
        gone = 0
        with self._lock:
            for (owner, _), tiles in self._tiles.items():
                for tile in [tile for tile in tiles if owner == group and tile < before]:
                    del tiles[tile]
                    gone += 1
        return gone

    def close(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._tiles.clear()


class TileStateLaws:
    """Inherit, say how to open a state in a folder, and pytest runs every law against it."""

    @abstractmethod
    def opened(self, folder: Path) -> TileState:
        """A state that may live in this folder."""

    @pytest.fixture
    def state(self, tmp_path: Path) -> Any:
        """An empty state, closed when the test is over."""
        opened = self.opened(tmp_path)
        yield opened
        opened.close()

    def test_what_is_applied_is_read_in_order(self, state: TileState) -> None:
        """Bytes of one tile follow each other as they were applied, within a call and from call to call."""
        state.apply("log", 1, [("g", "k", 5, b"a"), ("g", "k", 5, b"b")])
        state.apply("log", 2, [("g", "k", 5, b"c")])
        assert state.read("g", "k", 5, 5) == b"abc"

    def test_bytes_come_back_whatever_they_are(self, state: TileState) -> None:
        """Zero bytes, bytes that are no text, empty and long contents are kept as they are."""
        parts = [bytes(range(256)), b"", b"\x00" * 9, b"\xff\xfe\x80", bytes(range(255, -1, -1)) * 400]
        for position, part in enumerate(parts):
            state.apply("log", position, [("g", "k", 0, part)])
        assert state.read("g", "k", 0, 0) == b"".join(parts)

    def test_tiles_are_read_from_first_to_last(self, state: TileState) -> None:
        """Tiles come in order of their number, before the epoch too, and both ends are included."""
        state.apply("log", 0, [("g", "k", tile, b"%d," % tile) for tile in (3, -2, 0, 10, -1)])
        assert state.read("g", "k", -1, 3) == b"-1,0,3,"
        assert state.read("g", "k", -(2**62), 2**62) == b"-2,-1,0,3,10,"
        assert state.read("g", "k", 4, 9) == b""

    @pytest.mark.parametrize("key", ["", "k", '["é\\u0000","a b"]', "k' OR 1=1 --", "K", "x" * 5000])
    def test_groups_and_keys_stay_apart(self, state: TileState, key: str) -> None:
        """A key is any text, and what belongs to another group or key is never read."""
        state.apply("log", 0, [("g", key, 0, b"mine"), ("g", key + "x", 0, b"other"), ("h", key, 0, b"theirs")])
        assert (state.read("g", key, 0, 0), state.read("h", key, 0, 0)) == (b"mine", b"theirs")
        assert state.read("i", key, 0, 0) == b""

    def test_delivering_again_changes_nothing(self, state: TileState) -> None:
        """A call at or before the stored position is refused whole; positions of sources are independent."""
        assert state.apply("log", 7, [("g", "k", 0, b"a")])
        assert not state.apply("log", 7, [("g", "k", 0, b"a")])
        assert not state.apply("log", 3, [("g", "k", 0, b"a")])
        assert state.apply("other", 0, [("g", "k", 0, b"b")])
        assert (state.read("g", "k", 0, 0), state.positions()) == (b"ab", {"log": 7, "other": 0})

    def test_a_position_moves_without_rows(self, state: TileState) -> None:
        """A batch that holds nothing for any group is still a batch that was seen."""
        assert state.positions() == {}
        assert state.apply("log", 4, [])
        assert state.positions() == {"log": 4}

    def test_forgetting_drops_the_tiles_before_one(self, state: TileState) -> None:
        """Only the group's own tiles before that number go, of every key; positions stay."""
        state.apply("log", 0, [(group, key, tile, b"x") for group in "gh" for key in "kl" for tile in range(4)])
        assert state.forget("g", 2) == 4
        assert state.forget("g", 2) == 0
        assert [state.read(group, "k", 0, 9) for group in "gh"] == [b"xx", b"xxxx"]
        assert state.positions() == {"log": 0}

    def test_threads_share_one_state(self, state: TileState) -> None:
        """While one thread applies, others read; nobody ever sees half a call."""
        torn: list[bytes] = []
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                found = state.read("g", "k", 0, 1)
                if len(found) % 20:
                    torn.append(found)

        watchers = [threading.Thread(target=watch) for _ in range(3)]
        for watcher in watchers:
            watcher.start()
        for position in range(200):
            state.apply("log", position, [("g", "k", 0, b"0123456789"), ("g", "k", 1, b"9876543210")])
        done.set()
        for watcher in watchers:
            watcher.join()
        assert torn == []
        assert len(state.read("g", "k", 0, 1)) == 200 * 20


class DurableTileStateLaws(TileStateLaws):
    """The laws of a state that outlives its process.

    `code` defines the function `opened(folder: str)` for the processes that are killed.
    """

    code: str

    def test_it_is_there_after_opening_again(self, tmp_path: Path) -> None:
        """What was applied outlives the object that applied it."""
        first = self.opened(tmp_path)
        first.apply("log", 5, [("g", "k", 0, b"a")])
        first.close()
        second = self.opened(tmp_path)
        assert (second.read("g", "k", 0, 0), second.positions()) == (b"a", {"log": 5})
        assert not second.apply("log", 5, [("g", "k", 0, b"a")])
        second.close()

    def test_kill_9_leaves_rows_and_position_together(self, tmp_path: Path) -> None:
        """Five times: a process that applies is killed; its rows are there up to the position, each once."""
        position = -1
        for _ in range(5):
            with child(f"import sys\n{self.code}\n{_APPLIES}", tmp_path, str(position + 1)) as lines:
                told = [int(lines.readline()) for _ in range(150)]
            state = self.opened(tmp_path)
            position = state.positions()["log"]
            found = state.read("b", "all", 0, 0)
            by_key = b"".join(state.read("a", f"k{number}", 0, 10**6) for number in range(3))
            state.close()
            assert position >= told[-1]
            assert found == b"".join(b"%08d" % number for number in range(position + 1))
            assert sorted(by_key[at : at + 8] for at in range(0, len(by_key), 8)) == [
                b"%08d" % number for number in range(position + 1)
            ]

    def test_processes_share_one_state(self, tmp_path: Path) -> None:
        """Another process reads what is applied, and a call it applied is refused here."""
        state = self.opened(tmp_path)
        with child(f"import sys\n{self.code}\n{_APPLIES}", tmp_path, "0") as lines:
            told = [int(lines.readline()) for _ in range(20)][-1]
            assert state.positions()["log"] >= told
            assert not state.apply("log", told, [("a", "k0", 0, b"twice")])
        state.close()
