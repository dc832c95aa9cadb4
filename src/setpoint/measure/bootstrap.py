"""Intervals of metrics and of differences between two models, clustered by entity or by time.

Each metric gets the best interval there is for it:

auc                   DeLong or Obuchowski in closed form, on the logit scale
shares (recall, ...)  Wilson at the effective sample size (the design effect of weights and clusters)
all others            clustered bootstrap: percentiles, widened for few clusters and, for metrics of ranks, corrected
                      for bias; for metrics that noise can only push up (ece) the basic bootstrap, which takes the
                      noise out of the bounds

With few clusters (under about 30) all of them are wide rather than wrong; with one there are no bounds (NaN).

Rows count by their weights, in the value and in every resampling of it: unequal weights make intervals wider.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.delong import auc_difference, auc_interval
from setpoint.measure.intervals import Interval, bootstrap_tails
from setpoint.measure.metrics import MetricSpec, spec_of
from setpoint.measure.proportions import clustered_share, unanimous
from setpoint.measure.resample import Drawn, Resample, draw, resample
from setpoint.measure.rows import Array, Codes, Mask, Rows, as_rows, clustered_rows, effective

Method = Literal["auto", "bootstrap"]


def interval(
    metric: str | MetricSpec,
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    threshold: float = 0.5,
    draws: int = 500,
    seed: int = 0,
    level: float = 0.95,
    method: Method = "auto",
) -> Interval:
    """A metric with its confidence interval; rows of one `cluster` (an entity, a day) are taken to be alike.

    `threshold` is the metric's option. `method="bootstrap"` resamples even where a closed form is known.

    >>> outcome, score = [0, 0, 1, 1, 0, 1], [0.1, 0.4, 0.35, 0.8, 0.3, 0.7]
    >>> found = interval("auc", outcome, score)
    >>> round(found.estimate, 3), round(found.low, 3), found.method
    (0.889, 0.008, 'delong')
    """
    spec = spec_of(metric)
    rows, codes, clusters, _ = clustered_rows(y, p, cluster=cluster, weight=weight)
    if method == "auto":
        found = closed_interval(spec, rows, threshold, codes=codes, clusters=clusters, level=level)
        if found is not None:
            return found
    drawn = resample(codes, clusters, draws=draws, seed=seed)
    return bootstrapped(spec, rows, draw(spec, rows, threshold, resample=drawn), resample=drawn, level=level)


def intervals(
    options: Mapping[str, float],
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    draws: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval]:
    """The intervals of several metrics, each with its option, on one common set of draws.

    Each equals what `interval` gives for it alone.

    >>> sorted(intervals({"accuracy": 0.5, "brier": 0.5}, [0, 1, 1], [0.2, 0.6, 0.9]))
    ['accuracy', 'brier']
    """
    rows, codes, clusters, _ = clustered_rows(y, p, cluster=cluster, weight=weight)
    found: dict[str, Interval] = {}
    drawn: Resample | None = None
    for name, option in options.items():
        spec = spec_of(name)
        known = closed_interval(spec, rows, option, codes=codes, clusters=clusters, level=level)
        if known is None:
            drawn = drawn or resample(codes, clusters, draws=draws, seed=seed)
            known = bootstrapped(spec, rows, draw(spec, rows, option, resample=drawn), resample=drawn, level=level)
        found[name] = known
    return found


def bound(
    metric: str | MetricSpec,
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    *,
    side: Literal["lower", "upper"],
    level: float = 0.95,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    threshold: float = 0.5,
    draws: int = 500,
    seed: int = 0,
) -> float:
    """The one-sided confidence bound of a metric: what a guardrail is judged by.

    >>> bound("accuracy", [1, 0, 1, 0], [0.9, 0.2, 0.7, 0.1], side="lower").__round__(2)
    0.6
    """
    found = interval(
        metric,
        y,
        p,
        cluster=cluster,
        weight=weight,
        threshold=threshold,
        draws=draws,
        seed=seed,
        level=2 * level - 1,
    )
    return found.low if side == "lower" else found.high


def paired_difference(
    metric: str | MetricSpec,
    y: npt.ArrayLike,
    p_a: npt.ArrayLike,
    p_b: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    threshold: float = 0.5,
    draws: int = 500,
    seed: int = 0,
    level: float = 0.95,
    method: Method = "auto",
) -> Interval:
    """What `p_b` gains over `p_a` on the same rows: metric(p_b) - metric(p_a), with its interval.

    AUC by the paired form of DeLong, the rest on common draws. Where two different models agree on every draw, the
    bounds are those of the rule of three, not a point.

    >>> y, champion, challenger = [0, 1, 0, 1], [0.4, 0.3, 0.2, 0.9], [0.1, 0.8, 0.3, 0.9]
    >>> paired_difference("brier", y, champion, challenger).estimate.__round__(4)
    -0.1375
    """
    spec = spec_of(metric)
    champion, codes, clusters, kept = clustered_rows(y, p_a, cluster=cluster, weight=weight)
    challenger = as_rows(y, p_b, weight).where(kept)
    n = champion.y.size
    if spec.name == "auc" and method == "auto":
        return auc_difference(champion, challenger, codes=codes, clusters=clusters, level=level)
    drawn = resample(codes, clusters, draws=draws, seed=seed)
    first = draw(spec, champion, threshold, resample=drawn)
    second = draw(spec, challenger, threshold, resample=drawn)
    gain = Drawn(second.estimate - first.estimate, second.draws - first.draws)
    corrected = spec.table is not None
    low, high, defined = percentiles(gain, clusters=clusters, level=level, bias_corrected=corrected)
    if low == high and not np.array_equal(champion.p, challenger.p):
        widest = spec.upper - spec.lower
        units = scarcer_clusters(champion, drawn.unit)
        low, _ = unanimous(level, units, estimate=gain.estimate, lower=-widest, upper=gain.estimate)
        _, high = unanimous(level, units, estimate=gain.estimate, lower=gain.estimate, upper=widest)
    return Interval(
        gain.estimate, low, high, level, n, clusters, defined, "bias-corrected" if corrected else "percentile"
    )


def bootstrapped(
    spec: MetricSpec,
    rows: Rows,
    drawn: Drawn,
    *,
    resample: Resample,
    level: float,
    keep: Mask | None = None,
    clusters: int | None = None,
) -> Interval:
    """The interval that a metric's draws give, on all rows or on those that `keep` masks."""
    kept = np.ones(rows.y.size, dtype=bool) if keep is None else keep
    units = resample.clusters if clusters is None else clusters
    corrected = spec.table is not None and not spec.noise_adds
    low, high, defined = percentiles(drawn, clusters=units, level=level, bias_corrected=corrected)
    name = "bias-corrected" if corrected else "percentile"
    if spec.noise_adds:
        name = "basic"
        low, high = basic(drawn.estimate, low, high, lower=spec.lower, upper=spec.upper)
    elif low == high:
        scarcer = scarcer_clusters(rows.where(kept), resample.unit[kept])
        low, high = unanimous(level, scarcer, estimate=drawn.estimate, lower=spec.lower, upper=spec.upper)
    return Interval(drawn.estimate, low, high, level, int(kept.sum()), units, defined, name)


def percentiles(drawn: Drawn, *, clusters: int, level: float, bias_corrected: bool = False) -> tuple[float, float, int]:
    """The bounds of the draws, and on how many the metric is defined; NaN bounds if on fewer than half."""
    if not 0 < level < 1:
        raise DataError(f"level={level}.", expected="a level between 0 and 1, such as 0.95")
    defined = drawn.draws[np.isfinite(drawn.draws)]
    if clusters < 2 or 2 * defined.size < drawn.draws.size or not np.isfinite(drawn.estimate):
        return float("nan"), float("nan"), defined.size
    below = 0.5
    if bias_corrected:
        half_ties = ((defined < drawn.estimate).mean() + (defined <= drawn.estimate).mean()) / 2
        below = float(np.clip(half_ties, 1 / (2 * defined.size), 1 - 1 / (2 * defined.size)))
    low, high = np.quantile(defined, bootstrap_tails(level, clusters, below=below))
    return float(low), float(high), defined.size


def basic(estimate: float, low: float, high: float, *, lower: float, upper: float) -> tuple[float, float]:
    """The basic bootstrap: the draws' bounds mirrored at the estimate, which undoes what noise adds.

    Davison and Hinkley (1997), "Bootstrap Methods and their Application", section 5.2.

    >>> [round(bound, 3) for bound in basic(0.03, 0.035, 0.05, lower=0, upper=1)]
    [0.01, 0.025]
    """
    return float(np.clip(2 * estimate - high, lower, upper)), float(np.clip(2 * estimate - low, lower, upper))


def scarcer_clusters(rows: Rows, unit: Codes) -> float:
    """How many units hold a row of the scarcer class, divided by the design effect of that class's weights."""
    return min(_units(rows.weight[each], unit[each]) for each in (rows.y > 0, rows.y == 0))


def _units(weight: Array, unit: Codes) -> float:
    kept = weight > 0
    return float(np.unique(unit[kept]).size * effective(weight[kept]) / max(int(kept.sum()), 1))


def closed_interval(
    spec: MetricSpec, rows: Rows, option: float, *, codes: Codes, clusters: int, level: float
) -> Interval | None:
    """The interval in closed form, or None for a metric that has none."""
    if spec.name == "auc":
        return auc_interval(rows, codes=codes, clusters=clusters, level=level)
    if not spec.proportion or spec.ratio is None:
        return None
    hits, counted = spec.ratio(rows.y, rows.p, option)
    return clustered_share(rows.weight * hits, rows.weight * counted, codes=codes, clusters=clusters, level=level)
