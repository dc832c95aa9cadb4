"""The rules of a contract held against the rows of a batch: conditions, NULL, uniqueness, relations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import DataError, WrongType
from setpoint.data.arrays import Mask
from setpoint.data.casting import cast
from setpoint.data.contracts.conditions import where_false
from setpoint.data.contracts.duplicates import shared_rows
from setpoint.data.contracts.faults import Fault, number, says_values, show
from setpoint.data.dictionary_columns import stored
from setpoint.data.find import find
from setpoint.data.identity import codes_of, identified_by
from setpoint.data.rows import AT
from setpoint.declare.contract import Holds, NotNull, References, RowRule, Unique
from setpoint.declare.expr import spell
from setpoint.declare.kinds import BOOL, NUMBER, Scope, column_kind, kind_of
from setpoint.declare.source import EVENTS, SourceInfo

Ints = npt.NDArray[np.int64]

Having: TypeAlias = Callable[[Sequence[str], Sequence[pa.Array]], pa.Table]
"""Gives the rows of a source that may have these values in these columns: every one that has, perhaps more."""


@dataclass(frozen=True)
class Around:
    """What rules look at beyond a batch.

    `others` are the sources that its rows refer to, `before` the rows of its own source that were taken in earlier.
    """

    others: Mapping[str, Having] = field(default_factory=dict)
    before: Having | None = None

    @staticmethod
    def of(rows: Mapping[str, pa.Table]) -> Around:
        """The rows of other sources, each whole."""

        def whole(table: pa.Table) -> Having:
            return lambda _names, _values: table

        return Around({name: whole(table) for name, table in rows.items()})


@dataclass(frozen=True)
class Batch:
    """Rows to be held against rules: as they came, in canonical types, with their times.

    `settled` marks those that were taken in before the rules were what they are: no rule judges them again.
    """

    info: SourceInfo
    raw: pa.Table
    columns: Mapping[str, pa.Array]
    at: Ints
    known_at: Ints
    settled: Mask | None = None


def check_rules(
    info: SourceInfo, rules: Sequence[RowRule], raw: pa.Table, schemas: Mapping[str, Mapping[str, str]]
) -> None:
    """Raises for rules that do not fit the columns of their source, or of those they refer to.

    `schemas` are the kinds of the columns of each source, `raw` the rows of this one. Raises NameUnknown for a column
    that is not there, WrongType for a rule that is no condition, for a relation between different kinds, and for
    fractions that should be unique.
    """
    scope, where = Scope(schemas, {}, {}), f"The contract of {info.name!r}"
    for rule in rules:
        if isinstance(rule, Holds):
            kind = kind_of(rule.condition, scope, where=where)
            if kind != BOOL:
                raise WrongType(f"{where}: the rule {rule.condition} is a {kind}.", expected="a condition")
            continue
        kinds = [column_kind(column, scope, where=where) for column in rule.columns]
        if isinstance(rule, References):
            theirs = [column_kind(column, scope, where=where) for column in rule.to]
            for one, other, mine, its in zip(rule.columns, rule.to, kinds, theirs, strict=True):
                if mine != its:
                    raise WrongType(
                        f"{where}: {rule.name} pairs the {mine} {spell(one)} with the {its} {spell(other)}.",
                        expected="the same kind on both sides",
                    )
        elif isinstance(rule, Unique):
            for column, kind in zip(rule.columns, kinds, strict=True):
                if kind == NUMBER and column.name in raw.column_names:
                    _refuse_fractions(where, rule, column.name, raw)


def _refuse_fractions(where: str, rule: Unique, name: str, raw: pa.Table) -> None:
    for chunk in raw[name].chunks:
        values = cast(chunk, NUMBER).values
        if not pa.types.is_floating(values.type):
            continue
        odd = values.filter(pc.fill_null(pc.not_equal(values, pc.floor(values)), False))
        if len(odd):
            raise WrongType(
                f"{where}: {rule.name} is about fractions: {name} is {odd[0].as_py()!r} in a row. Whether two are "
                "equal depends on how they were rounded.",
                expected="whole numbers, texts, times or truth values",
            )


def row_faults(rules: Sequence[RowRule], batch: Batch, scope: Scope, around: Around, *, among: Mask) -> list[Fault]:
    """The faults of rows that break a rule, for each rule by itself; those of `Unique` are `shared_faults`'s.

    `among` says which rows count.
    """
    found = []
    for rule in rules:
        if isinstance(rule, Unique):
            continue
        if isinstance(rule, Holds):
            rows = where_false(rule.condition, _stored(rule, batch), scope)
            words = says_values(batch.raw, [column.name for column in rule.columns], str(rule.condition))
        elif isinstance(rule, NotNull):
            name = rule.column.name
            rows = _where(pc.is_null(stored(batch.columns, name)))
            words = says_values(batch.raw, [name], f"a {scope.schemas[batch.info.name][name]}")
        else:
            rows, words = _dangling(rule, batch, around, among)
        fault = _fault(rule.name, rows, words, batch, among)
        if fault is not None:
            found.append(fault)
    return found


def _stored(rule: Holds, batch: Batch) -> dict[str, pa.Array]:
    """The columns that a condition reads, dictionary-encoded where they came so."""
    return {column.name: stored(batch.columns, column.name) for column in rule.columns}


def _where(truth: pa.Array) -> Ints:
    return np.flatnonzero(truth.to_numpy(zero_copy_only=False))


def _fault(rule: str, rows: Ints, words: Callable[[int], str], batch: Batch, among: Mask) -> Fault | None:
    rows = rows[among[rows]]
    if batch.settled is not None:
        rows = rows[~batch.settled[rows]]
    if not rows.size:
        return None
    mask = np.zeros(among.size, dtype=bool)
    mask[rows] = True
    return Fault(rule, mask, words)


# --- relations ---------------------------------------------------------------------------------------------


def _dangling(rule: References, batch: Batch, around: Around, among: Mask) -> tuple[Ints, Callable[[int], str]]:
    """The rows that name none of the other source, or none that had happened by then."""
    names, to = [column.name for column in rule.columns], [column.name for column in rule.to]
    ours = [batch.columns[name] for name in names]
    theirs = _rows_having(rule, batch, around, ours, among).select([*to, AT])
    timed = rule.target.kind == EVENTS and batch.info.at is not None
    at = np.asarray(theirs[AT].to_numpy(), dtype=np.int64)
    if timed and at.size and not np.all(at[1:] >= at[:-1]):
        order = np.argsort(at, kind="stable")
        theirs, at = theirs.take(pa.array(order)), at[order]
    place = find(ours, [theirs[name].combine_chunks() for name in to])
    named = np.logical_and.reduce([np.asarray(each.is_valid().to_numpy(zero_copy_only=False)) for each in ours])
    missing = named & (place < 0)
    if timed and at.size:
        missing |= named & (place >= 0) & (at[np.maximum(place, 0)] > batch.at)
    expected = f"{' and '.join(to)} of a row of {rule.target.name!r}" + (" that had happened by then" if timed else "")
    return np.flatnonzero(missing), says_values(batch.raw, names, expected)


def _rows_having(rule: References, batch: Batch, around: Around, values: Sequence[pa.Array], among: Mask) -> pa.Table:
    to = [column.name for column in rule.to]
    if rule.target.name != batch.info.name:
        if rule.target.name not in around.others:
            raise DataError(
                f"The contract of {batch.info.name!r} states {rule.name}, "
                f"but the rows of {rule.target.name!r} are not at hand.",
                expected="them among the rows around the batch",
            )
        return around.others[rule.target.name](to, values)
    own = pa.table({**{name: batch.columns[name] for name in to}, AT: batch.at}).filter(pa.array(among))
    if around.before is None:
        return own
    return pa.concat_tables([own, around.before(to, values).select([*to, AT])], promote_options="permissive")


# --- uniqueness --------------------------------------------------------------------------------------------


def shared_faults(rules: Sequence[RowRule], batch: Batch, around: Around, *, among: Mask) -> list[Fault]:
    """The faults of rows that share with another row what should be unique; of the rows that do, the first is kept.

    `among` says which rows count: neither those that break another rule nor deliveries of a row that is there.
    """
    found: list[Fault] = []
    for rule in rules:
        if isinstance(rule, Unique):
            holders = _shared_before(rule, batch, around, among)
            left = among.copy()
            left[list(holders)] = False  # what is set aside holds nothing itself
            holders |= _sharing(rule, batch, left)
            rows = np.array(sorted(holders), dtype=np.int64)
            fault = _fault(rule.name, rows, _tells(rule, batch, holders), batch, among)
            if fault is not None:
                found.append(fault)
                among = among & ~fault.rows
    return found


def _sharing(rule: Unique, batch: Batch, among: Mask) -> dict[int, int | None]:
    """The rows that share values with an earlier row of another identity, and that row."""
    columns = [batch.columns[column.name] for column in rule.columns]
    rows = shared_rows(columns)
    rows = rows[among[rows]]
    if not rows.size:
        return {}
    code = _codes([column.take(pa.array(rows)) for column in columns])
    later = np.ones(rows.size, dtype=bool) if batch.settled is None else ~batch.settled[rows]
    order = np.lexsort((rows, batch.known_at[rows], later, code))
    rows, code = rows[order], code[order]
    starts = np.r_[True, code[1:] != code[:-1]]
    head = np.maximum.accumulate(np.where(starts, np.arange(rows.size), 0))
    other = ~starts
    named = identified_by(batch.info)
    if named:
        own = _codes([batch.columns[name].take(pa.array(rows)) for name in named])
        other = own != own[head]
    return dict(zip(rows[other].tolist(), rows[head[other]].tolist(), strict=True))


def _shared_before(rule: Unique, batch: Batch, around: Around, among: Mask) -> dict[int, int | None]:
    """The rows that share values with a row of another identity that was taken in earlier."""
    if around.before is None:
        return {}
    names, named = [column.name for column in rule.columns], identified_by(batch.info)
    columns = [batch.columns[name] for name in names]
    before = around.before(names, columns)
    place = find(columns, [before[name].combine_chunks() for name in names])
    rows = np.flatnonzero((place >= 0) & among)
    if rows.size and named:
        mine = [batch.columns[name].take(pa.array(rows)) for name in named]
        theirs = [before[name].combine_chunks().take(pa.array(place[rows])) for name in named]
        rows = rows[[one != other for one, other in zip(_tuples(mine), _tuples(theirs), strict=True)]]
    return dict.fromkeys(rows.tolist())


def _tuples(columns: Sequence[pa.Array]) -> list[tuple[object, ...]]:
    return list(zip(*[column.to_pylist() for column in columns], strict=True))


def _codes(columns: Sequence[pa.Array]) -> Ints:
    return codes_of(columns[0], *[codes_of(column) for column in columns[1:]])


def _tells(rule: Unique, batch: Batch, holders: Mapping[int, int | None]) -> Callable[[int], str]:
    def explain(row: int) -> str:
        told = " and ".join(f"{column.name} {show(batch.raw, column.name, row)}" for column in rule.columns)
        holder = holders[row]
        where = "came before in another row" if holder is None else f"is also in row {number(batch.raw, holder)}"
        return f"row {number(batch.raw, row)}: {told} {where}; expected each once"

    return explain
