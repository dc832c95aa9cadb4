"""Evidence of a fold over neighbours: what each of them is like, and whether it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from setpoint.data.arrays import Array, to_arrow
from setpoint.declare.expr import Neighbours, spell, walk
from setpoint.declare.kinds import Scope, kind_of
from setpoint.declare.named import Feature
from setpoint.features.evidence import COUNTS, NO_VALUE, Seen
from setpoint.features.needs import Around, arounds
from setpoint.features.reader import FeatureReader
from setpoint.features.values import hash_words, value_words

MOST = 20
"""Neighbours that are listed unless more are asked for."""

ABOVE_CAP = "above the cap"
"""Why a neighbour is not looked at: so many others have smaller hashes."""


@dataclass(frozen=True)
class Neighbour:
    """A neighbour: how many of the rows that count name it, the value of `of` for it, and whether that counts."""

    name: float | int | str
    rows: int
    value: float | int | str | None
    verdict: str


@dataclass(frozen=True)
class Circle:
    """The neighbours of one decision's key by one fold: those that count first, of these those with great values.

    `kind` is that of their values; `counted` of all count, and `rest` are not listed.
    """

    title: str
    kind: str
    neighbours: tuple[Neighbour, ...]
    counted: int
    rest: int


def circles_of(seen: Seen, feature: str, *, most: int = MOST) -> tuple[Circle, ...]:
    """The neighbours behind each fold over neighbours in a feature's expression, with the value of each."""
    expr = next(one.expr for one in seen.plan.inputs if one.name == feature)
    nodes = [node for node in walk(expr) if isinstance(node, Neighbours)]
    narrow = replace(seen.plan, inputs=(Feature(feature, expr),), features={feature: seen.plan.features[feature]})
    found = {around.key: around for around in arounds(narrow)}
    return tuple(_circle(seen, around, most) for around in found.values()) if nodes else ()


def _circle(seen: Seen, around: Around, most: int) -> Circle:
    names, rows, near = _named(seen, around)
    scope = Scope(seen.plan.schemas, {around.node.of.by[0][0]: around.edges.kind}, {})
    kind = kind_of(around.node.of, scope, where="A feature")
    values = _values(seen, around, names[:near], kind)
    listed = [
        Neighbour(name, count, value, COUNTS if value is not None else NO_VALUE)
        for name, count, value in zip(names.tolist(), rows.tolist(), values, strict=False)
    ]
    listed.sort(key=lambda each: (each.value is None, -float(each.value or 0.0), str(each.name)))
    listed += [
        Neighbour(name, count, None, ABOVE_CAP)
        for name, count in zip(names[near:].tolist(), rows[near:].tolist(), strict=True)
    ]
    counted = sum(each.verdict == COUNTS for each in listed)
    return Circle(spell(around.node), kind, tuple(listed[:most]), counted, max(0, len(listed) - most))


def _named(seen: Seen, around: Around) -> tuple[Array, Array, int]:
    """The different values that the rows that count name, in the order of their hashes; how often; how many count."""
    places = seen.listed(around.edges)
    verdicts, values = seen.verdicts(around.edges, places)
    values = values[verdicts == COUNTS]
    _, first, count = np.unique(value_words(values, around.edges.kind), return_index=True, return_counts=True)
    names = values[first]
    order = np.argsort(hash_words(value_words(names, around.edges.kind)), kind="stable")
    return names[order], count[order], min(names.size, around.edges.node.cap)


def _values(seen: Seen, around: Around, names: Array, kind: str) -> Sequence[float | int | str | None]:
    """The value of `of` for each of these neighbours, as the decision saw it."""
    if not names.size:
        return []
    field, of = around.node.of.by[0][0], Feature("of", around.node.of)
    fields = {field: around.edges.kind}
    narrow = replace(seen.plan, inputs=(of,), features={"of": kind}, fields=fields)
    at = np.full(names.size, seen.at, dtype=np.int64)
    arrived = {around.of.source: np.full(names.size, seen.arrived[around.of.source], dtype=np.int64)}
    requests = pa.table({field: to_arrow(names, around.edges.kind)})
    found = FeatureReader(narrow, seen.rows).read(requests, at, arrived=arrived)["of"].to_pylist()
    return [None if value is None or value != value else value for value in found]  # noqa: PLR0124 (NaN)
