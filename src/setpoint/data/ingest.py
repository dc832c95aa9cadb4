"""Ingest: what a source's files hold becomes rows under contract; what breaks it is set aside, with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import BatchRefused, SourceEmpty
from setpoint.data.check import Checked, Ints, Violations, check
from setpoint.data.contract import Contract
from setpoint.data.files import BAD_REASON, BAD_RULE, RAW_COLUMNS, ROW, read_source
from setpoint.data.identity import content_ids
from setpoint.data.rows import AT, ID, KNOWN_AT, POSITION, kind_of_type
from setpoint.declare.source import SourceInfo

__all__ = ["REASON", "RULE", "Ingested", "ingest", "read_source"]

RULE, REASON = "__rule", "__reason"
"""The columns of quarantined rows that say which rule they break, and why."""


@dataclass(frozen=True)
class Ingested:
    """The rows of a source that keep its contract, and those set aside.

    `skipped` counts rows that have not happened yet, `repeated` rows that were there before. `left_out` names columns
    that are no part of the rows, with the reason.
    """

    rows: pa.Table
    quarantined: pa.Table
    skipped: int = 0
    repeated: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)


def ingest(info: SourceInfo, raw: pa.Table, contract: Contract, *, arrived_at: int | None = None) -> Ingested:
    """The rows of a batch, in the order (known_at, at, id), each once; bad ones are quarantined with their reason.

    `arrived_at` is given for what comes after the initial load: nothing is known before it arrived. Raises
    BatchRefused when more rows than the contract allows break it, and SourceEmpty when none is left.

    >>> from setpoint.data.contract import infer_contract
    >>> from setpoint.declare.source import events, info
    >>> sales = info(events("sales", "sales.csv", id="n", at="ts", delay="1s"))
    >>> raw = pa.table({"n": [2, 1, 1], "ts": pa.array([5, 0, 0], pa.timestamp("us", tz="UTC"))})
    >>> done = ingest(sales, raw, infer_contract(sales, raw))
    >>> done.rows["n"].to_pylist(), done.rows["__known_at"].to_pylist(), done.repeated
    ([1, 2], [1000000, 1000005], 1)
    """
    checked = check(contract, raw)
    _refuse_batch(info, raw, contract, checked)
    known_at = checked.known_at if arrived_at is None else np.maximum(checked.known_at, arrived_at)
    rows = _in_order(info, checked, known_at)
    bad = np.flatnonzero(checked.violations.bad)
    return Ingested(
        rows=rows,
        quarantined=_set_aside(raw, bad, checked.violations),
        skipped=int(checked.skipped.sum()),
        repeated=int(checked.repeated.sum()),
        left_out=_left_out(info, raw, contract),
    )


def _refuse_batch(info: SourceInfo, raw: pa.Table, contract: Contract, checked: Checked) -> None:
    bad, skipped = checked.violations.bad, int(checked.skipped.sum())
    count, due = int(bad.sum()), raw.num_rows - skipped
    if count > contract.refuse_above * due:
        rules = checked.violations.counts()
        top = next(iter(rules))
        examples = [int(row) for row in np.flatnonzero(bad) if checked.violations.rule(int(row)) == top][:3]
        told = "; ".join(checked.violations.reason(row) for row in examples)
        raise BatchRefused(
            f"{count} of {due} rows of source {info.name!r} break its contract, {rules[top]} of them the rule {top}: "
            f"{told}.",
            expected=f"at most {contract.refuse_above:.0%}; nothing of the batch was taken in",
            hint="Mend the file and deliver it again, or state the new contract.",
        )
    if count == due:
        why = f": all {skipped} have an empty {info.at}" if skipped else ""
        raise SourceEmpty(f"Source {info.name!r} has no usable row{why}.", expected="at least one")


def _in_order(info: SourceInfo, checked: Checked, known_at: Ints) -> pa.Table:
    """The usable rows with their system columns, in the order (known_at, at, id)."""
    keep = np.flatnonzero(~(checked.violations.bad | checked.skipped | checked.repeated))
    everything = keep.size == known_at.size
    name = info.id or info.key
    if name is None:
        content = {key: column for key, column in checked.columns.items() if key != info.known_at or key == info.at}
        chosen = content if everything else {key: column.take(pa.array(keep)) for key, column in content.items()}
        ids = content_ids(chosen, known_at[keep])
    else:
        ids = checked.columns[name] if everything else checked.columns[name].take(pa.array(keep))
        ids = ids if pa.types.is_string(ids.type) else ids.cast(pa.string())
    system = pa.table({AT: checked.at[keep], KNOWN_AT: known_at[keep], ID: ids})
    order = pc.sort_indices(system, sort_keys=[(KNOWN_AT, "ascending"), (AT, "ascending"), (ID, "ascending")])
    order, position = order.to_numpy(), np.arange(keep.size)
    table = pa.table(dict(checked.columns))
    if not everything or not np.array_equal(order, position):
        table, system = table.take(pa.array(keep[order])), system.take(pa.array(order))
    for column in system.column_names:
        table = table.append_column(column, system[column])
    return table.append_column(POSITION, pa.array(position)).combine_chunks()


def _set_aside(raw: pa.Table, bad: Ints, violations: Violations) -> pa.Table:
    """The bad rows as they came, with the rule, the reason and the row number."""
    kept = [name for name in raw.column_names if name not in (BAD_RULE, BAD_REASON)]
    table = raw.select(kept).take(pa.array(bad, pa.int64()))
    if ROW not in kept:
        table = table.append_column(ROW, pa.array(bad + 1, pa.int64()))
    table = table.append_column(RULE, pa.array([violations.rule(int(row)) for row in bad], pa.string()))
    return table.append_column(REASON, pa.array([violations.reason(int(row)) for row in bad], pa.string()))


def _left_out(info: SourceInfo, raw: pa.Table, contract: Contract) -> dict[str, str]:
    found = {}
    for column in raw.schema:
        if column.name in contract.columns or column.name in RAW_COLUMNS:
            continue
        if info.columns is not None:
            found[column.name] = "not among the columns that the source declares"
        elif kind_of_type(column.type) is None:
            found[column.name] = f"holds {column.type}, which no expression can read"
        else:
            found[column.name] = "not in the contract"
    return found
