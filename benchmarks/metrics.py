"""What a bootstrap of a difference of two models costs, beside scikit-learn's metrics in a loop over resampled rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import sklearn.metrics as sk
from common import Row, main
from common.costs import spent

from setpoint.measure.conformal_sets import fit_sets
from setpoint.measure.coverage_check import check_coverage
from setpoint.measure.goal_metrics import goal_difference
from setpoint.measure.ranking_metrics import Judged
from setpoint.measure.survival import Lifetimes

DRAWS = 500
ROWS_OF_CLUSTER = 20


class Case(NamedTuple):
    """A metric on some rows: the truth, two predictions, and scikit-learn's value of the rows that a draw took."""

    metric: str
    option: float | None
    truth: Any
    first: Any
    second: Any
    value: Callable[[np.ndarray, Any], float]


def cases(rows: int) -> list[Case]:
    """Metrics that scikit-learn has, on rows of 20 to a cluster."""
    rng = np.random.default_rng(0)
    x, noise, more = rng.normal(size=rows), rng.normal(size=rows), rng.normal(size=rows)
    y = x + noise
    rare = (rng.random(rows) < 1 / (1 + np.exp(3 - x))).astype(int)
    relevance, query = np.clip(np.round(x + noise), 0, 3), np.arange(rows) // 10
    labels = (rng.random((rows, 20)) < 0.2).astype(int)
    chances = [np.clip(0.4 * labels + 0.7 * rng.random((rows, 20)), 0, 1) for _ in range(2)]

    def at_rate(taken: np.ndarray, scores: np.ndarray) -> float:
        drawn = scores[taken]
        return float(sk.precision_score(rare[taken], drawn >= np.quantile(drawn, 0.9)))

    def by_query(taken: np.ndarray, scores: np.ndarray) -> float:
        whole = (-1, 10)  # clusters hold whole queries of ten items
        return float(
            sk.ndcg_score(relevance[taken].reshape(whole), scores[taken].reshape(whole), k=5, ignore_ties=True)
        )

    return [
        Case("rmse", None, y, x + more, x, lambda taken, p: float(sk.root_mean_squared_error(y[taken], p[taken]))),
        Case(
            "pinball", 0.9, y, x + more, x, lambda taken, p: float(sk.mean_pinball_loss(y[taken], p[taken], alpha=0.9))
        ),
        Case("precision_at_rate", 0.1, rare, x + more, x, at_rate),
        Case("ndcg", 5, Judged(relevance, query), x + more, x, by_query),
        Case(
            "macro_f1",
            0.5,
            labels,
            *chances,
            lambda taken, p: float(sk.f1_score(labels[taken], p[taken] >= 0.5, average="macro")),
        ),
        Case(
            "macro_average_precision",
            None,
            labels,
            *chances,
            lambda taken, p: float(sk.average_precision_score(labels[taken], p[taken], average="macro")),
        ),
    ]


def loop(case: Case, rows: int, draws: int) -> np.ndarray:
    """Differences of draws of clusters, each gathered and handed to scikit-learn twice."""
    rng = np.random.default_rng(1)
    members = np.arange(rows).reshape(-1, ROWS_OF_CLUSTER)
    found = []
    for _ in range(draws):
        taken = members[rng.integers(0, members.shape[0], members.shape[0])].ravel()
        found.append(case.value(taken, case.second) - case.value(taken, case.first))
    return np.array(found)


def cost(work: Callable[[], object], *, runs: int) -> float:
    """The least CPU seconds of some runs."""
    costs = []
    for _ in range(runs):
        before = spent()
        work()
        costs.append(spent() - before)
    return min(costs)


def bootstraps(rows: int, *, runs: int, looped: int) -> list[Row]:
    """Ours with 500 draws, the loop with a few; both per draw, and their spreads must agree."""
    cluster, found = np.arange(rows) // ROWS_OF_CLUSTER, []
    size = f"{rows:,} rows, {rows // ROWS_OF_CLUSTER:,} clusters, {DRAWS} draws of ours and {looped} of the loop"
    for case in cases(rows):

        def ours(case: Case = case) -> Any:
            parts = (case.truth, case.first, case.second)
            return goal_difference(case.metric, *parts, option=case.option, cluster=cluster, draws=DRAWS)

        interval, draws = ours(), []
        mine = cost(ours, runs=runs) / DRAWS
        theirs = cost(lambda case=case, draws=draws: draws.append(loop(case, rows, looped)), runs=1) / looped
        spread, wanted = (interval.high - interval.low) / 3.92, float(np.std(draws[0]))
        if not 0.5 < spread / wanted < 2:
            raise SystemExit(f"{case.metric}: the spread is {spread:.3g}, and {wanted:.3g} in the loop")
        found.append(
            Row(
                f"difference of {case.metric}",
                mine * 1e3,
                "CPU ms a draw",
                size,
                {"scikit-learn in a loop": theirs * 1e3},
                least_ratio=10,
            )
        )
    return found


def alone(rows: int, *, runs: int) -> list[Row]:
    """What scikit-learn has no counterpart of."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=rows)
    hidden, cut = rng.exponential(np.exp(-x)), rng.exponential(2.0, rows)
    truth = Lifetimes(np.minimum(hidden, cut), hidden <= cut)
    worse = x + rng.normal(size=rows)
    p = rng.dirichlet(np.ones(5), rows)
    y = (rng.random((rows, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(0, 4)
    half = rows // 2

    def sets() -> None:
        fitted = fit_sets(y[:half], p[:half], level=0.9, score="aps")
        covered = fitted.apply(p[half:])[np.arange(rows - half), y[half:]]
        check_coverage(covered, level=0.9, calibrated=fitted.cuts.others.rows)

    def concordances() -> None:
        goal_difference("concordance", truth, worse, x, draws=DRAWS)

    told = f"{rows:,} rows"
    return [
        Row("difference of concordance", cost(concordances, runs=runs), "CPU s", f"{told}, {DRAWS} draws"),
        Row("conformal sets: calibrated, applied, checked", cost(sets, runs=runs), "CPU s", f"{told}, 5 classes"),
    ]


def measure(*, quick: bool) -> list[Row]:
    """20,000 rows, 50,000 in the full form."""
    rows, runs = (20_000, 1) if quick else (50_000, 2)
    return [*bootstraps(rows, runs=runs, looped=20 if quick else 10), *alone(rows, runs=runs)]


if __name__ == "__main__":
    main(__doc__ or "", measure)
