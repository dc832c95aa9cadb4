"""Metrics of every kind of goal by name, each with its interval and the interval of a difference of two models.

What the truth and the predictions of a kind are:

decision   outcomes (0 or 1)      scores: the metrics of `METRICS`, where both clusterings are wanted
top        outcomes (0 or 1)      scores
number     numbers                numbers
quantile   numbers                a quantile for `pinball`, `Bounds` for the others
count      whole numbers from 0   means
ranking    `Judged`               scores
survival   `Lifetimes`            risks, `PredictedSurvival` for `integrated_brier`
labels     0 or 1, rows x labels  scores, rows x labels
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError, NameUnknown
from setpoint.declare.metric_table import METRIC_TABLE, MetricRow
from setpoint.measure.cost_curve import COST_AREA
from setpoint.measure.count_metrics import poisson_deviance_sums, poisson_explained_sums
from setpoint.measure.draws import DRAWS, difference_of, interval_of
from setpoint.measure.intervals import Interval
from setpoint.measure.metrics import METRICS, MetricSpec
from setpoint.measure.multilabel_metrics import (
    hamming_sums,
    macro_average_precision_tables,
    macro_f1_sums,
    micro_f1_sums,
)
from setpoint.measure.number_metrics import bias_sums, mae_sums, mape_sums, r2_sums, rmse_sums, wape_sums
from setpoint.measure.quantile_metrics import coverage_sums, interval_score_sums, pinball_sums
from setpoint.measure.ranking_metrics import mean_average_precision_sums, mrr_sums, ndcg_sums
from setpoint.measure.rows import as_rows
from setpoint.measure.statistic import MeanOfTables, Statistic
from setpoint.measure.survival_metrics import concordance_sums, integrated_brier_sums, uno_concordance_sums
from setpoint.measure.top_metrics import Of, Top

Plain = Callable[[Any, Any, Any], Statistic]
Optional = Callable[[Any, Any, Any, float | None], Statistic]


@dataclass(frozen=True)
class GoalMetric:
    """A metric of one kind of goal: its row in the table of metrics (range, direction, option), and its statistic."""

    name: str
    row: MetricRow
    make: Optional

    def __call__(
        self, truth: Any, prediction: Any, *, option: float | None = None, weight: npt.ArrayLike | None = None
    ) -> float:
        """The metric's value.

        >>> GOAL_METRICS["mae"]([3.0, 5.0], [2.0, 7.0])
        1.5
        """
        return self.statistic(truth, prediction, option=option, weight=weight).value()

    def statistic(
        self, truth: Any, prediction: Any, *, option: float | None = None, weight: npt.ArrayLike | None = None
    ) -> Statistic:
        """What can be drawn anew."""
        if option is None and self.row.needed:
            raise DataError(f"{self.name} was asked for without {self.row.option}.", expected=f"{self.row.option}")
        if option is not None and self.row.option is None:
            raise DataError(f"{self.name} was asked for at {option:g}.", expected=f"{self.name} without an option")
        return self.make(truth, prediction, weight, option)


def _plain(make: Plain) -> Optional:
    return lambda truth, prediction, weight, _option: make(truth, prediction, weight)


def _top(of: Of, by: str) -> Optional:
    if by == "k":
        return lambda y, p, weight, option: Top(of, as_rows(y, p, weight), k=option)
    return lambda y, p, weight, option: Top(of, as_rows(y, p, weight), rate=option)


GOAL_METRICS: dict[str, GoalMetric] = {
    name: GoalMetric(name, METRIC_TABLE[name], make)
    for name, make in {
        "precision_at_k": _top("precision", "k"),
        "precision_at_rate": _top("precision", "rate"),
        "recall_at_k": _top("recall", "k"),
        "recall_at_rate": _top("recall", "rate"),
        "lift_at_k": _top("lift", "k"),
        "lift_at_rate": _top("lift", "rate"),
        "cost_area": _plain(lambda y, p, weight: MeanOfTables(COST_AREA, (as_rows(y, p, weight),))),
        "mae": _plain(mae_sums),
        "rmse": _plain(rmse_sums),
        "bias": _plain(bias_sums),
        "mape": mape_sums,
        "wape": _plain(wape_sums),
        "r2": _plain(r2_sums),
        "pinball": pinball_sums,
        "coverage": _plain(coverage_sums),
        "interval_score": interval_score_sums,
        "poisson_deviance": _plain(poisson_deviance_sums),
        "poisson_explained": _plain(poisson_explained_sums),
        "ndcg": ndcg_sums,
        "mean_average_precision": _plain(mean_average_precision_sums),
        "mrr": mrr_sums,
        "concordance": _plain(concordance_sums),
        "uno_concordance": uno_concordance_sums,
        "integrated_brier": _plain(integrated_brier_sums),
        "micro_f1": micro_f1_sums,
        "macro_f1": macro_f1_sums,
        "hamming": hamming_sums,
        "macro_average_precision": _plain(macro_average_precision_tables),
    }.items()
}
"""Metrics by name, as in `METRIC_TABLE`."""


def goal_metric(name: str | GoalMetric) -> GoalMetric:
    """The metric of a name, of `GOAL_METRICS` or of `METRICS`, or the metric itself.

    >>> goal_metric("ndcg").row.kind, goal_metric("auc").row.kind
    ('ranking', 'decision')
    """
    if isinstance(name, GoalMetric):
        return name
    if name in METRICS:
        return _of_decisions(METRICS[name])
    if name not in GOAL_METRICS:
        raise NameUnknown("metric", name, [*METRICS, *GOAL_METRICS], where="Metrics of goals")
    return GOAL_METRICS[name]


def _of_decisions(spec: MetricSpec) -> GoalMetric:
    option = "precision" if spec.name == "recall_at_precision" else "threshold"
    row = MetricRow("decision", spec.lower, spec.upper, spec.greater_is_better, option, needed=option == "precision")
    return GoalMetric(
        spec.name,
        row,
        lambda y, p, weight, at: MeanOfTables(spec, (as_rows(y, p, weight),), 0.5 if at is None else at),
    )


def goal_interval(
    metric: str | GoalMetric,
    truth: Any,
    prediction: Any,
    *,
    option: float | None = None,
    weight: npt.ArrayLike | None = None,
    cluster: npt.ArrayLike | None = None,
    block: npt.ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """A metric with its bootstrap interval; rows of one `cluster`, or of one `block` of time, are taken to be alike.

    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=400)
    >>> found = goal_interval("mae", y, y + rng.normal(size=400), cluster=np.arange(400) % 80)
    >>> round(found.low, 2), round(found.estimate, 2), round(found.high, 2), found.clusters
    (0.75, 0.81, 0.87, 80)
    """
    chosen = goal_metric(metric)
    return interval_of(
        chosen.statistic(truth, prediction, option=option, weight=weight),
        cluster=cluster,
        block=block,
        weight=weight,
        lower=chosen.row.lower,
        upper=chosen.row.upper,
        draws=draws,
        seed=seed,
        level=level,
    )


def goal_difference(
    metric: str | GoalMetric,
    truth: Any,
    first: Any,
    second: Any,
    *,
    option: float | None = None,
    weight: npt.ArrayLike | None = None,
    cluster: npt.ArrayLike | None = None,
    block: npt.ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """The metric of the second prediction less that of the first, paired on the same rows, with its interval.

    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=400)
    >>> close, far = y + rng.normal(size=400), y + 2 * rng.normal(size=400)
    >>> goal_difference("rmse", y, far, close).high < 0
    True
    """
    chosen = goal_metric(metric)
    return difference_of(
        chosen.statistic(truth, first, option=option, weight=weight),
        chosen.statistic(truth, second, option=option, weight=weight),
        cluster=cluster,
        block=block,
        weight=weight,
        reach=np.inf if _same(first, second) else chosen.row.upper - chosen.row.lower,
        draws=draws,
        seed=seed,
        level=level,
    )


def _same(first: Any, second: Any) -> bool:
    """Whether two predictions are the same, part by part."""
    if isinstance(first, tuple):
        return all(_same(one, other) for one, other in zip(first, second, strict=True))
    return bool(np.array_equal(np.asarray(first), np.asarray(second)))
