"""Aggregates over windows: what a feature can fold out of an event source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from setpoint.core import times
from setpoint.core.errors import DeclarationError, WrongType
from setpoint.declare.expr import Aggregate, Call, Column, Expr, Operand, as_expr, walk
from setpoint.declare.source import EVENTS, Source, info

By = str | Sequence[str] | Mapping[str, str]

KINDS = ("count", "sum", "mean", "std", "min", "max", "last", "distinct")

_HOPS = tuple(times.duration(step) for step in ("1s", "5s", "15s", "1m", "5m", "15m", "1h", "3h", "6h", "1d"))


def default_hop(last: int) -> int:
    """The step of a window's far edge: about a 240th of its length, so its length is off by 1/240 at most.

    >>> times.spell(default_hop(times.duration("30d")))
    '3h'
    """
    fitting = [step for step in _HOPS if step <= last // 240]
    return fitting[-1] if fitting else 1


def _pairs(by: By) -> tuple[tuple[str, str], ...]:
    if isinstance(by, str):
        return ((by, by),)
    if isinstance(by, Mapping):
        return tuple((str(name), str(column)) for name, column in by.items())
    if isinstance(by, Sequence) and all(isinstance(name, str) for name in by):
        return tuple((name, name) for name in by)
    raise WrongType(
        f"by={by!r} does not name request fields.",
        expected='by="user_id", by=["origin", "dest"], by={"request field": "source column"}, or by=[] for all rows',
    )


def _fold(
    kind: str,
    what: Expr | Source,
    by: By,
    last: str | int | timedelta | None,
    hop: str | int | timedelta | None,
    where: Expr | None,
    decimals: int,
) -> Aggregate:
    parts = [what] if isinstance(what, Expr) else []
    if where is not None:
        parts.append(as_expr(where))
    sources = {id(node.source): node.source for part in parts for node in walk(part) if isinstance(node, Column)}
    if isinstance(what, Source):
        sources[id(what)] = what
    if len(sources) != 1:
        named = sorted(info(source).name for source in sources.values())
        raise DeclarationError(
            f"{kind}({what}) reads {named or 'no source'}.", expected="columns of exactly one event source"
        )
    source = next(iter(sources.values()))
    if info(source).kind != EVENTS:
        raise DeclarationError(
            f"{kind}({what}) folds the table {info(source).name!r}.",
            expected="an event source",
            hint="A table's column is used as it is, such as planes.seats.",
        )
    for part in parts:
        for node in walk(part):
            if isinstance(node, Aggregate):
                raise DeclarationError(f"{kind}({what}) folds another aggregate.", expected="columns of a source")
    length = 0 if last is None else times.duration(last)
    if length < 0 or (last is not None and length == 0):
        raise DeclarationError(f"{kind}({what}) has the window last={last!r}.", expected="a positive duration")
    if hop is None:
        step = default_hop(length) if length else 1
    else:
        step = 1 if hop == "exact" else times.duration(hop)
    if not 0 < step <= (length or 1):
        raise DeclarationError(
            f"{kind}({what}) has hop={hop!r}.", expected='more than zero and at most the window, or "exact"'
        )
    if not 0 <= decimals <= 9:
        raise DeclarationError(f"{kind}({what}) has decimals={decimals}.", expected="0 to 9")
    return Aggregate(
        kind,
        source,
        what if isinstance(what, Expr) else None,
        _pairs(by),
        length,
        step,
        None if where is None else as_expr(where),
        decimals,
    )


def count(
    source: Source,
    *,
    by: By,
    last: str | timedelta | None = None,
    where: Expr | None = None,
    hop: str | timedelta | None = None,
) -> Aggregate:
    """How many rows the key had in the window before the decision; 0 when none.

    >>> from setpoint.declare.source import events
    >>> count(events("p", "p.parquet", at="ts", delay="0s"), by="user_id", last="3d")
    count(p, by=[user_id], last='3d')
    """
    return _fold("count", source, by, last, hop, where, 0)


def sum(
    column: Expr,
    *,
    by: By,
    last: str | timedelta | None = None,
    where: Expr | None = None,
    hop: str | timedelta | None = None,
    decimals: int = 6,
) -> Aggregate:
    """The exact sum of a column in the window, its values taken to `decimals` places; 0 when there is no row."""
    return _fold("sum", column, by, last, hop, where, decimals)


def mean(
    column: Expr,
    *,
    by: By,
    last: str | timedelta | None = None,
    where: Expr | None = None,
    hop: str | timedelta | None = None,
    decimals: int = 6,
) -> Aggregate:
    """The mean of a column in the window; of a comparison, its rate; NULL when there is no row."""
    return _fold("mean", column, by, last, hop, where, decimals)


def std(
    column: Expr,
    *,
    by: By,
    last: str | timedelta | None = None,
    where: Expr | None = None,
    hop: str | timedelta | None = None,
    decimals: int = 6,
) -> Aggregate:
    """The sample standard deviation of a column in the window; NULL under two rows."""
    return _fold("std", column, by, last, hop, where, decimals)


def min(
    column: Expr,
    *,
    by: By,
    last: str | timedelta | None = None,
    where: Expr | None = None,
    hop: str | timedelta | None = None,
) -> Aggregate:
    """The smallest value of a column in the window; NULL when there is no row."""
    return _fold("min", column, by, last, hop, where, 0)


def max(
    column: Expr,
    *,
    by: By,
    last: str | timedelta | None = None,
    where: Expr | None = None,
    hop: str | timedelta | None = None,
) -> Aggregate:
    """The greatest value of a column in the window; NULL when there is no row."""
    return _fold("max", column, by, last, hop, where, 0)


def last(
    column: Expr,
    *,
    by: By,
    last: str | timedelta | None = None,
    where: Expr | None = None,
    hop: str | timedelta | None = None,
) -> Aggregate:
    """The newest known value of a column, by the order (at, known_at, id); NULL when none is in the window."""
    return _fold("last", column, by, last, hop, where, 0)


def distinct(
    column: Expr,
    *,
    by: By,
    last: str | timedelta | None = None,
    where: Expr | None = None,
    hop: str | timedelta | None = None,
) -> Aggregate:
    """How many different values a column had in the window, counted exactly; 0 when there is no row."""
    return _fold("distinct", column, by, last, hop, where, 0)


def log1p(value: Operand) -> Expr:
    """The natural logarithm of one plus the value."""
    return Call("log1p", (as_expr(value),))


def absolute(value: Operand) -> Expr:
    """The value without its sign."""
    return Call("abs", (as_expr(value),))
