"""What is told of annotators."""

from __future__ import annotations

import json

from setpoint.declare.hand import hand
from setpoint.labels.hand_labels import HandLabel
from setpoint.labels.report import agreement_report
from setpoint.labels.votes import SKIP, Vote

CLASSES = hand(["yes", "no"])


def test_who_contradicts_himself_is_shown_with_his_items() -> None:
    """Of the items that he was handed twice, how many he said the same of, and which he did not."""
    votes = [Vote(f"i{n}", "ann", "yes", n) for n in range(6)]
    votes += [Vote(f"i{n}", "ann", "no" if n == 2 else "yes", 10 + n, look=1) for n in range(4)]
    votes += [Vote("i0", "bob", "yes", 30), Vote("i1", "bob", None, 31, kind=SKIP, seconds=4.0)]
    told = {each["annotator"]: each for each in agreement_report(votes, CLASSES)["annotators"]}
    assert (told["ann"]["repeated"], told["ann"]["self"], told["ann"]["contradicts"]) == (4, 0.75, ["i2"])
    assert (told["bob"]["repeated"], told["bob"]["self"], told["bob"]["skips"]) == (0, None, 1)


def test_agreement_is_told_of_all_of_pairs_and_with_the_label() -> None:
    """Second looks and decisions are no votes of their own; everything is JSON."""
    votes = [
        Vote(f"i{n}", who, value, n)
        for n, (first, second) in enumerate([("yes", "yes"), ("no", "no"), ("yes", "no"), ("no", "no")])
        for who, value in (("ann", first), ("bob", second))
    ]
    votes += [Vote("i2", "cy", "no", 9, look=-1)]
    labels = [HandLabel("i2", 1, "no", 1.0, "decided", 9, 9, ()), HandLabel("i0", 1, "yes", 1.0, "majority", 1, 1, ())]
    told = agreement_report(votes, CLASSES, labels=labels)
    assert {each["name"]: each["value"] for each in told["overall"]}["percent"] == 0.75
    assert [(each["first"], each["second"], each["value"]) for each in told["pairs"]] == [("ann", "bob", 0.5)]
    assert {each["annotator"]: each["with_label"] for each in told["annotators"]} == {"ann": 0.5, "bob": 1.0}
    assert json.loads(json.dumps(told)) == told


def test_without_votes_there_is_nothing_to_tell() -> None:
    """An empty queue has a report."""
    told = agreement_report([], CLASSES)
    assert (told["items"], told["annotators"], told["overall"][0]["value"]) == (0, [], None)
