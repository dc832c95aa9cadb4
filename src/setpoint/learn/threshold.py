"""Where acting pays: the threshold that the declared costs give, and the value of acting against never acting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.core.errors import NameUnknown
from setpoint.data.arrays import to_array
from setpoint.declare.expr import Column, Expr, Field, Literal
from setpoint.declare.goal import Goal
from setpoint.declare.kinds import NUMBER
from setpoint.learn.group_shift import GroupShifts
from setpoint.learn.sides import Examples

NEVER = float(np.nextafter(1.0, 2.0))
"""A threshold that no probability reaches."""


@dataclass(frozen=True)
class Price:
    """What one error costs: the request field that says it, and the mean in training where none does."""

    mean: float
    field: str | None = None

    def of(self, fields: pa.Table | None, n: int) -> np.ndarray:
        """The price of each row."""
        if self.field is None:
            return np.full(n, self.mean)
        if fields is None or self.field not in fields.column_names:
            known = [] if fields is None else fields.column_names
            raise NameUnknown("request field", self.field, known, where="The rows")
        values = to_array(fields[self.field], NUMBER)
        return np.where(np.isnan(values), self.mean, values)

    def of_one(self, fields: Mapping[str, Any]) -> float:
        """The price of one request; a field that is not there counts as NULL."""
        value = None if self.field is None else fields.get(self.field)
        return self.mean if value is None or value != value else float(value)  # noqa: PLR0124 (NaN)


@dataclass(frozen=True)
class Threshold:
    """The probability from which acting pays. One number for all rows, unless a cost is a request field.

    With `groups` each of them has one of its own; what no probability reaches stays out of reach of all.
    """

    false_positive: Price
    false_negative: Price
    fixed: float | None = None
    groups: GroupShifts | None = None

    @property
    def alike(self) -> Threshold:
        """The threshold without what is added for groups."""
        return replace(self, groups=None)

    @property
    def constant(self) -> float | None:
        """The threshold of every row, or None when it depends on the request."""
        if self.groups is not None:
            return None
        if self.fixed is not None:
            return self.fixed
        if self.false_positive.field is not None or self.false_negative.field is not None:
            return None
        return float(break_even(np.array([self.false_positive.mean]), np.array([self.false_negative.mean]))[0])

    def of(self, fields: pa.Table | None, n: int) -> np.ndarray:
        """The threshold of each of `n` rows; `fields` are their request fields.

        >>> Threshold(Price(1.0), Price(0.0, "total")).of(pa.table({"total": [1.0, 3.0]}), 2)
        array([0.5 , 0.25])
        """
        if self.groups is not None:
            plain = self.alike.of(fields, n)
            return np.where(plain < NEVER, plain + self.groups.of(fields), plain)
        if self.fixed is not None:
            return np.full(n, self.fixed)
        return break_even(self.false_positive.of(fields, n), self.false_negative.of(fields, n))

    def of_one(self, fields: Mapping[str, Any]) -> float:
        """The threshold of one request: `of` of a batch of one."""
        if self.groups is not None:
            plain = self.alike.of_one(fields)
            return plain + self.groups.of_one(fields) if plain < NEVER else plain
        if self.fixed is not None:
            return self.fixed
        prices = [np.array([price.of_one(fields)]) for price in (self.false_positive, self.false_negative)]
        return float(break_even(*prices)[0])

    def to_dict(self) -> dict[str, Any]:
        """The threshold as JSON-like data."""
        prices = {
            name: {"mean": price.mean, "field": price.field}
            for name, price in (("false_positive", self.false_positive), ("false_negative", self.false_negative))
        }
        groups = {} if self.groups is None else {"groups": self.groups.to_dict()}
        return {**prices, "fixed": self.fixed, **groups}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Threshold:
        """The threshold that `to_dict` wrote.

        >>> Threshold.from_dict(Threshold(Price(1.0), Price(4.0)).to_dict()).constant
        0.2
        """
        groups = None if data.get("groups") is None else GroupShifts.from_dict(data["groups"])
        return Threshold(Price(**data["false_positive"]), Price(**data["false_negative"]), data["fixed"], groups)


def break_even(false_positive: np.ndarray, false_negative: np.ndarray) -> np.ndarray:
    """The probability at which acting and not acting cost the same; NEVER where not acting costs nothing.

    Elkan (2001), "The Foundations of Cost-Sensitive Learning", equation 2, with right decisions at no cost.

    >>> break_even(np.array([1.0]), np.array([4.0]))
    array([0.2])
    """
    wrong, missed = np.maximum(false_positive, 0.0), np.maximum(false_negative, 0.0)
    total = np.where(missed > 0, wrong + missed, 1.0)
    return np.where(missed > 0, wrong / total, NEVER)


@dataclass(frozen=True)
class Costs:
    """What each row's two errors cost, once its outcome is known."""

    false_positive: np.ndarray
    false_negative: np.ndarray

    def value(self, acted: np.ndarray, y: np.ndarray) -> np.ndarray:
        """What each row gained over never acting: a miss avoided, or a false alarm paid.

        >>> Costs(np.array([1.0, 1.0]), np.array([4.0, 4.0])).value(np.array([True, True]), np.array([1.0, 0.0]))
        array([ 4., -1.])
        """
        gained = np.where(y > 0, self.false_negative, -self.false_positive)
        return np.where(acted, gained, 0.0)


def choose_threshold(goal: Goal, train: Examples) -> Threshold:
    """The threshold of a goal: the declared one, or where the declared costs break even.

    A cost that only the outcome tells (the loss of a fraud, the minutes of a delay) enters by its mean over the
    training rows that could make that error, by their weights: E[cost of a miss | positive] and E[cost of a false alarm
    | negative].
    """
    prices = []
    for expr, could in ((goal.cost.false_positive, train.y <= 0), (goal.cost.false_negative, train.y > 0)):
        values = _values(expr, train)
        known = could & ~np.isnan(values) & (train.weight > 0)
        mean = float(np.average(values[known], weights=train.weight[known])) if known.any() else 0.0
        prices.append(Price(mean, expr.name if isinstance(expr, Field) else None))
    by = goal.act.by
    return Threshold(prices[0], prices[1], None if isinstance(by, str) else float(by))


def costs_of(goal: Goal, rows: Examples, threshold: Threshold) -> Costs:
    """What each row's two errors cost; where a cost is NULL, its mean in training."""
    found = []
    for expr, price in (
        (goal.cost.false_positive, threshold.false_positive),
        (goal.cost.false_negative, threshold.false_negative),
    ):
        values = _values(expr, rows)
        found.append(np.where(np.isnan(values), price.mean, values))
    return Costs(*found)


def _values(expr: Expr, rows: Examples) -> np.ndarray:
    if isinstance(expr, Literal):
        return np.full(rows.y.size, float(expr.value or 0.0))
    if isinstance(expr, Field):
        return to_array(rows.fields[expr.name], NUMBER)
    assert isinstance(expr, Column)
    if expr.name not in rows.outcome:
        raise NameUnknown("column", expr.name, rows.outcome, where="The outcome of the label")
    return np.asarray(rows.outcome[expr.name], dtype=np.float64)
