"""By which metric a report tells how good decisions were: the AUC of two classes, the goal's own of other goals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from setpoint.console.words import amount, between, number


@dataclass(frozen=True)
class Metric:
    """The metric of a document: its name, what it is called in the rows, and which way is better."""

    name: str = "AUC"
    key: str = "auc"
    greater_is_better: bool = True

    @property
    def low(self) -> str:
        """What the lower end of its interval is called."""
        return f"{self.key}_low"

    @property
    def high(self) -> str:
        """What the upper end of its interval is called."""
        return f"{self.key}_high"

    @property
    def frozen(self) -> str:
        """What that of the first model, left alone, is called."""
        return f"{self.key}_frozen"

    @property
    def of_two(self) -> bool:
        """Whether it is the AUC."""
        return self.key == "auc"

    @property
    def better(self) -> str:
        """Which way is better, in words."""
        return "more is better" if self.greater_is_better else "less is better"

    def number(self, value: float | None) -> str:
        """A value of it: three decimals of an AUC, and what matters at its size of others.

        >>> Metric().number(0.7), Metric("mae()", "metric", False).number(1234.5)
        ('0.700', '1,234')
        """
        return number(value) if self.of_two else amount(value)

    def between(self, low: float | None, high: float | None) -> str:
        """An interval of it.

        >>> Metric("mae()", "metric", False).between(6.25, 7.5)
        '6.25 to 7.5'
        """
        if self.of_two or low is None or high is None:
            return between(low, high)
        return f"{amount(low)} to {amount(high)}"

    def gain(self, value: float, other: float) -> float:
        """How much better a value is than another.

        >>> Metric("mae()", "metric", False).gain(6.0, 7.0)
        1.0
        """
        return value - other if self.greater_is_better else other - value

    def visible(self, value: float) -> float:
        """The smallest difference worth a sentence: .005 of AUC, and half a percent of another metric's value."""
        return VISIBLE if self.of_two else VISIBLE * abs(value)


VISIBLE = 0.005


def metric_of(results: Mapping[str, Any]) -> Metric:
    """The metric that the rows of a document have.

    >>> metric_of({}).name
    'AUC'
    """
    told = results.get("quality")
    return Metric() if told is None else Metric(told["metric"], "metric", told["greater_is_better"])
