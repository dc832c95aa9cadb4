"""Stratified samples: so many rows of each stratum, by its size, equally, or where the values spread most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from setpoint.core import times
from setpoint.core.errors import DataError
from setpoint.core.rng import seed_for
from setpoint.data.arrays import NULL_TIME
from setpoint.data.samples.frame import CHOSEN, FIXED, Frame
from setpoint.data.samples.sample import Floats, Ints, Sample, check_size, levels_of, sample_of
from setpoint.data.samples.weighted import weighted

Allocation = Literal["proportional", "equal", "neyman"]
SHOWN = 100
"""A frame lists its strata up to so many."""


def stratified(
    strata: npt.ArrayLike,
    n: int,
    *,
    allocation: Allocation = "proportional",
    spread: npt.ArrayLike | Mapping[Any, float] | None = None,
    least: int = 2,
    seed: int,
) -> Sample:
    """A simple random sample of each stratum, `n` rows in all.

    "proportional" takes rows as the strata have them, "equal" the same number of each, "neyman" more where the values
    spread more: `spread` is then the standard deviation of each level, or a value of each row to take it from.
    `least` rows of a stratum are always taken (all, where it has fewer): an interval needs two.

    >>> sample = stratified(["a"] * 90 + ["b"] * 10, 10, allocation="equal", seed=1)
    >>> sample.frame.details["strata"]
    {'a': [90, 5], 'b': [10, 5]}
    """
    names, codes = levels_of(strata)
    check_size(n, codes.size)
    sizes = np.bincount(codes, minlength=len(names))
    taken = allocate(sizes, n, allocation=allocation, spread=_spreads(names, codes, spread), least=least)
    details = {"allocation": allocation, **_strata(names, sizes, taken)}
    return _draw(codes, taken, Frame("stratified", FIXED, codes.size, n, seed, details=details), purpose="stratified")


def by_time(at: npt.NDArray[np.int64], n: int, *, every: str = "1d", seed: int) -> Sample:
    """A sample with as many rows of every day (hour, week) as of every other, in UTC.

    >>> at = np.repeat([0, times.DAY], [900, 100])
    >>> (by_time(at, 20, seed=1).index < 900).sum()
    np.int64(10)
    """
    check_times(at)
    check_size(n, at.size)
    starts, codes = np.unique(at // times.duration(every), return_inverse=True)
    sizes = np.bincount(codes)
    taken = allocate(sizes, n, allocation="equal", least=2)
    details = {"every": every, "spans": starts.size, "rows_per_span": [int(taken.min()), int(taken.max())]}
    return _draw(codes, taken, Frame("time", FIXED, at.size, n, seed, details=details), purpose="time sample")


def newest(at: npt.NDArray[np.int64], n: int, *, half_life: str | None = None, seed: int = 0) -> Sample:
    """The newest rows; with a half-life, newer rows are only likelier, and the sample still stands for all of time.

    Without one nothing older can be taken: then it is no sample of all rows, and has no interval for them.

    >>> newest(np.array([3, 9, 1, 7]), 2).index
    array([1, 3])
    >>> newest(np.arange(1000) * times.DAY, 100, half_life="90d", seed=1).frame.probability
    True
    """
    check_times(at)
    check_size(n, at.size)
    if half_life is None:
        index = np.sort(np.argsort(-at, kind="stable")[:n])
        details = {"from": times.iso(int(at[index].min()))}
        frame = Frame("newest", CHOSEN, at.size, n, judged_by="the order of time", details=details)
        return sample_of(index, np.full(n, np.nan), frame, weight=np.ones(n))
    ages = (int(at.max()) - at) / times.duration(half_life)
    return weighted(np.exp2(-np.minimum(ages, 1000.0)), n, seed=seed, kind="newest", details={"half_life": half_life})


def allocate(
    sizes: npt.ArrayLike,
    n: int,
    *,
    allocation: Allocation = "proportional",
    spread: npt.ArrayLike | None = None,
    least: int = 2,
) -> Ints:
    """How many rows of each stratum of these sizes, `n` in all, none more than it has.

    Neyman (1934), "On the two different aspects of the representative method": in proportion to the size times the
    standard deviation, which makes the variance of a total smallest.

    >>> allocate([900, 100], 20, allocation="neyman", spread=[1.0, 9.0])
    array([10, 10])
    """
    most = np.asarray(sizes, dtype=np.int64)
    fewest = np.minimum(most, least)
    if n > most.sum():
        raise DataError(f"{n} rows were asked for, of {int(most.sum())}.", expected="no more than there are")
    if least < 1 or fewest.sum() > n:
        raise DataError(
            f"{n} rows were asked for, at least {least} of each of {most.size} strata.",
            expected=f"at least {max(1, int(fewest.sum()))} rows, and least=1 or more",
            hint="Take more rows, join rare strata into one, or lower least= (an interval needs 2).",
        )
    shares: Floats = most.astype(np.float64)
    if allocation == "equal":
        shares = np.ones(most.size)
    elif allocation == "neyman":
        if spread is None:
            raise DataError("A Neyman allocation without spread=.", expected="a standard deviation of each stratum")
        spreads = np.asarray(spread, dtype=np.float64)
        shares = shares * spreads if (shares * spreads).any() else shares
    elif allocation != "proportional":
        raise DataError(f"allocation={allocation!r}.", expected='"proportional", "equal" or "neyman"')
    return _between(np.maximum(shares, shares.max() * 1e-9), n, fewest, most)


def check_times(at: npt.NDArray[np.int64]) -> None:
    """Refuses rows without a time."""
    if at.size and int(at.min()) == NULL_TIME:
        raise DataError(f"{int((at == NULL_TIME).sum())} rows have no time.", expected="a time of every row")


def first_of_each(order: Ints, codes: Ints, taken: Ints) -> Ints:
    """The first `taken[code]` rows of each code, in this order of rows, sorted by code."""
    short = codes.astype(np.uint16) if taken.size <= 1 << 16 else codes  # numpy sorts these in one pass
    grouped = order[np.argsort(short[order], kind="stable")]
    counts = np.bincount(codes, minlength=taken.size)
    place = np.arange(order.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(grouped[place < np.repeat(taken, counts)])


def _draw(codes: Ints, taken: Ints, frame: Frame, *, purpose: str) -> Sample:
    rng = np.random.default_rng(seed_for(frame.seed or 0, purpose))
    index = np.sort(first_of_each(rng.permutation(codes.size), codes, taken))
    of_row = codes[index]
    return sample_of(index, (taken / np.bincount(codes))[of_row], frame, stratum=of_row)


def _between(shares: Floats, n: int, fewest: Ints, most: Ints) -> Ints:
    """Whole numbers that add up to `n`, in proportion to the shares as far as the bounds let them."""
    low, high = 0.0, float((most / shares).max())
    for _ in range(200):
        middle = (low + high) / 2
        if np.clip(middle * shares, fewest, most).sum() < n:
            low = middle
        else:
            high = middle
    wanted = np.clip(high * shares, fewest, most)
    whole = np.floor(wanted + 1e-9).astype(np.int64)
    left = np.where(whole < most, wanted - whole, -1.0)
    whole[np.argsort(-left, kind="stable")[: n - int(whole.sum())]] += 1
    return whole


def _spreads(names: list[Any], codes: Ints, spread: npt.ArrayLike | Mapping[Any, float] | None) -> Floats | None:
    if spread is None:
        return None
    found: Floats
    if isinstance(spread, Mapping):
        missing = [name for name in names if name not in spread]
        if missing:
            raise DataError(
                f"spread= has no value for {missing[0]!r}.", expected="a standard deviation of each stratum"
            )
        found = np.array([float(spread[name]) for name in names], dtype=np.float64)
    else:
        values = np.asarray(spread, dtype=np.float64)
        if values.shape != codes.shape:
            raise DataError(f"spread= has {values.size} values for {codes.size} rows.", expected="one per row")
        counts = np.bincount(codes)
        middle = (np.bincount(codes, values) / counts).astype(np.float64)
        found = np.sqrt(np.bincount(codes, (values - middle[codes]) ** 2) / np.maximum(counts - 1.0, 1.0))
    if not np.isfinite(found).all() or (found < 0).any():
        raise DataError("spread= has values that are no standard deviation.", expected="finite numbers from 0 on")
    return found


def _strata(names: list[Any], sizes: Ints, taken: Ints) -> dict[str, Any]:
    if len(names) > SHOWN:
        return {"strata": len(names)}
    return {"strata": {str(name): [int(a), int(b)] for name, a, b in zip(names, sizes, taken, strict=True)}}
