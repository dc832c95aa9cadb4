"""What LightGBM minimises for each target, and how it wants the rows of a ranking."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from setpoint.backends.weights import Weighted
from setpoint.core.errors import DataError
from setpoint.core.target import Target

DEPTH = 10
"""Places of a ranking that count where nothing is said."""


class Arranged(NamedTuple):
    """Rows as LightGBM takes them; those of a ranking by query, `groups` saying how many rows each has."""

    rows: np.ndarray
    labels: np.ndarray
    weight: np.ndarray | None
    groups: np.ndarray | None


def objective_of(target: Target, labels: np.ndarray) -> dict[str, Any]:
    """The objective of a target, and the metric that stops a training early.

    Counts are fitted by the Poisson likelihood; a ranking by LambdaRank (Burges 2010, "From RankNet to LambdaRank to
    LambdaMART"), with the relevance itself as the gain, as `measure.ranking_metrics.ndcg` has it.

    >>> objective_of(Target("quantile", quantile=0.9), np.zeros(0))["alpha"]
    0.9
    """
    if target.kind == "binary":
        return {"objective": "binary", "metric": "binary_logloss"}
    if target.kind == "multiclass":
        return {"objective": "multiclass", "metric": "multi_logloss", "num_class": target.classes}
    if target.kind == "regression":
        loss = "regression_l1" if target.robust else "regression"
        return {"objective": loss, "metric": "l1" if target.robust else "l2"}
    if target.kind == "quantile":
        return {"objective": "quantile", "metric": "quantile", "alpha": target.quantile}
    if target.kind == "count":
        return {"objective": "poisson", "metric": "poisson"}
    most = int(labels.max(initial=0))
    if (labels != np.floor(labels)).any() or labels.min(initial=0) < 0 or most > 10_000:
        raise DataError("Some relevances are no whole numbers from 0.", expected="0 for not at all, 1, 2, ...")
    depth = target.depth or DEPTH
    return {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": [depth],
        "lambdarank_truncation_level": depth + 3,
        "label_gain": list(range(most + 2)),
    }


def arrange(known: Weighted, query: np.ndarray | None) -> Arranged:
    """The rows of a ranking by query; others as they are.

    >>> arrange(Weighted(np.array([[1.0], [2.0], [3.0]]), np.zeros(3), None), np.array([1, 0, 1])).groups
    array([1, 2])
    """
    if query is None:
        return Arranged(*known, groups=None)
    order = np.argsort(query, kind="stable")
    weight = None if known.weight is None else known.weight[order]
    groups = np.unique(query, return_counts=True)[1]
    return Arranged(np.ascontiguousarray(known.rows[order]), known.labels[order], weight, groups)


def kept_codes(query: np.ndarray | None, weight: np.ndarray | None) -> np.ndarray | None:
    """The queries of the rows that count.

    >>> kept_codes(np.array([4, 5]), np.array([0.0, 1.0]))
    array([5])
    """
    return query if query is None or weight is None else query[np.asarray(weight) > 0]
