"""Selection bias: where a sample is not like the population whose margins are known, and what that does to a mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from setpoint.core.errors import DataError
from setpoint.data.samples.sample import Sample, levels_of
from setpoint.measure.design import mean_alone, variance_of
from setpoint.measure.rake import Columns, Margins, rake, shares_of
from setpoint.measure.rows import Array, totals


@dataclass(frozen=True)
class LevelGap:
    """A level's share of the population and the sample's estimate of it."""

    column: str
    level: str
    population: float
    sample: float

    @property
    def gap(self) -> float:
        """How much too much of the level the sample has."""
        return self.sample - self.population


@dataclass(frozen=True)
class SelectionBias:
    """Whether a sample is shown to be selected, by which column most, and the mean beside the one it would have.

    `p_value` is of the most telling column, times the number of columns (Bonferroni). `mean` is what the sample says
    as it is, `raked_mean` what it says with the margins put right; NaN where no values were given or a level of the
    population has no row.
    """

    found: bool
    column: str
    p_value: float
    gaps: tuple[LevelGap, ...]
    mean: float
    raked_mean: float

    @property
    def bias(self) -> float:
        """How much of the mean is owed to the selection, as far as the margins see it."""
        return self.mean - self.raked_mean

    @property
    def worst(self) -> LevelGap:
        """The level whose share is furthest off."""
        return max(self.gaps, key=lambda gap: abs(gap.gap))

    def __str__(self) -> str:
        worst = self.worst
        told = (
            f"{worst.column}={worst.level} is {worst.sample:.1%} of the sample and {worst.population:.1%} of the "
            f"population (p = {self.p_value:.2g})"
        )
        if not self.found:
            return f"No selection shown; furthest off: {told}."
        beside = (
            "" if np.isnan(self.bias) else f" The mean is {self.mean:.4g}, raked to the margins {self.raked_mean:.4g}."
        )
        return f"Selected: {told}.{beside}"

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON-like data."""
        return {
            "found": self.found,
            "column": self.column,
            "p_value": self.p_value,
            "gaps": [
                {"column": gap.column, "level": gap.level, "population": gap.population, "sample": gap.sample}
                for gap in self.gaps
            ],
            "mean": None if np.isnan(self.mean) else self.mean,
            "raked_mean": None if np.isnan(self.raked_mean) else self.raked_mean,
        }


def selection_bias(
    sample: Sample,
    columns: Columns,
    margins: Margins,
    *,
    values: npt.ArrayLike | None = None,
    alpha: float = 0.01,
    least: float = 0.01,
) -> SelectionBias:
    """Whether the sample's shares differ from the population's by more than chance and by more than `least`.

    The first-order test of Rao and Scott (1981), "The analysis of categorical data from complex sample surveys": the
    squared distances over their variances under the design; a sample that was chosen is judged as if drawn row by row.

    >>> from setpoint.data.samples.chosen import convenience
    >>> sample = convenience(range(200), 1000, judged_by="who answered")
    >>> found = selection_bias(sample, {"age": ["young"] * 160 + ["old"] * 40}, {"age": {"young": 0.5, "old": 0.5}})
    >>> found.found, round(abs(found.worst.gap), 2)
    (True, 0.3)
    """
    if not columns or set(columns) != set(margins):
        raise DataError(
            f"Columns {sorted(columns)}, margins of {sorted(margins)}.", expected="a margin for each column"
        )
    gaps: list[LevelGap] = []
    p_values: dict[str, float] = {}
    for name, labels in columns.items():
        levels, codes = levels_of(labels)
        absent = [level for level in margins[name] if level not in levels]
        population = shares_of(name, levels, margins[name])
        whole = float(sum(margins[name].values()))
        share = totals(codes, sample.weight, len(levels)) / sample.weight.sum()
        missed = np.array([margins[name][level] / whole for level in absent])
        population, share = np.concatenate([population, missed]), np.concatenate([share, np.zeros(missed.size)])
        gaps += [
            LevelGap(name, str(level), float(of), float(got))
            for level, of, got in zip([*levels, *absent], population, share, strict=True)
        ]
        p_values[name] = _chance(share - population, _variances(sample, codes, population, len(levels)), population)
    column = min(p_values, key=lambda name: p_values[name])
    p_value = min(1.0, p_values[column] * len(p_values))
    largest = max(abs(gap.gap) for gap in gaps if gap.column == column)
    mean = raked_mean = float("nan")
    if values is not None:
        mean = mean_alone(sample, values)
        if all(gap.sample > 0 for gap in gaps):
            raked_mean = mean_alone(rake(sample, columns, margins).on(sample), values)
    return SelectionBias(p_value <= alpha and largest >= least, column, p_value, tuple(gaps), mean, raked_mean)


def _variances(sample: Sample, codes: npt.NDArray[np.int64], population: Array, levels: int) -> Array:
    """The variance of each level's share: by the design, or as of rows drawn one by one from the population."""
    plain = population * (1 - population) / sample.effective_size
    if not sample.frame.probability:
        return plain
    whole = float(sample.weight.sum())
    found = plain.copy()
    for level in range(levels):  # over levels, of which there are few
        share = population[level]
        found[level] = variance_of(sample, ((codes == level) - share) / whole)
    return np.where(np.isfinite(found), found, plain)


def _chance(gap: Array, variance: Array, population: Array) -> float:
    """How often chance alone gives shares as far from the margins."""
    freedom = population.size - 1
    known = population > 0
    expected = float((variance[known] / population[known]).sum())
    distance = float((gap[known] ** 2 / population[known]).sum())
    if freedom < 1 or distance <= 1e-24:
        return 1.0
    return float(chdtrc(freedom, freedom * distance / expected)) if expected > 0 else 0.0
