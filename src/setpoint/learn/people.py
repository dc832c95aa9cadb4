"""The human baseline: what a single annotator would have decided, against the later truth or what the others say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from setpoint.learn.sides import Examples

LEAST_VOTES = 20
"""Fewer votes than this on held-out decisions say nothing of how people decide."""


@dataclass(frozen=True)
class Votes:
    """What people said of the decisions of a training set: a vote for each, by the place of its decision.

    `positive` is whether it was for the class that counts as true. `by_hand` says of each vote whether the truth of its
    decision comes from votes, so that one cannot be held against it.
    """

    place: np.ndarray = field(repr=False)
    annotator: np.ndarray = field(repr=False)
    positive: np.ndarray = field(repr=False)
    by_hand: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class Judged:
    """Votes on held-out decisions that a truth is known of: rows, as many as votes, their places, and what was said."""

    rows: Examples
    place: np.ndarray
    said: np.ndarray
    people: int
    against: str


def votes_to_judge(votes: Votes | None, held_out: Examples, places: np.ndarray) -> Judged | None:
    """The votes on the held-out decisions, which are at these places of the training set; None where they are few.

    A vote is held against the truth that came later. Where votes made the truth, it is held against the majority of
    the other people's votes, and left out where these tie or there are none. All votes on a decision, those left out
    too, share its weight: else who alone dissents would count for the three who were asked.
    """
    if votes is None or not votes.place.size:
        return None
    where = np.full(int(max(places.max(initial=0), votes.place.max())) + 1, -1)
    where[places] = np.arange(places.size)
    row, yes = where[votes.place], votes.positive.astype(np.float64)
    many, agreeing = (np.bincount(votes.place, weights=one)[votes.place] for one in (np.ones(yes.size), yes))
    others, for_it = many - 1, agreeing - yes
    told = np.where(votes.by_hand, np.sign(2 * for_it - others), np.where(held_out.y[row] > 0, 1.0, -1.0))
    kept = np.flatnonzero((row >= 0) & (told != 0) & (~votes.by_hand | (others > 0)))
    if kept.size < LEAST_VOTES:
        return None
    row, truth = row[kept], (told[kept] > 0).astype(np.float64)
    order = np.argsort(row, kind="stable")
    rows = held_out.take(row[order])
    rows = replace(rows, y=truth[order], weight=rows.weight / many[kept][order])
    by_hand = votes.by_hand[kept]
    against = "the others' votes" if by_hand.all() else "the later truth"
    if by_hand.any() and not by_hand.all():
        against = "the later truth, or the others' votes where these are the truth"
    people = int(np.unique(votes.annotator[kept]).size)
    return Judged(rows, row[order], yes[kept][order], people, against)
