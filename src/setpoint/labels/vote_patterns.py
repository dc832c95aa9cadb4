"""Vote matrices in small: equal rows taken together, and a row as a few small numbers instead of a vote per program.

A stretch of votes is the digits of one number (abstain is digit 0), so that a sum over programs is a look-up for each
stretch in a table of all its possible votes. That is what makes models of a million rows cheap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.core.rng import seed_for

Votes = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]

ABSTAIN = -1
"""The vote of a program that gives no class."""

ENTRIES = 4096
"""The most entries of one look-up table."""

MOST = 1 << 16
"""The most distinct rows that a model is fitted on; of more, this many rows are drawn."""

ROWS = 1 << 15
"""Rows that are looked at together."""


def checked_votes(votes: npt.ArrayLike, classes: int) -> Votes:
    """A vote matrix as int8, refused where a vote is no class.

    >>> checked_votes([[0, -1], [1, 1]], 2).dtype
    dtype('int8')
    """
    array = np.asarray(votes)
    if array.ndim != 2 or array.shape[1] == 0 or array.dtype.kind not in "iu":
        raise DataError(
            f"The votes have shape {array.shape} of {array.dtype}.", expected="whole numbers, a column for each program"
        )
    if not 2 <= classes <= 100:
        raise DataError(f"There are {classes} classes.", expected="2 to 100")
    if array.size and not -1 <= int(array.min()) <= int(array.max()) < classes:
        raise DataError(
            f"The votes run from {array.min()} to {array.max()}.", expected=f"-1 (abstain) or 0 to {classes - 1}"
        )
    return array.astype(np.int8, copy=False)


@dataclass(frozen=True)
class Stretches:
    """How the votes of `programs` programs are cut into stretches, each with a table of at most `ENTRIES` entries."""

    programs: int
    classes: int

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """The first program of each stretch, and the one after its last."""
        width = max(1, int(math.log(ENTRIES) / math.log(self.classes + 1)))
        return [(start, min(start + width, self.programs)) for start in range(0, self.programs, width)]

    @cached_property
    def powers(self) -> npt.NDArray[np.float32]:
        """What a vote of each program adds to the number of each stretch."""
        found = np.zeros((self.programs, len(self.spans)), dtype=np.float32)
        for index, (start, stop) in enumerate(self.spans):
            found[start:stop, index] = (self.classes + 1) ** np.arange(stop - start)
        return found

    @cached_property
    def digits(self) -> list[npt.NDArray[np.intp]]:
        """For each stretch, the votes (abstain is 0) of each of its possible numbers, a column for each program."""
        base = self.classes + 1
        return [
            (np.arange(base ** (stop - start))[:, None] // base ** np.arange(stop - start)) % base
            for start, stop in self.spans
        ]

    def codes(self, votes: Votes) -> npt.NDArray[np.uint16]:
        """The numbers of rows, a line for each stretch."""
        found = np.empty((len(self.spans), votes.shape[0]), dtype=np.uint16)
        for start in range(0, votes.shape[0], ROWS):
            part = votes[start : start + ROWS].astype(np.float32)
            part += 1
            found[:, start : start + ROWS] = (part @ self.powers).T
        return found

    def tables(self, points: Floats) -> list[Floats]:
        """For each stretch the sum, over its programs, of what a vote gives to each class.

        `points` has a plane for each program, a line for each vote (abstain first), a column for each class.
        """
        return [
            sum(
                (points[start + i][digits[:, i]] for i in range(digits.shape[1])), np.zeros((len(digits), self.classes))
            )
            for (start, _), digits in zip(self.spans, self.digits, strict=True)
        ]

    def add_up(self, points: Floats, codes: npt.NDArray[np.uint16]) -> Floats:
        """What the votes of rows give to each class, together."""
        total = np.zeros((codes.shape[1], self.classes))
        for table, numbers in zip(self.tables(points), codes, strict=True):
            total += np.take(table, numbers, axis=0)
        return total


@dataclass(frozen=True)
class Patterns:
    """Distinct rows of votes, or rows drawn, each with how many rows (what weight of them) it stands for."""

    votes: Votes
    count: Floats
    stretches: Stretches

    @cached_property
    def codes(self) -> npt.NDArray[np.uint16]:
        """The numbers of the rows, a line for each stretch."""
        return self.stretches.codes(self.votes)

    @cached_property
    def fired(self) -> npt.NDArray[np.bool_]:
        """Which programs ever vote."""
        return np.asarray((self.votes >= 0).any(axis=0))

    def counts(self, share: Floats) -> Floats:
        """How often each program gives each vote, by class, where `share` is how much of each row is of each class."""
        classes = self.stretches.classes
        mass = share * self.count[:, None]
        found = np.empty((self.stretches.programs, classes + 1, classes))
        for (start, _), digits, codes in zip(self.stretches.spans, self.stretches.digits, self.codes, strict=True):
            table = np.stack([np.bincount(codes, weights=column, minlength=len(digits)) for column in mass.T], axis=1)
            for i in range(digits.shape[1]):
                for c in range(classes):
                    found[start + i, :, c] = np.bincount(digits[:, i], weights=table[:, c], minlength=classes + 1)
        return found


def patterns_of(votes: Votes, classes: int, *, weight: Floats | None = None, seed: int = 0) -> Patterns:
    """The distinct rows of a vote matrix with their weights; where there are more than `MOST`, rows drawn by `seed`.

    >>> patterns_of(np.array([[0, 1], [-1, 1], [0, 1]], dtype=np.int8), 2).count
    array([1., 2.])
    """
    rows, programs = votes.shape
    stretches = Stretches(programs, classes)
    total = np.ones(rows) if weight is None else weight
    base = classes + 1
    if programs * math.log2(base) < 63:
        places = np.array([base**start for start, _ in stretches.spans], dtype=np.int64)
        words = np.zeros(rows, dtype=np.int64)
        for place, codes in zip(places, stretches.codes(votes), strict=True):
            words += codes * place
        if weight is None:
            distinct, counted = _distinct(words)
            count = counted.astype(np.float64)
        else:
            distinct, inverse = np.unique(words, return_inverse=True)
            count = np.bincount(inverse, weights=total, minlength=distinct.size).astype(np.float64)
        if distinct.size <= MOST:
            digits = np.empty((distinct.size, programs), dtype=np.int8)
            rest = distinct
            for column in range(programs):
                rest, digit = np.divmod(rest, base)
                digits[:, column] = digit - 1
            return Patterns(digits, count, stretches)
    if rows > MOST:
        rng = np.random.default_rng(seed_for(seed, "label model rows"))
        drawn = np.sort(rng.choice(rows, size=MOST, replace=False, shuffle=False))
        votes, total = votes[drawn], total[drawn] * (rows / MOST)
    return Patterns(votes, total, stretches)


def _distinct(words: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Distinct numbers in order, with how often each is there."""
    ordered = np.sort(words)
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if ordered.size else np.empty(0, int)
    return ordered[starts], np.diff(np.append(starts, ordered.size))
