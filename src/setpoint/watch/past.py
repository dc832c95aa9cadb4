"""The days a monitor compares with, stacked into matrices: row per day, oldest first, today last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from setpoint.core.times import DAY
from setpoint.watch.reference import Reference
from setpoint.watch.summarise import DaySummary

Numbers = npt.NDArray[np.float64]

HISTORY = 70
"""Days of history that monitors make use of: four weeks to compare with, four to learn what is usual, and some gap."""

GAP = 3
"""Days before today that are left out of what is usual, so that a fault of yesterday is not."""


@dataclass(frozen=True, eq=False)
class Past:
    """History and today as matrices. `weekday` starts on a Thursday (the epoch's); `model` numbers who decided."""

    reference: Reference
    at: npt.NDArray[np.int64]
    rows: Numbers
    degraded: Numbers
    counts: Numbers
    nulls: Numbers
    strange: Numbers
    single: npt.NDArray[np.bool_]
    weekday: npt.NDArray[np.int64]
    model: npt.NDArray[np.int64]

    @property
    def days(self) -> int:
        """How many days there are, today included."""
        return int(self.at.size)

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        """The place of each column's first bin."""
        return self.reference.offsets[:-1]

    def by_column(self, counts: Numbers) -> Numbers:
        """The sum over the bins of each column, in the last axis."""
        return np.asarray(np.add.reduceat(counts, self.starts, axis=-1))

    def spread(self, of_column: Numbers) -> Numbers:
        """One number per column repeated for each of its bins, in the last axis."""
        return np.repeat(of_column, np.diff(self.reference.offsets), axis=-1)

    def select(self, places: npt.NDArray[np.int64]) -> Past:
        """The same days with only some of the columns."""
        reference = self.reference
        bins = np.concatenate([np.arange(reference.offsets[i], reference.offsets[i + 1]) for i in places])
        columns = tuple(reference.columns[i] for i in places)
        return replace(
            self,
            reference=replace(reference, columns=columns),
            counts=self.counts[:, bins],
            nulls=self.nulls[:, places],
            strange=self.strange[:, places],
            single=self.single[:, places],
        )

    @cached_property
    def means(self) -> Numbers:
        """The mean position of each column's values on each day; NaN on a day without any."""
        return self._mean_of(self.reference.positions)

    @cached_property
    def ranks(self) -> Numbers:
        """The mean rank of each column's values on each day among those of all days, in deviations of a rank."""
        total = self.counts.sum(axis=0)
        ends = np.cumsum(total)
        begins = self.spread((ends - total)[self.starts])
        with np.errstate(divide="ignore", invalid="ignore"):
            rank = (ends - total / 2 - begins) / self.spread(self.by_column(total)) - 0.5
        return self._mean_of(np.nan_to_num(rank) * np.sqrt(12.0))

    def _mean_of(self, positions: Numbers) -> Numbers:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.by_column(self.counts * positions) / self.by_column(self.counts))

    def promised(self) -> Numbers:
        """The mean rank of the score on each day that the inputs' effects promise, up to a constant."""
        effects = np.zeros(self.counts.shape[1])
        of_null = np.zeros(self.nulls.shape[1])
        for i, column in enumerate(self.reference.columns):
            if column.effects:
                effects[self.reference.offsets[i] : self.reference.offsets[i + 1]] = column.effects[:-1]
                of_null[i] = column.effects[-1]
        moved = np.einsum("ij,j->i", self.counts, effects) + np.einsum("ij,j->i", self.nulls, of_null)
        return np.asarray(moved / np.maximum(self.rows, 1.0))

    def earlier(self, length: int) -> slice:
        """The last `length` days before today that are not within the gap."""
        end = self.days - 1 - GAP
        return slice(max(0, end - length), max(0, end))


def stack(reference: Reference, history: Sequence[DaySummary], today: DaySummary) -> Past:
    """The past of a day: the summaries before it that are counted into the same bins, and itself.

    >>> from setpoint.watch.summarise import summarise
    >>> from setpoint.watch.reference import make_reference
    >>> import pyarrow as pa
    >>> reference = make_reference(pa.table({"temp": [10.0, 12.0]}), [0.1, 0.3], [0, 1])
    >>> log = pa.table({"feature.temp": [12.0, None], "score": [0.1, 0.1]})
    >>> days = [summarise(reference, log, at=k * DAY) for k in range(3)]
    >>> stack(reference, days[:2], days[2]).counts.shape
    (3, 4)
    """
    kept = [day for day in history if day.layout == today.layout and day.at < today.at][-HISTORY:]
    days = [*kept, today]
    names = {name: code for code, name in enumerate(dict.fromkeys(day.model for day in days))}
    at = np.array([day.at for day in days], dtype=np.int64)
    return Past(
        reference=reference,
        at=at,
        rows=np.array([day.rows for day in days], dtype=np.float64),
        degraded=np.array([day.degraded for day in days], dtype=np.float64),
        counts=np.array([day.counts for day in days], dtype=np.float64),
        nulls=np.array([day.nulls for day in days], dtype=np.float64),
        strange=np.array([day.strange for day in days], dtype=np.float64),
        single=np.array([day.single for day in days], dtype=np.bool_),
        weekday=at // DAY % 7,
        model=np.array([names[day.model] for day in days], dtype=np.int64),
    )
