"""Samples that somebody or something chose: quota, convenience, judgement, snowball.

No row has a known chance. Every row weighs 1 until the sample is raked to known margins (`measure/rake.py`), and no
interval follows from the design.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.core.rng import seed_for
from setpoint.data.samples.frame import CHOSEN, Frame
from setpoint.data.samples.sample import Ints, Sample, levels_of, sample_of
from setpoint.data.samples.strata import first_of_each


def convenience(index: npt.ArrayLike, population: int, *, judged_by: str, note: str = "") -> Sample:
    """The rows that were easy to get: who answered, what was at hand.

    >>> convenience([3, 1], 100, judged_by="who opened the survey").frame.probability
    False
    """
    return _chosen("convenience", _places(index, population), population, judged_by, {"note": note} if note else {})


def judgement(index: npt.ArrayLike, population: int, *, judged_by: str, reason: str) -> Sample:
    """The rows that an expert picked as telling, with who it was and why.

    >>> judgement([7], 100, judged_by="fraud desk", reason="typical chargebacks").frame.details
    {'reason': 'typical chargebacks'}
    """
    return _chosen("judgement", _places(index, population), population, judged_by, {"reason": reason})


def quota(groups: npt.ArrayLike, quotas: Mapping[Any, int], *, judged_by: str) -> Sample:
    """The first rows of each group in the order in which they come, until its quota is full.

    >>> sample = quota(["f", "m", "m", "f", "m"], {"f": 2, "m": 2}, judged_by="the call centre")
    >>> sample.index
    array([0, 1, 2, 3])
    """
    names, codes = levels_of(groups)
    unknown = [name for name in quotas if name not in names]
    if unknown or any(number < 0 for number in quotas.values()):
        raise DataError(
            f"A quota names {unknown[0]!r}, which no row has." if unknown else "A quota is negative.",
            expected=f"numbers from 0 on, for groups among {names[:10]}",
        )
    wanted = np.array([quotas.get(name, 0) for name in names], dtype=np.int64)
    index = np.sort(first_of_each(np.arange(codes.size), codes, wanted))
    got = np.bincount(codes[index], minlength=len(names))
    filled = {str(name): [int(quotas[name]), int(got[place])] for place, name in enumerate(names) if name in quotas}
    return _chosen("quota", index, codes.size, judged_by, {"quotas": filled})


def snowball(
    edges: tuple[npt.ArrayLike, npt.ArrayLike],
    start: npt.ArrayLike,
    population: int,
    *,
    waves: int,
    most: int | None = None,
    directed: bool = False,
    seed: int = 0,
) -> Sample:
    """Those at the start, whom they name, whom those name, for some waves; `most` names of each at random.

    Goodman (1961), "Snowball sampling". `edges` are two columns of row numbers of the population, from and to.

    >>> sample = snowball(([0, 1, 2], [1, 2, 3]), [0], 10, waves=2)
    >>> sample.index, sample.frame.details["waves"]
    (array([0, 1, 2]), [1, 1, 1])
    """
    here, there = (_numbers(side, population, unique=False) for side in edges)
    if here.size != there.size:
        raise DataError(f"{here.size} edges begin and {there.size} end.", expected="as many of both")
    if not directed:
        here, there = np.concatenate([here, there]), np.concatenate([there, here])
    reached = np.zeros(population, dtype=bool)
    wave = _places(start, population)
    reached[wave] = True
    sizes = [int(wave.size)]
    rng = np.random.default_rng(seed_for(seed, "snowball sample"))
    for _ in range(waves):
        asked = np.isin(here, wave)
        origin, named = here[asked], there[asked]
        if most is not None:
            named = named[first_of_each(rng.permutation(named.size), origin, np.full(population, most))]
        wave = np.unique(named[~reached[named]])
        if not wave.size:
            break
        reached[wave] = True
        sizes.append(int(wave.size))
    details = {"waves": sizes, "most": most, "directed": directed}
    return _chosen("snowball", np.flatnonzero(reached), population, "the rows themselves", details, seed=seed)


def _chosen(
    kind: str, index: Ints, population: int, judged_by: str, details: Mapping[str, Any], *, seed: int | None = None
) -> Sample:
    if not judged_by.strip():
        raise DataError(f"A {kind} sample without judged_by=.", expected="who or what chose the rows")
    if not index.size:
        raise DataError(f"A {kind} sample of no rows.", expected="at least one row")
    frame = Frame(kind, CHOSEN, population, index.size, seed, judged_by=judged_by, details=details)
    return sample_of(index, np.full(index.size, np.nan), frame, weight=np.ones(index.size))


def _places(index: npt.ArrayLike, population: int) -> Ints:
    return np.sort(_numbers(index, population, unique=True))


def _numbers(values: npt.ArrayLike, population: int, *, unique: bool) -> Ints:
    found = np.asarray(values)
    whole = found.astype(np.int64) if found.size else np.zeros(0, np.int64)
    if found.ndim != 1 or (found.size and not ((whole == found) & (whole >= 0) & (whole < population)).all()):
        raise DataError("A row number is none of the population.", expected=f"whole numbers from 0 to {population - 1}")
    if unique and np.unique(whole).size != whole.size:
        raise DataError("A row was chosen twice.", expected="every row once")
    return whole
