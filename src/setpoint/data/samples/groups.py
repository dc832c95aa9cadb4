"""Samples by group: all rows of some customers, stores or days, because rows of a group are alike or come together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from setpoint.core.rng import seed_for
from setpoint.data.samples.frame import FIXED, REPLACED, Frame
from setpoint.data.samples.sample import Sample, check_size, levels_of, sample_of
from setpoint.data.samples.strata import first_of_each


def by_group(groups: npt.ArrayLike, n_groups: int, *, rows_each: int | None = None, seed: int) -> Sample:
    """All rows of a simple random sample of groups; with `rows_each`, at most so many of each at random.

    Intervals are over groups: many rows of one group are hardly more evidence than one. With `rows_each` they count
    the groups as drawn with replacement, which is never too sure (Cochran 1977, "Sampling techniques", 11.9).

    >>> sample = by_group(["a", "a", "b", "b", "b", "c"], 2, seed=1)
    >>> np.unique(sample.unit).size, sample.weight[0]
    (2, np.float64(1.5))
    """
    names, codes = levels_of(groups)
    check_size(n_groups, len(names))
    rng = np.random.default_rng(seed_for(seed, "group sample"))
    chosen = np.zeros(len(names), dtype=bool)
    chosen[rng.choice(len(names), n_groups, replace=False, shuffle=False)] = True
    details: dict[str, object] = {"groups": len(names), "groups_taken": n_groups}
    index = np.flatnonzero(chosen[codes])
    chances = np.full(index.size, n_groups / len(names))
    if rows_each is not None:
        check_size(rows_each, codes.size)
        sizes = np.bincount(codes, minlength=len(names))
        taken = np.where(chosen, np.minimum(sizes, rows_each), 0)
        index = np.sort(first_of_each(rng.permutation(codes.size), codes, taken))
        chances = n_groups / len(names) * (taken / sizes)[codes[index]]
        details["rows_each"] = rows_each
    scheme = FIXED if rows_each is None else REPLACED
    frame = Frame("group", scheme, codes.size, index.size, seed, details=details)
    return sample_of(index, chances, frame, unit=codes[index])
