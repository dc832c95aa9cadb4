"""What a goal predicts: one number, or one for each of several names; and what is answered by them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from setpoint.declare.error_cost import ClassCost
from setpoint.declare.goal import Goal
from setpoint.declare.goal_kind import BINARY, COUNT, MULTICLASS, MULTILABEL, QUANTILE, SURVIVAL, goal_kind
from setpoint.declare.label import Label

ENDS = ("low", "high")
"""The names of the ends of an interval."""

ANSWERED = (MULTICLASS, MULTILABEL)
"""Kinds of goals that answer by names."""

HALF = 0.5
"""A label is answered from this probability on."""


@dataclass(frozen=True)
class Form:
    """What a prediction looks like: a number for each of `names` (none: one number), from `least` to `most`.

    `prices` are what it costs to miss each class, where one class is answered.
    """

    kind: str = BINARY
    names: tuple[str, ...] = ()
    least: float = 0.0
    most: float = 1.0
    prices: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """How many numbers a prediction has."""
        return len(self.names) or 1

    @cached_property
    def acts(self) -> bool:
        """Whether an action follows from a threshold, as for two classes; the prediction is the answer otherwise."""
        return self.kind == BINARY

    def holds(self, numbers: Sequence[float]) -> bool:
        """Whether numbers are a prediction: as many as there are names, none missing or out of bounds.

        >>> counts = Form("count", most=math.inf)
        >>> counts.holds([3.5]), counts.holds([-1.0]), counts.holds([math.nan])
        (True, False, False)
        """
        least, most = self.least, self.most
        if len(numbers) == 1 == self.width:
            return least <= numbers[0] <= most and math.isfinite(numbers[0])
        inside = all(least <= each <= most and math.isfinite(each) for each in numbers)
        return inside and len(numbers) == self.width

    def answer(self, numbers: Sequence[float]) -> str | tuple[str, ...] | None:
        """The class that costs least to answer, or the labels that are likelier than not; None for other kinds.

        >>> Form("multiclass", ("a", "b"), prices=(1.0, 4.0)).answer([0.7, 0.3])
        'b'
        >>> Form("multilabel", ("a", "b")).answer([0.7, 0.3])
        ('a',)
        """
        if self.kind == MULTICLASS:
            worth = zip(numbers, self.prices, strict=True)
            ranked = [(p * price, p, -place) for place, (p, price) in enumerate(worth)]
            return self.names[-max(ranked)[2]] if self.holds(numbers) else None
        if self.kind == MULTILABEL:
            return tuple(name for name, p in zip(self.names, numbers, strict=True) if p >= HALF)
        return None


PROBABILITY = Form()
"""What models predict of two classes."""


def form_of(goal: Goal, label: Label) -> Form:
    """What predictions of a goal look like.

    >>> from setpoint.declare.goal import goal
    >>> from setpoint.declare.goal_metrics import interval_score
    >>> from setpoint.declare.label import label
    >>> from setpoint.declare.source import events
    >>> sales = events("sales", "sales.parquet", at="ts", delay="0s")
    >>> form_of(goal(interval_score(level=0.9)), label(sales.n, on="shop", within="1d")).names
    ('low', 'high')
    """
    kind = goal_kind(goal, label).name
    if kind in (BINARY, SURVIVAL):
        return Form(kind)
    if kind == MULTICLASS:
        prices = goal.errors.of(label.classes) if isinstance(goal.errors, ClassCost) else (1.0,) * len(label.classes)
        return Form(kind, label.classes, prices=prices)
    if kind == MULTILABEL:
        return Form(kind, label.classes)
    names = ENDS if kind == QUANTILE and goal.metric.name == "interval_score" else ()
    return Form(kind, names, 0.0 if kind == COUNT else -math.inf, math.inf)
