"""Ingest of a source larger than memory: a block of rows at a time, into tables that are mapped.

Rows are held to the contract block by block. What rows say of each other is told by the hashes of what should be their
own, which lie on disk: only rows that share one are looked at again, together. What is left is put in order by sorted
runs. In memory are a few blocks, however many rows there are, and what a rule refers to in other sources.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from setpoint.data.blobs import without_content
from setpoint.data.contracts.check import Each, Naive, check_each, find_clashes, refuse_naive
from setpoint.data.contracts.contract import Contract
from setpoint.data.contracts.faults import Fault, Violations
from setpoint.data.contracts.rules import Around, shared_faults
from setpoint.data.contracts.skew import early_rows
from setpoint.data.contracts.tally import Tally
from setpoint.data.files.read import ROW
from setpoint.data.identity import Hashes, content_hashes, identified_by, numbered_ids, spelled_hashes, spelled_ids
from setpoint.data.ingest.ingest import Ingested, left_out, refuse_empty, set_aside
from setpoint.data.ingest.sorted_runs import RUN_BYTES, merge_runs, write_runs
from setpoint.data.mapped import MappedWriter, Spool, blocks_of, open_mapped, rows_at, spooled
from setpoint.data.row_hashes import RowHashes, hash_rows
from setpoint.data.rows import AT, ID, KNOWN_AT, POSITION, times_of
from setpoint.data.versions import is_versioned, unfold
from setpoint.declare.contract import References, Unique
from setpoint.declare.source import EVENTS, SourceInfo

Ints = npt.NDArray[np.int64]

BLOCK_ROWS, BLOCK_BYTES = 1 << 17, 1 << 25
"""So many rows, and bytes, are held to the contract together."""

Progress = Callable[[str, int, int], None]
"""Is told what is being done, how many rows of it are done, and of how many."""

_NUMBER, _HASH = "__number", "__hash"
_FACTS = "ingested.json"


def ingest_mapped(
    contract: Contract,
    raw: pa.Table,
    folder: Path,
    *,
    around: Around | None = None,
    settled: pa.Table | None = None,
    progress: Progress | None = None,
    block_rows: int = BLOCK_ROWS,
    run_bytes: int = RUN_BYTES,
) -> None:
    """Write what `ingest` gives, every row and reason the same and in the same order, to a folder for `read_ingested`.

    `block_rows` are held to the contract, and `run_bytes` sorted, at once. Raises like `ingest`. What corrections do is
    worked out in memory.

    >>> from setpoint.data.contracts.contract import infer_contract
    >>> from setpoint.declare.source import events, info
    >>> sales = info(events("sales", "sales.csv", id="n", at="ts", delay="1s"))
    >>> raw = pa.table({"n": [2, 1, 1], "ts": pa.array([5, 0, 0], pa.timestamp("us", tz="UTC"))})
    >>> folder = Path(tempfile.mkdtemp())
    >>> ingest_mapped(infer_contract(sales, raw), raw, folder)
    >>> done = read_ingested(sales, folder)
    >>> done.rows["n"].to_pylist(), done.rows["__known_at"].to_pylist(), done.repeated
    ([1, 2], [1000000, 1000005], 1)
    """
    with tempfile.TemporaryDirectory(prefix=".work-", dir=folder) as work:
        taking = _Taking(contract, raw, around or Around(), settled, progress or silent, block_rows)
        taking.hold(Path(work))
        taking.compare()
        taking.refuse()
        taking.write(folder, run_bytes=run_bytes)


def read_ingested(info: SourceInfo, folder: Path) -> Ingested:
    """What `ingest_mapped` wrote to a folder."""
    facts = json.loads((folder / _FACTS).read_text())
    rows = open_mapped(folder / "rows")
    if is_versioned(info):
        delivered = open_mapped(folder / "delivered")
    else:
        delivered = rows
        rows = rows.append_column(POSITION, open_mapped(folder / "positions")[POSITION])
    return Ingested(rows, pa.concat_tables(spooled(folder / "aside")), delivered, **facts)


class _Widened(Exception):
    """A column of whole numbers has fractions in a later block."""


class _Taking:
    """What became of the blocks so far."""

    def __init__(
        self,
        contract: Contract,
        raw: pa.Table,
        around: Around,
        settled: pa.Table | None,
        progress: Progress,
        block_rows: int,
    ) -> None:
        if ROW not in raw.column_names:
            raw = raw.append_column(ROW, pa.array(np.arange(1, raw.num_rows + 1)))
        self.contract, self.info, self.raw = contract, contract.info, raw
        self.blocks = blocks_of(raw, most_rows=block_rows, most_bytes=BLOCK_BYTES)
        self.around, self.near, self.settled, self.progress = around, around, settled, progress
        self.uniques = [rule for rule in contract.rules if isinstance(rule, Unique)]
        self.fractions: set[str] = set()

    def hold(self, work: Path) -> None:
        """Hold every block to the contract: what breaks nothing by itself is a draft, with the hashes of its rows.

        A column that has fractions in some block has them in all, so the blocks before are held once more.
        """
        for turn in count():
            self.types: dict[str, pa.DataType] = {}
            self.tally, self.naive, self.skipped = Tally(), dict[str, Naive](), 0
            self.work = work / f"{turn}"
            try:
                self._refer()
                self._hold_blocks()
            except _Widened as found:
                self.fractions.add(str(found))
                shutil.rmtree(self.work)
                continue
            self.fractions |= {name for name, kind in self.types.items() if pa.types.is_floating(kind)}
            refuse_naive(self.contract, self.naive)
            return

    def _check(self, contract: Contract, raw: pa.Table) -> Each:
        each = check_each(contract, raw, around=self.near, settled=self.settled, fractions=self.fractions)
        for name, column in each.batch.columns.items():
            if self.types.setdefault(name, column.type) != column.type:
                raise _Widened(name)
        return each

    def _refer(self) -> None:
        """Gather what rules that refer to the source itself look for."""
        to = {
            column.name
            for rule in self.contract.rules
            if isinstance(rule, References) and rule.target.name == self.info.name
            for column in rule.to
        }
        if not to:
            return
        plain = replace(self.contract, rules=())
        with MappedWriter(self.work / "own") as writer:
            for block in self.blocks:
                each = self._check(plain, block)
                columns = {name: each.batch.columns[name] for name in sorted(to)}
                writer.write(pa.table({**columns, AT: each.batch.at}).filter(pa.array(each.good & ~each.back)))
        own = open_mapped(self.work / "own")
        self.near = Around(self.around.others, before=lambda _names, _values: own)

    def _hold_blocks(self) -> None:
        start = 0
        with ExitStack() as opened:
            draft, aside = (opened.enter_context(Spool(self.work / name)) for name in ("draft", "aside"))
            self.same = opened.enter_context(RowHashes(self.work / "same"))
            self.keys = [opened.enter_context(RowHashes(self.work / f"unique-{n}")) for n in range(len(self.uniques))]
            for block in self.blocks:
                each = self._check(self.contract, block)
                violations = Violations.of(each.faults, block.num_rows)
                self.tally.add(violations)
                self.skipped += int(each.skipped.sum())
                before = self.naive or {name: Naive(0) for name in each.naive}
                self.naive = {name: before[name].and_then(found) for name, found in each.naive.items()}
                if violations.bad.any():
                    aside.write(self._aside(block, violations, np.arange(start, start + block.num_rows)))
                draft.write(self._drafted(each, start))
                start += block.num_rows
                self.progress(f"{self.info.name}: held to the contract", start, self.raw.num_rows)

    def _aside(self, raw: pa.Table, violations: Violations, numbers: Ints) -> pa.Table:
        rows = set_aside(without_content(self.info, raw), violations)
        return rows.append_column(_NUMBER, pa.array(numbers[violations.bad]))

    def _drafted(self, each: Each, start: int) -> pa.Table:
        """The rows that break nothing by themselves, with their numbers; their hashes are written down."""
        batch, info = each.batch, self.info
        keep = np.flatnonzero(each.good)
        number, known_at = start + keep, batch.known_at[keep]
        columns = {name: column.take(pa.array(keep)) for name, column in batch.columns.items()}
        found = pa.table({**columns, AT: batch.at[keep], KNOWN_AT: known_at, _NUMBER: number})
        named = identified_by(info)
        if named:
            parts = [columns[name] for name in named]
            parts += [pa.array(batch.at[keep])] if info.kind != EVENTS and info.at is not None else []
            parts += [columns[info.version]] if info.version is not None else []
            parts += [pa.array(each.back[keep])] if info.version is None and info.retracted is not None else []
            hashes, whole = hash_rows(parts)
            self.same.add(hashes[whole], number[whole], known_at[whole])
        else:
            content = {name: column for name, column in columns.items() if name != info.known_at or name == info.at}
            hashes = content_hashes(content, keep.size)
            self.same.add(hashes, number, known_at)
            found = found.append_column(_HASH, pa.array(hashes))
        counts = ~each.back[keep]
        for rule, written in zip(self.uniques, self.keys, strict=True):
            hashes, whole = hash_rows([columns[column.name] for column in rule.columns])
            whole &= counts
            written.add(hashes[whole], number[whole], known_at[whole])
        return found

    def compare(self) -> None:
        """Tell which rows repeat or contradict another, or share with it what should be unique."""
        self.gone = self._scratch("gone", np.bool_)
        self.turn = self._scratch("turn", np.int64)
        self.more: list[pa.Table] = []
        self.repeated = 0
        named = bool(identified_by(self.info))
        if named:
            for _, numbers, _ in self.same.shared():
                each = self._check(self.contract, rows_at(self.blocks, numbers))
                clash, repeated = find_clashes(each.batch, among=each.good)
                self.repeated += int(repeated.sum())
                self.gone[numbers[repeated]] = True
                self._found(each.batch.raw, numbers, clash)
        for rule, written in zip(self.uniques, self.keys, strict=True):
            for _, numbers, _ in written.shared():
                each = self._check(self.contract, rows_at(self.blocks, numbers))
                among = each.good & ~each.back & ~self.gone[numbers]
                self._found(each.batch.raw, numbers, shared_faults([rule], each.batch, self.around, among=among))
        if not named:
            for hashes, numbers, known_at in self.same.shared():
                self._number(hashes, numbers, known_at)

    def _scratch(self, name: str, kind: type[np.generic]) -> npt.NDArray[Any]:
        """A value for each row, on disk."""
        return np.memmap(self.work / name, dtype=kind, mode="w+", shape=(max(1, self.raw.num_rows),))

    def _found(self, raw: pa.Table, numbers: Ints, faults: Sequence[Fault]) -> None:
        violations = Violations.of(faults, numbers.size)
        if violations.bad.any():
            self.tally.add(violations)
            self.gone[numbers[violations.bad]] = True
            self.more.append(self._aside(raw, violations, numbers))

    def _number(self, hashes: Hashes, numbers: Ints, known_at: Ints) -> None:
        """Write down which of rows that say the same comes before which."""
        there = ~self.gone[numbers]
        hashes, numbers, known_at = hashes[there], numbers[there], known_at[there]
        order = np.lexsort((numbers, known_at, hashes))
        place, ordered = np.arange(order.size), hashes[order]
        first = np.r_[True, ordered[1:] != ordered[:-1]] if order.size else np.zeros(0, dtype=bool)
        self.turn[numbers[order]] = place - np.maximum.accumulate(np.where(first, place, 0))

    def refuse(self) -> None:
        """Raise where too many rows are set aside, or none is left."""
        due = self.raw.num_rows - self.skipped
        self.tally.refuse(self.contract, due=due, hint="Mend the file and deliver it again")
        refuse_empty(self.info, usable=due - self.tally.bad, skipped=self.skipped)

    def write(self, folder: Path, *, run_bytes: int) -> None:
        """Write the rows in their order, those that were set aside, and what there is to say of them."""
        self._write_aside(folder / "aside")
        self.early = superseded = 0
        if is_versioned(self.info):
            with MappedWriter(folder / "delivered") as writer:
                for block in self._delivered():
                    writer.write(block)
            unfolded = unfold(self.info, open_mapped(folder / "delivered"))
            superseded = unfolded.superseded
            with MappedWriter(folder / "rows") as writer:
                writer.write(unfolded.rows)
        else:
            self._write_rows(folder, run_bytes)
        facts = {
            "skipped": self.skipped,
            "repeated": self.repeated,
            "superseded": superseded,
            "early": self.early,
            "left_out": left_out(self.contract, self.raw.schema),
        }
        (folder / _FACTS).write_text(json.dumps(facts))

    def _write_rows(self, folder: Path, run_bytes: int) -> None:
        runs = write_runs(self._delivered(), self.work, run_bytes=run_bytes)
        shutil.rmtree(self.work / "draft")
        if len(runs) == 1:
            runs[0].rename(folder / "rows")
        else:
            with MappedWriter(folder / "rows") as writer:
                for part in merge_runs([open_mapped(run) for run in runs], run_bytes=run_bytes):
                    writer.write(part)
        rows = open_mapped(folder / "rows").num_rows
        with MappedWriter(folder / "positions") as writer:
            for start in range(0, rows, BLOCK_ROWS):
                writer.write(pa.table({POSITION: np.arange(start, min(start + BLOCK_ROWS, rows))}))

    def _delivered(self) -> Iterator[pa.Table]:
        """The rows that are taken in, in the order in which they came, with their identity."""
        done, named = 0, identified_by(self.info)
        for draft in blocks_of(pa.concat_tables(spooled(self.work / "draft")), most_rows=1 << 62, most_bytes=1 << 62):
            numbers = draft[_NUMBER].to_numpy()
            gone = self.gone[numbers]
            kept = draft.filter(pa.array(~gone)) if gone.any() else draft
            if named:
                ids = spelled_ids([kept[name].combine_chunks() for name in named])
            else:
                turn = np.array(self.turn[kept[_NUMBER].to_numpy()])
                ids = numbered_ids(spelled_hashes(kept[_HASH].to_numpy()), turn)
                kept = kept.drop_columns([_HASH])
            kept = kept.drop_columns([_NUMBER]).append_column(ID, ids)
            self.early += int(early_rows(times_of(kept, AT), times_of(kept, KNOWN_AT)).sum())
            yield kept
            done = int(numbers[-1]) + 1 if numbers.size else done
            self.progress(f"{self.info.name}: put in order", done, self.raw.num_rows)

    def _write_aside(self, folder: Path) -> None:
        """Those that broke a rule by themselves, and those that did beside others, in the order of the file."""
        more = pa.concat_tables(self.more).sort_by(_NUMBER) if self.more else None
        with Spool(folder) as spool:
            empty = set_aside(without_content(self.info, self.blocks[0].slice(0, 0)), Violations.of([], 0))
            spool.write(empty)
            for table in spooled(self.work / "aside"):
                for batch in blocks_of(table, most_rows=1 << 62, most_bytes=1 << 62):
                    part = batch
                    if more is not None:
                        until = int(np.searchsorted(more[_NUMBER].to_numpy(), batch[_NUMBER][-1].as_py()))
                        part = pa.concat_tables([batch, more.slice(0, until)]).sort_by(_NUMBER)
                        more = more.slice(until)
                    spool.write(part.drop_columns([_NUMBER]))
            if more is not None:
                spool.write(more.drop_columns([_NUMBER]))


def silent(what: str, done: int, of: int) -> None:
    """Tell nobody."""
