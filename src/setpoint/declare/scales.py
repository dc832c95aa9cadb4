"""Scales: to how many decimals the values of a sum are taken, fixed in a feature's version.

Exact sums add whole multiples of a unit. Where a declaration does not say how many `decimals` the unit has, the plan
takes what was found in the data when the column was first folded; it is part of the feature's version from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from setpoint.core.digest import digest
from setpoint.declare.expr import Aggregate, Expr, Neighbours, rewrite, to_dict, walk
from setpoint.declare.kinds import BOOL, Scope, kind_of

USUAL = 6
"""The decimals of a sum whose column nobody has looked at, and the most where no number of them is exact."""

MOST = 9
"""The most decimals that a sum can have."""


@dataclass(frozen=True)
class Scale:
    """To how many decimals a column is summed, and whether every value seen when it was fixed is exact so.

    It is `outgrown` when values that came since have more decimals and are rounded.
    """

    decimals: int
    exact: bool
    outgrown: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The scale as JSON-like data; what came since is no part of it."""
        return {"decimals": self.decimals, "exact": self.exact}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Scale:
        """The scale that `to_dict` gave."""
        return Scale(data["decimals"], data["exact"])


@dataclass(frozen=True)
class Chosen:
    """The scale that a plan gives a column, and why."""

    column: Expr
    decimals: int
    reason: str
    warning: str = ""


def scale_key(column: Expr) -> str:
    """The name of a folded column: equal expressions share one scale.

    >>> from setpoint.declare.source import events
    >>> sales = events("sales", "sales.parquet", at="ts", delay="0s")
    >>> scale_key(sales.price) == scale_key(sales["price"])
    True
    """
    return digest(to_dict(column))


def without_scale(exprs: Iterable[Expr]) -> dict[str, Expr]:
    """The columns that expressions fold without saying to how many decimals, by `scale_key`.

    >>> from setpoint.declare.feature import sum
    >>> from setpoint.declare.source import events
    >>> sales = events("sales", "sales.parquet", at="ts", delay="0s")
    >>> list(without_scale([sum(sales.price, by="user"), sum(sales.tax, by="user", decimals=2)]).values())
    [sales.price]
    """
    nodes = [node for expr in exprs for node in walk(expr) if isinstance(node, Aggregate)]
    folded = [node.column for node in nodes if node.decimals is None and node.column is not None]
    return {scale_key(column): column for column in folded}


def choose_scales(exprs: Iterable[Expr], found: Mapping[str, Scale], scope: Scope) -> dict[str, Chosen]:
    """The scale of each column that has none, from what was found in the data; by `scale_key`."""
    chosen = {}
    for key, column in without_scale(exprs).items():
        if kind_of(column, scope, where="A feature") == BOOL:
            chosen[key] = Chosen(column, 0, "a condition counts 0 or 1")
        elif key not in found:
            chosen[key] = Chosen(column, USUAL, "usual: no value of it has been seen")
        elif found[key].outgrown:
            decimals = found[key].decimals
            warning = (
                f"Newer values of {column} have more than {decimals} decimals, to which its sums were fixed "
                "when it was first seen, and are rounded. Declare decimals= to sum them exactly, as a new version."
            )
            chosen[key] = Chosen(column, decimals, "fixed when it was first seen; newer values are rounded", warning)
        elif found[key].exact:
            chosen[key] = Chosen(column, found[key].decimals, "the fewest with which every value seen is exact")
        else:
            reason = f"no number of decimals up to {MOST} is exact for every value seen: values are rounded"
            chosen[key] = Chosen(column, found[key].decimals, reason)
    return chosen


def with_scales(expr: Expr, chosen: Mapping[str, Chosen]) -> Expr:
    """The expression with every scale fixed.

    >>> from setpoint.declare.feature import sum
    >>> from setpoint.declare.source import events
    >>> sales = events("sales", "sales.parquet", at="ts", delay="0s")
    >>> chosen = {scale_key(sales.price): Chosen(sales.price, 2, "two in the data")}
    >>> with_scales(sum(sales.price, by="user"), chosen).decimals
    2
    """

    def fixed(node: Aggregate) -> Aggregate:
        if node.decimals is not None or node.column is None:
            return node
        return replace(node, decimals=chosen[scale_key(node.column)].decimals)

    def change(node: Expr) -> Expr:
        if isinstance(node, Aggregate):
            return fixed(node)
        return replace(node, of=fixed(node.of)) if isinstance(node, Neighbours) else node

    return rewrite(expr, change)
