"""Rankings: the order of the items of a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.ports import Learner, Model
from setpoint.core.target import Target
from setpoint.declare.goal import Metric
from setpoint.learn.kinds.kind import Calibrated, Fed, Inputs, Predict, fit_target, rates_of, statistic_of
from setpoint.learn.kinds.maps import AsItIs
from setpoint.learn.sides import Examples
from setpoint.measure.ranking_metrics import Judged
from setpoint.measure.statistic import Statistic


@dataclass(frozen=True)
class Ranking:
    """A goal whose outcome is how relevant each item is among those of its query, a request field."""

    metric: Metric
    query: str
    name: str = "ranking"
    needs: str = "ranking"

    @property
    def trial(self) -> Metric:
        """The goal's metric."""
        return self.metric

    @property
    def always(self) -> tuple[Metric, ...]:
        """The usual metrics of rankings."""
        return (Metric("ndcg"), Metric("ndcg", 10.0), Metric("mean_average_precision"), Metric("mrr"))

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
        """A model of the order within queries."""
        depth = int(self.metric.option) if self.metric.option is not None and self.metric.name == "ndcg" else 0
        target = Target(
            "ranking",
            depth=depth,
            query=self.codes(older.rows),
            newer_query=None if newer is None else self.codes(newer.rows),
        )
        return fit_target(learner, parameters, older, newer, inputs=inputs, seed=seed, target=target)

    def statistic(self, metric: Metric, rows: Examples, predicted: np.ndarray) -> Statistic:
        """A metric of rankings."""
        return statistic_of(metric, Judged(rows.y, self.codes(rows)), predicted, rows.weight)

    def cluster(self, rows: Examples) -> np.ndarray:
        """Queries of one day, by their first item: no query is in two."""
        codes = self.codes(rows)
        _, first = np.unique(codes, return_index=True)
        return np.asarray(rows.days[first][np.unique(codes, return_inverse=True)[1]])

    def calibrate(self, rows: Examples, predicted: np.ndarray) -> Calibrated:
        """None."""
        del rows, predicted
        return Calibrated(AsItIs(), "a score says nothing but an order; nothing is calibrated")

    def constant(self, older: Examples) -> tuple[str, np.ndarray]:
        """No order at all."""
        del older
        return "no order: the items of a query as if drawn at random", np.asarray(0.0)

    def grouped(self, values: np.ndarray, older: Examples, *, coded: bool) -> Predict:
        """The mean relevance of each bin."""
        found = rates_of(values, older.y[:, None], older.weight, coded=coded)
        return lambda newer: found(newer)[:, 0]

    def stand_in(self, values: np.ndarray) -> np.ndarray | None:
        """The rule's number, by which items are ordered."""
        return values

    def value(self, rows: Examples, predicted: np.ndarray) -> np.ndarray | None:
        """Nobody says what an order costs."""
        del rows, predicted
        return None

    def codes(self, rows: Examples) -> np.ndarray:
        """The number of each row's query, in order of first appearance; items without a query are one query each."""
        column = rows.fields[self.query]
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        found = pc.dictionary_encode(column).indices
        codes = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        alone = np.flatnonzero(codes < 0)
        codes[alone] = codes.max(initial=-1) + 1 + np.arange(alone.size)
        return np.asarray(codes)
