"""What samples cost: by weight, by stratum, and in one pass over a stream, beside numpy, pandas and plain Python."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from common import Row, main, peer_python
from common.costs import contend, spent

from setpoint.data.samples.strata import stratified
from setpoint.data.samples.stream import reservoir, weighted_reservoir
from setpoint.data.samples.weighted import pps, weighted

BATCH = 65_536


def best(work: Callable[[], object], *, runs: int) -> float:
    """The least CPU seconds of some runs, after one that does not count."""
    work()
    costs = []
    for _ in range(runs):
        before = spent()
        work()
        costs.append(spent() - before)
    return min(costs)


def algorithm_r(rows: int, taken: int) -> list[int]:
    """Algorithm R in plain Python: one random number for every row of the stream."""
    rng = np.random.default_rng(1)
    held = list(range(taken))
    draws = (rng.random(rows - taken) * np.arange(taken + 1, rows + 1)).astype(np.int64).tolist()
    for place, slot in enumerate(draws, start=taken):
        if slot < taken:
            held[slot] = place
    return held


def in_batches(table: pa.Table, weights: np.ndarray | None, taken: int) -> None:
    """One pass of a reservoir over the table, batch by batch."""
    plain, heavy = reservoir(taken, seed=1), weighted_reservoir(taken, seed=1)
    for start in range(0, table.num_rows, BATCH):
        batch = table.slice(start, BATCH)
        if weights is None:
            plain = plain.offer(batch)
        else:
            heavy = heavy.offer(batch, weights[start : start + BATCH])


def measure(*, quick: bool) -> list[Row]:
    """Ten thousand of a million rows, and ten of ten million in a stream (one million in the quick form)."""
    rows, taken, runs = 1_000_000, 10_000, 3 if quick else 10
    streamed = 1_000_000 if quick else 10_000_000
    rng = np.random.default_rng(0)
    weights, groups = rng.random(rows), rng.integers(0, 50, rows)
    python = peer_python("fastapi")  # the environment whose pandas is the newest
    pandas = None if python is None else contend(python, "peers/sampling_pandas.py", rows, taken, runs).facts
    shares = weights / weights.sum()
    choose = best(lambda: np.random.default_rng(1).choice(rows, taken, replace=False, p=shares), runs=runs)
    table = pa.table({"id": np.arange(streamed), "amount": np.arange(streamed) / 7})
    heavy = rng.random(streamed)
    size = f"{taken:,} of {rows:,} rows"
    told = f"{taken:,} of {streamed:,} rows in batches of {BATCH:,}"
    return [
        Row(
            "weighted sample with chances of every row",
            best(lambda: weighted(weights, taken, seed=1), runs=runs),
            "CPU s",
            size,
            {"numpy choice(p)": choose, "pandas sample(weights)": None if pandas is None else pandas["weighted"]},
            least_ratio=1.5,
        ),
        Row("pps sample", best(lambda: pps(weights, taken, seed=1), runs=runs), "CPU s", size),
        Row(
            "stratified sample",
            best(lambda: stratified(groups, taken, seed=1), runs=runs),
            "CPU s",
            f"{size}, 50 strata",
            {"pandas groupby.sample": None if pandas is None else pandas["stratified"]},
        ),
        Row(
            "reservoir over a stream",
            best(lambda: in_batches(table, None, taken), runs=1 if quick else 3),
            "CPU s",
            told,
            {"plain Python, algorithm R": best(lambda: algorithm_r(streamed, taken), runs=1)},
            least_ratio=10,
            shrunk=quick,
        ),
        Row(
            "weighted reservoir over a stream",
            best(lambda: in_batches(table, heavy, taken), runs=1 if quick else 3),
            "CPU s",
            told,
        ),
    ]


if __name__ == "__main__":
    main(__doc__ or "", measure)
