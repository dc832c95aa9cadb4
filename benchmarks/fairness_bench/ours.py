"""Rates of groups, gaps and ratios with intervals, by our table of counts: ours.py FILE DRAWS rows|days."""

from __future__ import annotations

import sys

import numpy as np
from common.costs import peak_mb, spent, tell

from setpoint.measure.fairness import fairness
from setpoint.measure.fairness_counts import GroupCounts, count_groups
from setpoint.measure.fairness_gaps import rate_gap, rate_ratio

with np.load(sys.argv[1]) as file:
    y, acted, group, day = (file[name] for name in ("y", "acted", "group", "day"))
draws, by_days = int(sys.argv[2]), sys.argv[3] == "days"
RATES = ("selection_rate", "recall", "false_positive_rate", "false_negative_rate", "precision", "accuracy")


def judge(size: int) -> GroupCounts:
    """The rates and gaps of the first rows, each with its interval."""
    cluster = day[:size] if by_days else None
    counts = count_groups(group[:size], y[:size], acted[:size], cluster=cluster, draws=draws)
    fairness({"group": counts})
    return counts


judge(500)
held, before = peak_mb(), spent()
counts = judge(y.size)
cost, peak = spent() - before, peak_mb() - held
odds = ("recall", "false_positive_rate")
tell(
    cpu=cost,
    peak=peak,
    rates={rate: counts.values(rate).tolist() for rate in RATES},
    gaps={rate: rate_gap(counts, rate, least_rows=0)[0].estimate for rate in RATES},
    ratios={rate: rate_ratio(counts, rate, least_rows=0).estimate for rate in RATES},
    odds=rate_gap(counts, odds, least_rows=0)[0].estimate,
    spread=float(np.std(counts.draws_of("selection_rate")[0])),
)
