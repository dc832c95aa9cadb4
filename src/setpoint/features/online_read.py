"""Decisions on their way out of the online state: keys found, blobs read in one step, folded, and told as plain values.

All that does not depend on the request is bound when the reader is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from setpoint.core import times
from setpoint.core.errors import DataError, NothingYet, RequestInvalid
from setpoint.core.ports import Mark, OnlineState
from setpoint.data.arrays import Array
from setpoint.data.language.scalars import Plain
from setpoint.declare.expr import Aggregate, Field, walk
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME
from setpoint.declare.plan import Plan
from setpoint.features.needs import Fold, arounds, everything
from setpoint.features.neighbours import bring_together
from setpoint.features.on_demand import Given, compile_one, plain
from setpoint.features.online_groups import TEXTS, SourceGroups, position_of
from setpoint.features.online_keys import MOST
from setpoint.features.online_merge import text_key, text_of
from setpoint.features.online_seen import Seen, SeenMany
from setpoint.features.online_stage import NO_NAMES, Asked, Folded, Stage, circles_of, stages_of
from setpoint.features.online_straight import USUAL, Straight
from setpoint.features.values import words_hashed


class Moment(NamedTuple):
    """Up to where each source was taken in, and the earliest time that a decision can be of."""

    positions: dict[str, int]
    known_at: int


class Reader:
    """Reads the features of a plan for decisions, many at once."""

    def __init__(self, plan: Plan, state: OnlineState, sources: Mapping[str, SourceGroups]) -> None:
        circles = arounds(plan)
        folds = [*everything(plan), *{one.edges.key: one.edges for one in circles}.values()]
        self._plan, self._state, self._sources = plan, state, sources
        self._names = [name for source in sources.values() for name in source.names]
        self.stages = stages_of(sources, folds)
        self._circles = circles_of(sources, circles)
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
        self._kinds = [(name, kind, USUAL[kind]) for name, kind in plan.fields.items()]
        self._straight: Straight | None = None
        if self._direct is not None and not self._circles and self.stages[0].by_fields:
            self._straight = Straight(
                self.stages[0], state, self._names, kinds=plan.fields, fields=self._fields, moment=self.moment
            )

    def see(self, requests: Sequence[Mapping[str, Any]], at: int) -> SeenMany:
        """The features of decisions with these fields at a time, all of one moment."""
        if self._straight is not None:
            values, positions, at = self._straight.fold(requests, at)
            return SeenMany(self._features, values[self._direct], len(requests), positions, at)
        fields = [self._fields(one) for one in requests]
        while True:
            seen = self._see([self._asked(one) for one in fields], at)
            if seen is not None:
                return seen

    def see_one(self, request: Mapping[str, Any], at: int) -> Seen:
        """What `see` gives of one request, at less cost where there is one stage."""
        if self._straight is not None:
            values, positions, at = self._straight.fold((request,), at)
            return Seen(dict(zip(self._features, values[self._direct].ravel().tolist(), strict=False)), positions, at)
        if len(self.stages) != 1 or self._circles:
            return self.see([request], at)[0]
        (stage,), asked = self.stages, self._asked(self._fields(request))
        keys, numbers = stage.keys_of_one(asked)
        marks, blobs = self._state.read(self._names, keys)
        positions, known_at = self.moment(marks)
        positions, at = positions.copy(), max(at, known_at)
        self._tell(stage, stage.folded(blobs, numbers, at, 1), [asked])
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

    def _see(self, asked: Sequence[Asked], at: int) -> SeenMany | None:
        """The features of requests; None where the state moved on between two stages."""
        first: list[Mark | None] | None = None
        moment = Moment({}, at)
        found = Folded(np.empty((0, len(asked))), NO_NAMES)
        for stage in self.stages:
            keys, numbers = stage.keys(asked)
            marks, blobs = self._state.read(self._names, keys)
            if first is None:
                first, moment = marks, self.moment(marks)
                moment, at = moment._replace(positions=moment.positions.copy()), max(at, moment.known_at)
            elif marks != first:
                return None
            found = stage.folded(blobs, numbers, at, len(asked))
            if self._direct is None:
                self._tell(stage, found, asked)
        if self._direct is not None:
            return SeenMany(self._features, found.values[self._direct], len(asked), moment.positions, at)
        if self._circles and not self._tell_arounds(asked, at, first):
            return None
        rows = []
        for one in asked:
            one.given.now = at
            rows.append(self._compiled(one.given))
        columns = [*zip(*rows, strict=True)] or [()] * len(self._features)
        return SeenMany(self._features, columns, len(asked), moment.positions, at)

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


_NOTHING = Given()
_NO_TEXT = 2**63
