"""Held-out rows as a model decided them, and any declared metric of that with its interval."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from setpoint.core.rng import seed_for
from setpoint.declare.goal import RANGES, Metric
from setpoint.learn.group_counts import RATE_OF, counts_of
from setpoint.learn.groups import groups_of
from setpoint.learn.kinds.kind import Kind
from setpoint.learn.kinds.slices import gap_of_kind
from setpoint.learn.sides import Examples
from setpoint.learn.threshold import Costs
from setpoint.measure.bootstrap import interval, paired_difference
from setpoint.measure.draws import difference_of, interval_of
from setpoint.measure.fairness_gaps import rate_gap
from setpoint.measure.intervals import Interval
from setpoint.measure.metrics import METRICS, MetricSpec
from setpoint.measure.slices import gap
from setpoint.measure.statistic import Statistic, mean_of

ONE_SIDED = 0.9
"""The two bounds of a 90 % interval are one-sided 95 % bounds."""
PER = 1000.0
"""The business value is stated for this many decisions."""

VALUE = MetricSpec(
    "business", True, float("-inf"), float("inf"), ratio=lambda _y, value, _option: (value, np.ones_like(value))
)
"""The mean of a value per row, which stands in the place of the score."""
COVERAGE = MetricSpec(
    "coverage", True, 0.0, 1.0, ratio=lambda _y, covered, _option: (covered, np.ones_like(covered)), proportion=True
)
"""The share of rows whose outcome is held, which stands in the place of the score."""


@dataclass(frozen=True)
class Scored:
    """What a model made of the held-out rows: probabilities, actions, and the value of each against never acting.

    `value` is in the goal's business unit for 1000 decisions like this row. `covered` is whether the set or interval of
    a row holds its outcome, where the goal promises one.
    """

    name: str
    p: np.ndarray = field(repr=False)
    acted: np.ndarray = field(repr=False)
    value: np.ndarray = field(repr=False)
    covered: np.ndarray | None = field(default=None, repr=False)


def act_on(name: str, p: np.ndarray, threshold: np.ndarray, *, y: np.ndarray, costs: Costs) -> Scored:
    """Acting wherever the probability reaches the threshold.

    >>> costs = Costs(np.array([1.0, 1.0]), np.array([3.0, 3.0]))
    >>> act_on("m", np.array([0.9, 0.1]), np.array([0.25, 0.25]), y=np.array([1.0, 1.0]), costs=costs).value
    array([3000.,    0.])
    """
    acted = p >= threshold
    return Scored(name, p, acted, PER * costs.value(acted, y))


@dataclass(frozen=True)
class Bench:
    """The held-out rows that models are judged on, with the draws and seed of every interval.

    Intervals are clustered by day (UTC): rows of a day share its weather, its outages and its customers. Rows count by
    their weights, in values and in intervals. `asked` says that more labels come only where people are asked. `kind` is
    the kind of goal where it is not of two classes.
    """

    rows: Examples
    draws: int
    seed: int
    asked: bool = False
    kind: Kind | None = None

    def interval(self, metric: Metric, scored: Scored, *, level: float = ONE_SIDED) -> Interval:
        """A declared metric of what a model did, with its interval; a gap of groups is a metric too."""
        seed = seed_for(self.seed, "gate", str(metric))
        if self.kind is not None and metric.by is not None:
            plain, found = replace(metric, by=None), (self.rows, scored.p, metric.by)
            return gap_of_kind(self.kind, plain, *found, draws=self.draws, seed=seed, level=level)
        if self.kind is not None:
            return interval_of(
                self._statistic(metric, scored),
                cluster=self.kind.cluster(self.rows),
                weight=self.rows.weight,
                lower=RANGES[metric.name][0],
                upper=RANGES[metric.name][1],
                draws=self.draws,
                seed=seed,
                level=level,
            )
        spec, values, option = form_of(metric, scored)
        if metric.by is not None:
            groups = groups_of(self.rows, metric.by)
            if metric.name in RATE_OF and metric.option is None:
                counts = counts_of(
                    self.rows,
                    groups,
                    p=scored.p,
                    acted=scored.acted,
                    value=scored.value,
                    draws=self.draws,
                    seed=self.seed,
                )
                return rate_gap(counts, RATE_OF[metric.name], level=level)[0]
            return gap(
                spec,
                self.rows.y,
                values,
                groups,
                cluster=self.rows.days,
                weight=self.rows.weight,
                threshold=option,
                draws=self.draws,
                seed=seed,
                level=level,
            )
        return interval(
            spec,
            self.rows.y,
            values,
            cluster=self.rows.days,
            weight=self.rows.weight,
            threshold=option,
            draws=self.draws,
            seed=seed,
            level=level,
        )

    def value(self, metric: Metric, scored: Scored) -> float:
        """A declared metric of what a model did; not for gaps."""
        if self.kind is not None:
            return self._statistic(metric, scored).value()
        spec, values, option = form_of(metric, scored)
        return spec.function(self.rows.y, values, self.rows.weight, option)

    def difference(self, metric: Metric, theirs: Scored, ours: Scored, *, level: float = ONE_SIDED) -> Interval:
        """What ours gains over theirs on the same rows, with the interval of the difference."""
        if self.kind is not None:
            return difference_of(
                self.kind.statistic(metric, self.rows, theirs.p),
                self.kind.statistic(metric, self.rows, ours.p),
                cluster=self.kind.cluster(self.rows),
                weight=self.rows.weight,
                draws=self.draws,
                seed=seed_for(self.seed, "gate", str(metric)),
                level=level,
            )
        spec, first, option = form_of(metric, theirs)
        second = form_of(metric, ours)[1]
        return paired_difference(
            spec,
            self.rows.y,
            first,
            second,
            cluster=self.rows.days,
            weight=self.rows.weight,
            threshold=option,
            draws=self.draws,
            seed=seed_for(self.seed, "gate", str(metric)),
            level=level,
        )

    def _statistic(self, metric: Metric, scored: Scored) -> Statistic:
        """A metric of a goal that is not of two classes."""
        assert self.kind is not None
        if metric.name == "coverage" and scored.covered is not None:
            return mean_of(scored.covered.astype(np.float64), self.rows.weight)
        return self.kind.statistic(metric, self.rows, scored.p)


def form_of(metric: Metric, scored: Scored) -> tuple[MetricSpec, np.ndarray, float]:
    """How `measure` computes a declared metric: its form, what stands in the place of scores, and its option.

    Metrics of actions read the actions themselves, so that a threshold may differ from row to row.
    """
    if metric.name == "business":
        return VALUE, scored.value, 0.5
    if metric.name == "coverage" and scored.covered is not None:
        return COVERAGE, scored.covered.astype(np.float64), 0.5
    if metric.name == "recall" and metric.option is not None:
        return METRICS["recall_at_precision"], scored.p, metric.option
    if metric.name in ("accuracy", "precision", "recall", "selection_rate", "false_positive_rate"):
        return METRICS[metric.name], scored.acted.astype(np.float64), 0.5
    return METRICS[metric.name], scored.p, 0.5
