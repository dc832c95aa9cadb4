"""Rows held to a contract: which break it, by which rule, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import BatchRefused, NaiveTime, did_you_mean
from setpoint.core.times import iso
from setpoint.data.arrays import NULL_TIME, UTC_MICROSECONDS, Mask, null_mask, to_array
from setpoint.data.blobs import MALFORMED_BLOB, TOO_LARGE, Judged, judge_blobs
from setpoint.data.casting import Cast, cast, infinite
from setpoint.data.contracts.contract import ColumnContract, Contract
from setpoint.data.contracts.duplicates import shared_rows
from setpoint.data.contracts.faults import Fault, Violations, number, says, says_values, show
from setpoint.data.contracts.rules import Around, Batch, row_faults, shared_faults
from setpoint.data.contracts.skew import CLOCK_SKEW, explain_early, too_early
from setpoint.data.dictionary_columns import Columns, by_value, plain
from setpoint.data.files.read import BAD_REASON, BAD_RULE, RAW_COLUMNS
from setpoint.data.find import find
from setpoint.data.identity import codes_of, content_ids, find_repeats, identified_by
from setpoint.data.language.nested import malformed, to_json
from setpoint.data.rows import ALWAYS, AT, ID
from setpoint.data.versions import says_which, taken_back, versions_of, without
from setpoint.declare.kinds import TIME, Scope
from setpoint.declare.source import EVENTS, SourceInfo

Ints = npt.NDArray[np.int64]

DIGITS = 16
"""How long an identity from content is before its occurrence number."""

RULES = (
    "malformed",
    "missing-column",
    "wrong-kind",
    "naive-time",
    "infinite",
    "malformed-json",
    "null",
    "range",
    "not-allowed",
    MALFORMED_BLOB,
    TOO_LARGE,
    "no-time",
    CLOCK_SKEW,
    "duplicate-key",
    "conflicting-id",
)
"""Every rule that a row, or with "missing-column" a batch, can break, whatever is stated of its source."""

_KINDS = {
    "number": "a number",
    "text": "a text",
    "bool": "true or false",
    "time": "a time such as 2013-07-01T06:00:00Z",
}


@dataclass(frozen=True)
class Naive:
    """How many rows have a value in a column of times, how many of these without a zone, and the first of them."""

    filled: int
    rows: int = 0
    first: int = 0
    value: str = ""

    @staticmethod
    def of(raw: pa.Table, name: str, done: Cast) -> Naive:
        """What a cast found in a column."""
        read = len(done.values) - done.values.null_count
        if done.naive is None or not done.naive.any():
            return Naive(read)
        rows, row = int(done.naive.sum()), int(np.argmax(done.naive))
        return Naive(read + rows, rows, number(raw, row), show(raw, name, row))

    def and_then(self, later: Naive) -> Naive:
        """This and what was found in rows that come later."""
        first = self if self.rows else later
        return Naive(self.filled + later.filled, self.rows + later.rows, first.first, first.value)


@dataclass(frozen=True)
class Checked:
    """A batch after its check: columns in canonical types, its times, and the rows that do not count.

    `skipped` rows have not happened yet; `repeated` ones were there before.
    """

    columns: Mapping[str, pa.Array]
    at: Ints
    known_at: Ints
    skipped: Mask
    repeated: Mask
    violations: Violations


@dataclass(frozen=True)
class Each:
    """Rows each held to the contract by itself: what is left to be told is what they say of each other.

    `back` rows take another back. `naive` has each column of times.
    """

    batch: Batch
    faults: tuple[Fault, ...]
    bad: Mask
    skipped: Mask
    back: Mask
    naive: Mapping[str, Naive]

    @property
    def good(self) -> Mask:
        """The rows that break nothing by themselves."""
        return ~(self.bad | self.skipped)


def check(
    contract: Contract,
    raw: pa.Table,
    *,
    received_at: int | None = None,
    around: Around | None = None,
    settled: pa.Table | None = None,
) -> Checked:
    """A batch held to its contract, row by row.

    `around` is what its rules look at beyond the batch. Rows that are among `settled`, deliveries that were taken in
    under an earlier contract, are not judged by its rules again.

    Rows that were received just now were not known before, whatever they say of it: `received_at` is when. Of a row
    that takes another back only what says which one, and since when, is held to the contract and kept. Raises
    BatchRefused when a column is missing and NaiveTime when a column holds times without a zone throughout.
    """
    each = check_each(contract, raw, received_at=received_at, around=around, settled=settled)
    refuse_naive(contract, each.naive)
    batch = each.batch
    clash, repeated = find_clashes(batch, among=each.good)
    bad = each.bad.copy()
    for fault in clash:
        bad |= fault.rows
    among = ~(bad | each.skipped | each.back | repeated)
    shared = shared_faults(contract.rules, batch, around or Around(), among=among)
    violations = Violations.of([*each.faults, *clash, *shared], raw.num_rows)
    return Checked(batch.columns, batch.at, batch.known_at, each.skipped, repeated, violations)


def check_each(
    contract: Contract,
    raw: pa.Table,
    *,
    received_at: int | None = None,
    around: Around | None = None,
    settled: pa.Table | None = None,
    fractions: Collection[str] = (),
) -> Each:
    """Rows each held to the contract by itself, as `check` begins; the columns `fractions` become float64 in any case.

    >>> from setpoint.data.contracts.contract import infer_contract
    >>> from setpoint.declare.source import events, info
    >>> sales = info(events("sales", "sales.csv", id="n", at="ts", delay="1s", expect={"n": (0, 1)}))
    >>> raw = pa.table({"n": [1, 2], "ts": pa.array([5, 0], pa.timestamp("us", tz="UTC"))})
    >>> check_each(infer_contract(sales, raw), raw).bad.tolist()
    [False, True]
    """
    _refuse_missing(contract, raw)
    info, size = contract.info, raw.num_rows
    faults = _malformed(raw)
    columns: dict[str, pa.Array] = {}
    found: dict[str, list[Fault]] = {}
    naive: dict[str, Naive] = {}
    blobs = dict(info.blobs)
    for name, column in contract.columns.items():
        if name in blobs:
            judged = judge_blobs(raw[name], blobs[name])
            columns[name], found[name] = judged.digests, _blob_faults(raw, name, judged)
            continue
        values = to_json(plain(raw[name])) if column.json else raw[name]
        done = cast(values, column.kind, fractions=name in fractions, encoded=True)
        if column.kind == TIME:
            naive[name] = Naive.of(raw, name, done)
        columns[name] = done.values
        found[name] = _column_faults(raw, name, column, done, required=name in contract.required)
    back = taken_back(info, columns, size)
    for name, theirs in found.items():
        faults += theirs if name in says_which(info) else [fault.but(back) for fault in theirs]
    bad = np.zeros(size, dtype=bool)
    for fault in faults:
        bad |= fault.rows
    at = to_array(columns[info.at], TIME) if info.at is not None else np.full(size, ALWAYS)
    known_at = _known(info, columns, at, received_at)
    skipped = null_mask(at) & ~(bad | back) if info.null_at == "skip" else np.zeros(size, dtype=bool)
    for role, rows in ((info.at, null_mask(at) & ~back), (info.known_at or info.at, null_mask(known_at))):
        if role is not None:
            faults.append(Fault("no-time", rows & ~skipped, says(raw, f"{role} is empty, so the row has no time")))
            bad |= faults[-1].rows
    early = too_early(info, at, known_at)
    if early is not None:
        faults.append(Fault(CLOCK_SKEW, early & ~(skipped | back), _says_early(info, raw, at, known_at)))
        bad |= faults[-1].rows
    if info.retracted is not None:
        at = np.where(back, NULL_TIME, at)
        named = says_which(info)
        columns = {name: each if name in named else without(plain(each), back) for name, each in columns.items()}
    decoded = Columns(columns)
    batch = Batch(info, raw, decoded, at, known_at, _among(info, decoded, at, known_at, settled))
    scope, near = Scope({info.name: contract.kinds}, {}, {}), around or Around()
    for fault in row_faults(contract.rules, batch, scope, near, among=~(bad | skipped | back)):
        faults.append(fault)
        bad |= fault.rows
    return Each(batch, tuple(faults), bad, skipped, back, naive)


def _among(
    info: SourceInfo, columns: Mapping[str, pa.Array], at: Ints, known_at: Ints, settled: pa.Table | None
) -> Mask | None:
    """Which rows are among those that were taken in before; None where none was."""
    if settled is None or not settled.num_rows:
        return None
    names = [name for name in (*identified_by(info), info.version) if name is not None]
    if not names:
        content = {name: column for name, column in columns.items() if name != info.known_at or name == info.at}
        there = pc.utf8_slice_codeunits(settled[ID], 0, DIGITS).combine_chunks()
        return find([pc.utf8_slice_codeunits(content_ids(content, known_at), 0, DIGITS)], [there]) >= 0
    times = info.kind != EVENTS and info.at is not None
    mine = [columns[name] for name in names] + ([pa.array(at)] if times else [])
    theirs = [settled[name].combine_chunks() for name in names]
    return find(mine, theirs + ([settled[AT].combine_chunks()] if times else [])) >= 0


def _blob_faults(raw: pa.Table, name: str, judged: Judged) -> list[Fault]:
    found = []
    for rule in dict.fromkeys(rule for rule, _ in judged.bad.values()):
        rows = np.zeros(raw.num_rows, dtype=bool)
        rows[[place for place, (broken, _) in judged.bad.items() if broken == rule]] = True
        found.append(Fault(rule, rows, lambda row: f"row {number(raw, row)}: {name} {judged.bad[row][1]}"))
    return found


def _says_early(info: SourceInfo, raw: pa.Table, at: Ints, known_at: Ints) -> Callable[[int], str]:
    return lambda row: f"row {number(raw, row)}: {explain_early(info, int(at[row]), int(known_at[row]))}"


def _known(info: SourceInfo, columns: dict[str, pa.Array], at: Ints, received_at: int | None) -> Ints:
    """When each row became known, NULL_TIME where nobody says; a column that should say so is filled in."""
    if received_at is not None:
        if info.known_at is not None and info.known_at != info.at:
            moment = pa.scalar(received_at, UTC_MICROSECONDS)
            columns[info.known_at] = pc.fill_null(columns[info.known_at], moment)
        return np.full(at.size, received_at)
    if info.known_at is not None:
        return to_array(columns[info.known_at], TIME)
    return at if not info.delay else np.where(null_mask(at), NULL_TIME, at + info.delay)


def _refuse_missing(contract: Contract, raw: pa.Table) -> None:
    names = [name for name in raw.column_names if name not in RAW_COLUMNS]
    missing = [name for name in contract.columns if name not in names]
    if missing:
        fresh = [name for name in names if name not in contract.columns]
        raise BatchRefused(
            f"A batch of source {contract.info.name!r} lacks the column {missing[0]!r} (rule missing-column).",
            expected=f"the columns {', '.join(contract.columns)}",
            hint=did_you_mean(missing[0], fresh) or (f"It has the new columns {', '.join(fresh)}." if fresh else None),
        )


def refuse_naive(contract: Contract, found: Mapping[str, Naive]) -> None:
    """Raise NaiveTime for a column most of whose times are without a zone."""
    for name in contract.columns:
        naive = found.get(name)
        if naive is None or naive.rows <= contract.refuse_above * naive.filled:
            continue
        raise NaiveTime(
            f"Source {contract.info.name!r}: column {name!r} has the time {naive.value} in row {naive.first}, "
            "which names no zone.",
            expected="times with a zone",
            hint=f'Write "{naive.value.strip(chr(39)).replace(" ", "T")}Z" if it is UTC, or store a timestamp with its '
            "zone.",
        )


def _malformed(raw: pa.Table) -> list[Fault]:
    if BAD_RULE not in raw.column_names:
        return []
    rules, reasons = raw[BAD_RULE], raw[BAD_REASON]
    found = []
    for rule in pc.unique(rules).drop_null().to_pylist():
        rows = pc.fill_null(pc.equal(rules, rule), False).combine_chunks().to_numpy(zero_copy_only=False)
        found.append(Fault(rule, rows, lambda row: str(reasons[row].as_py())))
    return found


def _column_faults(raw: pa.Table, name: str, column: ColumnContract, done: Cast, *, required: bool) -> list[Fault]:
    found = []
    kind = _KINDS[column.kind]

    def fault(rule: str, rows: Mask | None, expected: str) -> None:
        if rows is not None and rows.any():
            found.append(Fault(rule, rows, says_values(raw, [name], expected)))

    fault("wrong-kind", done.wrong, kind)
    fault("naive-time", done.naive, "a time with a zone")
    fault("infinite", infinite(done.values), "a finite number")
    if column.json:
        fault("malformed-json", malformed(done.values), "JSON")
    if required or (column.binds("nullable") and not column.nullable):
        fault("null", _truth(pc.is_null(done.values)), f"{kind}, not nothing")
    for fact, end, beyond, words in (
        ("low", column.low, pc.less, "at least"),
        ("high", column.high, pc.greater, "at most"),
    ):
        if end is not None and column.binds(fact):
            limit = _moment(end) if column.kind == TIME else end
            fault("range", _truth(beyond(done.values, limit)), f"{words} {_spell(end, column)}")
    if column.binds("allowed") and column.allowed is not None:
        strange = by_value(done.values, _not_among(column.allowed))
        fault("not-allowed", _truth(strange), f"one of {', '.join(column.allowed)}")
    return found


def _not_among(allowed: Sequence[str]) -> Callable[[pa.Array], pa.Array]:
    known = pa.array(allowed, pa.string())
    return lambda texts: pc.and_(pc.is_valid(texts), pc.invert(pc.is_in(texts, value_set=known)))


def _moment(moment: float) -> pa.Scalar:
    return pa.scalar(int(moment), pa.timestamp("us", tz="UTC"))


def _spell(end: float, column: ColumnContract) -> str:
    if column.kind == TIME:
        return iso(int(end))
    return str(int(end) if float(end).is_integer() else end)


def _truth(values: pa.Array) -> Mask:
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def find_clashes(batch: Batch, *, among: Mask) -> tuple[list[Fault], Mask]:
    """The faults of rows that contradict an earlier one of the same identity, and which rows repeat one."""
    info, raw, columns, at, known_at = batch.info, batch.raw, batch.columns, batch.at, batch.known_at
    repeated = np.zeros(at.size, dtype=bool)
    names = identified_by(info)
    if not names:
        return [], repeated
    timed = info.kind != EVENTS and info.at is not None
    version = versions_of(info, columns, at.size)
    parts = [columns[name] for name in names] + ([at] if timed else []) + ([] if version is None else [version])
    rows = shared_rows(parts)
    rows = rows[among[rows]]
    if rows.size == 0:
        return [], repeated
    chosen = [columns[name].take(pa.array(rows)) for name in names]
    more = [codes_of(column) for column in chosen[1:]]
    if timed:
        more.append(at[rows])
    if version is not None:
        more.append(version[rows])
    codes = codes_of(chosen[0], *more)
    payload = {key: column for key, column in columns.items() if key != info.known_at or key == info.at}
    found = find_repeats(rows, codes, known_at, payload)
    repeated[found.same] = True
    if found.other.size == 0:
        return [], repeated
    clash = np.zeros(at.size, dtype=bool)
    clash[found.other] = True
    clashes = {
        other: (first, column)
        for other, first, column in zip(found.other.tolist(), found.first.tolist(), found.column, strict=True)
    }

    def explain(row: int) -> str:
        first, column = clashes[row]
        shown = " and ".join(f"{name} {show(raw, name, row)}" for name in (*names, info.version) if name is not None)
        return (
            f"{shown} is also in row {number(raw, first)}, "
            f"where {column} is {show(raw, column, first)}; here it is {show(raw, column, row)}"
        )

    return [Fault("conflicting-id" if info.id is not None else "duplicate-key", clash, explain)], repeated
