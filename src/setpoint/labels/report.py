"""How far annotators agree: with each other, with what came of their votes, and with themselves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from setpoint.declare.hand import Hand
from setpoint.labels.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha, percent_agreement, self_agreement
from setpoint.labels.hand_labels import HandLabel
from setpoint.labels.votes import SKIP, VOTE, Vote, vote_matrix

MOST_PAIRS = 45
"""Pairs of annotators whose kappa is told: all of up to ten, and of more those who share most items."""


def agreement_report(
    votes: Sequence[Vote], hand: Hand, *, labels: Sequence[HandLabel] = (), seed: int = 0
) -> dict[str, Any]:
    """Coefficients over all annotators, Cohen's kappa of each pair, and facts of each annotator.

    `votes` are those that stand. Of an annotator it tells how many votes and skips there are, how long he takes, how
    often he gave what became the label, and how often he said the same of an item that he was handed a second time.

    >>> from setpoint.declare.hand import hand
    >>> votes = [Vote("a", "ann", "yes", 1), Vote("a", "bob", "yes", 2), Vote("b", "ann", "no", 3)]
    >>> agreement_report(votes, hand(["yes", "no"]))["annotators"][0]["votes"]
    2
    """
    size = len(hand.classes)
    matrix, items, names = vote_matrix(votes, hand.classes)
    overall = [
        percent_agreement(matrix, classes=size, seed=seed),
        fleiss_kappa(matrix, classes=size, seed=seed),
        krippendorff_alpha(matrix, scale="nominal", seed=seed),
    ]
    shared = (matrix >= 0).astype(np.int64)
    together = shared.T @ shared
    pairs = sorted(combinations(range(len(names)), 2), key=lambda pair: -int(together[pair]))[:MOST_PAIRS]
    kappas = [
        {
            "first": names[a],
            "second": names[b],
            **cohen_kappa(matrix[:, a], matrix[:, b], classes=size, seed=seed).to_dict(),
        }
        for a, b in pairs
        if together[a, b]
    ]
    became = {label.item: label.value for label in labels}
    return {
        "items": len(items),
        "overall": [each.to_dict() for each in overall],
        "pairs": kappas,
        "annotators": [_annotator(name, votes, became, hand, seed) for name in _everybody(votes)],
    }


def _everybody(votes: Sequence[Vote]) -> list[str]:
    return sorted({vote.annotator for vote in votes if vote.look >= 0})


def _annotator(
    name: str, votes: Sequence[Vote], became: dict[str, str | None], hand: Hand, seed: int
) -> dict[str, Any]:
    """The facts of one annotator."""
    own = [vote for vote in votes if vote.annotator == name and vote.look >= 0]
    first = {vote.item: str(vote.value) for vote in own if vote.kind == VOTE and vote.look == 0}
    again = {vote.item: str(vote.value) for vote in own if vote.kind == VOTE and vote.look > 0 and vote.item in first}
    numbers = {value: number for number, value in enumerate(hand.classes)}
    twice = self_agreement(
        np.array([numbers[first[item]] for item in again], np.int8),
        np.array([numbers[value] for value in again.values()], np.int8),
        classes=len(hand.classes),
        seed=seed,
    )
    judged = [value == became[item] for item, value in first.items() if became.get(item) is not None]
    times = [vote.seconds for vote in own if vote.seconds is not None]
    return {
        "annotator": name,
        "votes": len(first),
        "skips": sum(vote.kind == SKIP for vote in own),
        "seconds": float(np.median(times)) if times else None,
        "with_label": float(np.mean(judged)) if judged else None,
        "repeated": twice.items,
        "self": twice.to_dict()["value"],
        "self_low": twice.to_dict()["low"],
        "self_high": twice.to_dict()["high"],
        "contradicts": sorted(item for item, value in again.items() if first[item] != value),
    }
