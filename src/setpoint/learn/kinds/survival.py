"""Times until an event, of which some are cut off: the chance of an event in each of a few stretches of time.

Discrete-time survival (Singer and Willett 1993, "It's About Time: Using Discrete-Time Survival Analysis"; Tutz and
Schmid 2016, "Modeling Discrete Time-to-Event Data"): a decision is a row for each stretch that it was followed through,
and whether its event fell into that stretch is a question of two classes, so that every learner of two classes learns
times too. Cox's model with a baseline of Breslow would need the hazards of any two decisions to keep their ratio; here
they may cross, nothing but log loss is fitted, and the answer is a probability as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from setpoint.core.ports import Learner, Model
from setpoint.core.target import Target
from setpoint.declare.goal import Metric
from setpoint.learn.calibrate import calibrate
from setpoint.learn.kinds.composed import PERIODS, Composed
from setpoint.learn.kinds.kind import Calibrated, Fed, Inputs, Predict, quantiles_at, rates_of, statistic_of
from setpoint.learn.sides import Examples
from setpoint.measure.statistic import Statistic
from setpoint.measure.survival import Lifetimes, survival_curve

STRETCHES = 8
"""Stretches of time, each with about as many events."""
CLOSE = 1e-9
"""Days by which two times may differ and be one."""
COLUMN = "__period"


@dataclass(frozen=True)
class Survival:
    """A goal whose outcome is the days until an event, less than 0 where none came while followed; up to `within`.

    `ends` are where stretches of time end, if it is not the rows that say so.
    """

    metric: Metric
    within: float
    name: str = "survival"
    needs: str = "binary"
    ends: tuple[float, ...] = ()

    @property
    def trial(self) -> Metric:
        """The goal's metric."""
        return self.metric

    @property
    def always(self) -> tuple[Metric, ...]:
        """How often the decision that is said to be sooner is sooner."""
        return (Metric("concordance"), Metric("uno_concordance"))

    def fit(
        self,
        learner: Learner,
        parameters: Mapping[str, Any],
        older: Fed,
        newer: Fed | None,
        *,
        inputs: Inputs,
        seed: int,
    ) -> tuple[Model, dict[str, Any]]:
        """A model of the chance of an event in each stretch of time."""
        edges = self.edges(older.rows)
        given = spread(older.matrix, older.rows.y, older.rows.weight, edges)
        later = None if newer is None else spread(newer.matrix, newer.rows.y, newer.rows.weight, edges)
        width = older.matrix.shape[1]
        model, settled = learner.fit(
            parameters,
            given[0],
            given[1],
            categories=(*inputs.categories, width),
            seed=seed,
            weight=given[2],
            validation=None if later is None else later[:2],
            validation_weight=None if later is None else later[2],
            names=(*inputs.names, COLUMN) if inputs.names else (),
            target=Target("binary"),
        )
        together: Model = Composed(PERIODS, (model,), edges)
        return together, settled

    def edges(self, rows: Examples) -> tuple[float, ...]:
        """Where the stretches end: each has about as many events, and the last ends with the label's time."""
        if self.ends:
            return self.ends
        events = rows.y > 0
        if not events.any():
            return (self.within,)
        shares = tuple(place / STRETCHES for place in range(1, STRETCHES))
        inner = np.unique(quantiles_at(rows.y[events], rows.weight[events], shares))
        return (*inner[inner < self.within - CLOSE].tolist(), self.within)

    def statistic(self, metric: Metric, rows: Examples, predicted: np.ndarray) -> Statistic:
        """A metric of times."""
        return statistic_of(metric, Lifetimes(np.abs(rows.y), rows.y > 0), predicted, rows.weight)

    def cluster(self, rows: Examples) -> np.ndarray:
        """Rows of one day."""
        return rows.days

    def calibrate(self, rows: Examples, predicted: np.ndarray) -> Calibrated:
        """As two classes at the end of the label's time, on decisions of which it is known what was by then."""
        known = np.flatnonzero((rows.y > 0) | (-rows.y >= self.within - CLOSE))
        kept = rows.take(known)
        choice = calibrate(replace(kept, y=(kept.y > 0).astype(np.float64)), predicted[known]).choice
        return Calibrated(choice.map, f"at the end of the label's time: {choice.reason}")

    def constant(self, older: Examples) -> tuple[str, np.ndarray]:
        """The share of training decisions whose event came in time, by Kaplan and Meier."""
        curve = survival_curve(Lifetimes(np.abs(older.y), older.y > 0), weight=older.weight)
        chance = 1.0 - float(curve.at([self.within])[0])
        return f"the share with an event in training, {chance:.4g}, for every row", np.asarray(chance)

    def grouped(self, values: np.ndarray, older: Examples, *, coded: bool) -> Predict:
        """The events in each bin over the time that its decisions were followed."""
        happened = (older.y > 0).astype(np.float64)
        time = np.minimum(np.abs(older.y), self.within) / self.within
        found = rates_of(values, np.stack([happened, time], axis=1), older.weight, coded=coded)

        def chance(newer: np.ndarray) -> np.ndarray:
            events, followed = found(newer).T
            return np.asarray(-np.expm1(-events / np.maximum(followed, CLOSE)))

        return chance

    def stand_in(self, values: np.ndarray) -> np.ndarray | None:
        """How likely the event is where the rule says so is learned first."""
        del values
        return None

    def value(self, rows: Examples, predicted: np.ndarray) -> np.ndarray | None:
        """Nobody says what an error of a time costs."""
        del rows, predicted
        return None


def spread(
    matrix: np.ndarray, y: np.ndarray, weight: np.ndarray, edges: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every row once for each stretch that it was followed through, with whether its event fell into it, and weights.

    A row that was cut off within a stretch counts for it where it was followed through its first half.

    >>> rows, event, _ = spread(np.array([[7.0]]), np.array([3.0]), np.ones(1), (2.0, 4.0, 6.0))
    >>> rows.tolist(), event.tolist()
    ([[7.0, 0.0], [7.0, 1.0]], [0.0, 1.0])
    """
    ends = np.array(edges)
    starts = np.concatenate([[0.0], ends[:-1]])
    lasted, happened = np.abs(y)[:, None], (y > 0)[:, None]
    event = happened & (lasted > starts) & (lasted <= ends)
    through = lasted >= ends - CLOSE
    half = ~happened & (lasted >= (starts + ends) / 2)
    there = event | through | half
    row, period = np.nonzero(there)
    return (
        np.column_stack([matrix[row], period.astype(np.float64)]),
        event[row, period].astype(np.float64),
        np.asarray(weight[row]),
    )
