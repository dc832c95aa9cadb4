"""Which programs repeat each other: what their votes share beyond what any two views of one truth must share.

Given the class, the votes of two programs that look at different things have nothing in common, so what the pairs
of programs share (covariances of their votes) all comes from the class and has as many dimensions as classes less
one (Bach, He, Ratner and Re 2017; Varma, Sala, He, Ratner and Re 2019, "Learning Dependency Structures for Weak
Supervision Models"). That part is fitted so that a few pairs which share more do not bend it: by the sum of the
residuals' lengths, then of their logarithms, not of their squares, as iteratively reweighted least squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.labels.label_model_em import vote_share
from setpoint.labels.vote_patterns import Floats, Patterns

SWEEPS = 120
PLAIN = 5
"""Sweeps that weigh pairs by one over their residual, before it is one over its square."""

SMALLEST = 0.01
"""Residuals below it count alike, with many rows: about what noise makes of a covariance."""

NOTICED = 0.1
"""Pairs that share less beyond the class than this correlation are taken as independent, with many rows."""

REPEATED = 0.5
"""Programs that share more are one where programs that err independently are counted."""


@dataclass(frozen=True)
class Dependence:
    """How much each pair of programs shares beyond the class: 1 for copies, 0 for independent ones, signed."""

    strength: Floats
    noticed: float = NOTICED

    @property
    def influence(self) -> Floats:
        """How much each program counts: one over the number of programs that say the same, itself included."""
        return np.asarray(1.0 / (1.0 + np.where(self.strength > self.noticed, self.strength, 0.0).sum(axis=1)))

    @property
    def pairs(self) -> list[tuple[int, int, float]]:
        """The pairs that depend on each other, the strongest first."""
        i, j = np.triu_indices(self.strength.shape[0], 1)
        values = self.strength[i, j]
        kept = [n for n in np.argsort(-np.abs(values), kind="stable").tolist() if abs(values[n]) > self.noticed]
        return [(int(i[n]), int(j[n]), float(values[n])) for n in kept]

    def groups(self, fired: npt.NDArray[np.bool_]) -> int:
        """How many groups of programs there are, of those that ever vote, such that no two groups repeat each other."""
        near = (self.strength > REPEATED) | np.eye(fired.size, dtype=bool)
        for _ in range(fired.size.bit_length()):
            near = (near.astype(np.intp) @ near) > 0
        return int(np.unique(near[fired].argmax(axis=1)).size)

    @property
    def views(self) -> float:
        """How many independent programs these are worth."""
        return float(self.influence.sum())


def dependence_of(patterns: Patterns) -> Dependence:
    """The dependence of the programs behind some votes.

    Copies agree so well that they can pass for the truth, so the fit is begun twice, the second time with each program
    counted for as little as the first says; the one that leaves fewer pairs dependent is taken.

    >>> from setpoint.labels.vote_patterns import patterns_of
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(0, 2, 4000)
    >>> votes = np.where(rng.random((6, 4000)) < 0.75, truth, 1 - truth).T
    >>> votes[:, 1] = votes[:, 0]
    >>> dependence_of(patterns_of(votes.astype(np.int8), 2)).pairs[0][:2]
    (0, 1)
    """
    programs = patterns.votes.shape[1]
    noise = float(1 / np.sqrt(max(patterns.count.sum(), 1.0)))
    noticed = max(NOTICED, 4 * noise)
    if programs < 4:  # the class alone can explain any three covariances
        same = (patterns.votes[:, :, None] == patterns.votes[:, None]).all(axis=0) & ~np.eye(programs, dtype=bool)
        return Dependence(same.astype(np.float64), noticed)
    shared, scale = _covariances(patterns)
    smallest = max(SMALLEST, 2 * noise)
    found, best = Dependence(np.zeros((programs, programs)), noticed), np.inf
    for _ in range(2):
        start = _start(patterns, vote_share(patterns, found.influence**2), scale)
        along = _explained(shared, start, patterns.stretches.classes - 1, smallest)
        rest = shared - np.einsum("ipr,jqr->ijpq", along, along)
        length = np.einsum("ijpq,ijpq->ij", rest, rest)[np.triu_indices(programs, 1)]
        left = float(np.log(length + smallest**2).sum())
        if left < best - 1e-9:
            found, best = Dependence(_strength(rest, along, patterns.fired), noticed), left
    return found


def _strength(rest: Floats, along: Floats, fired: npt.NDArray[np.bool_]) -> Floats:
    """What is shared beyond the class as a correlation, within the class."""
    own = np.maximum(1.0 - np.einsum("ipr,ipr->i", along, along), 0.1)
    strength = np.einsum("ijpp->ij", rest) / np.sqrt(own[:, None] * own)
    np.fill_diagonal(strength, 0.0)
    strength[~fired] = strength[:, ~fired] = 0.0
    return np.asarray(np.clip(strength, -1.0, 1.0))


def _covariances(patterns: Patterns) -> tuple[Floats, Floats]:
    """What the votes of programs share (a block for each pair, a line and column for each class), and their spread."""
    programs, classes = patterns.votes.shape[1], patterns.stretches.classes
    width = programs * classes
    products, sums = np.zeros((width, width)), np.zeros(width)
    for start in range(0, patterns.votes.shape[0], 4096):
        part = patterns.votes[start : start + 4096, :, None] == np.arange(classes, dtype=np.int8)
        voted = part.reshape(-1, width).astype(np.float64)
        weighted = voted * patterns.count[start : start + 4096, None]
        products += weighted.T @ voted
        sums += weighted.sum(axis=0)
    total = patterns.count.sum()
    mean = sums / total
    covariance = (products / total - mean[:, None] * mean).reshape(programs, classes, programs, classes)
    blocks = covariance.transpose(0, 2, 1, 3)
    spread = np.sqrt(np.maximum(np.einsum("iipp->i", blocks), 1e-12))
    return np.asarray(blocks / (spread[:, None] * spread)[:, :, None, None]), spread


def _start(patterns: Patterns, share: Floats, spread: Floats) -> Floats:
    """How votes move with the class, if the class were as `share` says."""
    counted = patterns.counts(share)
    mass = counted.sum(axis=1)[0]
    rates = counted[:, 1:] / mass
    shares = mass / mass.sum()
    moved = (rates - (rates * shares).sum(axis=2, keepdims=True)) * np.sqrt(shares)
    return np.asarray(moved / spread[:, None, None])


def _explained(shared: Floats, start: Floats, dimensions: int, smallest: float) -> Floats:
    """The part of each program's votes that moves with the class: a plane (votes by dimensions) for each program."""
    programs, classes = start.shape[:2]
    left, size, _ = np.linalg.svd(start.reshape(programs * classes, -1), full_matrices=False)
    along = (left[:, :dimensions] * size[:dimensions]).reshape(programs, classes, dimensions)
    others = ~np.eye(programs, dtype=bool)
    for sweep in range(SWEEPS):
        rest = shared - np.einsum("ipr,jqr->ijpq", along, along)
        length = np.maximum(np.sqrt(np.einsum("ijpq,ijpq->ij", rest, rest)), smallest)
        trust = others / (length if sweep < PLAIN else length**2)
        moved = along.copy()
        for i in range(programs):
            toward = np.einsum("j,jpq,jqr->pr", trust[i], shared[i], moved)
            within = np.einsum("j,jqr,jqs->rs", trust[i], moved, moved) + 1e-9 * np.eye(dimensions)
            moved[i] = np.linalg.solve(within, toward.T).T
        settled = sweep > PLAIN and np.abs(moved - along).max() < 1e-4
        along = moved
        if settled:
            break
    return np.asarray(along)
