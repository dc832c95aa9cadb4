"""What the features of a plan read from its sources: folds of event sources and columns of tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from setpoint.data.language.evaluate import aggregate_key
from setpoint.declare.expr import Aggregate, Column, Expr, Neighbours, spell, walk
from setpoint.declare.kinds import BOOL, NUMBER, Scope, column_kind, kind_of
from setpoint.declare.plan import Plan
from setpoint.declare.source import info
from setpoint.declare.window import Window

__all__ = ["Around", "Fold", "Look", "Window", "arounds", "columns_of", "everything", "folds", "looks"]


@dataclass(frozen=True, eq=False)
class Fold:
    """One aggregate, with the kind of the values it folds and the decimals of its sums.

    `reads` is the column of a table that a "latest" stands for; None for an aggregate that is declared as one.
    """

    node: Aggregate
    kind: str
    decimals: int
    reads: tuple[str, str] | None = None

    @cached_property
    def key(self) -> str:
        """The identity of its definition."""
        return aggregate_key(self.node)

    @property
    def source(self) -> str:
        """The name of the source it folds."""
        return info(self.node.source).name

    @property
    def stretch(self) -> Window:
        """Its window, of whatever kind."""
        return self.node.window

    @property
    def keys(self) -> tuple[Expr, ...]:
        """What gives each part of the key at request time."""
        return self.node.parts

    @property
    def joined(self) -> bool:
        """Whether its key reads columns of tables, so that they have to be read before it."""
        return any(isinstance(node, Column) for part in self.node.keys for node in walk(part))

    @property
    def column(self) -> Expr:
        """The expression it folds; raises for a count of rows, which folds none."""
        assert self.node.column is not None, "a count of rows folds no column"
        return self.node.column

    @property
    def title(self) -> str:
        """How a user would write the column."""
        return spell(self.column)


@dataclass(frozen=True, eq=False)
class Around:
    """A fold over the neighbours of a key: `edges` names them, `of` is read for each, by the one part of its key.

    Neither is among what `everything` gives: `edges` has no value of its own, and `of` is read for other keys than the
    request's. Its value goes where those of aggregates do, under `key`.
    """

    node: Neighbours
    edges: Fold
    of: Fold

    @cached_property
    def key(self) -> str:
        """The identity of its definition."""
        return aggregate_key(self.node)


@dataclass(frozen=True, eq=False)
class Look:
    """A column of a table, read as it is: the newest row of the request's key."""

    node: Column
    kind: str

    @property
    def source(self) -> str:
        """The name of the table."""
        return info(self.node.source).name

    @property
    def name(self) -> tuple[str, str]:
        """The table and the column."""
        return (self.source, self.node.name)

    @property
    def by(self) -> tuple[tuple[str, str], ...]:
        """The request field that names the row, and the table's key."""
        return tuple((key, key) for key in info(self.node.source).keys)


def folds(plan: Plan) -> tuple[Fold, ...]:
    """Every distinct aggregate of a plan, in order of first use."""
    scope = Scope(plan.schemas, plan.fields, {})
    return tuple(_fold(node, scope) for node in plan.aggregates)


def looks(plan: Plan) -> tuple[Look, ...]:
    """Every distinct column of a table that a plan's features read, in order of first use."""
    scope = Scope(plan.schemas, plan.fields, {})
    found: dict[tuple[str, str], Look] = {}
    for feature in plan.inputs:
        for node in _outside_windows(feature.expr):
            if isinstance(node, Column):
                look = Look(node, column_kind(node, scope, where="A feature"))
                found.setdefault(look.name, look)
    return tuple(found.values())


def _outside_windows(expr: Expr) -> Iterator[Expr]:
    """What is read once for a decision: the parts outside aggregates, and those of the aggregates' keys."""
    for node in walk(expr, into_aggregates=False):
        yield node
        edges = node.edges if isinstance(node, Neighbours) else node
        for part in edges.keys if isinstance(edges, Aggregate) else ():
            yield from walk(part)


def everything(plan: Plan) -> tuple[Fold, ...]:
    """Every fold of a plan: its aggregates, then each column of a table as the "latest" of its key."""
    found = list(folds(plan))
    for look in looks(plan):
        declared = info(look.node.source)
        latest = Aggregate("latest", look.node.source, look.node, look.by, declared.ttl or 0, 1, decimals=0)
        found.append(Fold(latest, look.kind, 0, reads=look.name))
    return tuple(found)


def arounds(plan: Plan) -> tuple[Around, ...]:
    """Every distinct fold over neighbours of a plan, in order of first use."""
    found = []
    for node in plan.neighbours:
        edges = _fold(node.edges, Scope(plan.schemas, plan.fields, {}))
        named = {node.of.by[0][0]: edges.kind}
        found.append(Around(node, edges, _fold(node.of, Scope(plan.schemas, named, {}))))
    return tuple(found)


def columns_of(*exprs: Expr | None) -> tuple[str, ...]:
    """The names of the source columns that expressions read, in order of first use.

    >>> from setpoint.declare.source import events
    >>> sales = events("sales", "sales.parquet", at="ts", delay="0s")
    >>> columns_of(sales.price * sales.pieces, None, sales.price > 5)
    ('price', 'pieces')
    """
    names = [node.name for expr in exprs if expr is not None for node in walk(expr) if isinstance(node, Column)]
    return tuple(dict.fromkeys(names))


def _fold(node: Aggregate, scope: Scope) -> Fold:
    if node.column is None:
        return Fold(node, NUMBER, 0)
    kind = kind_of(node.column, scope, where="A feature")
    return Fold(node, kind, 0 if kind == BOOL else node.decimals or 0)
