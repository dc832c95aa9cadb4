"""Which rows fit the exact sums of a plan: their values, in whole units of its decimals, are below 2**53 in size.

A row that does not fit is set aside before any feature is read, so that one absurd value stops nothing and changes no
sum; it is there in the quarantine with the column, the value and the decimals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from setpoint.data.arrays import EXACT, Array, Mask
from setpoint.data.files import ROW
from setpoint.data.ingest import REASON, RULE
from setpoint.data.rows import ENDS, NEVER, POSITION, times_of
from setpoint.declare.plan import Plan
from setpoint.features.columns import Columns
from setpoint.features.needs import Fold, arounds, folds

DOES_NOT_FIT = "does-not-fit"
"""The rule that such rows break."""

SUMMED = ("sum", "mean", "var", "std")
"""The folds that are made of exact sums."""


def fits(plan: Plan, rows: Mapping[str, pa.Table]) -> tuple[dict[str, pa.Table], dict[str, pa.Table]]:
    """The rows of each source that fit every exact sum of a plan, and of some sources those that do not.

    Positions are counted anew, and what takes a row back is found at its new position. Rows set aside have the rule and
    the reason, and the number of the row.

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
    >>> kept, aside = fits(plan, {"sales": pa.table({"price": [5.0, 1e300]})})
    >>> kept["sales"]["price"].to_pylist(), aside["sales"]["__reason"].to_pylist()
    ([5.0], ['sales.price is 1e+300, which at 2 decimals does not fit an exact sum'])
    """
    summed = [fold for fold in (*folds(plan), *[one.of for one in arounds(plan)]) if fold.node.kind in SUMMED]
    kept, aside = dict(rows), {}
    for name in dict.fromkeys(fold.source for fold in summed):
        theirs = [fold for fold in summed if fold.source == name]
        reasons = _reasons(Columns(name, rows[name], plan.schemas[name]), theirs)
        if reasons:
            bad = np.array(sorted(reasons))
            kept[name] = _without(rows[name], bad)
            aside[name] = _set_aside(rows[name], bad, [reasons[row] for row in bad.tolist()])
    return kept, aside


def unfit(plan: Plan, source: str, rows: pa.Table) -> dict[int, str]:
    """Why rows of one source do not fit the exact sums of a plan, by their place; nothing for those that do."""
    summed = [fold for fold in (*folds(plan), *[one.of for one in arounds(plan)]) if fold.node.kind in SUMMED]
    theirs = [fold for fold in summed if fold.source == source]
    return _reasons(Columns(source, rows, plan.schemas[source]), theirs) if theirs else {}


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


def _without(rows: pa.Table, bad: Array) -> pa.Table:
    """The other rows, with their positions counted anew."""
    keep = np.ones(rows.num_rows, dtype=np.bool_)
    keep[bad] = False
    found = rows.filter(pa.array(keep))
    if POSITION in rows.column_names:
        place = found.column_names.index(POSITION)
        found = found.set_column(place, POSITION, pa.array(np.arange(found.num_rows)))
    if ENDS in rows.column_names:
        ends, places = times_of(found, ENDS), np.cumsum(keep) - 1
        real = ends < NEVER
        moved = np.where(real, places[np.where(real, ends, 0)], NEVER)
        found = found.set_column(found.column_names.index(ENDS), ENDS, pa.array(moved))
    return found


def _set_aside(rows: pa.Table, bad: Array, reasons: list[str]) -> pa.Table:
    found = rows.take(pa.array(bad))
    if ROW not in found.column_names:
        found = found.append_column(ROW, pa.array(bad + 1, pa.int64()))
    found = found.append_column(RULE, pa.array([DOES_NOT_FIT] * bad.size, pa.string()))
    return found.append_column(REASON, pa.array(reasons, pa.string()))
