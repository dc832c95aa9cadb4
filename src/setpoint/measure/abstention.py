"""When to ask a person instead of acting: where the errors of the best action cost more than asking does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.conformal_sets import class_chances
from setpoint.measure.draws import DRAWS, interval_of
from setpoint.measure.intervals import Interval
from setpoint.measure.rows import Array, Codes, Mask
from setpoint.measure.statistic import mean_of, weights_for


class Abstained(NamedTuple):
    """For each row the cheapest action, whether a person is asked instead, and what both ways are expected to cost."""

    action: Codes
    ask: Mask
    acting: Array
    asking: Array


@dataclass(frozen=True)
class Saving:
    """What asking saves per row, on rows whose truth is known.

    `expected` is what the probabilities promise and `saved` what came, with its interval; `asked` is the share that is
    asked. `calibrated` says whether the promise is inside the interval: where it is not, the probabilities are off.
    """

    asked: float
    acting: float
    with_asking: float
    expected: float
    saved: Interval

    @property
    def calibrated(self) -> bool:
        """Whether what was promised is what came, as far as can be told."""
        return bool(self.saved.low <= self.expected <= self.saved.high)

    def to_dict(self) -> dict[str, Any]:
        """The saving as JSON-like data."""
        return {
            "asked": self.asked,
            "acting": self.acting,
            "with_asking": self.with_asking,
            "expected": self.expected,
            "saved": self.saved.to_dict(),
            "calibrated": self.calibrated,
        }


def two_class_costs(*, false_positive: npt.ArrayLike, false_negative: npt.ArrayLike) -> Array:
    """The costs of two classes and two actions: numbers, or one of each for every row; to be right costs nothing.

    >>> two_class_costs(false_positive=2, false_negative=50)
    array([[[ 0.,  2.],
            [50.,  0.]]])
    """
    vain, missed = np.broadcast_arrays(
        np.atleast_1d(np.asarray(false_positive, dtype=np.float64)),
        np.atleast_1d(np.asarray(false_negative, dtype=np.float64)),
    )
    costs = np.zeros((vain.size, 2, 2))
    costs[:, 0, 1], costs[:, 1, 0] = vain, missed
    return costs


def abstain(p: npt.ArrayLike, costs: npt.ArrayLike, *, ask: npt.ArrayLike) -> Abstained:
    """Where to ask: Chow's rule, the least expected cost of all actions and of asking, which is taken to be right.

    Chow (1970), "On Optimum Recognition Error and Reject Tradeoff", IEEE Transactions on Information Theory 16(1).
    `p` are calibrated probabilities (a column for each class, or those of the second of two). `costs` are by true class
    and action, the same for all rows or one such table for each; `ask` is the cost of asking, errors of the one who is
    asked included. Rows for which both cost the same are not asked.

    >>> abstain([0.02, 0.5, 0.99], two_class_costs(false_positive=1, false_negative=1), ask=0.1).ask
    array([False,  True, False])
    """
    chances = class_chances(p)
    table = _tables(costs, chances.shape)
    expected = np.einsum("rk,rka->ra", chances, np.broadcast_to(table, (chances.shape[0], *table.shape[1:])))
    action = expected.argmin(axis=1)
    acting = expected[np.arange(action.size), action]
    asking = _asking(ask, action.size)
    return Abstained(action, np.asarray(asking < acting), acting, asking)


def saving(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    costs: npt.ArrayLike,
    *,
    ask: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    cluster: npt.ArrayLike | None = None,
    block: npt.ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> Saving:
    """What asking by Chow's rule saves per row against always acting, with its interval, on rows of known class.

    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(4000)
    >>> y = (rng.random(4000) < p).astype(int)
    >>> found = saving(y, p, two_class_costs(false_positive=1, false_negative=1), ask=0.1)
    >>> round(found.asked, 2), round(found.expected, 2), found.saved.low > 0, found.calibrated
    (0.8, 0.16, True, True)
    """
    chances, truth = class_chances(p), np.asarray(y)
    if truth.shape != chances.shape[:1] or (truth.size and not np.isin(truth, np.arange(chances.shape[1])).all()):
        raise DataError(
            f"The labels of shape {truth.shape} are no classes of {chances.shape[0]} rows.",
            expected=f"a number from 0 to {chances.shape[1] - 1} for each row",
        )
    table = _tables(costs, chances.shape)
    ruled = abstain(chances, table, ask=ask)
    rows = np.arange(truth.size)
    came: Array = table[rows if table.shape[0] > 1 else 0, truth.astype(np.intp), ruled.action]
    weights = weights_for(weight, truth.size)
    saved = np.where(ruled.ask, came - ruled.asking, 0.0)
    promised = np.where(ruled.ask, ruled.acting - ruled.asking, 0.0)
    interval = interval_of(
        mean_of(saved, weights), cluster=cluster, block=block, weight=weights, draws=draws, seed=seed, level=level
    )
    asked, acting, expected = (
        mean_of(each, weights).value() for each in (ruled.ask.astype(np.float64), came, promised)
    )
    return Saving(asked, acting, acting - interval.estimate, expected, interval)


def _tables(costs: npt.ArrayLike, shape: tuple[int, ...]) -> Array:
    table = np.asarray(costs, dtype=np.float64)
    table = table[None] if table.ndim == 2 else table
    if table.ndim != 3 or table.shape[0] not in {1, shape[0]} or table.shape[1] != shape[1] or not table.shape[2]:
        raise DataError(
            f"The costs have shape {table.shape}.",
            expected=f"{shape[1]} true classes by actions, once or for each of {shape[0]} rows",
        )
    if not np.isfinite(table).all():
        raise DataError("Some costs are not finite.", expected="numbers; what is gained is below 0")
    return table


def _asking(ask: npt.ArrayLike, n: int) -> Array:
    asking = np.asarray(ask, dtype=np.float64)
    if asking.shape not in {(), (n,)} or not (np.isfinite(asking).all() and (asking >= 0).all()):
        raise DataError(f"Asking costs {ask!r}.", expected="zero or more, once or for each row")
    return np.broadcast_to(asking, (n,))
