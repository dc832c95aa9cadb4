"""Several labels, of which each decision may have any number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from setpoint.core.ports import Learner, Model
from setpoint.core.target import Target
from setpoint.declare.goal import Metric
from setpoint.learn.calibrate import calibrate
from setpoint.learn.kinds.composed import LABELS, fit_parts
from setpoint.learn.kinds.kind import Calibrated, Fed, Inputs, Predict, fit_target, rates_of, statistic_of
from setpoint.learn.kinds.maps import LabelMaps
from setpoint.learn.sides import Examples
from setpoint.measure.statistic import Statistic


@dataclass(frozen=True)
class Multilabel:
    """A goal whose outcome is a set of labels: each is learned and calibrated by itself (binary relevance)."""

    metric: Metric
    classes: tuple[str, ...]
    name: str = "multilabel"
    needs: str = "binary"

    @property
    def trial(self) -> Metric:
        """The goal's metric."""
        return self.metric

    @property
    def always(self) -> tuple[Metric, ...]:
        """The usual metrics of sets of labels."""
        return tuple(Metric(name) for name in ("micro_f1", "macro_f1", "hamming", "macro_average_precision"))

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
        """A model of two classes for each label."""
        fits = [
            partial(
                fit_target,
                learner,
                parameters,
                older,
                newer,
                inputs=inputs,
                seed=seed,
                target=Target("binary"),
                labels=partial(self._column, place=place),
            )
            for place in range(len(self.classes))
        ]
        return fit_parts(LABELS, fits)

    def statistic(self, metric: Metric, rows: Examples, predicted: np.ndarray) -> Statistic:
        """A metric of sets of labels."""
        return statistic_of(metric, self.matrix(rows.y), predicted, rows.weight)

    def cluster(self, rows: Examples) -> np.ndarray:
        """Rows of one day."""
        return rows.days

    def calibrate(self, rows: Examples, predicted: np.ndarray) -> Calibrated:
        """The map of two classes that each label asks for by itself."""
        truth = self.matrix(rows.y)
        maps = tuple(
            calibrate(replace(rows, y=truth[:, place]), predicted[:, place]).map for place in range(len(self.classes))
        )
        kinds = ", ".join(f"{name} {each.kind}" for name, each in zip(self.classes, maps, strict=True))
        return Calibrated(LabelMaps(maps), f"each label by itself: {kinds}")

    def constant(self, older: Examples) -> tuple[str, np.ndarray]:
        """The rate of each label in training."""
        rates = np.average(self.matrix(older.y), weights=older.weight, axis=0)
        words = ", ".join(f"{name} {rate:.3g}" for name, rate in zip(self.classes, rates, strict=True))
        return f"the rate of each label in training ({words}) for every row", rates

    def grouped(self, values: np.ndarray, older: Examples, *, coded: bool) -> Predict:
        """The rate of each label in each bin."""
        return rates_of(values, self.matrix(older.y), older.weight, coded=coded)

    def stand_in(self, values: np.ndarray) -> np.ndarray | None:
        """How likely each label is where the rule names one is learned first."""
        del values
        return None

    def value(self, rows: Examples, predicted: np.ndarray) -> np.ndarray | None:
        """Nobody says what an error costs."""
        del rows, predicted
        return None

    def matrix(self, y: np.ndarray) -> np.ndarray:
        """The sets as 0 and 1, a column for each label.

        >>> Multilabel(Metric("hamming"), ("a", "b")).matrix(np.array([0.0, 2.0, 3.0])).tolist()
        [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
        """
        return ((y.astype(np.int64)[:, None] >> np.arange(len(self.classes))) & 1).astype(np.float64)

    def _column(self, y: np.ndarray, *, place: int) -> np.ndarray:
        return self.matrix(y)[:, place]
