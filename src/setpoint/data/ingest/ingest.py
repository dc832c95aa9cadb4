"""Ingest: what a source's files hold becomes rows under contract; what breaks it is set aside, with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import SourceEmpty
from setpoint.data.blobs import without_content
from setpoint.data.contracts.check import Checked, check
from setpoint.data.contracts.contract import Contract
from setpoint.data.contracts.faults import Violations
from setpoint.data.contracts.refuse import refuse_broken, refuse_unfit
from setpoint.data.contracts.rules import Around
from setpoint.data.contracts.skew import early_rows
from setpoint.data.dictionary_columns import plain, plain_table, stored
from setpoint.data.files.read import BAD_REASON, BAD_RULE, RAW_COLUMNS, ROW, read_source
from setpoint.data.identity import content_ids, identified_by, spelled_ids
from setpoint.data.ingest.sorted_runs import are_sorted
from setpoint.data.rows import AT, ID, KNOWN_AT, POSITION, kind_of_type, times_of
from setpoint.data.versions import is_versioned, unfold
from setpoint.declare.source import SourceInfo

__all__ = ["REASON", "RULE", "Ingested", "ingest", "read_source"]

RULE, REASON = "__rule", "__reason"
"""The columns of quarantined rows that say which rule they break, and why."""


@dataclass(frozen=True)
class Ingested:
    """The rows of a source that keep its contract, and those set aside.

    `delivered` are the good rows as they came, each once, with their times and identity: the rows themselves, but for a
    source with corrections, where a row says what a delivery changed. `skipped` counts rows that have not happened yet,
    `repeated` rows that were there before, `superseded` those that a higher version had already replaced, `early` those
    that were known before they happened. `left_out`
    names columns that are no part of the rows, with the reason.
    """

    rows: pa.Table
    quarantined: pa.Table
    delivered: pa.Table
    skipped: int = 0
    repeated: int = 0
    superseded: int = 0
    early: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)


def ingest(
    info: SourceInfo,
    raw: pa.Table,
    contract: Contract,
    *,
    arrived_at: int | None = None,
    around: Around | None = None,
    settled: pa.Table | None = None,
) -> Ingested:
    """The rows of a batch, in the order (known_at, at, id), each once; bad ones are quarantined with their reason.

    `arrived_at` is given for what comes after the initial load: nothing is known before it arrived. `around` is what
    the contract's rules look at beyond the batch, `settled` what was taken in before the contract was what it is.
    Raises BatchRefused when more rows than the contract, or one of its rules, allows break it, and SourceEmpty when
    none is left.

    >>> from setpoint.data.contracts.contract import infer_contract
    >>> from setpoint.declare.source import events, info
    >>> sales = info(events("sales", "sales.csv", id="n", at="ts", delay="1s"))
    >>> raw = pa.table({"n": [2, 1, 1], "ts": pa.array([5, 0, 0], pa.timestamp("us", tz="UTC"))})
    >>> done = ingest(sales, raw, infer_contract(sales, raw))
    >>> done.rows["n"].to_pylist(), done.rows["__known_at"].to_pylist(), done.repeated
    ([1, 2], [1000000, 1000005], 1)
    """
    checked = check(contract, raw, around=around, settled=settled)
    _refuse_batch(info, raw, contract, checked)
    good = delivered(info, checked, arrived_at=arrived_at)
    superseded = 0
    if is_versioned(info):
        unfolded = unfold(info, good)
        rows, superseded = unfolded.rows, unfolded.superseded
    else:
        rows = in_order(good)
        good = rows.drop_columns([POSITION])
    return Ingested(
        rows=rows,
        quarantined=set_aside(without_content(info, raw), checked.violations),
        delivered=good,
        skipped=int(checked.skipped.sum()),
        repeated=int(checked.repeated.sum()),
        superseded=superseded,
        early=int(early_rows(times_of(good, AT), times_of(good, KNOWN_AT)).sum()),
        left_out=left_out(contract, raw.schema),
    )


def _refuse_batch(info: SourceInfo, raw: pa.Table, contract: Contract, checked: Checked) -> None:
    skipped = int(checked.skipped.sum())
    due = raw.num_rows - skipped
    refuse_broken(contract, checked.violations, due=due, hint="Mend the file and deliver it again")
    refuse_empty(info, usable=due - int(checked.violations.bad.sum()), skipped=skipped)


def refuse_empty(info: SourceInfo, *, usable: int, skipped: int) -> None:
    """Raise SourceEmpty where no row of a source is usable."""
    if not usable:
        why = f": all {skipped} have an empty {info.at}" if skipped else ""
        raise SourceEmpty(f"Source {info.name!r} has no usable row{why}.", expected="at least one")


def delivered(info: SourceInfo, checked: Checked, *, arrived_at: int | None = None) -> pa.Table:
    """The usable rows of a batch as they came, each once, with `__at`, `__known_at` and `__id`."""
    known_at = checked.known_at if arrived_at is None else np.maximum(checked.known_at, arrived_at)
    keep = np.flatnonzero(~(checked.violations.bad | checked.skipped | checked.repeated))
    columns = {name: stored(checked.columns, name) for name in checked.columns}
    if keep.size != known_at.size:
        columns = {name: column.take(pa.array(keep)) for name, column in columns.items()}
    columns = {name: plain(column) for name, column in columns.items()}
    names = identified_by(info)
    if names:
        ids = spelled_ids([columns[name] for name in names])
    else:
        content = {name: column for name, column in columns.items() if name != info.known_at or name == info.at}
        ids = content_ids(content, known_at[keep])
    return pa.table({**columns, AT: checked.at[keep], KNOWN_AT: known_at[keep], ID: ids})


def in_order(rows: pa.Table, *, start: int = 0) -> pa.Table:
    """Deliveries of a source without corrections as its rows: in the order (known_at, at, id), from a position on."""
    if not are_sorted(rows):
        by = [(name, "ascending") for name in (KNOWN_AT, AT, ID)]
        rows = rows.take(pc.sort_indices(rows.select([KNOWN_AT, AT, ID]), sort_keys=by))
    return rows.append_column(POSITION, pa.array(np.arange(start, start + rows.num_rows))).combine_chunks()


def without(
    info: SourceInfo,
    found: Ingested,
    raw: pa.Table,
    rule: str,
    reasons: Mapping[int, str],
    *,
    refuse_above: float = 1.0,
) -> Ingested:
    """What is left when some deliveries (by their places) are set aside for these reasons, as if they never came.

    Raises BatchRefused where they are a greater share than `refuse_above`, as for rows that break the contract.
    """
    if not reasons:
        return found
    refuse_unfit(info.name, rule, reasons, of=found.delivered.num_rows, refuse_above=refuse_above)
    places = np.array(sorted(reasons), dtype=np.int64)
    keep = np.ones(found.delivered.num_rows, dtype=bool)
    keep[places] = False
    kept, bad = found.delivered.filter(pa.array(keep)), found.delivered.take(pa.array(places))
    bad = _as_they_came(info, bad, raw)
    bad = bad.append_column(RULE, pa.array([rule] * places.size, pa.string()))
    bad = bad.append_column(REASON, pa.array([reasons[place] for place in places.tolist()], pa.string()))
    quarantined = pa.concat_tables([found.quarantined, bad], promote_options="permissive")
    if is_versioned(info):
        done = unfold(info, kept)
        return replace(found, rows=done.rows, delivered=kept, quarantined=quarantined, superseded=done.superseded)
    return replace(found, rows=in_order(kept), delivered=kept, quarantined=quarantined)


def _as_they_came(info: SourceInfo, rows: pa.Table, raw: pa.Table) -> pa.Table:
    """Rows as their file has them, found by their identity; where they have none, their number is not known."""
    names = identified_by(info)
    places = pa.nulls(rows.num_rows, pa.int64())
    if len(names) == 1:
        ids = raw[names[0]].cast(pa.string()).combine_chunks()
        places = pc.index_in(rows[ID].combine_chunks(), value_set=ids).cast(pa.int64())
    if places.null_count:
        return pa.table({ROW: pa.nulls(rows.num_rows, pa.int64())})
    found = plain_table(raw.take(places))
    found = found.drop_columns([name for name in (BAD_RULE, BAD_REASON) if name in found.column_names])
    if ROW in found.column_names:
        return found
    return found.append_column(ROW, pc.add(places, 1))


def set_aside(raw: pa.Table, violations: Violations) -> pa.Table:
    """The bad rows as they came, with the rule, the reason and the row number."""
    bad = np.flatnonzero(violations.bad)
    kept = [name for name in raw.column_names if name not in (BAD_RULE, BAD_REASON)]
    table = plain_table(raw.select(kept).take(pa.array(bad, pa.int64())))
    if ROW not in kept:
        table = table.append_column(ROW, pa.array(bad + 1, pa.int64()))
    table = table.append_column(RULE, pa.array([violations.rule(int(row)) for row in bad], pa.string()))
    return table.append_column(REASON, pa.array([violations.reason(int(row)) for row in bad], pa.string()))


def left_out(contract: Contract, schema: pa.Schema) -> dict[str, str]:
    """The columns that a contract has no place for, each with the reason."""
    found = {}
    for column in schema:
        if column.name in contract.columns or column.name in RAW_COLUMNS:
            continue
        if contract.info.columns is not None:
            found[column.name] = "not among the columns that the source declares"
        elif kind_of_type(column.type) is None:
            found[column.name] = f"holds {column.type}, which no expression can read"
        else:
            found[column.name] = "not in the contract"
    return found
