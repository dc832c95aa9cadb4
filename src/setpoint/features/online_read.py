"""Decisions on their way out of the online state: keys found, blobs read in one step, folded, and told as plain values.

A fold whose key is read from a table comes in a later stage than the table's columns. Everything that does not depend
on the request is bound when the reader is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np

from setpoint.core import times
from setpoint.core.digest import digest
from setpoint.core.errors import DataError, NothingYet, RequestInvalid
from setpoint.core.ports import Mark, OnlineState
from setpoint.data.arrays import Array
from setpoint.data.scalars import Plain
from setpoint.declare.expr import Aggregate, Column, Expr, Field, to_dict, walk
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME
from setpoint.declare.plan import Plan
from setpoint.declare.source import info
from setpoint.features import state_fold
from setpoint.features.needs import Around, Fold, arounds, everything
from setpoint.features.neighbours import bring_together
from setpoint.features.on_demand import Given, compile_one, plain
from setpoint.features.online_groups import TEXTS, Group, SourceGroups, key_columns, position_of
from setpoint.features.online_keys import MOST
from setpoint.features.online_merge import check, text_key, text_of, words_of
from setpoint.features.state import EMPTY, GOOD
from setpoint.features.state_fold import FoldPlan
from setpoint.features.values import words_hashed

Value: TypeAlias = float | str | None

_VALUED = ("min", "max", "first", "last", "latest", "top")


class Seen(NamedTuple):
    """The features of a decision, the position of each source that they rest on (-1: none), and their time."""

    values: dict[str, Value]
    positions: dict[str, int]
    at: int


class Asked(NamedTuple):
    """A request: its fields as keys are made of them, and what expressions read."""

    fields: Mapping[str, Any]
    given: Given
    columns: dict[tuple[str, str], Plain]
    aggregates: dict[str, Plain]
    neighbours: dict[str, list[Plain]]


class Moment(NamedTuple):
    """Up to where each source was taken in, and the earliest time that a decision can be of."""

    positions: dict[str, int]
    known_at: int


class Unit(NamedTuple):
    """A group read by one key: its folds, what gives a request's key, and what units that have that key in common."""

    group: Group
    folds: tuple[Fold, ...]
    key: Callable[[Any], str | None]
    parts: tuple[str, ...]


class Reader:
    """Reads the features of a plan for decisions, many at once."""

    def __init__(self, plan: Plan, state: OnlineState, sources: Mapping[str, SourceGroups]) -> None:
        circles = arounds(plan)
        folds = [*everything(plan), *{one.edges.key: one.edges for one in circles}.values()]
        self._plan, self._state, self._sources = plan, state, sources
        self._names = [name for source in sources.values() for name in source.names]
        self.stages = [Stage(units) for units in _staged(sources, folds)]
        self._circles = _circles(sources, circles)
        self._texts: dict[int, str] = {}
        self._known: tuple[list[Mark | None], Moment] = ([], Moment({}, 0))
        exprs = [feature.expr for feature in plan.inputs]
        self._features = [feature.name for feature in plan.inputs]
        self._compiled = compile_one(exprs)
        keys = [part for one in folds for part in one.keys]
        read = {
            node.name
            for expr in [*exprs, *keys]
            for node in walk(expr, into_aggregates=False)
            if isinstance(node, Field)
        }
        self._read = [(name, kind) for name, kind in plan.fields.items() if name in read]
        self._direct = self._rows_of_features()
        self._kinds = [(name, kind, _USUAL[kind]) for name, kind in plan.fields.items()]

    def see(self, requests: Sequence[Mapping[str, Any]], at: int) -> list[Seen]:
        """The features of decisions with these fields at a time, all of one moment."""
        fields = [self._fields(one) for one in requests]
        while True:
            seen = self._see([self._asked(one) for one in fields], at)
            if seen is not None:
                return seen

    def see_one(self, request: Mapping[str, Any], at: int) -> Seen:
        """What `see` gives of one request, at less cost where there is one stage."""
        if len(self.stages) != 1 or self._circles:
            return self.see([request], at)[0]
        (stage,), asked = self.stages, self._asked(self._fields(request))
        keys, numbers = stage.keys_of_one(asked)
        marks, blobs = self._state.read(self._names, keys)
        positions, known_at = self.moment(marks)
        at = max(at, known_at)
        found = stage.folded(blobs, numbers, at, 1)
        if self._direct is not None:
            return Seen(dict(zip(self._features, found.values[self._direct, 0].tolist(), strict=False)), positions, at)
        self._tell(stage, found, [asked])
        asked.given.now = at
        return Seen(dict(zip(self._features, self._compiled(asked.given), strict=False)), positions, at)

    def moment(self, marks: list[Mark | None]) -> Moment:
        """What the marks of all groups say; raises NothingYet where groups of one source stand at different ones."""
        known, moment = self._known
        if marks == known:
            return moment
        positions, start = {}, 0
        for source in self._sources.values():
            theirs = marks[start : start + len(source.groups)]
            start += len(source.groups)
            if len({position_of(mark) for mark in theirs}) > 1:
                raise self._filling(source, theirs)
            positions[source.name] = position_of(theirs[0])
        moment = Moment(positions, max((mark.known_at for mark in marks if mark is not None), default=-(2**63)))
        self._known = (marks, moment)
        return moment

    def marks(self) -> list[Mark | None]:
        """The marks of all groups."""
        return self._state.read(self._names, [])[0]

    def _see(self, asked: Sequence[Asked], at: int) -> list[Seen] | None:
        """The features of requests; None where the state moved on between two stages."""
        first: list[Mark | None] | None = None
        moment = Moment({}, at)
        found = Folded(np.empty((0, len(asked))), _NO_NAMES)
        for stage in self.stages:
            keys, numbers = stage.keys(asked)
            marks, blobs = self._state.read(self._names, keys)
            if first is None:
                first, moment = marks, self.moment(marks)
                at = max(at, moment.known_at)
            elif marks != first:
                return None
            found = stage.folded(blobs, numbers, at, len(asked))
            if self._direct is None:
                self._tell(stage, found, asked)
        if self._direct is not None:
            names, rows = self._features, found.values.T[:, self._direct].tolist()
            return [Seen(dict(zip(names, row, strict=False)), moment.positions, at) for row in rows]
        if self._circles and not self._tell_arounds(asked, at, first):
            return None
        seen = []
        for one in asked:
            one.given.now = at
            seen.append(Seen(dict(zip(self._features, self._compiled(one.given), strict=True)), moment.positions, at))
        return seen

    def _tell(self, stage: Stage, found: Folded, asked: Sequence[Asked]) -> None:
        """Put the values of a stage's folds where expressions read them."""
        for request, column in zip(asked, found.values.T.tolist(), strict=True):
            request.aggregates.update(zip(stage.plan.keys, column, strict=True))
        if not stage.others:
            return
        words = found.values.view(np.int64)
        for row, one, kind in stage.others:
            if one.node.kind == "neighbours":
                for request, word in zip(asked, words[row].tolist(), strict=True):
                    hashes = found.names[word >> 24 : (word >> 24) + (word & (2**24 - 1))]
                    named = words_hashed(hashes.view(np.uint64))
                    request.neighbours[one.key] = self._plain(named, NUMBER if one.kind == BOOL else one.kind)
                continue
            for request, value in zip(asked, self._plain(words[row], kind), strict=True):
                if one.reads is not None:
                    request.columns[one.reads] = value
                request.aggregates[one.key] = value

    def _tell_arounds(self, asked: Sequence[Asked], at: int, first: list[Mark | None] | None) -> bool:
        """Fold the values of each request's neighbours, read all at once; False where the state moved on."""
        together = [[value for one in asked for value in one.neighbours[circle.edges]] for circle in self._circles]
        wanted = [circle.stage.keys(values) for circle, values in zip(self._circles, together, strict=True)]
        marks, blobs = self._state.read(self._names, [key for keys, _ in wanted for key in keys])
        if marks != first:
            return False
        begin = 0
        for circle, values, (keys, numbers) in zip(self._circles, together, wanted, strict=True):
            folded = circle.stage.folded(blobs[begin : begin + len(keys)], numbers, at, len(values)).values
            begin += len(keys)
            rows = {one.key: row for (one, _), row in zip(circle.stage.results, folded, strict=True)}
            for around in circle.arounds:
                found, start = rows[around.of.key].tolist(), 0
                for one in asked:
                    stop = start + len(one.neighbours[circle.edges])
                    mine = [value for value in found[start:stop] if value == value]  # noqa: PLR0124 (NaN)
                    one.aggregates[around.key], start = bring_together(around.node, mine), stop
        return True

    def _plain(self, words: Array, kind: str) -> list[Any]:
        """Results as expressions read them."""
        if kind == NUMBER:
            found: list[Any] = words.view(np.float64).tolist()
            return found
        return self._spelt(words.tolist()) if kind == TEXT else words.tolist()

    def _spelt(self, words: Sequence[int]) -> list[str | None]:
        """The texts of hashes; None of NULL."""
        hashes = [word & (2**64 - 1) for word in words]
        missing = [one for one in dict.fromkeys(hashes) if one != _NO_TEXT and one not in self._texts]
        if missing:
            _, found = self._state.read([], [(TEXTS, text_key(one)) for one in missing])
            if len(self._texts) > MOST:
                self._texts.clear()
            for one, text in zip(missing, found, strict=True):
                if text is None:
                    raise DataError(f"The text of the hash {text_key(one)} is not in the online state.")
                self._texts[one] = text_of(text)
        return [None if one == _NO_TEXT else self._texts[one] for one in hashes]

    def _fields(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a request as keys are made of them."""
        found = {}
        for name, kind, usual in self._kinds:
            value = request.get(name)
            found[name] = value if type(value) in usual else given(request, name, kind)
        return found

    def _asked(self, fields: Mapping[str, Any]) -> Asked:
        if self._direct is not None:
            return Asked(fields, _NOTHING, {}, {}, {})
        columns: dict[tuple[str, str], Plain] = {}
        aggregates: dict[str, Plain] = {}
        read = {name: plain(fields[name], kind) for name, kind in self._read}
        return Asked(fields, Given(read, columns, aggregates), columns, aggregates, {})

    def _rows_of_features(self) -> Array | slice | None:
        """The result of each feature, where every one is a number that is folded in the only stage."""
        if len(self.stages) != 1:
            return None
        rows = {one.key: row for row, (one, kind) in enumerate(self.stages[0].results) if kind == NUMBER}
        found = []
        for feature in self._plan.inputs:
            if not isinstance(feature.expr, Aggregate) or Fold(feature.expr, NUMBER, 0).key not in rows:
                return None
            found.append(rows[Fold(feature.expr, NUMBER, 0).key])
        return slice(None) if found == [*range(len(rows))] else np.array(found, dtype=np.int64)

    def _filling(self, source: SourceGroups, marks: Sequence[Mark | None]) -> NothingYet:
        """The error for a source whose groups stand at different positions."""
        reached = max(position_of(mark) for mark in marks)
        behind = [group for group, mark in zip(source.groups, marks, strict=True) if position_of(mark) < reached]
        keys = {key for group in behind for key in group.shape.places}
        names = [
            feature.name
            for feature in self._plan.inputs
            if any(isinstance(node, Aggregate) and Fold(node, NUMBER, 0).key in keys for node in walk(feature.expr))
        ]
        told = ", ".join(names) or " and ".join("/".join(group.shape.columns) for group in behind)
        at = min(position_of(mark) for mark in marks)
        return NothingYet(
            f"{told} of source {source.name!r} is still being filled: at position {at} of {reached}.",
            expected="all features of a source at one position",
            hint="Wait for the backfill, or go on feeding from that position.",
        )


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
        self._none = self.plan.starts(0) if not self.plan.calendars else None
        self.others = [
            (row, one, kind)
            for row, (one, kind) in enumerate(self.results)
            if kind != NUMBER or one.reads is not None or one.node.kind == "neighbours"
        ]
        keys = {unit.parts: unit.key for unit in units}
        self._keys, numbers = list(keys.values()), {parts: number for number, parts in enumerate(keys)}
        self._read = [(unit.group.name, numbers[unit.parts]) for unit in units]
        self._one_each = np.arange(len(units))
        self._naming = sum(one.node.kind == "neighbours" for one, _ in self.results)

    def keys(self, asked: Sequence[Any]) -> tuple[list[tuple[str, str]], Array]:
        """The blobs that requests need, each once, and for each unit and request the number of its own, -1 for none."""
        spelt = [[key(one) for one in asked] for key in self._keys]
        places: dict[tuple[str, str], int] = {}
        numbers = [
            -1 if key is None else places.setdefault((name, key), len(places))
            for name, number in self._read
            for key in spelt[number]
        ]
        return list(places), np.array(numbers, dtype=np.int64)

    def keys_of_one(self, asked: Any) -> tuple[list[tuple[str, str]], Array]:
        """What `keys` gives of one request."""
        spelt = [key(asked) for key in self._keys]
        if None in spelt:
            return self.keys([asked])
        return [(name, cast(str, spelt[number])) for name, number in self._read], self._one_each

    def folded(self, blobs: Sequence[bytes | None], numbers: Array, at: int, requests: int) -> Folded:
        """What requests see at a time."""
        words = words_of([blob or EMPTY for blob in blobs] or [EMPTY])
        starts = self.plan.starts(at) if self._none is None else self._none
        out, names = np.empty((len(self.results), requests)), _NO_NAMES
        if self._naming:
            most = sum(len(blobs[number] or EMPTY) for number in numbers.tolist() if number >= 0)
            names = np.empty(self._naming * most // 8, dtype=np.int64)
        status = state_fold.fold(self.plan.numbers, starts, words, numbers, at, out, names)
        if status != GOOD:
            check(status, self._units[0].group)
        return Folded(out, names)


def given(fields: Mapping[str, Any], name: str, kind: str) -> Any:
    """A request field as the value its kind is folded by; a time in microseconds.

    Raises RequestInvalid for one that is missing or of another kind.

    >>> given({"total": 5}, "total", "number")
    5
    """
    if name not in fields:
        raise RequestInvalid(f"The request has no field {name!r}.", field=name, expected=f"a {kind}")
    value = fields[name]
    if value is None:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if kind == TIME:
        return times.time(value)
    wanted = {NUMBER: (int, float), TEXT: (str,)}.get(kind, (bool, int, float))
    if not isinstance(value, wanted) or (kind == NUMBER and isinstance(value, bool)):
        raise RequestInvalid(
            f"The request's field {name!r} is {value!r} ({type(value).__name__}).", field=name, expected=f"a {kind}"
        )
    return value


_USUAL: Mapping[str, tuple[type, ...]] = {NUMBER: (int, float), TEXT: (str,), BOOL: (bool,), TIME: ()}
_NOTHING = Given()
_NO_NAMES = np.empty(0, dtype=np.int64)
_NO_TEXT = 2**63


def _result(one: Fold) -> str:
    """The kind of a fold's value."""
    if one.node.kind not in _VALUED:
        return NUMBER
    return NUMBER if one.kind == BOOL else one.kind


def _staged(sources: Mapping[str, SourceGroups], folds: Sequence[Fold]) -> list[list[Unit]]:
    """The units of each stage."""
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
        [
            Unit(groups[source, columns_], tuple(theirs), _key(groups[source, columns_], theirs[0].keys), parts)
            for (source, columns_, parts), theirs in stages[number].items()
        ]
        for number in sorted(stages)
    ]


class Circle(NamedTuple):
    """What is folded over the neighbours that the same edges name, and what is read for each of these."""

    edges: str
    arounds: Sequence[Around]
    stage: Stage


def _circles(sources: Mapping[str, SourceGroups], arounds: Sequence[Around]) -> list[Circle]:
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


def _key(group: Group, parts: Sequence[Expr]) -> Callable[[Asked], str | None]:
    """What gives a request's key."""
    spelling = group.spelling
    if len(parts) == 1 and isinstance(parts[0], Field):
        name = parts[0].name
        return lambda asked: spelling[asked.fields[name]]
    if all(isinstance(part, Field) for part in parts):
        names = [part.name for part in parts if isinstance(part, Field)]
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
