"""Rows that a model is fitted on beside those whose truth is known: labelled by programs, and made up.

They fit a model and do nothing else: the rows that stop, calibrate, choose and judge a training all have a truth of
their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.core.errors import DataError, NothingYet
from setpoint.core.rng import seed_for
from setpoint.data.arrays import to_array
from setpoint.data.labels import KNOWN
from setpoint.data.language.evaluate import Inputs
from setpoint.data.rows import kinds
from setpoint.declare.declaration import System
from setpoint.declare.programs import Programs
from setpoint.features.training_set import TrainingSet
from setpoint.labels.label_model import LabelFit
from setpoint.labels.label_model_gold import Gold
from setpoint.labels.program_labels import fit_programs, soft_rows
from setpoint.labels.programs import VoteMatrix, apply_programs
from setpoint.labels.vote_patterns import ABSTAIN
from setpoint.labels.vote_report import VoteReport, vote_report
from setpoint.learn.augment import augmented, together
from setpoint.learn.sides import Examples, mature_rows


@dataclass(frozen=True)
class Added:
    """The rows that a model is fitted on, real ones first; `labelled` and `made_up` say how many decisions and rows.

    `self_labelled` counts decisions that got a label of a model or of their neighbours.

    `programs` is what label programs came to, as JSON-like data; None without any. `dropped` says why the rows were not
    used after all, and is empty where they were.
    """

    rows: Examples
    labelled: int = 0
    made_up: int = 0
    self_labelled: int = 0
    programs: Mapping[str, Any] | None = field(default=None, repr=False)
    dropped: str = ""

    @property
    def any(self) -> bool:
        """Whether there is any row without a truth of its own."""
        return self.labelled + self.made_up + self.self_labelled > 0

    @property
    def nothing(self) -> bool:
        """Whether the system declares nothing that could be added."""
        return not self.any and self.programs is None

    def __str__(self) -> str:
        parts = [("label programs", self.labelled), ("made-up rows", self.made_up)]
        parts.append(("self-labelled rows", self.self_labelled))
        return " and ".join(name for name, count in parts if count)

    def to_dict(self) -> dict[str, Any]:
        """How many rows were added, and by which label model."""
        found: dict[str, Any] = {"labelled": self.labelled, "made_up": self.made_up, "dropped": self.dropped}
        found |= {"self_labelled": self.self_labelled} if self.self_labelled else {}
        return found if self.programs is None else {**found, "programs": dict(self.programs)}


def with_added(system: System, examples: TrainingSet, rows: Examples, places: np.ndarray, *, seed: int) -> Added:
    """Real rows, which are at these places of the training set, and what the system adds to them.

    Label programs are fitted on the real rows as gold, and label decisions that have no known truth and at least one
    vote, up to the time of the newest real row. They add nothing while there are fewer gold rows than declared, and
    where their labels are shown to do harm; `programs` says so. Rows are made up from both.
    Newer decisions are not looked at, so that nothing which is judged moves what is learned.
    """
    found = Added(rows)
    if system.programs is not None:
        older = np.flatnonzero(examples.at <= rows.span[1])
        gold = np.searchsorted(older, places)
        found = _with_programs(system.programs, examples.take(older), rows, gold, seed=seed_for(seed, "programs"))
    if system.augment is None:
        return found
    made = augmented(system.augment, found.rows, seed=seed)
    return replace(found, rows=together(found.rows, made), made_up=made.y.size)


def _with_programs(
    programs: Programs, examples: TrainingSet, rows: Examples, places: np.ndarray, *, seed: int
) -> Added:
    matrix = votes_of(programs, examples)
    gold = gold_of(matrix, rows, places)
    try:
        fitted = fit_programs(programs, matrix, gold, seed=seed)
    except (NothingYet, DataError) as error:
        return Added(rows, programs={"refused": error.problem})
    told = {**fitted.to_dict(), "errors": {run.name: run.errors for run in matrix.runs if run.errors}}
    if fitted.refused is not None:
        return Added(rows, programs=told)
    soft, labelled = _soft(fitted, matrix, examples)
    return Added(together(rows, soft), labelled, programs=told)


def votes_of(programs: Programs, examples: TrainingSet) -> VoteMatrix:
    """The votes of label programs for every decision of a training set."""
    return apply_programs(
        programs, Inputs(examples.at.size, fields=_arrays(examples.fields), features=_arrays(examples.features))
    )


def gold_of(matrix: VoteMatrix, rows: Examples, places: np.ndarray) -> Gold:
    """Rows whose truth is known, at these places of a training set, as the gold rows of a matrix of votes."""
    codes = np.array([matrix.classes.index(False), matrix.classes.index(True)])
    return Gold.of(places, codes[(rows.y > 0).astype(np.intp)], rows.weight)


def report_programs(programs: Programs, examples: TrainingSet, *, seed: int) -> tuple[VoteReport, LabelFit | None]:
    """What label programs are worth on all decisions, and the label model that those with a known truth choose.

    There is no model while there are fewer of these than declared, or where none can be told from the votes. A truth
    that a strategy asked for is none of them.
    """
    judging = replace(examples, labels=examples.labels.judging)
    rows, places = mature_rows(judging)
    matrix = votes_of(programs, examples)
    gold = gold_of(matrix, rows, places)
    try:
        fitted = fit_programs(programs, matrix, gold, seed=seed_for(seed, "programs"))
    except (NothingYet, DataError):
        fitted = None
    return vote_report(matrix, gold, fit=fitted, most_errors=programs.errors, seed=seed), fitted


def _arrays(table: pa.Table) -> dict[str, Any]:
    return {name: to_array(table[name], kind) for name, kind in kinds(table).items()}


def _soft(fitted: LabelFit, matrix: VoteMatrix, examples: TrainingSet) -> tuple[Examples, int]:
    """Decisions without a known truth as weighted rows, one for each value it may have; and how many decisions."""
    voted = (matrix.votes != ABSTAIN).any(axis=1)
    wanted = voted & (examples.labels.state != KNOWN)
    found = soft_rows(fitted.probabilities(matrix.votes), wanted)
    places = pa.array(found.index)
    weight = found.weight if examples.weight is None else found.weight * examples.weight[found.index]
    nothing = np.full(found.index.size, np.nan)
    values = np.array([float(value is True) for value in matrix.classes])
    rows = Examples(
        examples.features.take(places),
        examples.fields.take(places),
        values[found.y],
        examples.at[found.index],
        dict.fromkeys(examples.labels.outcome, nothing),
        weight,
    )
    return rows, int(wanted.sum())
