"""Features of one decision, folded at request time from the rows of its keys: what `serve` reads.

Events are fed in the order in which they became known. Of each event the state keeps, under every key that features
fold it by, its times and the few values that folds need; conditions and expressions are computed when it is fed. A
decision reads the tiles that its windows touch and folds what it may see of them. Nothing here reads the sources'
tables, and the folding is not the reader's: their agreement, bit for bit, is tested and watched (`parity`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.core import times
from setpoint.core.digest import canonical, digest
from setpoint.core.errors import NameUnknown, RequestInvalid
from setpoint.core.ports import TileState
from setpoint.core.times import DAY
from setpoint.data.arrays import Array, to_array
from setpoint.data.evaluate import Inputs, evaluate
from setpoint.data.rows import AT, KNOWN_AT, POSITION, times_of
from setpoint.declare.kinds import NUMBER, TEXT, TIME
from setpoint.declare.plan import Plan
from setpoint.declare.source import info
from setpoint.features.carried import Batch, By, Shape
from setpoint.features.finalise import start_of
from setpoint.features.folding import View, single
from setpoint.features.needs import Fold, Look, columns_of, folds, looks
from setpoint.features.packing import Rows, Unpacked, pack, unpack

Value = float | str | None

TILE = DAY
"""Microseconds of one tile."""

BATCH = 1 << 15
"""Most rows of a feed that are packed and applied at once."""

_FIRST_TILE = -(2**62) // TILE


@dataclass(frozen=True)
class Seen:
    """The features of a decision, and the position of each source up to which they had seen its rows (-1: none)."""

    values: dict[str, Value]
    positions: dict[str, int]


class OnlineFeatures:
    """Feeds events into a state and reads the features of a plan from it.

    A source has one feeder at a time; any number of threads and processes may read. What is kept belongs to the
    definitions: when one of a source's changes, that source is fed again from its beginning.
    """

    def __init__(self, plan: Plan, state: TileState) -> None:
        self._plan, self._state = plan, state
        self._sources = {source.name: source for source in _sources(plan)}

    def feed(self, source: str, rows: pa.Table) -> int:
        """Take in rows of a source as they became known; gives how many were new.

        Rows already taken in are passed over, so that a batch may come again. A source that no feature reads is
        passed over too. Raises NameUnknown for one that the plan does not have.
        """
        if source not in self._plan.system.sources:
            raise NameUnknown("source", source, self._plan.system.sources, where="The plan")
        if source not in self._sources:
            return 0
        kept = self._sources[source]
        position = times_of(rows, POSITION)
        fresh = np.flatnonzero(position > self._state.positions().get(kept.log, -1))
        fresh = fresh[np.argsort(position[fresh], kind="stable")]
        if fresh.size < rows.num_rows or np.any(fresh[1:] < fresh[:-1]):
            rows = rows.take(pa.array(fresh))
        taken = 0
        for start in range(0, rows.num_rows, BATCH):
            batch = rows.slice(start, BATCH)
            if self._state.apply(kept.log, int(times_of(batch, POSITION)[-1]), kept.packed(batch)):
                taken += batch.num_rows
        return taken

    def read(self, fields: Mapping[str, Any], at: int) -> dict[str, Value]:
        """The features of a decision with these request fields at this time.

        A number that is NULL is NaN, a text None. Raises RequestInvalid for a field that is missing or of another
        kind.
        """
        return self.see(fields, at).values

    def see(self, fields: Mapping[str, Any], at: int) -> Seen:
        """The features of a decision, with the positions of the sources that they rest on: all of one moment."""
        given = {name: _given(fields, name, kind) for name, kind in self._plan.fields.items()}
        positions = self.positions()
        while True:
            aggregates: dict[str, Array] = {}
            columns: dict[tuple[str, str], Array] = {}
            for source in self._sources.values():
                for group in source.groups:
                    view = self.view(group.rows(self._state, given, at), at)
                    group.answer(view, columns, aggregates)
            now = self.positions()
            if now == positions:
                break
            positions = now
        arrays = {name: single(value, self._plan.fields[name]) for name, value in given.items()}
        inputs = Inputs(1, columns, arrays, {}, aggregates, now=np.array([at], dtype=np.int64))
        values = {feature.name: evaluate(feature.expr, inputs).tolist()[0] for feature in self._plan.inputs}
        return Seen(values, positions)

    def positions(self) -> dict[str, int]:
        """The position up to which each source that features read was taken in; -1 before its first row."""
        applied = self._state.positions()
        return {name: applied.get(source.log, -1) for name, source in self._sources.items()}

    def view(self, rows: Unpacked, at: int) -> View:
        """How a decision looks at the rows of a key. A subclass that looks at them otherwise is found by `parity`."""
        return View(rows, at, tile=TILE)

    def forget(self, at: int) -> int:
        """Drop the tiles that no decision from this time on can need; gives how many went."""
        gone = 0
        for source in self._sources.values():
            for group in source.groups:
                if group.first_tile(at) > _FIRST_TILE:
                    gone += self._state.forget(group.name, group.first_tile(at))
        return gone


class _Source:
    """A source as the state keeps it: `log` names its position there."""

    def __init__(self, name: str, plan: Plan, folds: Sequence[Fold], looks: Sequence[Look]) -> None:
        self.name, self._kinds = name, plan.schemas[name]
        wanted: dict[By, tuple[list[Fold], list[Look]]] = {}
        for fold in folds:
            wanted.setdefault(fold.node.by, ([], []))[0].append(fold)
        for look in looks:
            wanted.setdefault(look.by, ([], []))[1].append(look)
        shapes = [Shape(by, *theirs) for by, theirs in wanted.items()]
        declared = info(plan.system.sources[name]).to_dict()
        self.log = f"{name}@{digest([declared, TILE, [shape.to_dict() for shape in shapes]])}"
        self.groups = [_Group(digest([self.log, shape.to_dict()]), shape) for shape in shapes]
        self._columns = columns_of(*[expr for shape in shapes for expr in shape.exprs])

    def packed(self, rows: pa.Table) -> list[tuple[str, str, int, bytes]]:
        """What a batch of rows adds to each tile."""
        columns = {(self.name, name): to_array(rows.column(name), self._kinds[name]) for name in self._columns}
        batch = Batch(Inputs(rows.num_rows, columns))
        at, known_at, position = (times_of(rows, name) for name in (AT, KNOWN_AT, POSITION))
        plain: dict[str, list[Any]] = {}
        found: list[tuple[str, str, int, bytes]] = []
        for group in self.groups:
            parts = []
            for _, column in group.shape.by:
                if column not in plain:
                    plain[column] = rows.column(column).to_pylist()
                parts.append(plain[column])
            keys = list(map(spelled, *parts)) if parts else [spelled()] * rows.num_rows
            found += group.packed(keys, group.shape.rows(at, known_at, position, batch))
        return found


@dataclass(frozen=True)
class _Group:
    """The rows of a source under one key, in the state's group of this name."""

    name: str
    shape: Shape

    def packed(self, keys: Sequence[str | None], rows: Rows) -> list[tuple[str, str, int, bytes]]:
        """What rows with these keys add to each tile; a row without a key belongs to none."""
        numbers: dict[str | None, int] = {None: -1}
        codes = np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)
        order, tiles = np.argsort(codes, kind="stable"), rows.at // TILE
        if self.shape.looks:
            tiles = np.zeros_like(tiles)
        elif tiles.size and tiles.min() != tiles.max():
            order = np.lexsort((tiles, codes))
        codes = codes[order]
        if codes.size and codes[0] < 0:
            order, codes = order[codes >= 0], codes[codes >= 0]
        if not order.size:
            return []
        tiles = tiles[order]
        content, starts = pack(self.shape.layout, rows, order)
        edges = np.flatnonzero((codes[1:] != codes[:-1]) | (tiles[1:] != tiles[:-1])) + 1
        begins, names = np.concatenate([[0], edges]), list(numbers)
        places = zip(codes[begins].tolist(), tiles[begins].tolist(), strict=True)
        bounds = [*starts[begins].tolist(), len(content)]
        return [
            (self.name, str(names[code]), tile, content[begin:end])
            for (code, tile), begin, end in zip(places, bounds[:-1], bounds[1:], strict=True)
        ]

    def first_tile(self, at: int) -> int:
        """The first tile that a decision needs."""
        if self.shape.looks or any(not last for last, _ in self.shape.windows):
            return _FIRST_TILE
        return min(start_of(at, *window) for window in self.shape.windows) // TILE

    def rows(self, state: TileState, given: Mapping[str, Any], at: int) -> Unpacked:
        """The rows of a decision's key in the tiles that it needs."""
        key = spelled(*[given[name] for name, _ in self.shape.by])
        content = b""
        if key is not None:
            last_tile = 0 if self.shape.looks else (at - 1) // TILE
            content = state.read(self.name, key, self.first_tile(at), last_tile)
        return unpack(self.shape.layout, content)

    def answer(self, view: View, columns: dict[tuple[str, str], Array], aggregates: dict[str, Array]) -> None:
        """Add what a decision sees of the group to the columns and aggregates that expressions read."""
        for places in self.shape.folds:
            aggregates[places.fold.key] = view.fold(places)
        for look, place in self.shape.looks:
            columns[look.name] = view.newest(0, view.visible, place, look.kind)


def _sources(plan: Plan) -> Iterator[_Source]:
    wanted, seen = folds(plan), looks(plan)
    for name in dict.fromkeys([fold.source for fold in wanted] + [look.source for look in seen]):
        yield _Source(
            name,
            plan,
            [fold for fold in wanted if fold.source == name],
            [look for look in seen if look.source == name],
        )


@lru_cache(maxsize=1 << 16)
def spelled(*parts: Any) -> str | None:
    """A key as text, the same for equal keys; None when a part is NULL, or a number that no row can have.

    >>> spelled("UA", 1.0), spelled("UA", 1), spelled(None)
    ('["UA",1]', '["UA",1]', None)
    """
    plain: list[Any] = []
    for part in parts:
        if part is None or (isinstance(part, float) and not math.isfinite(part)):
            return None
        plain.append(int(part) if isinstance(part, (bool, float)) and part == int(part) else part)
    return canonical(plain)


def _given(fields: Mapping[str, Any], name: str, kind: str) -> Any:
    """A request field as the value its kind is folded by; a time in microseconds."""
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
