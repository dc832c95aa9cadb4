"""Which rows fit the exact sums of a plan: their values, in whole units of its decimals, are below 2**53 in size.

A row that does not fit is set aside before any feature is read, so that one absurd value stops nothing and changes no
sum; it is there in the quarantine with the column, the value and the decimals.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from setpoint.data.arrays import EXACT, Array, Mask
from setpoint.declare.plan import Plan
from setpoint.features.columns import Columns
from setpoint.features.needs import Fold, arounds, folds

DOES_NOT_FIT = "does-not-fit"
"""The rule that such rows break."""

CHUNK = 1 << 20
"""Rows looked at together, so that memory is bounded."""

SUMMED = ("sum", "mean", "var", "std")
"""The folds that are made of exact sums."""


def unfit(plan: Plan, source: str, rows: pa.Table) -> dict[int, str]:
    """Why rows of one source do not fit the exact sums of a plan, by their place; nothing for those that do.

    >>> import setpoint as sp
    >>> from setpoint.declare.plan import Profile, make_plan
    >>> sales = sp.events("sales", "sales.csv", at="ts", delay="0s")
    >>> visits = sp.events("visits", "visits.csv", key="visit", at="ts")
    >>> system = sp.System(
    ...     "shop",
    ...     decide=sp.decide(visits, fields=["user"]),
    ...     features=dict(spent=sp.sum(sales.price, by="user", decimals=2)),
    ...     label=sp.label(sales.price > 5, on="visit", within="1d"),
    ...     goal=sp.goal(sp.auc(), business="eur", act=sp.act("a"), cost=sp.cost(false_positive=1, false_negative=1)),
    ...     release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("user") == "u")),
    ... )
    >>> kinds = {"user": "text", "visit": "text", "ts": "time"}
    >>> plan = make_plan(system, {"sales": {**kinds, "price": "number"}, "visits": kinds}, Profile({}, 1.0))
    >>> unfit(plan, "sales", pa.table({"price": [5.0, 1e300]}))
    {1: 'sales.price is 1e+300, which at 2 decimals does not fit an exact sum'}
    """
    summed = [fold for fold in (*folds(plan), *[one.of for one in arounds(plan)]) if fold.node.kind in SUMMED]
    theirs = [fold for fold in summed if fold.source == source]
    found: dict[int, str] = {}
    for start in range(0, rows.num_rows if theirs else 0, CHUNK):
        columns = Columns(source, rows.slice(start, CHUNK), plan.schemas[source])
        found |= {start + row: reason for row, reason in _reasons(columns, theirs).items()}
    return found


def _reasons(columns: Columns, summed: Sequence[Fold]) -> dict[int, str]:
    """Why rows do not fit, by row, in the words of the first fold that says so."""
    found: dict[int, str] = {}
    for fold in {(fold.title, str(fold.node.where), fold.decimals): fold for fold in summed}.values():
        values = columns.values(fold.column)
        for row in np.flatnonzero(_too_great(values, fold.decimals, columns.counts(fold.column, fold.node.where))):
            reason = (
                f"{fold.title} is {float(values[row])!r}, which at {fold.decimals} decimals does not fit an exact sum"
            )
            found.setdefault(int(row), reason)
    return found


def _too_great(values: Array, decimals: int, counts: Mask | None) -> Mask:
    with np.errstate(over="ignore"):
        great = np.abs(np.rint(values * 10.0**decimals)) >= EXACT
    return great if counts is None else great & counts
