"""How sure a scorer says that it is: sets or intervals that are to hold the outcome, and which rows others decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.arrays import to_array
from setpoint.declare.confidence import Abstain
from setpoint.declare.error_cost import ClassCost
from setpoint.declare.goal import Goal
from setpoint.declare.goal_kind import BINARY, COUNT, MULTICLASS
from setpoint.declare.kinds import NUMBER
from setpoint.learn.sides import Examples
from setpoint.learn.threshold import Threshold
from setpoint.measure.conformal import least_rows
from setpoint.measure.conformal_intervals import ConformalIntervals, fit_intervals
from setpoint.measure.conformal_sets import ConformalSets, fit_sets
from setpoint.measure.quantile_metrics import Bounds

OTHER, NONE = "(other)", "(none)"
"""The groups of rows whose value calibration saw too few of, and of those without a value."""
LEAST = 30
"""Calibration rows from which a group has a threshold of its own."""
SETS = ("false", "true", "false true")
"""How the log spells sets of two classes, by which they are: the first, the second, both."""
SMALLEST = 1e-9
"""A count that is expected is at least this, where it says how far off counts are."""


class Sure(NamedTuple):
    """Of each row the set as the log spells it, None without any, and whether somebody else is to decide."""

    sets: np.ndarray
    abstained: np.ndarray


@dataclass(frozen=True)
class Confidence:
    """What was calibrated of a promise, and what handing over costs.

    `groups` are the values of `by` that have a threshold of their own; `calibrated` is the time of the first and last
    row that thresholds rest on. Without a `form` nothing is promised, without `ask` nothing handed over.
    """

    form: ConformalSets | ConformalIntervals | None = None
    by: str | None = None
    groups: tuple[str, ...] = ()
    calibrated: tuple[int, int] = (0, 0)
    ask: Abstain | None = None
    prices: tuple[float, ...] = ()

    def group_of(self, features: pa.Table, fields: pa.Table) -> np.ndarray | None:
        """The group of each row; None where thresholds are the same for all."""
        if self.by is None:
            return None
        return name_groups((fields if self.by in fields.column_names else features)[self.by], self.groups)

    def holds(self, y: np.ndarray, p: np.ndarray, group: np.ndarray | None) -> np.ndarray:
        """Whether the set or interval of each row holds its outcome."""
        if isinstance(self.form, ConformalSets):
            inside = self.form.apply(p, group=group)
            return np.asarray(inside[np.arange(y.size), y.astype(np.intp)])
        low, high = self.intervals(p, group)
        return np.asarray((y >= low) & (y <= high))

    def sizes(self, p: np.ndarray, group: np.ndarray | None) -> np.ndarray:
        """How many classes are in each set, or how wide each interval is."""
        if isinstance(self.form, ConformalSets):
            return np.asarray(self.form.apply(p, group=group).sum(axis=1).astype(np.float64))
        low, high = self.intervals(p, group)
        return np.asarray(high - low)

    def intervals(self, p: np.ndarray, group: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """The interval of each row; one of a count begins at 0 at the least."""
        assert isinstance(self.form, ConformalIntervals)
        found = self.form.apply(_guess(p), spread=_spread(p) if self.form.form == "normalised" else None, group=group)
        low, high = np.asarray(found.low, dtype=np.float64), np.asarray(found.high, dtype=np.float64)
        return (np.maximum(low, 0.0) if self.form.form == "normalised" else low), high

    def sure(self, p: np.ndarray, threshold: Threshold, *, features: pa.Table, fields: pa.Table) -> Sure:
        """The set of each row of two classes, and whether its decision is handed over."""
        sets = np.full(p.size, None, dtype=object)
        if isinstance(self.form, ConformalSets) and p.size:
            inside = self.form.apply(p, group=self.group_of(features, fields))
            sets = np.array(SETS, dtype=object)[inside @ np.array([1, 2]) - 1]
        abstained = np.zeros(p.size, dtype=bool)
        if self.ask is not None:
            abstained = self.costs(p, threshold, fields) > self.ask.cost
        return Sure(sets, abstained)

    def costs(self, p: np.ndarray, threshold: Threshold, fields: pa.Table) -> np.ndarray:
        """What the model's decision of each row of two classes is expected to cost."""
        prices = (threshold.false_positive, threshold.false_negative)
        wrong, missed = (np.maximum(each.of(fields, p.size), 0.0) for each in prices)
        return np.asarray(np.where(p >= threshold.of(fields, p.size), (1 - p) * wrong, p * missed))

    def sure_one(
        self, p: float, threshold: Threshold, *, features: Mapping[str, Any], fields: Mapping[str, Any]
    ) -> tuple[str | None, bool]:
        """`sure` of a batch of one."""
        found = None
        if isinstance(self.form, ConformalSets):
            cut = self.form.cuts.others
            if self.by is not None:
                name = name_group(fields[self.by] if self.by in fields else features[self.by])
                cut = self.form.cuts.cut_of(name if name in self.groups else OTHER)
            no, yes = 1 - (1 - p) <= cut.threshold, 1 - p <= cut.threshold
            likelier = (1 - p) < p
            found = SETS[(no or not likelier) + 2 * (yes or likelier) - 1]
        if self.ask is None:
            return found, False
        if p >= threshold.of_one(fields):
            return found, bool((1 - p) * max(threshold.false_positive.of_one(fields), 0.0) > self.ask.cost)
        return found, bool(p * max(threshold.false_negative.of_one(fields), 0.0) > self.ask.cost)

    def to_dict(self) -> dict[str, Any]:
        """The confidence as JSON-like data."""
        kind = None if self.form is None else "sets" if isinstance(self.form, ConformalSets) else "intervals"
        return {
            "kind": kind,
            "form": None if self.form is None else self.form.to_dict(),
            "by": self.by,
            "groups": list(self.groups),
            "calibrated": list(self.calibrated),
            "ask": None if self.ask is None else self.ask.to_dict(),
            "prices": list(self.prices),
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Confidence:
        """The confidence that `to_dict` wrote.

        >>> asked = Confidence(ask=Abstain(2.0))
        >>> Confidence.from_dict(asked.to_dict()) == asked
        True
        """
        form: ConformalSets | ConformalIntervals | None = None
        if data["kind"] is not None:
            form = (ConformalSets if data["kind"] == "sets" else ConformalIntervals).from_dict(data["form"])
        return Confidence(
            form,
            data["by"],
            tuple(data["groups"]),
            (int(data["calibrated"][0]), int(data["calibrated"][1])),
            None if data["ask"] is None else Abstain(**data["ask"]),
            tuple(float(each) for each in data["prices"]),
        )


def fit_confidence(
    goal: Goal, kind: str, rows: Examples, predicted: np.ndarray, *, classes: Sequence[str] = ()
) -> Confidence | None:
    """What a goal asks for, calibrated on rows that the model has not seen; None where it asks for nothing.

    >>> from setpoint.declare.confidence import conformal
    >>> from setpoint.declare.goal import goal
    >>> from setpoint.declare.goal_metrics import mae
    >>> table = pa.table({"x": np.zeros(19)})
    >>> rows = Examples(table, table, np.arange(19.0), np.arange(19))
    >>> asked = goal(mae(), confidence=conformal(0.9))
    >>> fit_confidence(asked, "regression", rows, np.zeros(19)).sizes(np.zeros(1), None)
    array([34.])
    """
    asked, ask = goal.confidence, goal.abstain
    if asked is None and ask is None:
        return None
    prices = goal.errors.of(tuple(classes)) if isinstance(goal.errors, ClassCost) else ()
    if asked is None:
        return Confidence(ask=ask, prices=prices)
    names: np.ndarray | None = None
    known: tuple[str, ...] = ()
    if asked.by is not None:
        column = (rows.fields if asked.by in rows.fields.column_names else rows.features)[asked.by]
        known = groups_with(column, max(LEAST, least_rows(asked.level)))
        names = name_groups(column, known)
    fit = (
        partial(fit_sets, rows.y, predicted)
        if kind in (BINARY, MULTICLASS)
        else partial(fit_intervals, rows.y, _guess(predicted), spread=_spread(predicted) if kind == COUNT else None)
    )
    form = fit(level=asked.level, group=names, cluster=rows.days, weight=rows.weight)
    return Confidence(form, asked.by, known, rows.span, ask, prices)


def name_group(value: Any) -> str:
    """The group of one value.

    >>> name_group("be"), name_group(3.0), name_group(True), name_group(None), name_group(0.5)
    ('be', '3', '1', '(none)', '0.5')
    """
    if value is None or value != value:  # noqa: PLR0124 (NaN)
        return NONE
    if isinstance(value, str):
        return value
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)


def groups_with(column: pa.ChunkedArray, least: int) -> tuple[str, ...]:
    """The groups that have so many rows, in order of their names.

    >>> groups_with(pa.chunked_array([["a", "a", "b", None]]), 2)
    ('a',)
    """
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        counted = pc.value_counts(column.combine_chunks())
        values, counts = counted.field("values").to_pylist(), counted.field("counts").to_numpy()
    else:
        distinct, counts = np.unique(_numbers(column), return_counts=True, equal_nan=True)
        values = distinct[counts >= least].tolist()
        counts = counts[counts >= least]
    return tuple(sorted(name_group(value) for value, n in zip(values, counts, strict=True) if n >= least))


def name_groups(column: pa.ChunkedArray, known: Sequence[str]) -> np.ndarray:
    """The group of each row: one of the known ones, or that of all others.

    >>> name_groups(pa.chunked_array([[1.0, 2.0, None]]), ["1", "(none)"]).tolist()
    ['1', '(other)', '(none)']
    """
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        place = to_array(pc.index_in(column, value_set=pa.array(known, column.type)).combine_chunks(), NUMBER)
        missing = (
            column.is_null().to_numpy(zero_copy_only=False) if NONE in known else np.zeros(len(column), dtype=bool)
        )
        place = np.where(missing, list(known).index(NONE) if NONE in known else 0, place)
    else:
        values = _numbers(column)
        place = np.full(values.size, np.nan)
        for code, name in enumerate(known):
            place[np.isnan(values) if name == NONE else values == float(name)] = code
    words = np.array([*known, OTHER])
    return np.asarray(words[np.where(np.isnan(place), len(known), place).astype(np.intp)])


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_timestamp(column.type):
        column = pc.cast(column, pa.int64())
    return to_array(column.combine_chunks(), NUMBER)


def _guess(p: np.ndarray) -> np.ndarray | Bounds:
    """Predictions as intervals are made of them: numbers, or the two ends of predicted quantiles."""
    return p if p.ndim == 1 else Bounds(p[:, 0], p[:, 1])


def _spread(p: np.ndarray) -> np.ndarray:
    """How far off a count is expected to be: as Poisson has it, the root of its mean."""
    return np.asarray(np.sqrt(np.maximum(p, SMALLEST)))
