"""The laws of the OnlineState port, as tests to inherit."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from setpoint.conformance.child import child
from setpoint.core.ports import Mark, OnlineState

_TEXTS = [
    "",
    "k",
    "K",
    "k ",
    '["é\u0000","a b"]',
    "k' OR 1=1 --",
    "a:b",
    "1:k",
    "=k",
    "*",
    "k[a-z]?\\*",
    "line\r\nline",
    "\U0001f600",
    "half \ud83d a pair",
    "x" * 511,
    "x" * 5000,
    "x" * 4999 + "y",
]

_WIDTH = 150
"""How many blobs each call of the processes below writes to each of two groups, all with the number of the call."""

_APPLIES = """
state = opened(sys.argv[1])
for number in range(int(sys.argv[2]), 1_000_000):
    before = Mark(number - 1, number - 1) if number else None
    moves = {group: (before, Mark(number, number)) for group in "ab"}
    blobs = [(group, f"k{place}", b"%08d" % number) for group in "ab" for place in range(150)]
    assert state.apply(moves, blobs + [("n", f"k{number}", b"%08d" % number)])
    print(number, flush=True)
"""

_FORGETS = """
state = opened(sys.argv[1])
print("ready", flush=True)
print(state.forget("a"), flush=True)
"""

_COUNTS = """
state = opened(sys.argv[1])
for _ in range(int(sys.argv[2])):
    while True:
        (mark,), (found,) = state.read(["g"], [("g", "count")])
        total = int(found or b"0")
        after = Mark(mark.position + 1 if mark else 0, 0)
        if state.apply({"g": (mark, after)}, [("g", "count", b"%d" % (total + 1))]):
            break
print("done", flush=True)
"""


class OnlineStateLaws:
    """Inherit, say how to open a state in a folder, and pytest runs every law against it."""

    @abstractmethod
    def opened(self, folder: Path) -> OnlineState:
        """A state that may live in this folder: empty when the folder is new."""

    @pytest.fixture
    def state(self, tmp_path: Path) -> Any:
        """An empty state, closed when the test is over."""
        opened = self.opened(tmp_path)
        yield opened
        opened.close()

    def test_a_new_state_is_empty(self, state: OnlineState) -> None:
        """There is no mark, no blob and no key, and nothing to forget."""
        assert state.marks() == {}
        assert state.read(["g"], [("g", "k")]) == ([None], [None])
        assert (list(state.keys("g")), state.forget("g")) == ([], 0)

    def test_what_is_applied_is_read(self, state: OnlineState) -> None:
        """Blobs and the mark of a call are there when it returns, a blob written again is replaced."""
        assert state.apply({"g": (None, Mark(3, 30))}, [("g", "k", b"one"), ("g", "l", b"two")])
        assert state.read(["g"], [("g", "k"), ("g", "l")]) == ([Mark(3, 30)], [b"one", b"two"])
        assert state.apply({"g": (Mark(3, 30), Mark(4, 40))}, [("g", "k", b"new")])
        assert state.read(["g"], [("g", "k"), ("g", "l")]) == ([Mark(4, 40)], [b"new", b"two"])

    def test_a_mark_is_read_as_a_mark(self, state: OnlineState) -> None:
        """Position and time come back by name, whatever whole numbers of 64 bits they are."""
        marks = {"g": Mark(2**62, -(2**62)), "h": Mark(-1, 0), "i": Mark(2**63 - 1, -(2**63))}
        assert state.apply({group: (None, mark) for group, mark in marks.items()}, [])
        assert state.marks() == marks
        (found,), _ = state.read(["g"], [])
        assert found is not None
        assert (found.position, found.known_at) == (2**62, -(2**62))

    def test_read_keeps_the_order_asked_for(self, state: OnlineState) -> None:
        """Groups and keys come in the order of the question, as often as they stand in it, None where nothing is."""
        state.apply(
            {"g": (None, Mark(0, 1)), "h": (None, Mark(1, 2))},
            [("g", "a", b"ga"), ("g", "b", b"gb"), ("h", "a", b"ha")],
        )
        asked = [("h", "a"), ("g", "b"), ("x", "a"), ("g", "a"), ("h", "b"), ("h", "a"), ("g", "b")]
        assert state.read(["h", "x", "g", "h"], asked) == (
            [Mark(1, 2), None, Mark(0, 1), Mark(1, 2)],
            [b"ha", b"gb", None, b"ga", None, b"ha", b"gb"],
        )
        assert state.read([], []) == ([], [])
        assert state.read([], [("g", "a")]) == ([], [b"ga"])

    def test_an_empty_blob_removes(self, state: OnlineState) -> None:
        """Nothing stays of it, not even its key; removing what is not there is no error."""
        state.apply({"g": (None, Mark(0, 0))}, [("g", "k", b"one"), ("g", "l", b"two")])
        assert state.apply({"g": (Mark(0, 0), Mark(1, 1))}, [("g", "k", b""), ("g", "never", b""), ("h", "k", b"")])
        assert state.read([], [("g", "k"), ("g", "l"), ("g", "never"), ("h", "k")]) == ([], [None, b"two", None, None])
        assert list(state.keys("g")) == ["l"]

    def test_of_two_blobs_for_one_key_the_last_one_counts(self, state: OnlineState) -> None:
        """A call is read from its first blob to its last, removals among them."""
        state.apply({}, [("g", "k", b"one"), ("g", "l", b"one"), ("g", "k", b"two"), ("g", "l", b"")])
        assert state.read([], [("g", "k"), ("g", "l")]) == ([], [b"two", None])
        state.apply({}, [("g", "k", b""), ("g", "l", b""), ("g", "l", b"three")])
        assert state.read([], [("g", "k"), ("g", "l")]) == ([], [None, b"three"])

    def test_blobs_come_back_whatever_they_are(self, state: OnlineState) -> None:
        """Zero bytes, bytes that are no text, short and long ones are kept as they are."""
        blobs = [b"\0", b"None", b"\r\n", bytes(range(256)), b"\xff\xfe\x80", bytes(range(255, -1, -1)) * 4000]
        state.apply({}, [("g", str(place), content) for place, content in enumerate(blobs)])
        assert state.read([], [("g", str(place)) for place in range(len(blobs))])[1] == blobs

    def test_groups_and_keys_are_any_text(self, state: OnlineState) -> None:
        """Each text is a group and a key of its own; none is taken for another, a pattern or a command."""
        names = [(group, key) for group in _TEXTS for key in _TEXTS]
        state.apply(
            {group: (None, Mark(place, 0)) for place, group in enumerate(_TEXTS)},
            [(group, key, b"%d" % place) for place, (group, key) in enumerate(names)],
        )
        assert state.read(_TEXTS, names) == (
            [Mark(place, 0) for place in range(len(_TEXTS))],
            [b"%d" % place for place in range(len(names))],
        )
        assert state.marks() == {group: Mark(place, 0) for place, group in enumerate(_TEXTS)}
        for place, name in enumerate(names):
            assert state.read([name[0]], [name]) == ([Mark(place // len(_TEXTS), 0)], [b"%d" % place])
        for group in _TEXTS:
            assert sorted(state.keys(group)) == sorted(_TEXTS)

    @pytest.mark.parametrize("group", _TEXTS, ids=range(len(_TEXTS)))
    def test_only_the_group_that_is_named_is_forgotten(self, state: OnlineState, group: str) -> None:
        """Its blobs and its mark go, whatever its name; every other group stays."""
        moves = {each: (None, Mark(1, 1)) for each in _TEXTS}
        state.apply(moves, [(each, key, b"x") for each in _TEXTS for key in ("", "a", "\ud83d", "x" * 600)])
        assert state.forget(group) == 4
        assert state.forget(group) == 0
        others = [each for each in _TEXTS if each != group]
        assert state.marks() == dict.fromkeys(others, Mark(1, 1))
        assert (list(state.keys(group)), state.read([group], [(group, "a")])) == ([], ([None], [None]))
        assert state.read([], [(each, "x" * 600) for each in others]) == ([], [b"x"] * len(others))

    def test_a_forgotten_group_starts_anew(self, state: OnlineState) -> None:
        """Nothing of what it held comes back with the same name."""
        state.apply({"g": (None, Mark(5, 5))}, [("g", "k", b"old"), ("g", "l", b"old")])
        assert state.forget("g") == 2
        assert not state.apply({"g": (Mark(5, 5), Mark(6, 6))}, [("g", "k", b"late")])
        assert state.apply({"g": (None, Mark(0, 0))}, [("g", "k", b"new")])
        assert state.read(["g"], [("g", "k"), ("g", "l")]) == ([Mark(0, 0)], [b"new", None])
        assert list(state.keys("g")) == ["k"]

    def test_delivering_again_changes_nothing(self, state: OnlineState) -> None:
        """The group is no longer at the mark that the call moves it from."""
        first = {"g": (None, Mark(7, 70))}
        assert state.apply(first, [("g", "k", b"one")])
        assert not state.apply(first, [("g", "k", b"two")])
        second = {"g": (Mark(7, 70), Mark(9, 90))}
        assert state.apply(second, [("g", "k", b"three")])
        assert not state.apply(second, [("g", "k", b"four"), ("g", "new", b"five")])
        assert state.read(["g"], [("g", "k"), ("g", "new")]) == ([Mark(9, 90)], [b"three", None])

    @pytest.mark.parametrize("said", [None, Mark(6, 70), Mark(7, 71), Mark(8, 80)])
    def test_a_group_that_is_not_where_it_is_said_to_be_stays(self, state: OnlineState, said: Mark | None) -> None:
        """Position and time both have to be the ones there are."""
        state.apply({"g": (None, Mark(7, 70))}, [("g", "k", b"one")])
        assert not state.apply({"g": (said, Mark(9, 90))}, [("g", "k", b"two")])
        assert state.read(["g"], [("g", "k")]) == ([Mark(7, 70)], [b"one"])

    def test_groups_move_together_or_not_at_all(self, state: OnlineState) -> None:
        """When one group of a call has moved, none of its blobs is written and no other mark moves."""
        state.apply({"g": (None, Mark(1, 1)), "h": (None, Mark(1, 1))}, [])
        moves = {"g": (Mark(1, 1), Mark(2, 2)), "h": (Mark(0, 0), Mark(2, 2)), "new": (None, Mark(2, 2))}
        assert not state.apply(moves, [(group, "k", b"x") for group in ("g", "h", "new", "other")])
        assert state.marks() == {"g": Mark(1, 1), "h": Mark(1, 1)}
        assert state.read([], [(group, "k") for group in ("g", "h", "new", "other")])[1] == [None] * 4
        moves["h"] = (Mark(1, 1), Mark(2, 2))
        assert state.apply(moves, [(group, "k", b"x") for group in ("g", "h", "new", "other")])
        assert state.marks() == dict.fromkeys(("g", "h", "new"), Mark(2, 2))

    def test_a_mark_may_move_anywhere(self, state: OnlineState) -> None:
        """Backwards, in time alone or to where it is: only the mark it comes from is asked about."""
        marks = [Mark(5, 50), Mark(3, 30), Mark(3, 31), Mark(3, 31)]
        before = None
        for mark in marks:
            assert state.apply({"g": (before, mark)}, [])
            before = mark
        assert state.marks() == {"g": Mark(3, 31)}

    def test_blobs_need_no_mark_and_a_mark_no_blobs(self, state: OnlineState) -> None:
        """A group that no call moves holds blobs all the same and is forgotten like any other."""
        assert state.apply({}, [("text", "1", b"one")])
        assert state.apply({"g": (None, Mark(0, 0))}, [])
        assert state.apply({}, [])
        assert state.marks() == {"g": Mark(0, 0)}
        assert state.read(["text", "g"], [("text", "1")]) == ([None, Mark(0, 0)], [b"one"])
        assert (list(state.keys("text")), list(state.keys("g"))) == (["1"], [])
        assert state.apply({"text": (None, Mark(1, 1))}, [("text", "2", b"two")])
        assert (state.forget("g"), state.forget("text")) == (0, 2)
        assert state.marks() == {}

    def test_many_blobs_in_one_call(self, state: OnlineState) -> None:
        """However many there are, they are written at once, read at once, listed once each and forgotten."""
        names = ["a", *(f"k{place:05d}{end}" for place in range(12_500) for end in ("", "\0"))]
        assert state.apply({"g": (None, Mark(0, 0))}, [("g", name, name.encode() * 20) for name in names])
        found = state.read(["g"], [("g", name) for name in reversed(names)])
        assert found == ([Mark(0, 0)], [name.encode() * 20 for name in reversed(names)])
        assert sorted(state.keys("g")) == sorted(names)
        assert state.forget("g") == len(names)
        assert list(state.keys("g")) == []

    def test_any_number_of_keys_is_read_in_order(self, state: OnlineState) -> None:
        """From one key to several hundred: the same answers as one by one."""
        state.apply({"g": (None, Mark(0, 0))}, [("g", str(place), b"%d" % place) for place in range(0, 700, 2)])
        expected = [b"%d" % place if place % 2 == 0 else None for place in range(700)]
        for count in [*range(1, 70), 127, 128, 129, 255, 256, 257, 300, 513, 700]:
            asked = [("g", str(place)) for place in range(count)]
            assert state.read(["g"], asked) == ([Mark(0, 0)], expected[:count])

    def test_keys_can_be_listed_while_they_change(self, state: OnlineState) -> None:
        """What was there all the time is given once, whatever is written and removed meanwhile."""
        state.apply({}, [("g", f"k{place}", b"x") for place in range(3000)])
        found = []
        for number, key in enumerate(state.keys("g")):
            found.append(key)
            if number % 500 == 0:
                state.apply({}, [("g", f"new{number}", b"x"), ("g", f"k{number // 500}", b"")])
        assert len(found) == len(set(found))
        assert {f"k{place}" for place in range(6, 3000)} <= set(found)

    def test_a_state_is_what_a_dictionary_would_be(self, state: OnlineState) -> None:
        """Four hundred drawn calls, of which many are refused: marks, blobs and keys are those of a plain dict."""
        draw = np.random.default_rng(5)
        marks: dict[str, Mark] = {}
        blobs: dict[tuple[str, str], bytes] = {}
        for number in range(400):
            if draw.random() < 0.03:
                group = f"g{draw.integers(3)}"
                gone = [name for name in blobs if name[0] == group]
                assert state.forget(group) == len(gone)
                marks.pop(group, None)
                blobs = {name: content for name, content in blobs.items() if name[0] != group}
            said = [f"g{place}" for place in range(3) if draw.random() < 0.6]
            moves = {group: (marks.get(group), Mark(number, int(draw.integers(5)))) for group in said}
            stale = bool(said) and draw.random() < 0.2
            if stale:
                moves[said[-1]] = (Mark(number, 77), Mark(number, 0))
            written = [
                (f"g{draw.integers(4)}", f"k{draw.integers(8)}", bytes(draw.bytes(int(draw.integers(4)))))
                for _ in range(int(draw.integers(9)))
            ]
            assert state.apply(moves, written) is not stale
            if not stale:
                marks.update({group: after for group, (_, after) in moves.items()})
                blobs.update({(group, key): content for group, key, content in written})
                blobs = {name: content for name, content in blobs.items() if content}
            if number % 10 == 0:
                names = [(f"g{group}", f"k{key}") for group in range(4) for key in range(8)]
                assert state.read(["g0", "g1", "g2"], names) == (
                    [marks.get(group) for group in ("g0", "g1", "g2")],
                    [blobs.get(name) for name in names],
                )
        assert state.marks() == marks
        for group in ("g0", "g1", "g2", "g3"):
            assert sorted(state.keys(group)) == sorted(key for owner, key in blobs if owner == group)

    def test_readers_never_see_half_a_call(self, state: OnlineState) -> None:
        """While one thread applies, the blobs and marks that others read are of one call."""
        done = threading.Event()
        torn: list[object] = []

        def watch() -> None:
            while not done.is_set():
                marks, blobs = state.read(["a", "b"], _asked())
                if not _whole(marks, blobs):
                    torn.append((marks, blobs))

        def write() -> None:
            for number in range(150):
                assert _apply(state, number)

        _together(*[watch] * 3, until=write, done=done)
        assert torn == []
        assert state.marks() == {"a": Mark(149, 149), "b": Mark(149, 149)}

    def test_of_writers_that_move_one_mark_one_wins(self, state: OnlineState) -> None:
        """Each of four threads adds to one count 25 times, beginning again when another was quicker: none is lost."""

        def count() -> None:
            for _ in range(25):
                while True:
                    (mark,), (found,) = state.read(["g"], [("g", "count")])
                    after = Mark(mark.position + 1 if mark else 0, 0)
                    if state.apply({"g": (mark, after)}, [("g", "count", b"%d" % (int(found or b"0") + 1))]):
                        break

        _together(count, count, count, until=count, done=threading.Event())
        assert state.read(["g"], [("g", "count")]) == ([Mark(99, 0)], [b"100"])


class DurableStateLaws(OnlineStateLaws):
    """The laws of a state that outlives its process.

    `code` defines the function `opened(folder: str)` for the processes that are killed.
    """

    code: str

    def test_it_is_there_after_opening_again(self, tmp_path: Path) -> None:
        """What was applied outlives the object that applied it."""
        first = self.opened(tmp_path)
        first.apply({"g": (None, Mark(5, 50))}, [("g", "k", b"a"), ("n", "l", b"b")])
        first.close()
        second = self.opened(tmp_path)
        assert second.read(["g"], [("g", "k"), ("n", "l")]) == ([Mark(5, 50)], [b"a", b"b"])
        assert (second.marks(), list(second.keys("n"))) == ({"g": Mark(5, 50)}, ["l"])
        assert not second.apply({"g": (None, Mark(5, 50))}, [("g", "k", b"a")])
        second.close()

    def test_two_objects_are_one_state(self, tmp_path: Path) -> None:
        """What one applies or forgets, the other sees at once, groups that it has met before and new ones."""
        first, second = self.opened(tmp_path), self.opened(tmp_path)
        assert second.read(["g"], [("g", "k")]) == ([None], [None])
        for number in range(3):
            assert first.apply({"g": (None, Mark(number, 0))}, [("g", "k", b"%d" % number)])
            assert second.read(["g"], [("g", "k")]) == ([Mark(number, 0)], [b"%d" % number])
            assert second.forget("g") == 1
            assert first.read(["g"], [("g", "k")]) == ([None], [None])
            assert second.apply({}, [("g", "l", b"%d" % number)])
            assert first.read([], [("g", "l"), ("g", "k")]) == ([], [b"%d" % number, None])
            assert first.forget("g") == 1
        first.close()
        assert second.apply({"g": (None, Mark(9, 9))}, [("g", "k", b"x")])
        second.close()

    def test_groups_that_are_met_for_the_first_time_are_read_whole(self, tmp_path: Path) -> None:
        """While one object makes groups, two in each call, another that never saw them reads both or neither."""
        first, second = self.opened(tmp_path), self.opened(tmp_path)
        done = threading.Event()

        def watch() -> list[object]:
            torn: list[object] = []
            for number in range(200):
                groups = [f"{name}{number}" for name in "ab"]
                marks: list[Mark | None] = [None]
                while marks[0] is None and not done.is_set():
                    marks, blobs = second.read(groups, [(group, "k") for group in groups])
                    if len({*marks, *blobs}) != (1 if marks[0] is None else 2):
                        torn.append((marks, blobs))
            return torn

        with ThreadPoolExecutor(1) as pool:
            watching = pool.submit(watch)
            for number in range(200):
                groups = [f"{name}{number}" for name in "ab"]
                blobs = [(group, "k", b"x") for group in groups]
                assert first.apply({group: (None, Mark(number, 0)) for group in groups}, blobs)
            done.set()
            assert watching.result() == []
        first.close()
        second.close()

    def test_kill_9_leaves_blobs_and_marks_together(self, tmp_path: Path) -> None:
        """Five times: a process that applies is killed; what it left is one whole call, the last told or the next."""
        position = -1
        for _ in range(5):
            with self._child(_APPLIES, tmp_path, position + 1) as lines:
                told = [int(lines.readline()) for _ in range(60)][-1]
            state = self.opened(tmp_path)
            marks, blobs = state.read(["a", "b"], _asked())
            assert _whole(marks, blobs)
            position = state.marks()["a"].position
            assert position >= told
            assert sorted(state.keys("n")) == sorted(f"k{number}" for number in range(position + 1))
            state.close()

    def test_kill_9_leaves_a_group_whole_or_forgotten(self, tmp_path: Path) -> None:
        """A process that forgets a group is killed at once; nothing of the group comes back when it starts anew."""
        blobs = [("a", f"k{place}", b"%d" % place) for place in range(20_000)]
        asked = [(group, key) for group, key, _ in blobs]
        state = self.opened(tmp_path)
        assert state.apply({"a": (None, Mark(0, 0))}, blobs)
        with self._child(_FORGETS, tmp_path) as lines:
            assert lines.readline() == "ready\n"
        marks, found = state.read(["a"], asked)
        assert (marks, found) in (
            ([Mark(0, 0)], [content for _, _, content in blobs]),
            ([None], [None] * len(blobs)),
        )
        state.forget("a")
        assert state.apply({"a": (None, Mark(1, 1))}, [("a", "k0", b"new")])
        assert state.read(["a"], asked) == ([Mark(1, 1)], [b"new"] + [None] * (len(blobs) - 1))
        assert list(state.keys("a")) == ["k0"]
        assert state.forget("a") == 1
        state.close()

    def test_processes_share_one_state(self, tmp_path: Path) -> None:
        """While another process applies, what is read here is of one call, and a call from its old mark is refused."""
        state = self.opened(tmp_path)
        with self._child(_APPLIES, tmp_path, 0) as lines:
            told = int(lines.readline())
            seen: set[int] = set()
            while len(seen) < 20:
                marks, blobs = state.read(["a", "b"], _asked())
                assert _whole(marks, blobs)
                assert marks[0] is not None
                seen.add(marks[0].position)
            assert min(seen) >= told
            assert not state.apply({"a": (Mark(told - 1, told - 1), Mark(told, told))}, [("a", "k0", b"twice")])
        state.close()

    def test_of_processes_that_move_one_mark_one_wins(self, tmp_path: Path) -> None:
        """Two processes add to one count 300 times each, beginning again when the other was quicker: none is lost."""
        state = self.opened(tmp_path)
        with self._child(_COUNTS, tmp_path, 300) as first, self._child(_COUNTS, tmp_path, 300) as second:
            assert (first.readline(), second.readline()) == ("done\n", "done\n")
        assert state.read(["g"], [("g", "count")]) == ([Mark(599, 0)], [b"600"])
        state.close()

    def _child(self, work: str, folder: Path, *arguments: int) -> Any:
        """A process that does this work on the state of a folder, killed at the end."""
        code = f"import sys\nfrom setpoint.core.ports import Mark\n{self.code}\n{work}"
        return child(code, folder, *map(str, arguments))


def _asked() -> list[tuple[str, str]]:
    return [(group, f"k{place}") for place in range(_WIDTH) for group in "ab"]


def _apply(state: OnlineState, number: int) -> bool:
    """The call with this number: every blob of two groups says it, and both marks."""
    before = Mark(number - 1, number - 1) if number else None
    moves: Mapping[str, tuple[Mark | None, Mark]] = {group: (before, Mark(number, number)) for group in "ab"}
    return state.apply(moves, [(group, key, b"%08d" % number) for group, key in _asked()])


def _whole(marks: Sequence[Mark | None], blobs: Sequence[bytes | None]) -> bool:
    """Whether two marks and the blobs of two groups are those of one call, or of none."""
    if marks[0] is None:
        return {*marks, *blobs} == {None}
    return set(marks) == {marks[0]} and set(blobs) == {b"%08d" % marks[0].position}


def _together(*others: Callable[[], None], until: Callable[[], None], done: threading.Event) -> None:
    """Run functions in threads beside one that ends the others; what any of them raises is raised."""
    with ThreadPoolExecutor(len(others)) as pool:
        running = [pool.submit(work) for work in others]
        try:
            until()
        finally:
            done.set()
        for one in running:
            one.result()
