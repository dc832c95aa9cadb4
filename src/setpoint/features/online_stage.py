"""What a decision reads at once: units that need nothing of each other, their keys, and the folds of their blobs.

A fold whose key is read from a table comes in a later stage than the table's columns. Everything that does not depend
on the request is bound when a stage is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np

from setpoint.core.digest import digest
from setpoint.data.arrays import Array
from setpoint.data.language.scalars import Plain
from setpoint.declare.expr import Column, Expr, Field, to_dict, walk
from setpoint.declare.kinds import BOOL, NUMBER
from setpoint.declare.source import info
from setpoint.features import state_fold
from setpoint.features.needs import Around, Fold
from setpoint.features.on_demand import Given, compile_one
from setpoint.features.online_groups import Group, SourceGroups, key_columns
from setpoint.features.online_merge import WORD, check, words_of
from setpoint.features.state import EMPTY, GOOD
from setpoint.features.state_fold import FoldPlan

_VALUED = ("min", "max", "first", "last", "latest", "top")


NO_NAMES = np.empty(0, dtype=np.int64)
"""Room for the values that folds name, where none does."""


Keys: TypeAlias = tuple[list[tuple[str, str]], Array]
"""Groups and keys to read, and for each unit and request the number of its own among them, -1 for none."""


class Asked(NamedTuple):
    """A request: its fields as keys are made of them, and what expressions read."""

    fields: Mapping[str, Any]
    given: Given
    columns: dict[tuple[str, str], Plain]
    aggregates: dict[str, Plain]
    neighbours: dict[str, list[Plain]]


class Unit(NamedTuple):
    """A group read by one key: its folds, what gives a request's key, and what units that have that key in common.

    `fields` are the request fields that are the key, None where it is computed.
    """

    group: Group
    folds: tuple[Fold, ...]
    key: Callable[[Any], str | None]
    parts: tuple[str, ...]
    fields: tuple[str, ...] | None = None


class Folded(NamedTuple):
    """The results of a stage, a row for each fold and a column for each request, and the values that folds name."""

    values: Array
    names: Array


class Stage:
    """What is folded at once: units that need nothing of each other."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self._units = units
        self.plan = FoldPlan([(unit.group.shape, [one.key for one in unit.folds]) for unit in units])
        self.results = [(one, _result(one)) for unit in units for one in unit.folds]
        self._rows = len(self.results)
        self._none = self.plan.starts(0) if not self.plan.calendars else None
        self.others = [
            (row, one, kind)
            for row, (one, kind) in enumerate(self.results)
            if kind != NUMBER or one.reads is not None or one.node.kind == "neighbours"
        ]
        keys = {unit.parts: unit.key for unit in units}
        self._fields = [*{unit.parts: (unit.group.spelling, unit.fields or ()) for unit in units}.values()]
        self._keys, numbers = list(keys.values()), {parts: number for number, parts in enumerate(keys)}
        self._read = [(unit.group.name, numbers[unit.parts]) for unit in units]
        self._one_each = np.arange(len(units))
        self._apart = len({unit.group.name for unit in units}) == len(units)
        self._naming = sum(one.node.kind == "neighbours" for one, _ in self.results)

    def keys(self, asked: Sequence[Any]) -> Keys:
        """The blobs that requests need, each once, and for each unit and request the number of its own, -1 for none."""
        return self._of_spelt([[key(one) for one in asked] for key in self._keys], len(asked))

    @property
    def by_fields(self) -> bool:
        """Whether every key is made of request fields as they are."""
        return all(unit.fields is not None for unit in self._units)

    def keys_of_columns(self, columns: Mapping[str, Sequence[Any]], requests: int) -> Keys:
        """What `keys` gives of requests whose fields are in columns, where keys are made of fields."""
        spelt: list[list[str | None]] = []
        for spelling, names in self._fields:
            several = [columns[name] for name in names]
            wanted = several[0] if len(names) == 1 else zip(*several, strict=True) if names else [()] * requests
            spelt.append([spelling[one] for one in wanted])
        return self._of_spelt(spelt, requests)

    def keys_of_fields(self, fields: Mapping[str, Any]) -> Keys:
        """What `keys` gives of one request, where keys are made of fields."""
        spelt = [
            spelling[fields[names[0]] if len(names) == 1 else tuple([fields[name] for name in names])]
            for spelling, names in self._fields
        ]
        return self._of_one(spelt)

    def keys_of_one(self, asked: Any) -> Keys:
        """What `keys` gives of one request."""
        return self._of_one([key(asked) for key in self._keys])

    def _of_one(self, spelt: Sequence[str | None]) -> Keys:
        """What `keys` gives, from the keys of one request spelt."""
        if None in spelt:
            return self._of_spelt([[key] for key in spelt], 1)
        return [(name, cast(str, spelt[number])) for name, number in self._read], self._one_each

    def _of_spelt(self, spelt: Sequence[list[str | None]], requests: int) -> Keys:
        """What `keys` gives, from the keys of all requests spelt."""
        pairs = [pair for name, number in self._read for pair in zip(repeat(name), spelt[number], strict=False)]
        if self._apart:
            for some in spelt:
                distinct = {*some}
                if len(distinct) < requests or None in distinct:
                    break
            else:
                return pairs, np.arange(len(pairs))  # type: ignore[return-value]
        places: dict[tuple[str, str], int] = {}
        numbers = [-1 if key is None else places.setdefault((name, key), len(places)) for name, key in pairs]
        return list(places), np.array(numbers, dtype=np.int64)

    def folded(self, blobs: Sequence[bytes | None], numbers: Array, at: int, requests: int) -> Folded:
        """What requests see at a time."""
        names = NO_NAMES
        if self._naming:
            most = sum(len(blobs[number] or EMPTY) for number in numbers.tolist() if number >= 0)
            names = np.empty(self._naming * most // 8, dtype=np.int64)
        return Folded(self.values(blobs, numbers, at, requests, names), names)

    def values(
        self, blobs: Sequence[bytes | None], numbers: Array, at: int, requests: int, names: Array = NO_NAMES
    ) -> Array:
        """The results of `folded`, where there is room for the names or none is wanted."""
        if len(blobs) == 1:
            words = np.frombuffer(bytearray(blobs[0] or EMPTY), WORD)
        else:
            words = words_of([blob or EMPTY for blob in blobs] or [EMPTY])
        starts = self.plan.starts(at) if self._none is None else self._none
        out = np.empty((self._rows, requests))
        status = state_fold.fold(self.plan.numbers, starts, words, numbers, at, out, names)
        if status != GOOD:
            check(status, self._units[0].group)
        return out


def _result(one: Fold) -> str:
    """The kind of a fold's value."""
    if one.node.kind not in _VALUED:
        return NUMBER
    return NUMBER if one.kind == BOOL else one.kind


def stages_of(sources: Mapping[str, SourceGroups], folds: Sequence[Fold]) -> list[Stage]:
    """The stages that folds are read in, first to last."""
    depths: dict[tuple[str, str], int] = {}
    columns = {one.reads: one for one in folds if one.reads is not None}

    def depth(one: Fold) -> int:
        read = {
            (info(node.source).name, node.name) for part in one.keys for node in walk(part) if isinstance(node, Column)
        }
        return max((1 + depth_of(name) for name in read), default=0)

    def depth_of(name: tuple[str, str]) -> int:
        if name not in depths:
            depths[name] = depth(columns[name])
        return depths[name]

    groups = {(name, group.shape.columns): group for name, source in sources.items() for group in source.groups}
    stages: dict[int, dict[Any, list[Fold]]] = {}
    for one in folds:
        parts = tuple(digest(to_dict(part)) for part in one.keys)
        units = stages.setdefault(depth(one), {})
        units.setdefault((one.source, key_columns(one), parts), []).append(one)
    return [
        Stage(
            [
                Unit(
                    groups[source, columns_],
                    tuple(theirs),
                    _key(groups[source, columns_], theirs[0].keys),
                    parts,
                    _names(theirs[0].keys),
                )
                for (source, columns_, parts), theirs in stages[number].items()
            ]
        )
        for number in sorted(stages)
    ]


class Circle(NamedTuple):
    """What is folded over the neighbours that the same edges name, and what is read for each of these."""

    edges: str
    arounds: Sequence[Around]
    stage: Stage


def circles_of(sources: Mapping[str, SourceGroups], arounds: Sequence[Around]) -> list[Circle]:
    """The folds over neighbours by their edges."""
    by_edges: dict[str, list[Around]] = {}
    for one in arounds:
        by_edges.setdefault(one.edges.key, []).append(one)
    found = []
    for edges, theirs in by_edges.items():
        by_group: dict[tuple[str, tuple[str, ...]], dict[str, Fold]] = {}
        for one in theirs:
            by_group.setdefault((one.of.source, key_columns(one.of)), {})[one.of.key] = one.of
        units = []
        for (source, columns), folds in by_group.items():
            (group,) = [group for group in sources[source].groups if group.shape.columns == columns]
            units.append(Unit(group, tuple(folds.values()), group.spelling.__getitem__, ()))
        found.append(Circle(edges, theirs, Stage(units)))
    return found


def _names(parts: Sequence[Expr]) -> tuple[str, ...] | None:
    """The request fields that are the parts of a key; None where one is computed."""
    names = tuple([part.name for part in parts if isinstance(part, Field)])
    return names if len(names) == len(parts) else None


def _key(group: Group, parts: Sequence[Expr]) -> Callable[[Asked], str | None]:
    """What gives a request's key."""
    spelling = group.spelling
    if len(parts) == 1 and isinstance(parts[0], Field):
        name = parts[0].name
        return lambda asked: spelling[asked.fields[name]]
    names = _names(parts)
    if names is not None:
        return lambda asked: spelling[tuple([asked.fields[name] for name in names])]
    getters = [_part(part) for part in parts]
    if len(getters) == 1:
        (get,) = getters
        return lambda asked: spelling[get(asked)]
    return lambda asked: spelling[tuple([get(asked) for get in getters])]


def _part(part: Expr) -> Callable[[Asked], Any]:
    """What gives one part of a request's key."""
    if isinstance(part, Field):
        name = part.name
        return lambda asked: asked.fields[name]
    run = compile_one([part])

    def value(asked: Asked) -> Plain:
        (found,) = run(asked.given)
        return found

    return value
