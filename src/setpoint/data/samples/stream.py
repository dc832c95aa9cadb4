"""Samples of a stream in one pass: reservoirs over batches, that merge, and that go on after a restart.

A reservoir takes its random numbers by place (the k-th number is the k-th whatever happened before), so the same
rows give the same sample however they are cut into batches. What it holds is one Arrow table, with its state in the
table's metadata: write it as Parquet, read it back, go on.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from setpoint.core.errors import DataError
from setpoint.core.rng import seed_for
from setpoint.data.samples.frame import FIXED, INDEPENDENT, Frame
from setpoint.data.samples.sample import Floats, Ints, Sample, check_amounts, check_size, sample_of
from setpoint.data.samples.weighted import chance_below

STATE = b"setpoint.reservoir"
"""The key of a reservoir's state in the metadata of its table."""
POSITION, KEY, WEIGHT = "__reservoir_position", "__reservoir_key", "__reservoir_weight"
"""The columns that a reservoir keeps beside its rows."""
FAR = 2.0**50
"""The longest jump: no stream has so many rows."""
BLOCK = 256
"""How many jumps are drawn at once."""


@dataclass(frozen=True, eq=False)
class Reservoir:
    """A simple random sample of `size` rows of a stream that is read once.

    Algorithm L: Li (1994), "Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n)))". It jumps from one
    row that is taken to the next, so a long stream costs about nothing. Every set of rows is as likely, also after
    merging. Shards of one stream are told apart by `stream`: with the same name they would draw the same numbers.

    >>> rows = pa.table({"id": range(10_000)})
    >>> whole = reservoir(5, seed=1).offer(rows)
    >>> parts = reservoir(5, seed=1).offer(rows.slice(0, 17)).offer(rows.slice(17))
    >>> whole.rows == parts.rows, whole.seen
    (True, 10000)
    """

    size: int
    seed: int
    streams: tuple[str, ...]
    rows: pa.Table | None = None
    position: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    seen: int = 0
    drawn: int = 0
    log_highest: float = 0.0
    """The logarithm of the highest key among the rows held, were every row given a uniform key."""
    following: int = 0
    """The position of the row that is taken next."""

    def offer(self, batch: pa.Table) -> Reservoir:
        """The reservoir after the next rows of the stream."""
        fill = min(max(self.size - self.seen, 0), batch.num_rows)
        filled = self
        if fill:
            places = np.arange(self.seen, self.seen + fill)
            held = _joined(self.rows, batch.slice(0, fill))
            filled = replace(self, rows=held, position=np.concatenate([self.position, places]), seen=self.seen + fill)
            if filled.seen == self.size:
                filled = filled._full()
        return filled._replaced(batch.slice(fill))

    def merge(self, other: Reservoir) -> Reservoir:
        """The reservoir of this stream followed by the other; as uniform as one that had read both."""
        _check_streams(self.size, self.streams, other.size, other.streams)
        streams = (*self.streams, *other.streams)
        rng = np.random.default_rng(seed_for(self.seed, "merge reservoirs", *streams, str(self.seen), str(other.seen)))
        keys = np.concatenate([_uniform_keys(part, rng) for part in (self, other)])
        position = np.concatenate([self.position, other.position + self.seen])
        seen = self.seen + other.seen
        kept = np.sort(np.argsort(keys, kind="stable")[: self.size])
        merged = Reservoir(
            self.size, self.seed, streams, _joined(self.rows, other.rows), position, seen, log_highest=0.0
        )._keep(kept)
        if seen < self.size:
            return merged
        highest = math.log(float(keys[kept].max()))
        uniform = _numbers(self.seed, merged._purpose, 0, 1)
        return replace(
            merged, log_highest=highest, following=seen + int(_jumps(uniform, np.array([highest]))[0]), drawn=1
        )

    def sample(self) -> Sample:
        """What the reservoir holds as a sample; `index` are positions in the stream."""
        check_size(len(self.position), self.seen)
        n = self.position.size
        details = {"streams": list(self.streams)}
        frame = Frame("reservoir", FIXED, self.seen, n, self.seed, details=details)
        return sample_of(self.position, np.full(n, n / self.seen), frame)

    def to_table(self) -> pa.Table:
        """The rows held, with the reservoir's state in the table's metadata."""
        state = {
            "kind": "simple",
            "size": self.size,
            "seed": self.seed,
            "streams": self.streams,
            "seen": self.seen,
            "drawn": self.drawn,
            "log_highest": self.log_highest.hex(),
            "following": self.following,
        }
        return _packed(self.rows, {POSITION: self.position}, state)

    @staticmethod
    def from_table(table: pa.Table) -> Reservoir:
        """The reservoir that `to_table` gave.

        >>> held = reservoir(2, seed=1).offer(pa.table({"id": [7, 8, 9]}))
        >>> Reservoir.from_table(held.to_table()).rows == held.rows
        True
        """
        rows, columns, state = _unpacked(table, {POSITION: np.int64}, "simple")
        return Reservoir(
            state["size"],
            state["seed"],
            tuple(state["streams"]),
            rows,
            columns[POSITION],
            state["seen"],
            state["drawn"],
            float.fromhex(state["log_highest"]),
            state["following"],
        )

    @property
    def _purpose(self) -> str:
        return "\x1e".join(("reservoir", *self.streams))

    def _full(self) -> Reservoir:
        """The first jump: the highest of `size` uniform keys, and how many rows have a higher one."""
        uniform = _numbers(self.seed, self._purpose, self.drawn, 2)
        highest = math.log(uniform[0]) / self.size
        jump = _jumps(uniform[1:], np.array([highest]))
        return replace(self, log_highest=highest, following=self.seen + int(jump[0]), drawn=self.drawn + 2)

    def _replaced(self, batch: pa.Table) -> Reservoir:
        """The reservoir after rows of which each that is taken replaces one at random."""
        end = self.seen + batch.num_rows
        drawn, highest, following = self.drawn, self.log_highest, self.following
        slots: list[npt.NDArray[Any]] = []
        places: list[Ints] = []
        while batch.num_rows and following < end:
            uniform = _numbers(self.seed, self._purpose, drawn, 3 * BLOCK).reshape(BLOCK, 3)
            highs = np.add.accumulate(np.concatenate([[highest], np.log(uniform[:, 1]) / self.size]))
            at = np.add.accumulate(np.concatenate([[following], 1 + _jumps(uniform[:, 2], highs[1:])]))
            used = int(np.searchsorted(at[:BLOCK], end))
            slots.append((uniform[:used, 0] * self.size).astype(np.int64) % self.size)
            places.append(at[:used])
            drawn, highest, following = drawn + 3 * used, float(highs[used]), int(at[used])
        after = replace(self, seen=end, drawn=drawn, log_highest=highest, following=following)
        if not places:
            return after
        slot, place = np.concatenate(slots), np.concatenate(places)
        source = np.arange(self.size)
        source[slot] = self.size + np.arange(slot.size)  # the last row that is given a slot keeps it
        joined = _joined(self.rows, batch.take(pa.array(place - self.seen)))
        whole = replace(after, rows=joined, position=np.concatenate([self.position, place]))
        return whole._keep(source)

    def _keep(self, places: Ints) -> Reservoir:
        rows = None if self.rows is None else self.rows.take(pa.array(places))
        return replace(self, rows=rows, position=self.position[places])


@dataclass(frozen=True, eq=False)
class WeightedReservoir:
    """A weighted sample of `size` rows of a stream that is read once; each row brings its weight.

    A-ExpJ: Efraimidis and Spirakis (2006), "Weighted random sampling with a reservoir": exponential jumps over the
    weight, so that only rows that are taken cost anything. It holds one row more than it gives: that one's key tells
    the chances of the others (see `weighted`).

    >>> rows = pa.table({"id": range(1000)})
    >>> held = weighted_reservoir(10, seed=1).offer(rows, np.arange(1000.0))
    >>> len(held.sample()), held.seen
    (10, 1000)
    """

    size: int
    seed: int
    streams: tuple[str, ...]
    rows: pa.Table | None = None
    position: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    weight: Floats = field(default_factory=lambda: np.zeros(0))
    key: Floats = field(default_factory=lambda: np.zeros(0))
    seen: int = 0
    weighing: int = 0
    """How many of the rows seen had a weight above zero."""
    drawn: int = 0
    total: float = 0.0
    crossing: float = math.inf
    """The total of weights at which the next row is taken."""

    def offer(self, batch: pa.Table, weight: npt.ArrayLike) -> WeightedReservoir:
        """The reservoir after the next rows of the stream and their weights; a weight of zero is never taken."""
        weights = np.asarray(weight, dtype=np.float64)
        if weights.size != batch.num_rows:
            raise DataError(f"{batch.num_rows} rows and {weights.size} weights.", expected="one weight per row")
        if weights.any() or not np.isfinite(weights).all():
            check_amounts(weights, "weights")
        heavy = np.flatnonzero(weights > 0)
        fill = heavy[: max(self.size + 1 - self.key.size, 0)]
        filled = self._filled(batch, weights, fill)
        after = filled._replaced(batch, weights, heavy[fill.size :])
        return replace(after, seen=self.seen + weights.size, weighing=self.weighing + heavy.size)

    def merge(self, other: WeightedReservoir) -> WeightedReservoir:
        """The reservoir of this stream followed by the other; the keys of both decide, so it is as if read as one."""
        _check_streams(self.size, self.streams, other.size, other.streams)
        merged = WeightedReservoir(
            self.size,
            self.seed,
            (*self.streams, *other.streams),
            _joined(self.rows, other.rows),
            np.concatenate([self.position, other.position + self.seen]),
            np.concatenate([self.weight, other.weight]),
            np.concatenate([self.key, other.key]),
            self.seen + other.seen,
            self.weighing + other.weighing,
            0,
            self.total + other.total,
        )
        kept = np.sort(np.argsort(merged.key, kind="stable")[: self.size + 1])
        return merged._keep(kept)._jump()

    def sample(self) -> Sample:
        """What the reservoir holds as a sample; `index` are positions in the stream."""
        places, first_left = np.arange(self.key.size), math.inf
        if self.key.size > self.size:
            places = np.argsort(self.key, kind="stable")
            first_left = float(self.key[places[self.size]])
            places = np.sort(places[: self.size])
        check_size(places.size, self.weighing)
        details = {"streams": list(self.streams)}
        frame = Frame("weighted reservoir", INDEPENDENT, self.weighing, places.size, self.seed, details=details)
        return sample_of(self.position[places], chance_below(first_left, self.weight[places]), frame)

    def to_table(self) -> pa.Table:
        """The rows held, with the reservoir's state in the table's metadata."""
        state = {
            "kind": "weighted",
            "size": self.size,
            "seed": self.seed,
            "streams": self.streams,
            "seen": self.seen,
            "weighing": self.weighing,
            "drawn": self.drawn,
            "total": self.total.hex(),
            "crossing": self.crossing.hex(),
        }
        return _packed(self.rows, {POSITION: self.position, KEY: self.key, WEIGHT: self.weight}, state)

    @staticmethod
    def from_table(table: pa.Table) -> WeightedReservoir:
        """The reservoir that `to_table` gave."""
        kinds = {POSITION: np.int64, KEY: np.float64, WEIGHT: np.float64}
        rows, columns, state = _unpacked(table, kinds, "weighted")
        return WeightedReservoir(
            state["size"],
            state["seed"],
            tuple(state["streams"]),
            rows,
            columns[POSITION],
            columns[WEIGHT],
            columns[KEY],
            state["seen"],
            state["weighing"],
            state["drawn"],
            float.fromhex(state["total"]),
            float.fromhex(state["crossing"]),
        )

    @property
    def _purpose(self) -> str:
        return "\x1e".join(("weighted reservoir", *self.streams))

    def _filled(self, batch: pa.Table, weights: Floats, fill: Ints) -> WeightedReservoir:
        """The reservoir with its first rows, whose keys are drawn one by one."""
        if not fill.size:
            return self
        uniform = 1 - _numbers(self.seed, self._purpose, self.drawn, fill.size)
        grown = replace(
            self,
            rows=_joined(self.rows, batch.take(pa.array(fill))),
            position=np.concatenate([self.position, self.seen + fill]),
            weight=np.concatenate([self.weight, weights[fill]]),
            key=np.concatenate([self.key, -np.log1p(-uniform) / weights[fill]]),
            drawn=self.drawn + fill.size,
        )
        grown = replace(grown, total=float(np.add.accumulate(np.concatenate([[self.total], weights[fill]]))[-1]))
        return grown._jump() if grown.key.size == self.size + 1 else grown

    def _jump(self) -> WeightedReservoir:
        """The reservoir with the weight drawn at which the next row is taken."""
        if self.key.size <= self.size:
            return self
        uniform = float(_numbers(self.seed, self._purpose, self.drawn, 1)[0])
        return replace(self, crossing=self.total - math.log(uniform) / float(self.key.max()), drawn=self.drawn + 1)

    def _replaced(self, batch: pa.Table, weights: Floats, heavy: Ints) -> WeightedReservoir:
        """The reservoir after rows of which each that is taken replaces the one with the greatest key."""
        reach = np.add.accumulate(np.concatenate([[self.total], weights[heavy]]))
        drawn, crossing = self.drawn, self.crossing
        highest = [(-key, slot) for slot, key in enumerate(self.key.tolist())]
        heapq.heapify(highest)
        source = np.arange(self.key.size)
        taken: list[int] = []
        numbers: Iterator[list[float]] = iter(())
        begin = 1
        while (found := int(np.searchsorted(reach[begin:], crossing)) + begin) < reach.size:
            pair = next(numbers, None)
            if pair is None:
                numbers = iter(_numbers(self.seed, self._purpose, drawn, 2 * BLOCK).reshape(BLOCK, 2).tolist())
                pair = next(numbers)
            place = int(heavy[found - 1])
            heaviness = float(weights[place])
            key, slot = -highest[0][0], highest[0][1]
            new = -math.log1p(pair[0] * math.expm1(-key * heaviness)) / heaviness
            heapq.heapreplace(highest, (-new, slot))
            source[slot] = self.key.size + len(taken)
            taken.append(place)
            crossing = float(reach[found]) + (-math.log(pair[1]) / -highest[0][0] if highest[0][0] else math.inf)
            drawn, begin = drawn + 2, found + 1
        after = replace(self, drawn=drawn, crossing=crossing, total=float(reach[-1]))
        if not taken:
            return after
        keys = np.empty(self.key.size)
        keys[[slot for _, slot in highest]] = [-key for key, _ in highest]
        rows = np.array(taken, dtype=np.int64)
        whole = replace(
            after,
            rows=_joined(self.rows, batch.take(pa.array(rows))),
            position=np.concatenate([self.position, self.seen + rows]),
            weight=np.concatenate([self.weight, weights[rows]]),
            key=np.concatenate([self.key, np.zeros(rows.size)]),
        )
        return replace(whole._keep(source), key=keys)

    def _keep(self, places: Ints) -> WeightedReservoir:
        rows = None if self.rows is None else self.rows.take(pa.array(places))
        position, weight, key = self.position[places], self.weight[places], self.key[places]
        return replace(self, rows=rows, position=position, weight=weight, key=key)


def reservoir(size: int, *, seed: int, stream: str = "") -> Reservoir:
    """An empty reservoir for `size` rows of a stream; shards to be merged have names of their own.

    >>> reservoir(3, seed=1).offer(pa.table({"id": [1, 2]})).sample().weight
    array([1., 1.])
    """
    _check_size(size)
    return Reservoir(int(size), int(seed), (stream,))


def weighted_reservoir(size: int, *, seed: int, stream: str = "") -> WeightedReservoir:
    """An empty weighted reservoir for `size` rows of a stream; shards to be merged have names of their own.

    >>> weighted_reservoir(3, seed=1).offer(pa.table({"id": [1, 2]}), [1.0, 0.0]).sample().index
    array([0])
    """
    _check_size(size)
    return WeightedReservoir(int(size), int(seed), (stream,))


def _numbers(seed: int, purpose: str, start: int, count: int) -> Floats:
    """The uniform numbers in (0, 1] from place `start` on of the sequence that belongs to a seed and a purpose."""
    bits = np.random.PCG64(seed_for(seed, purpose))
    bits.advance(start)
    return np.asarray(1 - np.random.Generator(bits).random(count))


def _jumps(uniform: Floats, log_highest: Floats) -> Ints:
    """How many rows in a row have a key above the highest that is held."""
    with np.errstate(divide="ignore", invalid="ignore"):
        jumps = np.floor(np.log(uniform) / np.log1p(-np.exp(log_highest)))
    return np.asarray(np.minimum(np.nan_to_num(jumps, nan=0.0, posinf=FAR), FAR), dtype=np.int64)


def _uniform_keys(held: Reservoir, rng: np.random.Generator) -> Floats:
    """Keys as the rows held could have them: below the highest, which one of them at random has."""
    count = held.position.size
    if held.seen < held.size:
        return np.asarray(1 - rng.random(count))
    highest = math.exp(held.log_highest)
    keys = np.asarray((1 - rng.random(count)) * highest)
    keys[rng.integers(count)] = highest
    return keys


def _joined(rows: pa.Table | None, more: pa.Table | None) -> pa.Table | None:
    if rows is None or more is None:
        return more if rows is None else rows
    if not rows.schema.equals(more.schema, check_metadata=False):
        raise DataError(
            f"A batch has the columns {more.schema.names} and the reservoir {rows.schema.names}, or other types.",
            expected="batches with the same columns and types",
        )
    return pa.concat_tables([rows, more])


def _packed(rows: pa.Table | None, columns: dict[str, npt.NDArray[Any]], state: dict[str, Any]) -> pa.Table:
    table = pa.table({}) if rows is None else rows
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    return table.replace_schema_metadata({**(table.schema.metadata or {}), STATE: json.dumps(state).encode()})


def _unpacked(
    table: pa.Table, kinds: Mapping[str, type], kind: str
) -> tuple[pa.Table | None, dict[str, npt.NDArray[Any]], dict[str, Any]]:
    written = (table.schema.metadata or {}).get(STATE)
    state = {} if written is None else json.loads(written)
    if state.get("kind") != kind:
        raise DataError(f"A table without the state of a {kind} reservoir.", expected="one that its to_table() gave")
    columns = {name: table[name].to_numpy().astype(dtype, copy=True) for name, dtype in kinds.items()}
    left = {key: value for key, value in table.schema.metadata.items() if key != STATE}
    rows = table.drop_columns(list(kinds)).replace_schema_metadata(left or None)
    return (rows if rows.num_columns else None), columns, state


def _check_size(size: int) -> None:
    if size < 1:
        raise DataError(f"A reservoir of {size} rows.", expected="at least 1")


def _check_streams(size: int, streams: tuple[str, ...], other_size: int, other_streams: tuple[str, ...]) -> None:
    if size != other_size:
        raise DataError(f"Reservoirs of {size} and of {other_size} rows.", expected="two of one size")
    both = set(streams) & set(other_streams)
    if both:
        raise DataError(
            f"Both reservoirs read the stream {min(both)!r}.",
            expected="streams with names of their own",
            hint='With one name they draw the same numbers: give each shard its own, as in reservoir(100, stream="a").',
        )
