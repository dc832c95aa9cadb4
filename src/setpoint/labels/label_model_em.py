"""Dawid and Skene's model of labels nobody has seen: how often each program gives each vote to each class.

Dawid and Skene (1979), "Maximum likelihood estimation of observer error-rates using the EM algorithm", with
abstaining as one more vote, a Dirichlet prior on each program's rates, and programs that repeat each other counted
for less (a weighted composite likelihood).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from setpoint.labels.label_model_table import softmax
from setpoint.labels.vote_patterns import Floats, Patterns

ROUNDS = 200
"""The most rounds of EM."""

SETTLED = 1e-4
"""EM ends when no rate moves by more in a round."""

SMOOTHING = 2.0
"""How many rows of each class the prior counts for: each program's votes there as among all rows."""


@dataclass(frozen=True)
class Rates:
    """What EM found: the share of each class, and how often each program gives each vote (abstain first) to it."""

    balance: Floats
    rates: Floats
    rounds: int

    def points(self, influence: Floats) -> Floats:
        """What each vote gives to each class: logarithms of rates, times the program's influence."""
        return np.asarray(np.log(self.rates) * influence[:, None, None])


def vote_share(patterns: Patterns, influence: Floats) -> Floats:
    """The share of each class among the votes of a row, by the influence of programs, with half a vote for all classes.

    >>> from setpoint.labels.vote_patterns import patterns_of
    >>> vote_share(patterns_of(np.array([[1, 1, -1]], dtype=np.int8), 2), np.ones(3))
    array([[0.1, 0.9]])
    """
    classes = patterns.stretches.classes
    points = np.zeros((influence.size, classes + 1, classes))
    points[:, 1:] = np.eye(classes) * influence[:, None, None]
    total = patterns.stretches.add_up(points, patterns.codes) + 0.5 / classes
    return np.asarray(total / total.sum(axis=1, keepdims=True))


def fit_rates(
    patterns: Patterns,
    start: Floats,
    *,
    influence: Floats,
    balance: Floats | None = None,
) -> Rates:
    """The rates of votes that make the votes likeliest, from a start that says how much of each row is of each class.

    `balance` holds the shares of classes fixed. The start decides which class is which.

    >>> from setpoint.labels.vote_patterns import patterns_of
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(0, 2, 5000)
    >>> votes = np.where(rng.random((4, 5000)) < 0.8, truth, 1 - truth).T.astype(np.int8)
    >>> patterns, influence = patterns_of(votes, 2), np.ones(4)
    >>> fit_rates(patterns, vote_share(patterns, influence), influence=influence).rates[0, 1:].round(1)
    array([[0.8, 0.2],
           [0.2, 0.8]])
    """
    marginal = patterns.counts(np.ones_like(start) / start.shape[1])
    prior = marginal / marginal.sum(axis=1, keepdims=True) + 1e-3
    prior *= SMOOTHING / prior.sum(axis=1, keepdims=True)
    share, before, rounds = start, np.zeros_like(prior), 0
    while True:
        counted = patterns.counts(share) + prior
        rates = counted / counted.sum(axis=1, keepdims=True)
        mass = np.einsum("uc,u->c", share, patterns.count) + 1.0
        shares = mass / mass.sum() if balance is None else balance
        rounds += 1
        if rounds == ROUNDS or np.abs(rates - before).max() < SETTLED:
            return Rates(shares, rates, rounds)
        before = rates
        points = np.log(rates) * influence[:, None, None]
        share = softmax(np.log(shares) + patterns.stretches.add_up(points, patterns.codes))
