"""The laws of the Metadata port, as tests to inherit."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from setpoint.conformance.child import child
from setpoint.core.errors import SetpointError
from setpoint.core.ports import Metadata

_COMMITS = """
metadata = opened(sys.argv[1])
for number in range(1_000_000):
    with metadata.transaction():
        metadata.put("pair", "left", {"number": number})
        metadata.append("done", [{"number": number}])
        metadata.put("pair", "right", {"number": number})
    print(number, flush=True)
"""
_INSIDE = """
metadata = opened(sys.argv[1])
with metadata.transaction():
    metadata.put("pair", "left", {"number": 1})
    metadata.append("done", [{"number": 1}])
    metadata.lease("tick", "dead", 0, 10**18)
    print("inside", flush=True)
    sys.stdin.read()
    threading.Event().wait(60)
"""
_TAKES = """
metadata = opened(sys.argv[1])
print("open", flush=True)
print(sum(metadata.lease(f"tick-{number}", sys.argv[2], 0, 100) for number in range(50)), flush=True)
metadata.close()
"""


def _failing(store: Metadata) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Turns writes into a transaction that does them and then fails."""

    def decorate(work: Callable[[], None]) -> Callable[[], None]:
        def fail() -> None:
            with store.transaction():
                work()
                raise _Planted

        def run() -> None:
            with pytest.raises(_Planted):
                fail()

        return run

    return decorate


class _Planted(Exception):
    """The failure that the laws plant."""


class MetadataLaws:
    """Inherit, say how to open a store in a folder, and pytest runs every law against it.

    `code` defines the function `opened(folder: str)` for the processes that are killed.
    """

    code: str

    @abstractmethod
    def opened(self, folder: Path) -> Metadata:
        """A store that lives in this folder; a second call opens the same store."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Any:
        """An empty store, closed when the test is over."""
        metadata = self.opened(tmp_path)
        yield metadata
        metadata.close()

    def test_what_is_put_is_what_comes_back(self, store: Metadata) -> None:
        """A body of JSON-like data comes back equal, its order of names included."""
        body = {
            "z": [1, 2.5, -0.0, None, True, "é\n\x00'\"\U0001f600"],
            "a": {"nested": {"deep": []}},
            "big": 2**63,
            "tiny": 5e-324,
        }
        store.put("noun", "key", body)
        assert store.get("noun", "key") == body
        assert list(store.get("noun", "key") or ()) == list(body)

    def test_what_was_never_put_is_none(self, store: Metadata) -> None:
        """Another noun or key has no document."""
        store.put("noun", "key", {})
        assert (store.get("noun", "other"), store.get("other", "key")) == (None, None)

    def test_a_second_put_replaces_and_keeps_its_place(self, store: Metadata) -> None:
        """The document of a noun and key is the one put last; `find` lists it where it was first put."""
        store.put("noun", "a", {"n": 1})
        store.put("noun", "b", {"n": 2})
        store.put("noun", "a", {"n": 3})
        assert store.find("noun") == [{"n": 3}, {"n": 2}]

    def test_a_body_is_the_callers_own_copy(self, store: Metadata) -> None:
        """Changing what was put, or what came back, changes nothing that is stored."""
        body: dict[str, Any] = {"list": [1]}
        store.put("noun", "key", body)
        body["list"].append(2)
        found = store.get("noun", "key")
        assert found is not None
        found["list"].append(3)
        assert store.get("noun", "key") == {"list": [1]}

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), b"bytes", {1, 2}])
    def test_what_is_not_json_is_refused(self, store: Metadata, value: object) -> None:
        """A value that would not come back equal is refused, and nothing of its batch is stored."""
        with pytest.raises(SetpointError):
            store.append("noun", [{"fine": 1}, {"bad": value}])
        assert store.find("noun") == []

    def test_appending_never_replaces_and_keeps_the_order(self, store: Metadata) -> None:
        """Equal documents stay apart, and `find` gives all in the order of writing."""
        store.append("audit", [{"n": 1}, {"n": 1}])
        store.append("audit", [])
        store.append("audit", [{"n": 0}])
        assert store.find("audit") == [{"n": 1}, {"n": 1}, {"n": 0}]

    @pytest.mark.parametrize(
        ("equal", "found"),
        [
            ({"text": "a"}, [0, 3]),
            ({"number": 1}, [0, 1]),
            ({"number": 1.5}, [2]),
            ({"truth": True}, [0]),
            ({"nothing": None}, [1]),
            ({"text": "a", "number": 1}, [0]),
            ({"text": "1"}, [1]),
            ({"absent": None}, []),
            ({"list": [1, 2]}, [3]),
            ({"an 'odd' \"name\"": 1}, [3]),
            ({"number": "1"}, []),
            ({"number": 2**70}, [3]),
        ],
    )
    def test_finding_compares_top_level_values(self, store: Metadata, equal: dict[str, Any], found: list[int]) -> None:
        """`find` gives the documents that have every value asked for; a number is no text and no truth value."""
        bodies: list[dict[str, Any]] = [
            {"text": "a", "number": 1, "truth": True},
            {"text": "1", "number": 1.0, "truth": 1, "nothing": None},
            {"text": "A", "number": 1.5, "truth": "true"},
            {"text": "a", "number": 2**70, "list": [1, 2], "an 'odd' \"name\"": 1},
        ]
        store.append("noun", bodies)
        assert store.find("noun", **equal) == [bodies[index] for index in found]

    def test_it_is_there_after_opening_again(self, tmp_path: Path) -> None:
        """What was written outlives the object that wrote it."""
        first = self.opened(tmp_path)
        first.put("noun", "key", {"n": 1})
        first.close()
        second = self.opened(tmp_path)
        assert second.get("noun", "key") == {"n": 1}
        second.close()

    def test_a_failed_transaction_leaves_nothing(self, store: Metadata) -> None:
        """When its block raises, none of its writes is there, and the store goes on."""

        @_failing(store)
        def work() -> None:
            store.put("noun", "old", {"n": 1})
            store.append("noun", [{"n": 2}])
            store.lease("tick", "me", 0, 10)

        store.put("noun", "old", {"n": 0})
        work()
        assert store.find("noun") == [{"n": 0}]
        assert store.lease("tick", "you", 5, 20)

    def test_a_transaction_sees_its_own_writes(self, store: Metadata) -> None:
        """Inside, what was just written can be read."""
        with store.transaction():
            store.put("noun", "key", {"n": 1})
            assert store.get("noun", "key") == {"n": 1}
            assert store.find("noun", n=1) == [{"n": 1}]

    def test_a_transaction_inside_another_is_part_of_it(self, store: Metadata) -> None:
        """When the outer one fails, what the inner one wrote goes too; an inner failure undoes the inner part."""

        @_failing(store)
        def outer() -> None:
            with store.transaction():
                store.put("noun", "inner", {})

        @_failing(store)
        def inner() -> None:
            store.put("noun", "inner", {"n": 2})

        outer()
        with store.transaction():
            store.put("noun", "outer", {"n": 1})
            inner()
        assert store.find("noun") == [{"n": 1}]

    def test_threads_share_one_store(self, store: Metadata) -> None:
        """Eight threads write transactions at the same time; every one is there, whole."""

        def work(name: int) -> None:
            for number in range(10):
                with store.transaction():
                    store.append("row", [{"thread": name, "number": number, "half": half} for half in (0, 1)])

        threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rows = store.find("row")
        assert [(row["thread"], row["number"]) for row in rows[::2]] == [
            (row["thread"], row["number"]) for row in rows[1::2]
        ]
        assert all(
            [row["number"] for row in rows if row["thread"] == name][::2] == list(range(10)) for name in range(8)
        )

    def test_a_lease_has_one_owner(self, store: Metadata) -> None:
        """Who has it keeps and renews it; another gets it when it lapses, not a moment before."""
        assert store.lease("tick", "a", 0, 10)
        assert store.lease("tick", "a", 5, 20)
        assert not store.lease("tick", "b", 19, 30)
        assert store.lease("other", "b", 19, 30)
        assert store.lease("tick", "b", 20, 30)
        assert not store.lease("tick", "a", 21, 40)

    def test_only_the_owner_can_release(self, store: Metadata) -> None:
        """Releasing what another holds, or nobody, does nothing; released, it is free at once."""
        store.lease("tick", "a", 0, 10)
        store.release("tick", "b")
        store.release("nothing", "b")
        assert not store.lease("tick", "b", 1, 10)
        store.release("tick", "a")
        assert store.lease("tick", "b", 1, 10)

    def test_processes_share_leases(self, tmp_path: Path) -> None:
        """Of three processes that want the same fifty leases, each lease goes to exactly one."""
        self.opened(tmp_path).close()
        code = self._child(_TAKES)
        with child(code, tmp_path, "a") as a, child(code, tmp_path, "b") as b, child(code, tmp_path, "c") as c:
            taken = [int(lines.read().split()[1]) for lines in (a, b, c)]
        assert sum(taken) == 50

    def test_a_commit_survives_kill_9_whole(self, tmp_path: Path) -> None:
        """After kill -9 every transaction that was done is there, and none is there in part."""
        for _ in range(3):
            with child(self._child(_COMMITS), tmp_path) as lines:
                acknowledged = [int(lines.readline()) for _ in range(20)][-1]
            store = self.opened(tmp_path)
            pair = [store.get("pair", side) for side in ("left", "right")]
            done = [row["number"] for row in store.find("done")]
            store.close()
            assert pair[0] == pair[1]
            assert pair[0] is not None
            assert pair[0]["number"] == done[-1] >= acknowledged

    def test_kill_9_inside_a_transaction_leaves_nothing(self, tmp_path: Path) -> None:
        """What a dead process had not finished was never written, and its locks are gone with it."""
        with child(self._child(_INSIDE), tmp_path) as lines:
            assert lines.readline() == "inside\n"
        store = self.opened(tmp_path)
        assert (store.get("pair", "left"), store.find("done"), store.lease("tick", "alive", 0, 1)) == (None, [], True)
        store.close()

    def _child(self, work: str) -> str:
        return f"import sys, threading\n{self.code}\n{work}"
