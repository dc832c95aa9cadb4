"""What would have changed a decision: the least changes that are allowed, seen elsewhere, and heeded by the scorer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import DataError
from setpoint.declare.confidence import DOWN, EITHER, UP

GRID = (20, 20, 8)
"""Values of each feature that are tried where one feature is changed, two, or three."""
LEVELS = 30
"""The commonest texts that are tried."""
JOINED = 6
"""Features of which two or three are changed together: those that bring the score nearest alone."""
FINE = 200
"""Values between the one that was and one that is enough, among which the nearest is looked for."""

Flips = Callable[[pa.Table], np.ndarray]
"""Says of rows of features whether they would be decided otherwise, and how near they are: above 0 if so."""


@dataclass(frozen=True)
class Counterfactual:
    """Changes that would have changed a decision: each feature with its value and the one it would need.

    `distance` adds up what each change is of the feature's usual spread; a text that changes counts 1.
    """

    changes: tuple[tuple[str, Any, Any], ...]
    distance: float

    def apply(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values with the changes made.

        >>> Counterfactual((("x", 1.0, 3.0),), 2.0).apply({"x": 1.0, "y": 0.0})
        {'x': 3.0, 'y': 0.0}
        """
        return {**values, **{name: new for name, _, new in self.changes}}

    def __str__(self) -> str:
        return ", ".join(f"{name} {_spelled(old)} to {_spelled(new)}" for name, old, new in self.changes)


@dataclass(frozen=True)
class _Way:
    """A feature that may change: the values it may have, nearest first, and how far each is."""

    name: str
    now: Any
    values: tuple[Any, ...]
    far: np.ndarray

    def some(self, most: int) -> list[int]:
        """At most so many of its values, from the nearest to the farthest."""
        places = np.linspace(0, len(self.values) - 1, min(most, len(self.values)))
        return [int(each) for each in np.unique(places.astype(int))]


def counterfactuals(
    flips: Flips,
    values: Mapping[str, Any],
    *,
    others: pa.Table,
    changeable: Sequence[tuple[str, str]],
    most: int = 3,
) -> list[Counterfactual]:
    """The least changes that decide a row otherwise, at most three features at a time, the fewest and nearest first.

    Wachter, Mittelstadt and Russell (2018), "Counterfactual Explanations without Opening the Black Box": least by
    distance in units of each feature's median deviation. Each uses other features, and none contains another (sparse
    and diverse, as Mothilal, Sharma and Tan 2020, "DiCE", ask). A feature takes only values that some of `others` has,
    and only in the direction it may change, so each value is one that exists; together they may be ones that no row
    has. Nothing is drawn at random. Empty where no such change is enough.

    >>> rows = pa.table({"debt": [0.0, 2.0, 5.0, 9.0], "age": [30.0, 40.0, 50.0, 60.0]})
    >>> found = counterfactuals(
    ...     lambda table: 4.0 - table["debt"].to_numpy(),
    ...     {"debt": 9.0, "age": 40.0},
    ...     others=rows,
    ...     changeable=[("debt", "down")],
    ... )
    >>> [str(each) for each in found]
    ['debt 9 to 2']
    """
    ways = [way for name, how in changeable if (way := _way(name, how, values, others)) is not None]
    found, reach = list[Counterfactual](), dict[str, float]()
    for depth, grid in enumerate(GRID, start=1):
        near = sorted(ways, key=lambda way: (-reach.get(way.name, 0.0), way.name))[: JOINED if depth > 1 else None]
        taken = [{name for name, _, _ in each.changes} for each in found]
        for group in combinations(sorted(near, key=lambda way: way.name), depth):
            if any(names <= {way.name for way in group} for names in taken):
                continue
            best, gained = _nearest(flips, values, group, others.schema, grid=grid)
            if depth == 1:
                reach[group[0].name] = gained
            if best is not None:
                found.append(best)
    return sorted(found, key=lambda each: (len(each.changes), each.distance, str(each)))[:most]


def _nearest(
    flips: Flips, values: Mapping[str, Any], group: tuple[_Way, ...], schema: pa.Schema, *, grid: int
) -> tuple[Counterfactual | None, float]:
    """The least change of exactly these features that is enough, and how near the best one comes."""
    places = np.array(list(product(*(way.some(grid) for way in group))), dtype=int)
    if not places.size:
        return None, -np.inf
    margin = np.asarray(flips(_table(values, group, places, schema)), dtype=np.float64)
    far = sum(way.far[places[:, j]] for j, way in enumerate(group))
    gained = float(margin.max())
    if not (margin > 0).any():
        return None, gained
    best = places[int(np.lexsort((np.arange(len(far)), np.where(margin > 0, far, np.inf)))[0])]
    for j in range(len(group)):  # each nearer, as far as the others allow
        nearer = np.unique(np.linspace(0, best[j], min(FINE, int(best[j]) + 1)).astype(int))
        tried = np.tile(best, (nearer.size, 1))
        tried[:, j] = nearer
        enough = np.asarray(flips(_table(values, group, tried, schema)), dtype=np.float64) > 0
        best = tried[int(np.argmax(enough))] if enough.any() else best
    changes = tuple((way.name, way.now, way.values[best[j]]) for j, way in enumerate(group))
    return Counterfactual(changes, float(sum(way.far[best[j]] for j, way in enumerate(group)))), gained


def _table(values: Mapping[str, Any], group: tuple[_Way, ...], places: np.ndarray, schema: pa.Schema) -> pa.Table:
    """The row once for each choice of values."""
    n = len(places)
    changed = {way.name: [way.values[place] for place in places[:, j]] for j, way in enumerate(group)}
    columns = {
        field.name: pa.array(changed[field.name], field.type)
        if field.name in changed
        else pa.repeat(pa.scalar(_null(values[field.name]), field.type), n)
        for field in schema
    }
    return pa.table(columns)


def _way(name: str, how: str, values: Mapping[str, Any], others: pa.Table) -> _Way | None:
    """What a feature may become; None where nothing else was seen of it in that direction."""
    if name not in others.column_names:
        raise DataError(f"There are no values of {name!r} to change to.", expected=f"one of {others.column_names}")
    column, now = others[name].drop_null().combine_chunks(), _null(values[name])
    if pa.types.is_string(column.type):
        if how != EITHER:
            raise DataError(f"{name!r} is a text and may only go {how!r}.", expected=f"{EITHER!r} for a text")
        counted = pc.value_counts(column)
        pairs = zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
        texts = [text for text, _ in sorted(pairs, key=lambda pair: (-pair[1], pair[0])) if text != now][:LEVELS]
        return _Way(name, now, tuple(texts), np.ones(len(texts))) if texts else None
    numbers = np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
    distinct = np.unique(numbers[~np.isnan(numbers)])
    if not distinct.size or (now is None and how != EITHER):
        return None
    if now is None:
        return _Way(name, now, tuple(distinct.tolist()), np.ones(distinct.size))
    start = float(now)
    allowed = distinct[{UP: distinct > start, DOWN: distinct < start, EITHER: distinct != start}[how]]
    allowed = allowed[np.argsort(np.abs(allowed - start), kind="stable")]
    far = np.abs(allowed - start) / _spread(numbers[~np.isnan(numbers)])
    return _Way(name, now, tuple(allowed.tolist()), far) if allowed.size else None


def _spread(numbers: np.ndarray) -> float:
    """The median distance from the median; where most values are alike the standard deviation, or 1."""
    deviation = float(np.median(np.abs(numbers - np.median(numbers))))
    return deviation or float(numbers.std()) or 1.0


def _null(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


def _spelled(value: Any) -> str:
    if value is None:
        return "NULL"
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
