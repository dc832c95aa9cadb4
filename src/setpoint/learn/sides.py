"""The rows of a training: those whose label is mature and known, in order of time, on the sides of the split."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from setpoint.core.errors import DataError, NothingYet
from setpoint.core.times import DAY
from setpoint.data.labels import ACQUIRED, AT_RANDOM, NATURAL, PICKED
from setpoint.data.splits import Split, split_by_time
from setpoint.declare.goal_kind import BINARY
from setpoint.declare.plan import Plan
from setpoint.features.training_set import TrainingSet
from setpoint.labels.join import CENSORED, KNOWN, UNKNOWN, VOID
from setpoint.learn.encode import Encoder, encoder_of
from setpoint.learn.two_view import TwoView, two_view
from setpoint.measure.rows import effective

LEAST_EACH = 10
"""Fewer held-out labels of a class than this judge nothing, where labels have to be asked for."""


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
    """A training's rows (`index`: their places in the training set), split by time with the plan's embargo.

    Where people were asked for labels, rows of the newer sides weigh and say what `judging_rows` gives. `whole` are all
    rows, with their places, if some are on no side: picked ones that are too new to be on the training side. `judging`
    are all that may judge, with their places, and `fair` those of them on the training side, at `fair_at` among its
    rows; `acquired` counts the labels of each side.
    """

    rows: Examples
    index: np.ndarray
    split: Split
    fitting: Examples | None = None
    whole: tuple[Examples, np.ndarray] | None = None
    judging: tuple[Examples, np.ndarray] | None = None
    fair: Examples | None = None
    fair_at: np.ndarray | None = None
    acquired: Mapping[str, Mapping[str, int]] | None = None
    kind: str = BINARY

    @cached_property
    def two(self) -> TwoView:
        """Outcomes as two classes, as the training side has them: for checks that need no more."""
        return two_view(self.kind, self.rows.y[self.split.train])

    @cached_property
    def train(self) -> Examples:
        """The rows that fit a model; beside others where `fitting` has more."""
        return self.rows.take(self.split.train)

    @cached_property
    def given(self) -> Examples:
        """The rows that a learner is given: those of the training side, and what was added to them."""
        return self.train if self.fitting is None else self.fitting

    @property
    def every(self) -> Examples:
        """All rows that train what is released."""
        return self.rows if self.whole is None else self.whole[0]

    @property
    def places(self) -> np.ndarray:
        """The places of every row in the training set."""
        return self.index if self.whole is None else self.whole[1]

    @property
    def standing(self) -> tuple[Examples, np.ndarray]:
        """The rows of any side that stand for decisions, with their places in the training set."""
        return (self.rows, self.index) if self.judging is None else self.judging

    @property
    def representative(self) -> Examples:
        """Rows of the training side that stand for decisions, as those that a strategy picked do not.

        All rows where none was picked, or where the others are of one class.
        """
        fair = self.fair
        return self.train if fair is None or fair.y.size == 0 or fair.y.min() == fair.y.max() else fair

    @property
    def asked(self) -> bool:
        """Whether most of what is held out was asked for."""
        counts = {} if self.acquired is None else self.acquired["held_out"]
        return counts.get(ACQUIRED[AT_RANDOM], 0) > self.split.held_out.size / 2

    @property
    def picked(self) -> float:
        """The share of the training side that a strategy picked."""
        counts = {} if self.acquired is None else self.acquired["train"]
        return counts.get(ACQUIRED[PICKED], 0) / max(1, self.split.train.size)

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


def judging_rows(plan: Plan, examples: TrainingSet) -> tuple[Examples, np.ndarray]:
    """The mature rows that may judge a model, in order of time, and their places; not those that a strategy picked.

    One that was asked for at random stands for others without a label: it weighs one over its chance, and all of them
    together as many as there are mature decisions without a natural label.
    """
    rows, places = mature_rows(examples)
    found = examples.labels.acquired
    if found is None:
        return rows, places
    may = np.flatnonzero((found.state[places] == KNOWN) & (found.chance[places] > 0))
    rows, places = rows.take(may), places[may]
    weight, drawn = rows.weight / found.chance[places], found.how[places] == AT_RANDOM
    state = np.asarray(examples.labels.state)
    open_ = (found.how != NATURAL) | (state == UNKNOWN) | (state == CENSORED)
    if plan.system.label.absent == "void":
        open_ |= state == VOID
    if drawn.any():
        weight[drawn] *= (open_ & examples.labels.mature).sum() / weight[drawn].sum()
    weight = np.ones(weight.size) if np.allclose(weight, weight[:1]) else weight * (weight.size / weight.sum())
    return replace(rows, y=np.asarray(found.value[places], dtype=np.float64), weight=weight), places


def divide(plan: Plan, examples: TrainingSet, *, held_out_from: int | None = None) -> Sides:
    """The sides of a training: the newest share, or all from a time on, is held out.

    Shares are of the rows that may judge; those that a strategy picked are on the training side or on none. Raises
    NothingYet when there are fewer rows than the plan's minimum, or a side lacks positives or negatives.
    """
    rows, places = mature_rows(examples)
    if rows.y.size < plan.minimum_rows:
        raise NothingYet(
            f"There are {rows.y.size} decisions with a mature, known label.",
            expected=f"at least {plan.minimum_rows}",
            hint="Wait for labels to mature, or decide on a longer history.",
        )
    judging, judges = judging_rows(plan, examples)
    acquired, hint = examples.labels.acquired, "Wait for labels to mature, or decide on a longer history."
    if acquired is not None and (acquired.how[judges] == NATURAL).sum() <= judges.size / 2:
        hint = ask_for(plan, more_at_random(judging.y, judging.weight, share=plan.held_out))
        _need_judges(judging, hint)
    try:
        split = split_by_time(
            judging.at,
            plan.embargo,
            held_out_share=plan.held_out,
            validation_share=plan.validation,
            start=held_out_from,
        )
    except DataError as error:
        raise NothingYet(
            error.problem, expected=error.expected, hint=error.hint if acquired is None else hint
        ) from error
    sides = Sides(rows, places, split, kind=plan.system.kind)
    if acquired is not None:
        sides = _with_picked(plan, sides, judging, judges, acquired.how)
    for name in ("train", "validation", "held_out"):
        y = sides.two.of(sides.rows.y[getattr(sides.split, name)])
        if y.size == 0 or y.min() == y.max():
            raise NothingYet(
                f"The {name.replace('_', '-')} side has {y.size} rows, {int(y.sum())} of them positive.",
                expected="rows of both classes on every side of the split",
                hint=hint,
            )
    return sides


def ask_for(plan: Plan, more: int) -> str:
    """How to get so many more labels that may judge, in words."""
    hand = plan.system.hand
    if hand is None:
        return f"About {more:,} more labels asked for at random would do."
    return (
        f"About {more:,} more labels asked for at random would do: `setpoint label --fill random`, or with another "
        f"strategy {math.ceil(more / hand.random):,} in all at the declared share of {hand.random:g}."
    )


def more_at_random(y: np.ndarray, weight: np.ndarray, *, share: float = 1.0) -> int:
    """About how many more rows it takes until a share of all has ten of the rarer class; at least one.

    >>> more_at_random(np.array([1.0, 0.0, 0.0, 0.0]), np.ones(4)), more_at_random(np.array([]), np.ones(0), share=0.5)
    (36, 40)
    """
    have = effective(weight)
    rate = float(np.average(y > 0, weights=weight)) if y.size else 0.5
    rarer = max(min(rate, 1.0 - rate), 0.5 / max(have, 1.0))
    return max(1, math.ceil(LEAST_EACH / (rarer * share) - have))


def _need_judges(judging: Examples, hint: str) -> None:
    if judging.y.size == 0 or judging.y.min() == judging.y.max():
        raise NothingYet(
            f"Of the labels that people were asked for {judging.y.size} may judge a model, {int(judging.y.sum())} of "
            "them positive; those that a strategy picked only train.",
            expected="labels of both classes that were asked for at random",
            hint=hint,
        )


def _with_picked(plan: Plan, sides: Sides, judging: Examples, judges: np.ndarray, how: np.ndarray) -> Sides:
    """The sides of all rows where those that may judge, at the places `judges`, were split.

    Picked ones are on the training side as far as their label settled before validation begins.
    """
    rows, places = sides.rows, sides.index
    begins, ends = sides.split.validation_start, sides.split.held_out_start
    train = rows.at + plan.embargo < begins
    may = np.isin(places, judges)
    kept = np.flatnonzero(train | may)
    y, weight = rows.y.copy(), rows.weight.copy()
    newer = np.flatnonzero(may & ~train)
    beside = np.searchsorted(np.flatnonzero(may), newer)
    y[newer], weight[newer] = judging.y[beside], judging.weight[beside]
    index, sided = places[kept], replace(rows, y=y, weight=weight).take(kept)
    at = sided.at
    validation = np.flatnonzero((at >= begins) & (at + plan.embargo < ends))
    parts = np.flatnonzero(train[kept]), validation, np.flatnonzero(at >= ends)
    used = sum(part.size for part in parts)
    named = zip(("train", "validation", "held_out"), parts, strict=True)
    return Sides(
        sided,
        index,
        Split(*parts, begins, ends, at.size - used),
        whole=(rows, places),
        judging=(judging, judges),
        fair=judging.take(np.flatnonzero(train[may])),
        fair_at=np.flatnonzero(may[train]),
        acquired={name: _ways(how[index[part]]) for name, part in named} | {"released": _ways(how[places])},
    )


def _ways(how: np.ndarray) -> dict[str, int]:
    """How many labels were acquired in each way."""
    return dict(zip(ACQUIRED, np.bincount(how, minlength=len(ACQUIRED)).tolist(), strict=True))


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
    if sides.whole is not None:
        left_out["picked, newer"] = sides.whole[1].size - sides.index.size
    totals = {"decisions": state.size, "usable": (mature & (state == KNOWN)).sum()}
    if examples.weight is not None and (examples.weight == 0).any():
        left_out["without weight"] = (mature & (state == KNOWN) & (examples.weight == 0)).sum()
    return {name: int(count) for name, count in {**totals, **used, **left_out}.items()}


def _take(table: pa.Table, index: np.ndarray) -> pa.Table:
    if index.size and int(index[-1]) - int(index[0]) + 1 == index.size and bool((np.diff(index) == 1).all()):
        return table.slice(int(index[0]), index.size)
    return table.take(pa.array(index))
