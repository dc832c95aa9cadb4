"""Samples that stand for another distribution than the one the rows came from: rejection and importance sampling.

`ratio` says for each row how much likelier the target makes it than the rows do, up to one factor for all.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.core.rng import seed_for
from setpoint.data.samples.frame import INDEPENDENT, REPLACED, Frame
from setpoint.data.samples.sample import Floats, Sample, check_amounts, effective_size, sample_of


def rejection(ratio: npt.ArrayLike, *, most: float | None = None, seed: int) -> Sample:
    """Rows kept with a chance of `ratio / most`: what is left follows the target, each row with the same weight.

    von Neumann (1951), "Various techniques used in connection with random digits". `most` is a bound of the ratio,
    the greatest of these rows if it is not given.

    >>> sample = rejection(np.repeat([0.1, 0.9], 5000), seed=1)
    >>> 0.88 < (sample.index >= 5000).mean() < 0.92
    np.True_
    """
    ratios = check_amounts(ratio, "ratios")
    bound = float(ratios.max()) if most is None else most
    if not bound >= ratios.max():
        raise DataError(f"most={most}, but a ratio is {ratios.max():g}.", expected="a bound that no ratio exceeds")
    chances = ratios / bound
    rng = np.random.default_rng(seed_for(seed, "rejection sample"))
    index = np.flatnonzero(rng.random(ratios.size) < chances)
    details = {"stands_for": "the target", "most": bound, "accepted": index.size / ratios.size}
    frame = Frame("rejection", INDEPENDENT, ratios.size, index.size, seed, details=details)
    weight = np.full(index.size, bound / float(ratios.mean()))
    return sample_of(index, chances[index], frame, weight=weight)


def importance(ratio: npt.ArrayLike, n: int, *, proposal: npt.ArrayLike | None = None, seed: int) -> Sample:
    """`n` draws with replacement, weighted so that they stand for the target.

    A draw takes a row in proportion to `proposal` (all alike without one), and its weight is the ratio over that,
    normalised over the draws: Hesterberg (1995), "Weighted average importance sampling and defensive mixture
    distributions". The effective size (Kong 1992) says what the weights cost: where it is small, a few draws decide.

    >>> sample = importance(np.repeat([0.1, 0.9], 500), 200, seed=1)
    >>> sample.weight.sum().round(), sample.frame.details["effective_size"] < 200
    (np.float64(1000.0), True)
    """
    ratios = check_amounts(ratio, "ratios")
    if n < 1:
        raise DataError(f"{n} draws were asked for.", expected="at least 1")
    proposed = np.ones(ratios.size) if proposal is None else check_amounts(proposal, "proposal")
    if proposed.size != ratios.size or (ratios[proposed == 0] > 0).any():
        raise DataError(
            "The proposal leaves out rows of the target.",
            expected="one number per row, above 0 wherever the ratio is",
            hint="Mix a little of the target into the proposal.",
        )
    rng = np.random.default_rng(seed_for(seed, "importance sample"))
    reach = np.cumsum(proposed)
    index = np.searchsorted(reach, rng.random(n) * reach[-1], side="right")
    index = np.sort(np.minimum(index, int(np.flatnonzero(proposed)[-1])))
    expected: Floats = n * proposed[index] / reach[-1]
    weight = ratios[index] / expected
    if not weight.any():
        raise DataError(
            f"None of {n} draws is of the target.", expected="a draw with a ratio above 0", hint="Take more draws."
        )
    weight = weight * (ratios.size / weight.sum())
    details = {"stands_for": "the target", "effective_size": effective_size(weight)}
    frame = Frame("importance", REPLACED, ratios.size, n, seed, details=details)
    return sample_of(index, expected, frame, weight=weight)
