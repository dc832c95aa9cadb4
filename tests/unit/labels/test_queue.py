"""The queue of items to be labelled by hand."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from setpoint.backends.metadata import SqlMetadata
from setpoint.conformance.child import child
from setpoint.core.clock import SimulatedClock
from setpoint.core.errors import RequestInvalid
from setpoint.core.times import MINUTE
from setpoint.declare.hand import hand
from setpoint.labels.hand_labels import DECIDED, hand_labels, settle_votes
from setpoint.labels.items import Item, items_of_decisions, items_of_rows, media_of
from setpoint.labels.queue import REPEAT_AFTER, Queue
from setpoint.labels.votes import SKIP, UNDONE, VOTE, current_votes

CLASSES = ("fraud", "fine", "unclear")


class Desk:
    """A queue on a store of its own, with a clock that can be moved."""

    def __init__(self, folder: Path, *, votes: int = 1, repeat: float = 0.0, consensus: str = "majority") -> None:
        self.clock = SimulatedClock(1_000)
        self.store = SqlMetadata(f"sqlite:///{folder / 'metadata.db'}")
        self.hand = hand(CLASSES, votes=votes, repeat=repeat, lease="10m", consensus=consensus)
        self.queue = Queue("shop", self.hand, self.store, clock=self.clock)

    def add(self, *keys: str) -> None:
        """Put items into the queue."""
        self.queue.add([Item(key, {"total": 3}) for key in keys])

    def later(self, length: int = 1) -> None:
        """Let time pass."""
        self.clock.advance_to(self.clock.now() + length)

    def next(self, annotator: str) -> str | None:
        """The key of what an annotator is handed."""
        handed = self.queue.next(annotator)
        return None if handed is None else handed.item.key

    def vote(self, annotator: str, item: str, value: str | None) -> None:
        """Vote, a moment later."""
        self.later()
        self.queue.vote(annotator, item, value=value)

    def settle(self) -> list[tuple[str, int, str | None]]:
        """What is new in the labels."""
        self.later()
        return [
            (each.item, each.version, each.value) for each in settle_votes(self.queue, self.store, clock=self.clock)
        ]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A queue that wants one vote of each item."""
    made = Desk(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Desk]:
    """A queue that wants two votes of each item."""
    made = Desk(tmp_path, votes=2)
    yield made
    made.store.close()


def test_items_come_by_priority_and_then_in_the_order_of_adding(desk: Desk) -> None:
    """What matters more is handed out first; a priority may change."""
    desk.queue.add([Item("a"), Item("b"), Item("c", priority=5.0)])
    assert desk.next("ann") == "c"
    desk.vote("ann", "c", "fine")
    desk.queue.prioritise({"b": 9.0})
    assert desk.next("ann") == "b"


def test_an_item_is_in_no_more_hands_than_votes_are_wanted(pair: Desk) -> None:
    """Two of three annotators hold the only item; the third has nothing to do."""
    pair.add("a")
    assert [pair.next(who) for who in ("ann", "bob", "cy")] == ["a", "a", None]


def test_who_asks_again_holds_the_same_item(desk: Desk) -> None:
    """Loading the page again hands out nothing new."""
    desk.add("a", "b")
    assert [desk.next("ann"), desk.next("ann"), desk.next("bob")] == ["a", "a", "b"]


def test_a_lease_lapses(desk: Desk) -> None:
    """An item that was handed out and not voted on goes to somebody else; the late vote still counts."""
    desk.add("a")
    assert (desk.next("ann"), desk.next("bob")) == ("a", None)
    desk.later(10 * MINUTE)
    assert desk.next("bob") == "a"
    desk.vote("bob", "a", "fine")
    desk.vote("ann", "a", "fine")
    assert desk.queue.progress("ann") == {"items": 1, "done": 1, "votes": 2, "mine": 1}


def test_a_skipped_item_is_for_others(desk: Desk) -> None:
    """Skipping is no vote: the item waits for one, of somebody else."""
    desk.add("a", "b")
    desk.vote("ann", "a", None)
    assert (desk.next("ann"), desk.next("bob")) == ("b", "a")
    assert [vote.kind for vote in desk.queue.history()] == [SKIP]


def test_undo_takes_the_vote_back_and_hands_the_item_again(desk: Desk) -> None:
    """What was taken back is in the history, and stands no more."""
    desk.add("a", "b")
    desk.vote("ann", "a", "fraud")
    assert desk.queue.progress("ann")["done"] == 1
    desk.later()
    assert desk.queue.undo("ann") is not None
    assert desk.next("ann") == "a"
    desk.vote("ann", "a", "fine")
    said = [(vote.version, vote.kind, vote.value) for vote in desk.queue.history()]
    assert said == [(1, VOTE, "fraud"), (2, UNDONE, None), (3, VOTE, "fine")]
    assert [vote.value for vote in current_votes(desk.queue.history())] == ["fine"]
    assert desk.queue.progress("ann") == {"items": 2, "done": 1, "votes": 1, "mine": 1}


def test_undo_goes_back_vote_by_vote_and_ends(desk: Desk) -> None:
    """Each undo takes back the one before; with none left nothing happens."""
    desk.add("a", "b")
    desk.vote("ann", "a", "fraud")
    desk.vote("ann", "b", "fraud")
    undone = [desk.queue.undo("ann") for _ in range(3)]
    assert [vote and vote.item for vote in undone] == ["b", "a", None]
    assert desk.queue.progress("ann") == {"items": 2, "done": 0, "votes": 0, "mine": 0}


def test_saying_the_same_again_changes_nothing(desk: Desk) -> None:
    """A vote may be sent until it is acknowledged."""
    desk.add("a")
    first = desk.queue.vote("ann", "a", value="fine", note="clear")
    desk.later()
    assert desk.queue.vote("ann", "a", value="fine", note="clear") == first
    assert len(desk.queue.history()) == 1


def test_an_annotator_is_handed_some_items_again(tmp_path: Path) -> None:
    """After other items he looks a second time, and what he says then is kept apart."""
    desk = Desk(tmp_path, repeat=1.0)
    desk.add(*[f"i{number:02d}" for number in range(REPEAT_AFTER + 3)])
    seen = []
    for _ in range(REPEAT_AFTER + 2):
        handed = desk.queue.next("ann")
        assert handed is not None
        seen.append((handed.item.key, handed.look))
        desk.later()
        desk.queue.vote("ann", handed.item.key, value="fraud" if handed.look else "fine", look=handed.look)
    assert seen[0] == ("i00", 0)
    assert seen[REPEAT_AFTER + 1] == ("i00", 1)
    assert sum(look for _, look in seen) == 1
    labels = desk.settle()
    assert ("i00", 1, "fine") in labels
    assert desk.queue.progress("ann")["votes"] == REPEAT_AFTER + 1
    desk.store.close()


def test_disagreements_are_listed_until_somebody_decides(pair: Desk) -> None:
    """Whoever decides gives the item its label, and the votes stay."""
    pair.add("a", "b")
    for who, item, value in (("ann", "a", "fraud"), ("bob", "a", "fine"), ("ann", "b", "fine"), ("bob", "b", "fine")):
        pair.vote(who, item, value)
    (found,) = pair.queue.disagreements()
    assert (found["item"]["key"], [vote["value"] for vote in found["votes"]]) == ("a", ["fraud", "fine"])
    pair.later()
    pair.queue.decide("cy", "a", value="fraud", note="seen it before")
    assert pair.queue.disagreements() == []
    assert pair.settle() == [("a", 1, "fraud"), ("b", 1, "fine")]
    label = hand_labels("shop", pair.store)[0]
    assert (label.method, [vote["annotator"] for vote in label.votes]) == (DECIDED, ["cy"])


def test_a_label_is_recorded_once_and_later_votes_make_a_new_version(pair: Desk) -> None:
    """Each version names the votes that it rests on; a tie has no label, and one that lost its votes is taken back."""
    pair.add("a", "b")
    pair.vote("ann", "a", "fraud")
    assert pair.settle() == []
    pair.vote("bob", "a", "fraud")
    assert pair.settle() == [("a", 1, "fraud")]
    assert pair.settle() == []
    pair.vote("bob", "a", "fine")
    assert pair.settle() == [("a", 2, None)]
    pair.vote("cy", "a", "fine")
    assert pair.settle() == [("a", 3, "fine")]
    versions = hand_labels("shop", pair.store, every_version=True)
    assert [[(vote["annotator"], vote["version"]) for vote in label.votes] for label in versions] == [
        [("ann", 1), ("bob", 1)],
        [("ann", 1), ("bob", 2)],
        [("ann", 1), ("bob", 2), ("cy", 1)],
    ]
    assert versions[2].confidence == pytest.approx(2 / 3)
    assert [label.known_at for label in versions] == sorted({label.known_at for label in versions})


def test_dawid_skene_gives_labels_too(tmp_path: Path) -> None:
    """The declared consensus makes the labels."""
    desk = Desk(tmp_path, votes=2, consensus="dawid-skene")
    desk.add("a", "b", "c")
    for item, value in (("a", "fraud"), ("b", "fine"), ("c", "fraud")):
        for who in ("ann", "bob"):
            desk.vote(who, item, value)
    assert desk.settle() == [("a", 1, "fraud"), ("b", 1, "fine"), ("c", 1, "fraud")]
    assert {label.method for label in hand_labels("shop", desk.store)} == {"dawid-skene"}
    desk.store.close()


def test_what_does_not_exist_is_refused(desk: Desk) -> None:
    """An unknown item or class, or an annotator without a name, leaves nothing behind."""
    desk.add("a")
    with pytest.raises(RequestInvalid, match="Did you mean 'fraud'"):
        desk.queue.vote("ann", "a", value="fruad")
    with pytest.raises(RequestInvalid, match="no item"):
        desk.queue.vote("ann", "z", value="fine")
    with pytest.raises(RequestInvalid, match="annotator"):
        desk.queue.vote(" ", "a", value="fine")
    assert desk.queue.history() == []


def test_annotators_at_once_never_hold_an_item_too_often(pair: Desk) -> None:
    """Six annotators in as many threads, with queues of their own, give each item its two votes and no more."""
    pair.add(*[f"i{number}" for number in range(12)])

    def work(who: str) -> None:
        queue = Queue("shop", pair.hand, pair.store, clock=pair.clock)
        while (handed := queue.next(who)) is not None:
            queue.vote(who, handed.item.key, value="fine")

    threads = [threading.Thread(target=work, args=(f"annotator {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    votes = pair.queue.history()
    assert Counter(vote.item for vote in votes) == {f"i{number}": 2 for number in range(12)}
    assert pair.queue.progress() == {"items": 12, "done": 12, "votes": 24, "mine": None}


_VOTES = """
import sys
from setpoint.backends.metadata import SqlMetadata
from setpoint.core.clock import SystemClock
from setpoint.declare.hand import hand
from setpoint.labels.queue import Queue
queue = Queue("shop", hand(["fraud", "fine", "unclear"]), SqlMetadata(sys.argv[1]), clock=SystemClock())
while (handed := queue.next("ann")) is not None:
    queue.vote("ann", handed.item.key, value="fine")
    print(handed.item.key, flush=True)
"""


def test_an_acknowledged_vote_survives_kill_9(desk: Desk, tmp_path: Path) -> None:
    """A process that is killed while it votes has lost no vote that it told of, and counts agree with the votes."""
    desk.add(*[f"i{number}" for number in range(500)])
    with child(_VOTES, f"sqlite:///{tmp_path / 'metadata.db'}") as lines:
        told = [lines.readline().strip() for _ in range(20)]
    kept = [vote.item for vote in desk.queue.history()]
    assert kept[:20] == told
    progress = desk.queue.progress("ann")
    assert progress["done"] == progress["votes"] == progress["mine"] == len(kept) < 500


def test_a_long_queue_hands_out_quickly(desk: Desk) -> None:
    """Only the first item costs a look at all of them."""
    desk.add(*[f"i{number}" for number in range(300)])
    reads = 0
    get = desk.store.get

    def counted(noun: str, key: str) -> dict[str, object] | None:
        nonlocal reads
        reads += 1
        return get(noun, key)

    desk.store.get = counted  # type: ignore[method-assign]
    for _ in range(200):
        handed = desk.queue.next("ann")
        assert handed is not None
        desk.queue.vote("ann", handed.item.key, value="fine")
    assert reads < 200 * 14


def test_rows_and_decisions_become_items() -> None:
    """Rows by the column that names them; decisions by their key, with what they saw."""
    import pyarrow as pa

    assert items_of_rows(pa.table({"id": [1], "words": ["x"]}), "id")[0].fields == {"id": 1, "words": "x"}
    log = pa.table(
        {"decision_id": ["d1"], "key": ["c1"], "at": [5], "score": [0.25], "field.total": [3], "feature.n": [2.0]}
    )
    (item,) = items_of_decisions(log)
    assert item == Item("c1", {"total": 3}, {"n": 2.0}, decision="d1", at=5, score=0.25)


def test_a_blob_is_kept_with_what_it_holds() -> None:
    """An image is known by its first bytes, never by what somebody says of it."""
    body = Item("a", {"scan": b"\x89PNG\r\n\x1a\nrest", "big": b"\0" * 3_000_000}).to_dict()["fields"]
    assert body["scan"]["media"] == media_of(b"\x89PNG\r\n\x1a\n") == "image/png"
    assert body["big"] == {"media": "application/octet-stream", "size": 3_000_000}


def test_an_item_in_doubt_is_put_before_somebody_else(tmp_path: Path) -> None:
    """Its label stands until somebody who has not voted on it has; then the votes decide anew."""
    desk = Desk(tmp_path)
    desk.add("a", "b")
    for item in ("a", "b"):
        desk.vote("ann", item, "fraud")
    assert desk.settle() == [("a", 1, "fraud"), ("b", 1, "fraud")]
    assert desk.queue.ask_again({"b": 2.0, "a": 1.0}) == 2
    assert desk.queue.progress()["done"] == 0
    assert desk.next("ann") is None
    assert desk.next("bob") == "b"
    desk.vote("bob", "b", "fraud")
    assert desk.settle() == [("b", 2, "fraud")]
    desk.vote("bob", "a", "fine")
    assert [each["item"]["key"] for each in desk.queue.disagreements()] == ["a"]
    assert desk.settle() == [("a", 2, None)]
    desk.queue.decide("cy", "a", value="fine")
    assert desk.settle() == [("a", 3, "fine")]
    assert desk.queue.progress()["done"] == 2


def test_what_was_decided_on_is_not_asked_about_again(tmp_path: Path) -> None:
    """Neither is an item that still waits for its votes: it only gets the new priority."""
    desk = Desk(tmp_path)
    desk.add("a", "b")
    desk.vote("ann", "a", "fraud")
    desk.queue.decide("cy", "a", value="fine")
    assert desk.queue.ask_again({"a": 9.0, "b": 9.0}) == 0
    assert desk.queue.progress()["done"] == 1
