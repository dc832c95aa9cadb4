"""A share that may be 0: bounded by how alike the rows of a cluster are, also where none of them is a hit."""

from __future__ import annotations

import numpy as np

from setpoint.measure.intervals import Interval, all_agreed_bound, normal_quantile, t_quantile
from setpoint.measure.proportions import clustered_share
from setpoint.measure.rows import Array, Codes, effective, totals


def rare_share(
    hits: Array, reach: Array, *, codes: Codes, clusters: int, weight: Array | None = None, level: float = 0.9
) -> Interval:
    """The interval of a share of rows that are hits because their `reach` is large, when rows of a cluster are alike.

    Where some rows are hits and others are not, it is `clustered_share`, whose variance is that of the hits. Where all
    are alike the hits carry no variance, and how alike the rows of a cluster are is taken from the reach: normal values
    that correlate by r within a cluster are on one side of a limit with a correlation of at most r (Sheppard's theorem
    of medial dichotomy, 1899), so that the design effect (Kish 1965) of the reach is not below that of the hits. Only
    rows with a finite reach count. Where the reach is all the same, a cluster counts as one row, the worst.

    >>> day = np.repeat(np.arange(20), 50)
    >>> reach = np.random.default_rng(0).normal(size=1000)
    >>> rare_share(np.zeros(1000), reach, codes=day, clusters=20).high < 0.01
    True
    """
    counted = np.where(np.isfinite(reach), 1.0 if weight is None else weight, 0.0)
    hit = np.where(counted > 0, hits, 0.0) * counted
    found = clustered_share(hit, counted, codes=codes, clusters=clusters, level=level)
    if found.clusters < 2 or 0 < found.estimate < 1 or found.n == 0:
        return found
    kept = counted > 0
    weights, values = counted[kept], reach[kept]
    total = float(weights.sum())
    rest = values - float(weights @ values) / total
    one = float((weights * rest**2).sum()) / total
    if one <= 0:
        return found
    sums = totals(codes[kept], weights * rest, clusters)
    between = found.clusters / (found.clusters - 1) * float((sums**2).sum()) / total**2
    as_rows = effective(weights)
    as_clusters = total**2 / float((totals(codes[kept], weights, clusters) ** 2).sum())
    stretch = (normal_quantile(level) / t_quantile(level, found.clusters - 1)) ** 2
    size = float(np.clip(one / between if between > 0 else as_rows, as_clusters, as_rows))
    least = all_agreed_bound(level, size * stretch)
    low, high = (0.0, 1 - least) if found.estimate == 0 else (least, 1.0)
    return Interval(found.estimate, low, high, level, found.n, found.clusters, 0, "clopper-pearson")
