"""Verify: the logged features of any slice of the decision log worked out again, and compared bit for bit.

A decision had seen the rows of a source up to the logged position; the reader is told so and knows nothing of how
decisions read online. Where a value differs, the event that explains it is looked for: the value is worked out again
without each event that it rests on, and with each that it just missed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from setpoint.core.errors import NameUnknown
from setpoint.core.times import iso
from setpoint.data.arrays import Array, Mask, to_array
from setpoint.data.log.decisions import (
    definitions_of,
    features_of,
    fields_of,
    plan_sources,
    positions_known,
    positions_of,
    sources_read,
)
from setpoint.data.rows import AT, ENDS, NEVER, POSITION, times_of
from setpoint.declare.kinds import NUMBER, TEXT
from setpoint.declare.plan import Plan
from setpoint.features.evidence import BEFORE, COUNTS, LATER, TAKEN_BACK, UNKNOWN, Event, Part, Seen
from setpoint.features.needs import Fold, arounds, everything
from setpoint.features.reader import FeatureReader
from setpoint.features.windows import window_start

EXPLAINED = 3
"""Differences whose event is looked for, of different features, unless more are asked for."""

BEHIND = 5
"""Events that are listed behind a value that differs."""

TRIED = 200
"""Events that are left out one by one, and as many ends of the log, in search of one that explains a difference."""

Versions = Mapping[str, Mapping[str, str]]
"""What the log calls definitions (see `definitions_of`) to the version of each feature."""


@dataclass(frozen=True)
class Cause:
    """The event that explains a difference: the logged value is what the feature gives when that event is `told`."""

    source: str
    event: Event
    told: str

    def __str__(self) -> str:
        known = f"happened {iso(self.event.at)}, known {iso(self.event.known_at)}, position {self.event.position}"
        return f"the logged value is that {self.told} {self.source} {self.event.id} ({known})"


@dataclass(frozen=True)
class Difference:
    """A value that is not what was logged.

    `cause` is None where no one event explains it; `behind` are the folds that the value rests on. Both are looked for
    in the first of a feature's differences only.
    """

    decision_id: str
    key: str
    at: int
    feature: str
    logged: float | str | None
    recomputed: float | str | None
    cause: Cause | None = None
    behind: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Checked:
    """How many logged values of a feature were worked out again, how many differ, and the first that do."""

    feature: str
    rows: int
    mismatches: int
    first: tuple[Difference, ...] = ()

    @property
    def rate(self) -> float:
        """The share that differs."""
        return self.mismatches / self.rows if self.rows else 0.0

    def __add__(self, other: Checked) -> Checked:
        first = (*self.first, *other.first)[:EXPLAINED]
        return Checked(self.feature, self.rows + other.rows, self.mismatches + other.mismatches, first)


def verify(
    plan: Plan,
    rows: Mapping[str, pa.Table],
    log: pa.Table,
    *,
    features: Sequence[str] | None = None,
    versions: Versions | None = None,
    explained: int = EXPLAINED,
) -> tuple[Checked, ...]:
    """Every logged value of these features (default: all) worked out again from the rows of the sources.

    `log` are rows of the decision log. A value logged by another version of its feature, as `versions` tells, is left
    out. Raises NameUnknown for a feature that the plan does not have.
    """
    known = {one.name: one for one in plan.inputs}
    for name in features or ():
        if name not in known:
            raise NameUnknown("feature", name, known, where=f"The system {plan.system.name!r}")
    names = [name for name in (known if features is None else features) if name in features_of(log).column_names]
    if not names or not log.num_rows:
        return tuple(Checked(name, 0, 0) for name in (known if features is None else features))
    narrow = replace(
        plan, inputs=tuple(known[name] for name in names), features={name: plan.features[name] for name in names}
    )
    rows = {name: rows[name] for name in plan_sources(plan)}  # of one moment, whatever comes in meanwhile
    at, arrived = log["at"].to_numpy(), arrived_of(narrow, rows, log)
    near, reached = nearby(narrow, rows, at, arrived)
    found = FeatureReader(narrow, near).read(fields_of(log), at, arrived=reached)
    logged, checked = features_of(log), []
    causes: dict[str, tuple[Cause, ...]] = {}
    for name in names:
        told, kind = logged[name], plan.features[name]
        counted = of_version(plan, log, name, versions or {}) & is_logged(told, kind)
        wrong = np.flatnonzero(differing(told, found[name], kind) & counted)
        first = [_difference(log, int(row), name, told, found[name]) for row in wrong[:EXPLAINED]]
        if first and len(causes) < explained:
            seen = seen_by(plan, rows, log, int(wrong[0]), {key: values[wrong[0]] for key, values in arrived.items()})
            first[0] = replace(first[0], behind=seen.evidence(name, most=BEHIND).folds)
            causes[name] = find_causes(seen, name, first[0].logged)
        checked.append(Checked(name, int(counted.sum()), int(wrong.size), tuple(first)))
    return tuple(_with_cause(each, causes) for each in checked)


def differing(left: pa.ChunkedArray, right: pa.ChunkedArray, kind: str) -> Mask:
    """Where two columns of values are not the same bits; a NULL, or NaN, equals another.

    >>> one, other = pa.chunked_array([[0.5, 0.0, None]]), pa.chunked_array([[0.5, -0.0, float("nan")]])
    >>> differing(one, other, "number")
    array([False,  True, False])
    """
    if kind == TEXT:
        mine, theirs = to_array(left, TEXT), to_array(right, TEXT)
        return np.asarray(mine != theirs, dtype=np.bool_)
    mine, theirs = (np.ascontiguousarray(to_array(column, NUMBER)) for column in (left, right))
    return np.asarray((mine.view(np.int64) != theirs.view(np.int64)) & ~(np.isnan(mine) & np.isnan(theirs)))


def same(left: Any, right: Any) -> bool:
    """Whether two values of a feature are the same bits, any NULL or NaN the same as another.

    >>> same(0.0, -0.0), same(None, float("nan")), same("a", "a")
    (False, True, True)
    """
    if isinstance(left, str) or isinstance(right, str):
        return bool(left == right)
    mine, theirs = (pa.chunked_array([pa.array([value], pa.float64())]) for value in (left, right))
    return not differing(mine, theirs, NUMBER)[0]


def arrived_of(plan: Plan, rows: Mapping[str, pa.Table], log: pa.Table) -> dict[str, Array]:
    """How many rows of each source each decision had seen: up to its logged position, or, without one, by its time."""
    at, told = log["at"].to_numpy(), positions_of(log)
    found = {}
    for name, by_time in positions_known(rows, plan_sources(plan), at).items():
        column = told[name].combine_chunks() if name in told.column_names else pa.nulls(at.size, pa.int64())
        given = column.is_valid().to_numpy(zero_copy_only=False)
        found[name] = np.where(given, column.fill_null(0).to_numpy(), by_time).astype(np.int64) + 1
    return found


def of_version(plan: Plan, log: pa.Table, feature: str, versions: Versions) -> Mask:
    """Where the log's value of a feature is of the version that the plan has; rows older than versions count too."""
    if "definitions" not in log.column_names:
        return np.ones(log.num_rows, dtype=np.bool_)
    encoded = log["definitions"].combine_chunks().dictionary_encode()
    version, present = plan.versions[feature], definitions_of(plan)
    fits = [
        not name or name == present or versions.get(name, {}).get(feature) == version
        for name in encoded.dictionary.to_pylist()
    ]
    codes = encoded.indices.fill_null(len(fits)).to_numpy(zero_copy_only=False)
    found: Mask = np.array([*fits, True], dtype=np.bool_)[codes]
    return found


def nearby(
    plan: Plan, rows: Mapping[str, pa.Table], at: Array, arrived: Mapping[str, Array]
) -> tuple[dict[str, pa.Table], dict[str, Array]]:
    """The rows that decisions at these times can see, and how many of those each had seen.

    Values read from them are those read from all rows: what is left out lies before every window, or comes later.
    """
    folds: dict[str, list[Fold]] = {}
    for fold in (*everything(plan), *[fold for around in arounds(plan) for fold in (around.edges, around.of)]):
        folds.setdefault(fold.source, []).append(fold)
    near, reached = {}, {}
    first, last = np.array([at.min()]), int(at.max())
    for name, theirs in folds.items():
        table, happened = rows[name].slice(0, int(arrived[name].max())), times_of(rows[name], AT)
        since = min(int(window_start(first, fold.stretch)[0]) for fold in theirs)
        happened = happened[: table.num_rows]
        inside = (happened >= since) & (happened < last)
        near[name], reached[name] = table, arrived[name]
        if not inside.all():
            near[name], reached[name] = _chosen(table, np.flatnonzero(inside), arrived[name])
    return near, reached


def _chosen(table: pa.Table, places: Array, arrived: Array) -> tuple[pa.Table, Array]:
    """Some rows of a source as a source of their own, in the same order, and how many of them had arrived."""
    chosen = table.take(pa.array(places))
    fresh = {POSITION: np.arange(places.size, dtype=np.int64)}
    if ENDS in table.column_names:
        ends = times_of(chosen, ENDS)
        fresh[ENDS] = np.where(ends == NEVER, NEVER, np.searchsorted(places, ends))
    for name, values in fresh.items():
        chosen = chosen.set_column(chosen.schema.get_field_index(name), name, pa.array(values, pa.int64()))
    return chosen, np.searchsorted(places, arrived).astype(np.int64)


def seen_by(
    plan: Plan, rows: Mapping[str, pa.Table], log: pa.Table, row: int, arrived: Mapping[str, int] | None = None
) -> Seen:
    """One decision of the log, with what it had seen."""
    one, rows = log.slice(row, 1), {name: rows[name] for name in plan_sources(plan)}
    if arrived is None:
        arrived = {name: values[0] for name, values in arrived_of(plan, rows, one).items()}
    counts = {name: int(count) for name, count in arrived.items()}
    return Seen(plan, rows, fields_of(one), int(one["at"][0].as_py()), counts)


def seen_nearby(plan: Plan, rows: Mapping[str, pa.Table], log: pa.Table) -> Seen:
    """The one decision of a log as `seen_by` gives it, with only the rows that any of its windows can hold.

    Much less to look through; positions are those among these rows.
    """
    seen = seen_by(plan, rows, log, 0)
    arrived = {name: np.array([count]) for name, count in seen.arrived.items()}
    near, reached = nearby(plan, seen.rows, np.array([seen.at]), arrived)
    return replace(seen, rows=near, arrived={name: int(count[0]) for name, count in reached.items()})


def find_causes(seen: Seen, feature: str, logged: Any) -> tuple[Cause, ...]:
    """The events each of which alone explains why a logged value is not the one worked out again; often none.

    Tried are, newest first: each event left out that the value rests on; each let in that it just missed, because it
    was not known yet, lies at the edge of the window, or was taken back; and, if that explains nothing, the log ending
    before each event.
    """
    expr = next(one.expr for one in seen.plan.inputs if one.name == feature)
    folds = seen.folds([expr])
    whole = {name: seen.visible(name, seen.near(name, [expr])) for name in sources_read([expr])}
    tables = {name: seen.table(name, places) for name, places in whole.items()}

    def explaining(variants: Iterable[Variant]) -> tuple[Cause, ...]:
        return tuple(
            Cause(each.source, each.event, each.told)
            for each in variants
            if same(seen.values_on([expr], {**tables, each.source: each.rows})[0], logged)
        )

    return explaining(_changed(seen, folds, whole)) or explaining(_ended(seen, folds, whole))[:1]


class Variant(NamedTuple):
    """What a decision would have seen of a source had one event been treated otherwise."""

    source: str
    event: Event
    told: str
    rows: pa.Table


def _changed(seen: Seen, folds: Sequence[Fold], whole: Mapping[str, Array]) -> Iterator[Variant]:
    """With one event left out, or let in that was just missed."""
    for fold in folds:
        name, places = fold.source, seen.listed(fold)
        verdicts, _ = seen.verdicts(fold, places)
        for place in places[verdicts == COUNTS][:TRIED]:
            rows = seen.table(name, whole[name][whole[name] != place])
            yield Variant(name, seen.event(fold, int(place)), "without", rows)
        for verdict, told in _MISSED.items():
            for place in places[verdicts == verdict][: 1 if verdict == BEFORE else TRIED]:
                let_in = np.union1d(whole[name], [place])
                rows = seen.table(name, let_in)
                inside = {BEFORE: seen.since(fold), LATER: seen.at - 1}.get(verdict, 0)
                moved = (let_in == place) & (verdict in (BEFORE, LATER))
                at = pa.array(np.where(moved, inside, times_of(rows, AT)), pa.int64())
                rows = rows.set_column(rows.schema.get_field_index(AT), AT, at)
                yield Variant(name, seen.event(fold, int(place)), told, rows)


def _ended(seen: Seen, folds: Sequence[Fold], whole: Mapping[str, Array]) -> Iterator[Variant]:
    """With the log ending before an event."""
    for fold in folds:
        name, places = fold.source, seen.listed(fold)
        verdicts, _ = seen.verdicts(fold, places)
        for place in np.sort(places[verdicts == COUNTS])[::-1][:TRIED]:
            rows = seen.table(name, whole[name][whole[name] < place])
            yield Variant(name, seen.event(fold, int(place)), "of a log that ends before", rows)


def _with_cause(checked: Checked, causes: Mapping[str, Sequence[Cause]]) -> Checked:
    """The cause of a feature's first difference: of several events that each explain it, the one that explains most."""
    mine = causes.get(checked.feature)
    if not mine:
        return checked
    shared = Counter(name for theirs in causes.values() for name in {(each.source, each.event.id) for each in theirs})
    cause = max(mine, key=lambda each: shared[each.source, each.event.id])
    return replace(checked, first=(replace(checked.first[0], cause=cause), *checked.first[1:]))


_MISSED = {
    UNKNOWN: "with, though it was not known yet,",
    LATER: "with, though it is not before the decision,",
    BEFORE: "with, though it lies before the window,",
    TAKEN_BACK: "with, though it had been taken back,",
}


def is_logged(column: pa.ChunkedArray, kind: str) -> Mask:
    """Where the log has a value: a number that is NULL is logged as NaN, so nothing at all is another plan's row."""
    if kind == TEXT:
        return np.ones(len(column), dtype=np.bool_)
    return np.asarray(column.is_valid().to_numpy(), dtype=np.bool_)


def _difference(log: pa.Table, row: int, feature: str, told: pa.ChunkedArray, found: pa.ChunkedArray) -> Difference:
    return Difference(
        decision_id=log["decision_id"][row].as_py(),
        key=str(log["key"][row].as_py()),
        at=log["at"][row].as_py(),
        feature=feature,
        logged=_plain(told[row].as_py()),
        recomputed=_plain(found[row].as_py()),
    )


def _plain(value: Any) -> Any:
    return None if value is None or value != value else value  # noqa: PLR0124 (NaN)
