"""The queue of labels of hand, under anything that annotators may do in any order."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.backends.metadata import SqlMetadata
from setpoint.core.clock import SimulatedClock
from setpoint.core.times import MINUTE
from setpoint.declare.hand import hand
from setpoint.labels.hand_labels import hand_labels, judge_votes, settle_votes
from setpoint.labels.items import Item
from setpoint.labels.queue import Queue
from setpoint.labels.votes import DECIDING, VOTE, current_votes

PEOPLE, ITEMS, CLASSES = ("ann", "bob", "cy"), ("a", "b", "c"), ("yes", "no")

ACTS = st.lists(
    st.tuples(
        st.sampled_from(("next", "vote", "vote", "skip", "undo", "decide", "wait", "urge", "settle")),
        st.sampled_from(PEOPLE),
        st.sampled_from(ITEMS),
        st.sampled_from(CLASSES),
    ),
    max_size=40,
)


def work(queue: Queue, clock: SimulatedClock, act: tuple[str, str, str, str]) -> str | None:
    """Do one thing; gives the item that was handed out, if one was."""
    what, who, item, value = act
    clock.advance_to(clock.now() + 1)
    if what == "next":
        handed = queue.next(who)
        return None if handed is None else handed.item.key
    if what in ("vote", "skip"):
        queue.vote(who, item, value=value if what == "vote" else None)
    elif what == "undo":
        queue.undo(who)
    elif what == "decide":
        queue.decide(who, item, value=value)
    elif what == "wait":
        clock.advance_to(clock.now() + 6 * MINUTE)
    elif what == "urge":
        queue.prioritise({item: float(len(value))})
    return None


@settings(max_examples=60, deadline=None)
@given(ACTS, st.integers(1, 2))
def test_counts_hands_and_labels_agree_with_the_history(acts: list[tuple[str, str, str, str]], wanted: int) -> None:
    """Nobody is handed what is done or what he has passed, and every number follows from the votes."""
    store, clock = SqlMetadata("sqlite://"), SimulatedClock(0)
    declared = hand(CLASSES, votes=wanted, repeat=0.0)
    queues = {who: Queue("q", declared, store, clock=clock) for who in PEOPLE}  # as processes of their own
    queues["ann"].add([Item(key) for key in ITEMS])
    for act in acts:
        stand = current_votes(queues["ann"].history())
        handed = work(queues[act[1]], clock, act)
        if handed is not None:
            first = [vote for vote in stand if vote.item == handed and vote.look == 0]
            assert sum(vote.kind == VOTE for vote in first) < wanted
            assert act[1] not in {vote.annotator for vote in first}
            assert not [vote for vote in stand if vote.item == handed and vote.look == DECIDING]
        if act[0] == "settle":
            settle_votes(queues["bob"], store, clock=clock)
    stand = current_votes(queues["cy"].history())
    by_item = Counter(vote.item for vote in stand if vote.kind == VOTE and vote.look == 0)
    decided = {vote.item for vote in stand if vote.look == DECIDING}
    progress = queues["cy"].progress("ann")
    assert progress["votes"] == by_item.total()
    assert progress["done"] == len({item for item in ITEMS if by_item[item] >= wanted} | decided)
    assert progress["mine"] == sum(vote.annotator == "ann" and vote.look == 0 for vote in stand)
    settle_votes(queues["cy"], store, clock=clock)
    recorded = {label.item: label.value for label in hand_labels("q", store) if label.value is not None}
    judged = judge_votes(queues["cy"].labelled(), declared, known_at=0)
    assert recorded == {label.item: label.value for label in judged if label.value is not None}
    store.close()
