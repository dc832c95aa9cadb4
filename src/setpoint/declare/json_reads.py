"""Which columns and request fields hold JSON: those into which an expression of the system follows a path."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from setpoint.declare.declaration import System
from setpoint.declare.expr import Aggregate, Call, Column, Expr, Field, walk
from setpoint.declare.source import info

_HANDED_ON = ("first", "last", "latest", "top")
"""The aggregates whose value is one of the values that they fold."""


class JsonReads(NamedTuple):
    """The columns of each source, by name, and the request fields that hold JSON."""

    columns: dict[str, tuple[str, ...]]
    fields: frozenset[str]


@lru_cache(maxsize=64)
def json_reads(system: System) -> JsonReads:
    """What a system reads as JSON; a request field stands for the spine's column of that name."""
    spine = info(system.decide.spine).name
    columns: dict[str, set[str]] = {}
    fields: set[str] = set()
    for expr in _expressions(system):
        for node in walk(expr):
            if isinstance(node, Call) and node.function == "json":
                for leaf in _leaves(node.arguments[0]):
                    source = spine if isinstance(leaf, Field) else info(leaf.source).name
                    columns.setdefault(source, set()).add(leaf.name)
                    if source == spine:
                        fields.add(leaf.name)
    return JsonReads({name: tuple(sorted(found)) for name, found in columns.items()}, frozenset(fields))


def _expressions(system: System) -> Iterator[Expr]:
    yield from (feature.expr for feature in system.features)
    label, cost = system.label, system.goal.cost
    found = (label.value, label.void_when, label.censored_when, system.decide.at, system.release.fallback.condition)
    yield from (expr for expr in (*found, cost.false_positive, cost.false_negative) if expr is not None)


def _leaves(expr: Expr) -> Iterator[Column | Field]:
    """The columns and fields whose value reaches the path as it is."""
    if isinstance(expr, (Column, Field)):
        yield expr
    elif isinstance(expr, Aggregate) and expr.kind in _HANDED_ON and expr.column is not None:
        yield from _leaves(expr.column)
    elif isinstance(expr, Call) and expr.function in ("fill", "if_else"):
        for part in expr.arguments[expr.function == "if_else" :]:
            yield from _leaves(part)
