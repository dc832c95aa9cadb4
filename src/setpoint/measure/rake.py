"""Raking: weights that make a sample agree with known margins of its population.

Iterative proportional fitting: Deming and Stephan (1940), "On a least squares adjustment of a sampled frequency table
when the expected marginal totals are known". It mends what the margins see. Where those who are missing differ within
a level, the bias stays; so a raked sample that was chosen still has no interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.data.samples.sample import Sample, effective_size, levels_of
from setpoint.measure.rows import Array, Codes, totals

Columns = Mapping[str, npt.ArrayLike]
Margins = Mapping[str, Mapping[Any, float]]


@dataclass(frozen=True, eq=False)
class Raked:
    """The weights after raking, and how it went.

    `apart` is the largest difference that is left between a share of the sample and its margin; `margins` tells each:
    the margin, the share before and the share after. `trimmed` counts the weights held at the bounds.
    """

    weight: Array
    converged: bool
    rounds: int
    apart: float
    trimmed: int
    effective_size: float
    margins: Mapping[str, Mapping[str, tuple[float, float, float]]]

    def on(self, sample: Sample) -> Sample:
        """The sample with these weights; its frame tells that it was raked, to which columns and how it went."""
        if len(sample) != self.weight.size:
            raise DataError(f"{self.weight.size} weights for {len(sample)} rows.", expected="one per sampled row")
        details = {**sample.frame.details, "raked": self.to_dict()}
        return replace(sample, weight=self.weight, frame=replace(sample.frame, details=details))

    def to_dict(self) -> dict[str, Any]:
        """How the raking went, as JSON-like data."""
        return {
            "columns": list(self.margins),
            "converged": self.converged,
            "rounds": self.rounds,
            "apart": self.apart,
            "trimmed": self.trimmed,
            "effective_size": self.effective_size,
        }


def rake(
    sample: Sample,
    columns: Columns,
    margins: Margins,
    *,
    most: float | None = None,
    rounds: int = 200,
    tolerance: float = 1e-8,
) -> Raked:
    """Weights with which the sample has the population's share of every level of every column.

    `margins` gives the population's count or share of each level; `columns` the levels of the sampled rows. `most`
    holds every weight between the mean over `most` and `most` times the mean (trimming: Potter 1990), since a few
    heavy rows make an estimate as unsure as a few rows are; then the margins may not be met, which `converged` tells.

    >>> from setpoint.data.samples.chosen import convenience
    >>> young = convenience(range(10), 1000, judged_by="who answered")
    >>> raked = rake(young, {"age": ["young"] * 8 + ["old"] * 2}, {"age": {"young": 500, "old": 500}})
    >>> raked.converged, raked.weight[[0, 9]]
    (True, array([ 62.5, 250. ]))
    """
    fixed = [_margin(name, columns[name], margins[name], sample.weight) for name in _names(columns, margins)]
    if most is not None and most <= 1:
        raise DataError(f"most={most}.", expected="more than 1: weights are held between mean / most and most * mean")
    start = sample.weight.astype(np.float64)
    whole = float(sample.frame.population)
    weight = start * (whole / start.sum())
    mean = whole / weight.size
    low, high = (0.0, np.inf) if most is None else (mean / most, mean * most)
    done, apart = 0, _apart(weight, fixed)
    while done < rounds and apart > tolerance:
        before = weight
        for codes, target in fixed:
            weight = weight * (target * whole / totals(codes, weight, target.size))[codes]
        weight = np.clip(weight, low, high)
        done, apart = done + 1, _apart(weight, fixed)
        if np.abs(weight - before).max() <= tolerance * mean:
            break
    told = {}
    for name, (codes, target) in zip(columns, fixed, strict=True):
        shares = [totals(codes, part, target.size) / part.sum() for part in (start, weight)]
        levels = [str(level) for level in levels_of(columns[name])[0]]
        told[name] = {
            level: (float(of), float(was), float(now))
            for level, of, was, now in zip(levels, target, *shares, strict=True)
        }
    trimmed = 0 if most is None else int(((weight <= low) | (weight >= high)).sum())
    return Raked(weight, apart <= max(tolerance, 1e-12), done, apart, trimmed, effective_size(weight), told)


def shares_of(name: str, levels: list[Any], margin: Mapping[Any, float]) -> Array:
    """The population's share of each level of the sample; refused where one of the two knows a level alone."""
    found = np.array([float(margin.get(level, np.nan)) for level in levels])
    if np.isnan(found).any():
        unknown = levels[int(np.flatnonzero(np.isnan(found))[0])]
        raise DataError(
            f"The sample has {name}={unknown!r}, which the margin of {name!r} lacks.",
            expected="the population's count or share of every level",
            hint="Join rare levels into one in both.",
        )
    values = np.array([float(value) for value in margin.values()])
    if (values < 0).any() or not np.isfinite(values).all() or values.sum() <= 0 or (found <= 0).any():
        raise DataError(f"The margin of {name!r} has a level of {values.min():g}.", expected="counts or shares above 0")
    return np.asarray(found / values.sum())


def _margin(name: str, labels: npt.ArrayLike, margin: Mapping[Any, float], weight: Array) -> tuple[Codes, Array]:
    levels, codes = levels_of(labels)
    if codes.size != weight.size:
        raise DataError(
            f"Column {name!r} has {codes.size} values for {weight.size} sampled rows.", expected="one per row"
        )
    shares = shares_of(name, levels, margin)
    weighing = {level for level, whole in zip(levels, totals(codes, weight, len(levels)), strict=True) if whole > 0}
    absent = [level for level, value in margin.items() if value > 0 and level not in weighing]
    if absent:
        raise DataError(
            f"No row of the sample has {name}={absent[0]!r}, so no weight can stand for it.",
            expected="a row of every level of the margin",
            hint="Join the level with another in both, or leave it out of what the sample stands for.",
        )
    return codes, shares


def _apart(weight: Array, fixed: list[tuple[Codes, Array]]) -> float:
    whole = weight.sum()
    gaps = (np.abs(totals(codes, weight, target.size) / whole - target).max() for codes, target in fixed)
    return float(max(gaps))


def _names(columns: Columns, margins: Margins) -> list[str]:
    if not columns or set(columns) != set(margins):
        raise DataError(
            f"Columns {sorted(columns)} and margins of {sorted(margins)}.",
            expected="a margin for each column, one or more",
        )
    return list(columns)
