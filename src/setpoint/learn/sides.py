"""The rows of a training: those whose label is mature and known, in order of time, on the sides of the split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa

from setpoint.core.errors import DataError, NothingYet
from setpoint.core.times import DAY
from setpoint.data.splits import Split, split_by_time
from setpoint.declare.plan import Plan
from setpoint.features.training_set import TrainingSet
from setpoint.labels.join import CENSORED, KNOWN, UNKNOWN, VOID
from setpoint.learn.encode import Encoder, encoder_of


@dataclass(frozen=True)
class Examples:
    """Decisions whose label is known: features, request fields, outcome (1.0 or 0.0), time, and the label's columns.

    `weight` says how much each row counts: in every fit, mean, metric and interval. Without it each counts once.

    >>> table = pa.table({"x": [1.0, 2.0]})
    >>> Examples(table, table, np.array([0.0, 1.0]), np.array([0, 1])).weight
    array([1., 1.])
    """

    features: pa.Table
    fields: pa.Table
    y: np.ndarray
    at: np.ndarray
    outcome: Mapping[str, np.ndarray] = field(default_factory=dict)
    weight: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        if self.weight.size == 0:
            object.__setattr__(self, "weight", np.ones(self.y.size))

    @property
    def weighted(self) -> bool:
        """Whether some rows count more than others."""
        return bool((self.weight != 1).any())

    @property
    def days(self) -> np.ndarray:
        """The day (UTC) of each row: rows of one day are taken to be alike when intervals are computed."""
        return self.at // DAY

    @property
    def span(self) -> tuple[int, int]:
        """The time of the first and the last row."""
        return int(self.at.min()), int(self.at.max())

    def take(self, index: np.ndarray) -> Examples:
        """Some of the rows; a stretch of them without copying the tables."""
        return Examples(
            _take(self.features, index),
            _take(self.fields, index),
            self.y[index],
            self.at[index],
            {name: values[index] for name, values in self.outcome.items()},
            self.weight[index],
        )


@dataclass(frozen=True)
class Sides:
    """A training's rows (`index`: their places in the training set), split by time with the plan's embargo."""

    rows: Examples
    index: np.ndarray
    split: Split
    fitting: Examples | None = None

    @cached_property
    def train(self) -> Examples:
        """The rows that fit a model; beside others where `fitting` has more."""
        return self.rows.take(self.split.train)

    @cached_property
    def given(self) -> Examples:
        """The rows that a learner is given: those of the training side, and what was added to them."""
        return self.train if self.fitting is None else self.fitting

    @cached_property
    def validation(self) -> Examples:
        """Newer rows: they stop a training early, choose between recipes and calibrate."""
        return self.rows.take(self.split.validation)

    @cached_property
    def held_out(self) -> Examples:
        """The newest rows, which only the gate sees."""
        return self.rows.take(self.split.held_out)


@dataclass(frozen=True)
class Matrices:
    """The sides as matrices of an encoder, and the rows that a learner is given."""

    encoder: Encoder
    train: np.ndarray
    validation: np.ndarray
    held_out: np.ndarray
    given: np.ndarray


def encode(plan: Plan, sides: Sides) -> Matrices:
    """The matrices of all sides, by an encoding fitted on the training side alone."""
    encoder = encoder_of(plan, sides.train.features)
    parts = (sides.train, sides.validation, sides.held_out)
    train, validation, held_out = (encoder.matrix(part.features) for part in parts)
    given = train if sides.fitting is None else encoder.matrix(sides.fitting.features)
    return Matrices(encoder, train, validation, held_out, given)


def mature_rows(examples: TrainingSet) -> tuple[Examples, np.ndarray]:
    """The rows whose label is mature and known, in order of time, and their places in the training set.

    A row of weight zero is not there.
    """
    weight = np.ones(examples.at.size) if examples.weight is None else examples.weight
    places = np.flatnonzero(examples.usable & (weight > 0))
    places = places[np.argsort(examples.at[places], kind="stable")]
    rows = Examples(
        _take(examples.features, places),
        _take(examples.fields, places),
        np.asarray(examples.labels.value[places], dtype=np.float64),
        np.asarray(examples.at[places], dtype=np.int64),
        {name: values[places] for name, values in examples.labels.outcome.items()},
        weight[places],
    )
    return rows, places


def divide(plan: Plan, examples: TrainingSet, *, held_out_from: int | None = None) -> Sides:
    """The sides of a training: the newest share, or all from a time on, is held out.

    Raises NothingYet when there are fewer rows than the plan's minimum, or a side lacks positives or negatives.
    """
    rows, places = mature_rows(examples)
    if rows.y.size < plan.minimum_rows:
        raise NothingYet(
            f"There are {rows.y.size} decisions with a mature, known label.",
            expected=f"at least {plan.minimum_rows}",
            hint="Wait for labels to mature, or decide on a longer history.",
        )
    try:
        split = split_by_time(
            rows.at,
            plan.embargo,
            held_out_share=plan.held_out,
            validation_share=plan.validation,
            start=held_out_from,
        )
    except DataError as error:
        raise NothingYet(error.problem, expected=error.expected, hint=error.hint) from error
    for name in ("train", "validation", "held_out"):
        y = rows.y[getattr(split, name)]
        if y.size == 0 or y.min() == y.max():
            raise NothingYet(
                f"The {name.replace('_', '-')} side has {y.size} rows, {int(y.sum())} of them positive.",
                expected="rows of both classes on every side of the split",
                hint="Wait for labels to mature, or decide on a longer history.",
            )
    return Sides(rows, places, split)


def count_rows(examples: TrainingSet, sides: Sides) -> dict[str, int]:
    """How many decisions the training set has, how many each side uses, and how many are left out and why."""
    state, mature = np.asarray(examples.labels.state), np.asarray(examples.labels.mature)
    split = sides.split
    used = {"train": split.train.size, "validation": split.validation.size, "held_out": split.held_out.size}
    left_out = {
        "embargo": split.embargoed,
        "void": (mature & (state == VOID)).sum(),
        "censored": (mature & (state == CENSORED)).sum(),
        "unknown": (mature & (state == UNKNOWN)).sum(),
        "not mature": (~mature).sum(),
    }
    totals = {"decisions": state.size, "usable": (mature & (state == KNOWN)).sum()}
    if examples.weight is not None and (examples.weight == 0).any():
        left_out["without weight"] = (mature & (state == KNOWN) & (examples.weight == 0)).sum()
    return {name: int(count) for name, count in {**totals, **used, **left_out}.items()}


def _take(table: pa.Table, index: np.ndarray) -> pa.Table:
    if index.size and int(index[-1]) - int(index[0]) + 1 == index.size and bool((np.diff(index) == 1).all()):
        return table.slice(int(index[0]), index.size)
    return table.take(pa.array(index))
