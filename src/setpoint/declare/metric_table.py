"""Metrics of goals beyond one yes or no: for which kind of goal each is, its range, which way is better, its option."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["decision", "top", "number", "quantile", "count", "ranking", "survival", "labels"]
INFINITY = float("inf")


@dataclass(frozen=True)
class MetricRow:
    """A metric's place in the table; `option` names its one parameter, `needed` says whether it must be told.

    `decision` is of one yes or no, and `top` of its highest scores; `labels` is several of yes or no a row.
    """

    kind: Kind
    lower: float
    upper: float
    greater_is_better: bool
    option: str | None = None
    needed: bool = False


METRIC_TABLE: dict[str, MetricRow] = {
    "precision_at_k": MetricRow("top", 0, 1, greater_is_better=True, option="k", needed=True),
    "precision_at_rate": MetricRow("top", 0, 1, greater_is_better=True, option="rate", needed=True),
    "recall_at_k": MetricRow("top", 0, 1, greater_is_better=True, option="k", needed=True),
    "recall_at_rate": MetricRow("top", 0, 1, greater_is_better=True, option="rate", needed=True),
    "lift_at_k": MetricRow("top", 0, INFINITY, greater_is_better=True, option="k", needed=True),
    "lift_at_rate": MetricRow("top", 0, INFINITY, greater_is_better=True, option="rate", needed=True),
    "cost_area": MetricRow("top", 0, 0.25, greater_is_better=False),
    "mae": MetricRow("number", 0, INFINITY, greater_is_better=False),
    "rmse": MetricRow("number", 0, INFINITY, greater_is_better=False),
    "bias": MetricRow("number", 0, INFINITY, greater_is_better=False),
    "mape": MetricRow("number", 0, INFINITY, greater_is_better=False, option="least"),
    "wape": MetricRow("number", 0, INFINITY, greater_is_better=False),
    "r2": MetricRow("number", -INFINITY, 1, greater_is_better=True),
    "pinball": MetricRow("quantile", 0, INFINITY, greater_is_better=False, option="quantile", needed=True),
    "coverage": MetricRow("quantile", 0, 1, greater_is_better=True),
    "interval_score": MetricRow("quantile", 0, INFINITY, greater_is_better=False, option="level", needed=True),
    "poisson_deviance": MetricRow("count", 0, INFINITY, greater_is_better=False),
    "poisson_explained": MetricRow("count", -INFINITY, 1, greater_is_better=True),
    "ndcg": MetricRow("ranking", 0, 1, greater_is_better=True, option="k"),
    "mean_average_precision": MetricRow("ranking", 0, 1, greater_is_better=True),
    "mrr": MetricRow("ranking", 0, 1, greater_is_better=True, option="k"),
    "concordance": MetricRow("survival", 0, 1, greater_is_better=True),
    "uno_concordance": MetricRow("survival", 0, 1, greater_is_better=True, option="until"),
    "integrated_brier": MetricRow("survival", 0, INFINITY, greater_is_better=False),
    "micro_f1": MetricRow("labels", 0, 1, greater_is_better=True, option="threshold"),
    "macro_f1": MetricRow("labels", 0, 1, greater_is_better=True, option="threshold"),
    "hamming": MetricRow("labels", 0, 1, greater_is_better=False, option="threshold"),
    "macro_average_precision": MetricRow("labels", 0, 1, greater_is_better=True),
}
