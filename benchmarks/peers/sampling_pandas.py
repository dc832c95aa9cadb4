"""Samples by pandas: CPU seconds of each, the best of some runs. Arguments: rows, rows taken, runs."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
from common.costs import spent, tell

ROWS, TAKEN, RUNS = (int(word) for word in sys.argv[1:4])
rng = np.random.default_rng(0)
table = pd.DataFrame({"weight": rng.random(ROWS), "group": rng.integers(0, 50, ROWS)})


def best(work: Callable[[], object]) -> float:
    """The least CPU seconds of some runs."""
    costs = []
    for _ in range(RUNS):
        before = spent()
        work()
        costs.append(spent() - before)
    return min(costs)


weighted = best(lambda: table.sample(TAKEN, weights="weight", random_state=1))
stratified = best(lambda: table.groupby("group").sample(frac=TAKEN / ROWS, random_state=1))
tell(cpu=weighted + stratified, weighted=weighted, stratified=stratified)
