"""Ingest of sources larger than memory: part by part under contract, and each row once across all of them."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import BatchRefused, SetpointError, SourceEmpty
from setpoint.core.ports import Blobs, Tables
from setpoint.data.blobs import keep_blobs, without_content
from setpoint.data.check import Checked, check
from setpoint.data.contract import Contract, infer_contract
from setpoint.data.identity import content_hashes, identified_by, spelled_hashes, spelled_ids
from setpoint.data.ingest import REASON, RULE, delivered, left_out, set_aside
from setpoint.data.quarantine import leave, write_quarantine
from setpoint.data.raw import FILE, ROW, with_bad
from setpoint.data.row_index import RowIndex, spelled_numbers
from setpoint.data.rows import AT, ID, KNOWN_AT, times_of
from setpoint.declare.source import EVENTS, SourceInfo

Progress = Callable[[int, str], None]
"""Is told how many rows were read so far, and the file that they are read from."""


CLASHES = ("conflicting-id", "duplicate-key")
"""The rules of rows that contradict another of their identity."""

_ASIDE, _CLASH = "part-", "clash-"


@dataclass(frozen=True)
class Part:
    """A part of the rows that were taken in: how many, and from when until when they became known."""

    name: str
    rows: int
    known_from: int
    known_until: int


@dataclass(frozen=True)
class IngestedParts:
    """What became of a source that was taken in part by part.

    `parts` are those of the set of tables that has its deliveries, each once, with `__at`, `__known_at` and `__id`;
    they lie in the order in which they came. `rules` counts the rows that were set aside; `lacking` names, by file, the
    columns of the contract that it does not have, which are empty in its rows.
    """

    contract: Contract
    parts: tuple[Part, ...]
    rules: Mapping[str, int] = field(default_factory=dict)
    skipped: int = 0
    repeated: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)
    lacking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(part.rows for part in self.parts)

    @property
    def quarantined(self) -> int:
        """How many were set aside."""
        return sum(self.rules.values())


def ingest_parts(
    info: SourceInfo,
    parts: Iterable[pa.Table],
    *,
    tables: Tables,
    shelf: str,
    contract: Contract | None = None,
    work: Path | None = None,
    blobs: Blobs | None = None,
    progress: Progress | None = None,
) -> IngestedParts:
    """Take in a source from parts as `read_parts` gives them, into the set of tables `shelf`, in bounded memory.

    Without a contract the one that the first part keeps is held; rules of a contract that look at several rows look at
    those of a part. A row counts once, whatever part it comes in, and one that contradicts an earlier one (the one that
    was known first) is set aside; to find them, an index of the rows (about 60 bytes for each) is written under the
    folder `work`. Blobs are kept in `blobs`, each once. What the set, and the source's quarantine, held before
    is replaced. Raises like `ingest`, for all parts together, and then leaves nothing behind.

    >>> from setpoint.backends.parquet import ParquetTables
    >>> from setpoint.declare.source import events, info
    >>> sales = info(events("sales", "sales.csv", id="n", at="ts", delay="1s"))
    >>> day = pa.array([5, 0], pa.timestamp("us", tz="UTC"))
    >>> parts = [pa.table({"n": [1, 2], "ts": day}), pa.table({"n": [2, 3], "ts": day.take([1, 0])})]
    >>> done = ingest_parts(sales, parts, tables=ParquetTables(Path(tempfile.mkdtemp())), shelf="sales")
    >>> done.rows, done.repeated
    (3, 1)
    """
    for name in tables.parts(shelf):
        tables.delete(shelf, name)
    leave(tables, info.name, beginning=(_ASIDE, _CLASH))
    with tempfile.TemporaryDirectory(prefix="index-", dir=work) as folder:
        taking = _Taking(info, tables, shelf, RowIndex(Path(folder)), contract, blobs)
        try:
            for raw in parts:
                taking.take(raw)
                if progress is not None:
                    progress(taking.read, taking.file)
            taking.settle()
            return taking.done()
        except SetpointError:
            for name in tables.parts(shelf):
                tables.delete(shelf, name)
            raise
        finally:
            taking.index.close()


@dataclass(frozen=True)
class _Clash:
    """A row that contradicts another: its number, its file, and what is said of it."""

    number: int
    file: str
    words: str


class _Taking:
    """The parts that were taken in so far."""

    def __init__(
        self,
        info: SourceInfo,
        tables: Tables,
        shelf: str,
        index: RowIndex,
        contract: Contract | None,
        blobs: Blobs | None,
    ) -> None:
        self.info, self.tables, self.shelf, self.index, self.contract = info, tables, shelf, index, contract
        self.read, self.file, self._blobs = 0, "", blobs
        self._files: dict[str, int] = {}
        self._rules: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._skipped = self._repeated = 0
        self._left_out: dict[str, str] = {}
        self._lacking: dict[str, tuple[str, ...]] = {}
        self._types: dict[str, list[pa.DataType]] = {}
        self._parts: list[Part] = []
        self._number = 0

    def take(self, raw: pa.Table) -> None:
        """Hold one more part to the contract, and write what keeps it."""
        if not raw.num_rows:
            return
        if self.contract is None:
            self.contract = infer_contract(self.info, raw)
        self.read += raw.num_rows
        self.file = str(raw[FILE][0].as_py()) if FILE in raw.column_names else ""
        self._left_out |= left_out(self.contract, raw.schema)
        raw = self._aligned(raw, self.contract)
        checked = _without_identity(check(self.contract, raw))
        self._skipped += int(checked.skipped.sum())
        self._rules.update(checked.violations.counts())
        self._set_aside(set_aside(without_content(self.info, raw), checked.violations))
        good = delivered(self.info, checked)
        if good.num_rows:
            self.index.add(self._indexed(raw, checked, good))
            self._write(self._number, good)
            if self._blobs is not None:
                keep_blobs(self.info, raw, good, self._blobs)
        self._number += 1

    def settle(self) -> None:
        """Leave out what came before, set aside what contradicts it, and give each column one type."""
        drop: dict[int, list[npt.NDArray[np.int64]]] = {}
        renamed: dict[int, list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]] = {}
        reasons: dict[tuple[int, int], _Clash] = {}
        named = bool(identified_by(self.info))
        names = list(self._files)
        for shared in self.index.shared():
            part, place, number, file = (shared.rows[name].to_numpy() for name in ("part", "place", "number", "file"))
            if not named:
                _group(renamed, part, place, shared.turn)
                continue
            self._repeated += shared.same.size
            for row, head in zip(shared.other.tolist(), shared.heads.tolist(), strict=True):
                words = f"row {number[row]}: {shared.rows['id'][row].as_py()!r} is also in row {number[head]} of "
                clash = _Clash(int(number[row]), names[file[row]], words + f"{names[file[head]]}, with other content")
                reasons[int(part[row]), int(place[row])] = clash
            gone = np.r_[shared.same, shared.other]
            for each in np.unique(part[gone]).tolist():
                drop.setdefault(each, []).append(place[gone][part[gone] == each])
        self._refuse(len(reasons))
        for each in self._parts.copy():
            number = int(each.name)
            self._rewrite(number, drop.get(number, []), renamed.get(number, []), reasons)

    def done(self) -> IngestedParts:
        """What became of all of them."""
        assert self.contract is not None
        parts = tuple(part for part in self._parts if part.rows)
        rules = dict(self._rules.most_common())
        return IngestedParts(self.contract, parts, rules, self._skipped, self._repeated, self._left_out, self._lacking)

    def _aligned(self, raw: pa.Table, contract: Contract) -> pa.Table:
        """The part with every column of the contract, empty ones in the place of those that its file lacks."""
        lacking = [name for name in contract.columns if name not in raw.column_names]
        if not lacking:
            return raw
        self._lacking[self.file] = tuple(lacking)
        for name in lacking:
            raw = raw.append_column(name, pa.nulls(raw.num_rows))
        timeless = self.info.null_at == "skip" or self.info.retracted is not None
        roles = (*contract.required, None if timeless else self.info.at, self.info.known_at)
        missing = [name for name in lacking if name in roles]
        if not missing:
            return raw
        words = ("missing-column", f"{self.file or 'the file'} has no column {missing[0]!r}, as others have")
        return with_bad(raw, dict.fromkeys(range(raw.num_rows), words))

    def _indexed(self, raw: pa.Table, checked: Checked, good: pa.Table) -> pa.Table:
        keep = np.flatnonzero(~(checked.violations.bad | checked.skipped | checked.repeated))
        info, columns = self.info, {name: good[name].combine_chunks() for name in good.column_names}
        own = {name: column for name, column in columns.items() if name not in (AT, KNOWN_AT, ID)}
        payload = {name: column for name, column in own.items() if name != info.known_at or name == info.at}
        content = content_hashes(payload, good.num_rows)
        if identified_by(info):
            keyed = [spelled_numbers(columns[name]) for name in identified_by(info)]
            if info.kind != EVENTS and info.at is not None:
                keyed.append(pc.cast(columns[AT], pa.string()))
            if info.version is not None:
                keyed.append(spelled_numbers(columns[info.version]))
            elif info.retracted is not None:
                keyed.append(pc.cast(pc.fill_null(columns[info.retracted], False), pa.string()))
            ids = spelled_ids([pc.fill_null(column, "") for column in keyed])
        else:
            ids = spelled_hashes(content)
        files = pc.unique(raw[FILE]).to_pylist() if FILE in raw.column_names else [""]
        for name in files:
            self._files.setdefault(str(name), len(self._files))
        numbers = raw[ROW].combine_chunks().take(pa.array(keep)) if ROW in raw.column_names else pa.array(keep + 1)
        return pa.table(
            {
                "id": ids,
                "known_at": times_of(good, KNOWN_AT),
                "content": content,
                "part": np.full(good.num_rows, self._number),
                "place": np.arange(good.num_rows),
                "number": numbers,
                "file": np.full(good.num_rows, self._files[str(files[0])]),
            }
        )

    def _write(self, number: int, rows: pa.Table) -> None:
        known = times_of(rows, KNOWN_AT)
        part = Part(f"{number:06d}", rows.num_rows, int(known.min(initial=2**62)), int(known.max(initial=-(2**62))))
        self.tables.write(self.shelf, part.name, rows)
        self._parts = [*[each for each in self._parts if each.name != part.name], part]
        for field_ in rows.schema:
            types = self._types.setdefault(field_.name, [])
            if field_.type not in types:
                types.append(field_.type)

    def _set_aside(self, rows: pa.Table) -> None:
        write_quarantine(self.tables, self.info.name, rows, part=f"{_ASIDE}{self._number:06d}")
        for rule, reason in zip(rows[RULE].to_pylist()[:3], rows[REASON].to_pylist()[:3], strict=True):
            self._examples.setdefault(rule, reason)

    def _refuse(self, clashes: int) -> None:
        """Raise BatchRefused where too many rows were set aside, SourceEmpty where none is left."""
        assert self.contract is not None or not self.read
        name = self.info.name
        if clashes:
            self._rules["conflicting-id" if self.info.id is not None else "duplicate-key"] += clashes
        count, due = sum(self._rules.values()), self.read - self._skipped
        if self.contract is not None and count > self.contract.refuse_above * due:
            rule, rows = self._rules.most_common(1)[0]
            told = "; ".join(self._examples.values()) or "rows of one identity contradict each other"
            raise BatchRefused(
                f"{count} of {due} rows of source {name!r} break its contract, {rows} of them the rule {rule}: {told}.",
                expected=f"at most {self.contract.refuse_above:.0%}; nothing of the source was taken in",
                hint="Mend the file and deliver it again, or state the new contract.",
            )
        if count == due:
            raise SourceEmpty(f"Source {name!r} has no usable row.", expected="at least one")

    def _rewrite(
        self,
        number: int,
        drop: list[npt.NDArray[np.int64]],
        renamed: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]],
        reasons: Mapping[tuple[int, int], _Clash],
    ) -> None:
        """A part without the rows that do not count, with its rows' identities, and the types that all parts have."""
        wider = {name: _widest(types) for name, types in self._types.items() if len(types) > 1}
        name = f"{number:06d}"
        if not drop and not renamed and not wider:
            return
        rows = self.tables.read(self.shelf, parts=[name])
        changed = {column: kind for column, kind in wider.items() if rows.schema.field(column).type != kind}
        for column, kind in changed.items():
            rows = rows.set_column(rows.column_names.index(column), column, pc.cast(rows[column], kind, safe=False))
        keys = identified_by(self.info)
        if wider.keys() & set(keys):  # a whole number is spelled otherwise among fractions
            ids = spelled_ids([rows[key].combine_chunks() for key in keys])
            rows = rows.set_column(rows.column_names.index(ID), ID, ids)
        for places, turn in renamed:
            rows = _numbered(rows, places, turn)
        gone = np.concatenate(drop) if drop else np.zeros(0, dtype=np.int64)
        bad = [(place, reasons[number, place]) for place in np.sort(gone).tolist() if (number, place) in reasons]
        if bad:
            rule = "conflicting-id" if self.info.id is not None else "duplicate-key"
            aside = rows.take(pa.array([place for place, _ in bad])).drop_columns([AT, KNOWN_AT, ID])
            aside = aside.append_column(ROW, pa.array([clash.number for _, clash in bad]))
            aside = aside.append_column(FILE, pa.array([clash.file for _, clash in bad]))
            aside = aside.append_column(RULE, pa.array([rule] * len(bad)))
            aside = aside.append_column(REASON, pa.array([clash.words for _, clash in bad]))
            write_quarantine(self.tables, self.info.name, aside, part=f"{_CLASH}{name}")
        keep = np.ones(rows.num_rows, dtype=bool)
        keep[gone] = False
        if gone.size or changed or renamed or wider.keys() & set(keys):
            self._write(number, rows.filter(pa.array(keep)))


def _without_identity(checked: Checked) -> Checked:
    """A part as it was checked, its rows not yet compared with each other: the index compares all of all parts."""
    found = checked.violations
    clash = np.array([fault.rule in CLASHES for fault in found.faults] + [False])
    first = np.where(clash[found.first], np.int32(-1), found.first)
    return replace(checked, violations=replace(found, first=first), repeated=np.zeros_like(checked.repeated))


def _group(
    found: dict[int, list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]],
    part: npt.NDArray[np.int64],
    place: npt.NDArray[np.int64],
    turn: npt.NDArray[np.int64],
) -> None:
    for each in np.unique(part).tolist():
        mine = part == each
        found.setdefault(each, []).append((place[mine], turn[mine]))


def _numbered(rows: pa.Table, places: npt.NDArray[np.int64], turn: npt.NDArray[np.int64]) -> pa.Table:
    """The rows with their occurrence, counted over all parts, in the identity of those at these places."""
    ids = np.array(rows[ID].to_pylist(), dtype=object)
    for place, count in zip(places.tolist(), turn.tolist(), strict=True):
        base = ids[place].partition("-")[0]
        ids[place] = f"{base}-{count}" if count else base
    return rows.set_column(rows.column_names.index(ID), ID, pa.array(ids, pa.string()))


def _widest(types: list[pa.DataType]) -> pa.DataType:
    """The type that holds the values of all parts: float64 where some are whole numbers and some are not."""
    filled = [kind for kind in types if not pa.types.is_null(kind)]
    return pa.float64() if len(set(filled)) > 1 else filled[0]
