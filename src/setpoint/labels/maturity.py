"""Maturity: how far the labels of each day, week or month of decisions have come in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from setpoint.core.errors import DataError
from setpoint.core.times import DAY, WEEK
from setpoint.data.labels import CENSORED, KNOWN, UNKNOWN, VOID, Labels

Ints = npt.NDArray[np.int64]

PERIODS = ("day", "week", "month")

_MONDAY = 4 * DAY
"""The first Monday after the epoch, so that weeks begin on Mondays."""


@dataclass(frozen=True)
class Maturity:
    """Counts of decisions by period, in order of time; periods without a decision are left out.

    `start` is where a period begins (UTC). `settled` decisions have left the state unknown; `mature` ones have had
    their whole time; `usable` ones are mature and known. `coverage` is the share of the mature decisions that can have
    a truth (neither void nor censored) whose truth is known; NaN where there is no such decision.
    """

    start: Ints
    decisions: Ints
    settled: Ints
    mature: Ints
    known: Ints
    void: Ints
    censored: Ints
    usable: Ints
    coverage: npt.NDArray[np.float64]

    def to_table(self) -> pa.Table:
        """The counts as a table, a row for each period."""
        return pa.table({name: getattr(self, name) for name in self.__dataclass_fields__})


def maturity(labels: Labels, at: Ints, *, by: str = "day") -> Maturity:
    """How many decisions of each day, week (from Monday) or month UTC have settled, matured and are known.

    >>> labels = Labels(np.array([1, 0], np.int8), np.array([1.0, np.nan]), at := np.array([0, DAY]), at >= 0, {})
    >>> maturity(labels, at).coverage
    array([1., 0.])
    """
    starts, period = _periods(at, by)

    def count(mask: npt.NDArray[np.bool_]) -> Ints:
        return np.bincount(period[mask], minlength=starts.size).astype(np.int64)

    mature, state = labels.mature, labels.state
    usable = count(labels.usable)
    can_have = count(mature & ((state == KNOWN) | (state == UNKNOWN)))
    coverage = np.full(starts.size, np.nan)
    np.divide(usable, can_have, out=coverage, where=can_have > 0)
    return Maturity(
        start=starts,
        decisions=count(np.ones(at.size, dtype=bool)),
        settled=count(state != UNKNOWN),
        mature=count(mature),
        known=count(state == KNOWN),
        void=count(state == VOID),
        censored=count(state == CENSORED),
        usable=usable,
        coverage=coverage,
    )


def _periods(at: Ints, by: str) -> tuple[Ints, Ints]:
    """Where each period with a decision begins, and the number of each decision's."""
    if by == "month":
        months = at.astype("datetime64[us]").astype("datetime64[M]")
        distinct, period = np.unique(months, return_inverse=True)
        return distinct.astype("datetime64[us]").astype(np.int64), period
    if by not in PERIODS:
        raise DataError(f"Maturity was asked for by {by!r}.", expected=f"one of {', '.join(PERIODS)}")
    length, shift = (DAY, 0) if by == "day" else (WEEK, _MONDAY)
    starts, period = np.unique((at - shift) // length, return_inverse=True)
    return starts * length + shift, period
