"""What label programs are worth, program by program: how often they vote, whom they contradict, what gold says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from setpoint.labels.label_model import LabelFit
from setpoint.labels.label_model_dependence import REPEATED, Dependence, dependence_of
from setpoint.labels.label_model_gold import Gold
from setpoint.labels.programs import VoteMatrix
from setpoint.labels.vote_patterns import ROWS, Floats, Votes, patterns_of
from setpoint.measure.intervals import Interval
from setpoint.measure.proportions import wilson

LEVEL = 0.95
MOST_ERRORS = 0.01
"""The share of rows on which a program may fail before that is a finding."""


@dataclass(frozen=True)
class ProgramReport:
    """One program: how often it votes, for what, whom it contradicts, and how often gold says that it is right.

    `coverage` is the share of rows on which it votes, `overlaps` on which another votes too, `conflicts` on which
    another votes for another class. `accuracy` is that of its votes on gold rows, None where there are none; `chance`
    is what votes as many for each class, given at random, would be right on these rows.
    """

    name: str
    version: str
    votes: Mapping[str, int]
    coverage: float
    overlaps: float
    conflicts: float
    errors: int
    first_error: str | None
    accuracy: Interval | None
    chance: float | None

    def to_dict(self) -> dict[str, Any]:
        """The report of one program as JSON-like data."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            **found,
            "votes": dict(self.votes),
            "accuracy": None if self.accuracy is None else self.accuracy.to_dict(),
        }


@dataclass(frozen=True)
class VoteReport:
    """All programs, the pairs that repeat each other, the share of each class, and what is wrong.

    `voted` is the share of rows that have a vote at all; `balance` has for each class its share among gold rows with
    its interval, None without gold; `estimated` its share as the label model has it, None without one.
    """

    rows: int
    voted: float
    programs: tuple[ProgramReport, ...]
    dependent: tuple[tuple[str, str, float], ...]
    balance: Mapping[str, Interval] | None
    estimated: Mapping[str, float] | None
    findings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-like data."""
        return {
            "rows": self.rows,
            "voted": self.voted,
            "programs": [program.to_dict() for program in self.programs],
            "dependent": [list(pair) for pair in self.dependent],
            "balance": None if self.balance is None else {name: v.to_dict() for name, v in self.balance.items()},
            "estimated": None if self.estimated is None else dict(self.estimated),
            "findings": list(self.findings),
        }


def vote_report(
    matrix: VoteMatrix,
    gold: Gold | None = None,
    *,
    fit: LabelFit | None = None,
    most_errors: float = MOST_ERRORS,
    seed: int = 0,
) -> VoteReport:
    """What the votes of label programs, gold rows and a fitted model say of each program.

    >>> from setpoint.labels.programs import ProgramRun
    >>> runs = tuple(ProgramRun(name, "", True, "", 0, None) for name in ("links", "shouts"))
    >>> report = vote_report(VoteMatrix(np.array([[1, -1], [1, 0], [-1, -1], [1, 1]], dtype=np.int8), (0, 1), runs))
    >>> [(each.coverage, each.overlaps, each.conflicts) for each in report.programs]
    [(0.75, 0.5, 0.25), (0.5, 0.5, 0.25)]
    """
    votes, classes = matrix.votes, len(matrix.classes)
    rows = max(votes.shape[0], 1)
    fired, overlap, conflict, voted = _together(votes, classes)
    dependence = dependence_of(patterns_of(votes, classes, seed=seed)) if fit is None else fit.dependence
    shares = None if gold is None or not gold.rows.size else gold.counts(classes) / gold.weight.sum()
    reports = []
    for column, run in enumerate(matrix.runs):
        counted = np.bincount(votes[:, column] + 1, minlength=classes + 1)[1:]
        accuracy, chance = None, None
        if gold is not None and shares is not None:
            accuracy, chance = _accuracy(votes[gold.rows, column], gold, shares)
        reports.append(
            ProgramReport(
                run.name,
                run.version,
                {str(name): int(count) for name, count in zip(matrix.classes, counted, strict=True)},
                float(fired[column] / rows),
                float(overlap[column] / rows),
                float(conflict[column] / rows),
                run.errors,
                run.first_error,
                accuracy,
                chance,
            )
        )
    names = [str(name) for name in matrix.classes]
    balance = None
    if gold is not None and shares is not None:
        balance = {name: _share(shares[c], gold.weight) for c, name in enumerate(names)}
    pairs = tuple((matrix.programs[i], matrix.programs[j], strength) for i, j, strength in dependence.pairs)
    return VoteReport(
        votes.shape[0],
        voted / rows,
        tuple(reports),
        pairs,
        balance,
        None if fit is None else dict(zip(names, fit.balance.tolist(), strict=True)),
        tuple(_findings(reports, dependence, matrix, most_errors=most_errors)),
    )


def _together(votes: Votes, classes: int) -> tuple[Floats, Floats, Floats, float]:
    """On how many rows each program votes, votes with another, votes against another; and rows with any vote."""
    fired, overlap, conflict = (np.zeros(votes.shape[1]) for _ in range(3))
    any_vote = 0.0
    for start in range(0, votes.shape[0], ROWS):
        part = votes[start : start + ROWS]
        by_class = np.stack([(part == c).sum(axis=1) for c in range(classes)], axis=1)
        total = by_class.sum(axis=1)
        there = part >= 0
        same = np.take_along_axis(by_class, np.maximum(part, 0).astype(np.intp), axis=1)
        fired += there.sum(axis=0)
        overlap += (there & (total[:, None] > 1)).sum(axis=0)
        conflict += (there & (total[:, None] > same)).sum(axis=0)
        any_vote += float((total > 0).sum())
    return fired, overlap, conflict, any_vote


def _accuracy(votes: Votes, gold: Gold, shares: Floats) -> tuple[Interval | None, float | None]:
    """How often a program's votes on gold rows are right, and how often votes at random would be."""
    there = votes >= 0
    if not there.any():
        return None, None
    weight = gold.weight[there]
    right = float(weight[votes[there] == gold.y[there]].sum() / weight.sum())
    given = np.bincount(votes[there], weights=weight, minlength=shares.size) / weight.sum()
    return _share(right, weight), float(given @ shares)


def _share(share: float, weight: Floats) -> Interval:
    """A share with Wilson's interval at the effective number of rows (Kish 1965)."""
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    low, high = wilson(share, effective, level=LEVEL)
    return Interval(float(share), float(low), float(high), LEVEL, weight.size, weight.size, 0, "wilson")


def _findings(
    reports: list[ProgramReport], dependence: Dependence, matrix: VoteMatrix, *, most_errors: float
) -> list[str]:
    rows = max(matrix.votes.shape[0], 1)
    found = []
    for each in reports:
        if each.errors > most_errors * rows:
            found.append(f"{each.name} fails on {each.errors} of {rows} rows; the first: {each.first_error}.")
        if each.coverage == 0:
            found.append(f"{each.name} never votes.")
        elif each.accuracy is not None and each.chance is not None and each.accuracy.high < each.chance:
            shown = f"{each.accuracy.estimate:.2f} ({each.accuracy.low:.2f} to {each.accuracy.high:.2f})"
            found.append(
                f"{each.name} contradicts gold: {shown} of its {each.accuracy.n} votes there are right, "
                f"{each.chance:.2f} would be by chance."
            )
    for i, j, strength in dependence.pairs:
        if strength > REPEATED:
            found.append(f"{matrix.programs[i]} and {matrix.programs[j]} repeat each other ({strength:.2f}).")
    for c, name in enumerate(matrix.classes):
        if not (matrix.votes == c).any():
            found.append(f"No program ever votes for {name!r}.")
    return found
