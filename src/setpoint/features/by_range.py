"""Features over sources that do not fit in memory: a range of keys at a time.

The rows of such a source come in pieces. They are first shared out among files, by a hash of each key they are folded
under; then each file is read as a small source of its own, for the decisions whose keys fall into it. Which rows a
decision sees, and so every bit of every value, is the same as in memory.

What is held at once are the decisions with their features, one piece, and the rows of one range with what reading them
takes, about four times their own size. A key that has more rows than a range can hold cannot be divided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import DataError, NameUnknown
from setpoint.data.arrays import Array, null_mask, to_array, to_arrow
from setpoint.data.identity import mix, text_hashes
from setpoint.data.language.evaluate import evaluate
from setpoint.data.rows import AT, ENDS, KNOWN_AT, NEVER, POSITION, SIGN, canonical_type, times_of
from setpoint.declare.expr import Aggregate, Expr, Field
from setpoint.declare.kinds import NUMBER, TEXT, Scope, kind_of
from setpoint.declare.named import Feature
from setpoint.declare.plan import Plan
from setpoint.features.finish import ROWS
from setpoint.features.needs import Around, Fold, arounds, columns_of, everything
from setpoint.features.reader import CHUNK, FeatureReader, check_sizes, fields_read
from setpoint.features.readings import together
from setpoint.features.requests import Answers, Requests, features_of
from setpoint.features.values import hash_words, value_words

Pieces: TypeAlias = Callable[[Sequence[str]], Iterable[pa.Table]]
"""Gives those of some columns that a source has, piece by piece in order of position; it may be called again."""

Progress: TypeAlias = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done and of how much; of 0 when that is not known."""

TIMES, MOST_RANGES = 4, 512
"""How many times the bytes of its rows reading a range takes; and how many files are open at once."""

SYSTEM = (AT, KNOWN_AT, POSITION, SIGN, ENDS)


def pieces_of(rows: pa.Table, *, most: int = 1 << 17) -> Pieces:
    """The rows of a source that are mapped from files, at most so many at a time.

    >>> [piece.num_rows for piece in pieces_of(pa.table({"price": [1.5, 2.5, 3.5]}), most=2)(["price"])]
    [2, 1]
    """

    def pieces(columns: Sequence[str]) -> Iterator[pa.Table]:
        wanted = rows.select([name for name in columns if name in rows.column_names])
        return (wanted.slice(start, most) for start in range(0, wanted.num_rows, most))

    return pieces


def ranges_for(rows: pa.Table, *, memory: int) -> int:
    """Into how many ranges keys are divided so that reading one takes about a quarter of so many bytes.

    >>> ranges_for(pa.table({"price": [1.5] * 1000}), memory=16_000)
    8
    """
    return int(min(MOST_RANGES, max(1, -(-TIMES * rows.nbytes // max(1, memory // 4)))))


def read_by_range(
    plan: Plan,
    sources: Mapping[str, pa.Table | Pieces],
    requests: pa.Table,
    at: Array,
    *,
    folder: Path,
    ranges: int = 16,
    arrived: Mapping[str, Array] | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> pa.Table:
    """The features of a plan as `FeatureReader` reads them, from sources of which some come in pieces.

    `folder` is for files that are deleted again; together they are as large as the columns read, once for each key
    that a source is folded by. Raises DataError where a feature folds neighbours over a source in pieces.

    >>> from tempfile import TemporaryDirectory
    >>> import setpoint as sp
    >>> from setpoint.declare.plan import Profile, make_plan
    >>> sales = sp.events("sales", "sales.csv", at="ts", delay="0s")
    >>> visits = sp.events("visits", "visits.csv", key="visit", at="ts")
    >>> system = sp.System(
    ...     "shop",
    ...     decide=sp.decide(visits, fields=["user"]),
    ...     features=dict(spent=sp.sum(sales.price, by="user", decimals=2)),
    ...     label=sp.label(sales.price > 5, on="visit", within="1d"),
    ...     goal=sp.goal(sp.auc(), business="eur", act=sp.act("a"), cost=sp.cost(false_positive=1, false_negative=1)),
    ...     release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("user") == "u")),
    ... )
    >>> kinds = {"user": "text", "visit": "text", "ts": "time"}
    >>> plan = make_plan(system, {"sales": {**kinds, "price": "number"}, "visits": kinds}, Profile({}, 1.0))
    >>> rows = pa.table({"user": ["u", "v"], "price": [1.5, 9.0], "__at": [1, 2], "__known_at": [1, 2]})
    >>> asked = pa.table({"visit": ["a", "b"], "user": ["v", "u"]})
    >>> with TemporaryDirectory() as folder:
    ...     one = {"sales": lambda columns: [rows.select([name for name in columns if name in rows.column_names])]}
    ...     read_by_range(plan, one, asked, np.array([5, 5]), folder=Path(folder), ranges=2)["spent"].to_pylist()
    [9.0, 1.5]
    """
    job = _Job(
        plan, sources, requests, np.asarray(at, dtype=np.int64), folder, ranges, arrived, threads, progress or _silent
    )
    job.check()
    return job.read()


@dataclass(frozen=True, eq=False)
class _Job:
    """One reading: what was asked, and the values of folds as they become known."""

    plan: Plan
    sources: Mapping[str, pa.Table | Pieces]
    requests: pa.Table
    at: Array
    folder: Path
    ranges: int
    arrived: Mapping[str, Array] | None
    threads: int
    progress: Progress
    found: dict[str, pa.ChunkedArray] = field(default_factory=dict)

    @cached_property
    def folds(self) -> tuple[Fold, ...]:
        """The folds of the plan."""
        return everything(self.plan)

    @cached_property
    def arounds(self) -> tuple[Around, ...]:
        """The folds over neighbours of the plan."""
        return arounds(self.plan)

    def check(self) -> None:
        """Raise for times that are not those of the requests, and for sources that are not there or have no pieces."""
        check_sizes(self.requests, self.at, self.arrived)
        nearby = [fold for around in self.arounds for fold in (around.edges, around.of)]
        for fold in (*self.folds, *nearby):
            if fold.source not in self.sources:
                raise NameUnknown("source", fold.source, self.sources, where="What features are read from")
        for fold in nearby:
            if not isinstance(self.sources[fold.source], pa.Table):
                raise DataError(
                    f"A feature folds neighbours over {fold.source!r}, which comes in pieces.",
                    expected="a source in memory, since any key may be a neighbour of any other",
                    hint="Give this source as a table.",
                )

    def read(self) -> pa.Table:
        """The features."""
        for folds in sorted(together(self.folds), key=lambda theirs: bool(theirs[0].node.keys)):
            self.answer(folds)  # keys that are expressions read tables, whose keys are fields
        for around in self.arounds:
            self.answer_around(around)
        starts = range(0, max(self.at.size, 1), CHUNK)
        return pa.concat_tables([features_of(self.plan, self.answers(one, CHUNK)) for one in starts])

    def answers(self, start: int, many: int) -> Answers:
        """What is known of some decisions."""
        table = self.requests.slice(start, many)
        fields = {name: to_array(table.column(name), self.plan.fields[name]) for name in fields_read(self.plan)}
        answers = Answers(Requests(table, self.at[start : start + many], fields))
        for fold in [one for one in self.folds if one.key in self.found]:
            kind, values = _result(fold), self.found[fold.key].slice(start, many)
            if fold.reads is None:
                answers.aggregates.later(fold.key, partial(to_array, values, kind))
            else:
                answers.columns.later(fold.reads, partial(to_array, values, kind))
            if kind == TEXT:
                answers.texts[fold.reads or fold.key] = values.combine_chunks
        for around in [one for one in self.arounds if one.key in self.found]:
            answers.aggregates.later(around.key, partial(to_array, self.found[around.key].slice(start, many), NUMBER))
        return answers

    def answer(self, folds: Sequence[Fold]) -> None:
        """Read folds of one source that find their rows by the same key."""
        source = self.sources[folds[0].source]
        features = {str(place): _by_parts(fold.node) for place, fold in enumerate(folds)}
        kinds = {str(place): _result(fold) for place, fold in enumerate(folds)}
        plan, parts = self.narrow(folds[0], features, kinds), self.parts(folds[0])
        if isinstance(source, pa.Table):
            reader = FeatureReader(plan, {folds[0].source: source}, threads=self.threads)
            found = reader.read(parts, self.at, arrived=self.arrived)
        else:
            found = self.by_range(folds, source, plan, parts)
        for place, fold in enumerate(folds):
            self.found[fold.key] = found.column(str(place))

    def answer_around(self, around: Around) -> None:
        """Read a fold over neighbours, whose sources are in memory."""
        edges = around.edges
        plan = self.narrow(edges, {"0": replace(around.node, edges=_by_parts(edges.node))}, {"0": NUMBER})
        reader = FeatureReader(plan, self.sources, threads=self.threads)
        self.found[around.key] = reader.read(self.parts(edges), self.at, arrived=self.arrived).column("0")

    def parts(self, fold: Fold) -> pa.Table:
        """The parts of the decisions' keys, each under its place."""
        scope, parts = Scope(self.plan.schemas, self.plan.fields, {}), {"decision": pa.array(np.arange(self.at.size))}
        for place, part in enumerate(fold.keys):
            if isinstance(part, Field):
                parts[str(place)] = self.requests.column(part.name)
            else:
                values = evaluate(part, self.answers(0, self.at.size).inputs)
                parts[str(place)] = to_arrow(values, kind_of(part, scope, where="A key"))
        return pa.table(parts)

    def narrow(self, fold: Fold, features: Mapping[str, Expr], kinds: Mapping[str, str]) -> Plan:
        """The plan with nothing but these features, asked by the parts of a fold's key."""
        schema = self.plan.schemas[fold.source]
        fields = {str(place): schema[column] for place, (_, column) in enumerate(fold.node.by)}
        inputs = tuple(Feature(name, node) for name, node in features.items())
        return replace(self.plan, fields=fields, inputs=inputs, features=kinds)

    def by_range(self, folds: Sequence[Fold], pieces: Pieces, plan: Plan, parts: pa.Table) -> pa.Table:
        """The folds of a source in pieces, each range of keys by itself."""
        name, by = folds[0].source, [column for _, column in folds[0].node.by]
        what, kinds = f"{name} by {', '.join(by) or 'nothing'}", self.plan.schemas[name]
        read = [column for fold in folds for column in columns_of(fold.node.column, fold.node.where)]
        schema = {column: kinds[column] for column in (*by, *read)}
        keys = [parts.column(str(place)) for place in range(len(by))]
        theirs = ranges_of(keys, [kinds[column] for column in by], self.at.size, self.ranges)
        files = share_out(pieces, by, schema, self.folder, self.ranges, partial(self.progress, f"sharing out {what}"))
        found, places = [], []
        for number, file in enumerate(files):
            mine = np.flatnonzero(theirs == number)
            rows, position = rows_of(file, schema)
            file.unlink(missing_ok=True)
            if mine.size or number == 0:
                seen = None
                if self.arrived is not None:
                    seen = {name: np.searchsorted(position, np.asarray(self.arrived[name])[mine])}
                reader = FeatureReader(plan, {name: rows}, threads=self.threads)
                found.append(reader.read(parts.take(pa.array(mine)), self.at[mine], arrived=seen))
                places.append(mine)
            self.progress(f"reading {what}", number + 1, len(files))
        return pa.concat_tables(found).take(pa.array(np.argsort(np.concatenate(places), kind="stable")))


def ranges_of(columns: Sequence[pa.ChunkedArray], kinds: Sequence[str], rows: int, ranges: int) -> Array:
    """The range of each key, from the hash of its parts; 0 for a key with a part that is NULL.

    >>> ranges_of([pa.chunked_array([["a", "b", None]])], ["text"], 3, 4)
    array([1, 0, 0])
    """
    hashes, null = np.zeros(rows, dtype=np.uint64), np.zeros(rows, dtype=np.bool_)
    for column, kind in zip(columns, kinds, strict=True):
        if kind == TEXT:
            texts = pc.cast(column.combine_chunks(), pa.string())
            words, missing = text_hashes(texts).view(np.int64), np.asarray(pc.is_null(texts))
        else:
            values = to_array(column, kind)
            words, missing = value_words(values, kind), null_mask(values)
        hashes, null = mix(hashes + hash_words(words)), null | missing
    return np.where(null, 0, hashes % np.uint64(ranges)).astype(np.int64)


def share_out(
    pieces: Pieces,
    by: Sequence[str],
    schema: Mapping[str, str],
    folder: Path,
    ranges: int,
    told: Callable[[int, int], None],
) -> list[Path]:
    """Write each row of a source to the file of its key's range; gives the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:05d}.arrow" for number in range(ranges)]
    done = 0
    with ExitStack() as open_files:
        writers: list[pa.RecordBatchWriter] = []
        for piece in pieces([*schema, *SYSTEM]):
            rows = piece if POSITION in piece.column_names else _counted(piece, done)
            writers = writers or [open_files.enter_context(pa.ipc.new_stream(file, rows.schema)) for file in files]
            theirs = ranges_of([rows.column(name) for name in by], [schema[name] for name in by], rows.num_rows, ranges)
            ordered = rows.take(pa.array(np.argsort(theirs, kind="stable")))
            stops = np.cumsum(np.bincount(theirs, minlength=ranges)).tolist()
            for writer, start, stop in zip(writers, [0, *stops], stops, strict=False):
                if start < stop:
                    writer.write_table(ordered.slice(start, stop - start))
            done += rows.num_rows
            told(done, 0)
    return files


def rows_of(file: Path, schema: Mapping[str, str]) -> tuple[pa.Table, Array]:
    """The rows of a range as a source of its own, and the positions they had; what takes rows back is found anew."""
    if not file.exists():
        empty = {name: pa.array([], canonical_type(kind)) for name, kind in schema.items()}
        return pa.table({**empty, AT: pa.array([], pa.int64()), KNOWN_AT: pa.array([], pa.int64())}), np.zeros(
            0, np.int64
        )
    with pa.ipc.open_stream(file) as stream:
        rows = stream.read_all()
    position = times_of(rows, POSITION)
    rows = rows.drop_columns([POSITION])
    if ENDS in rows.column_names:
        ends = times_of(rows, ENDS)
        here = np.where(ends < NEVER, np.searchsorted(position, ends), NEVER)
        rows = rows.set_column(rows.column_names.index(ENDS), ENDS, pa.array(here))
    return rows, position


def _counted(piece: pa.Table, before: int) -> pa.Table:
    return piece.append_column(POSITION, pa.array(np.arange(before, before + piece.num_rows)))


def _by_parts(node: Aggregate) -> Aggregate:
    """The same fold, whose rows are found by fields with the places of the key's parts for names."""
    return replace(node, by=tuple((str(place), column) for place, (_, column) in enumerate(node.by)), keys=())


def _result(fold: Fold) -> str:
    """The kind of a fold's value."""
    return fold.kind if fold.node.kind in ("min", "max", "top", *ROWS) else NUMBER


def _silent(what: str, done: int, of: int) -> None:
    """Tell nobody."""
