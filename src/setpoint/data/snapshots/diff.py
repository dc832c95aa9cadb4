"""What differs between two snapshots: columns, and rows by their identity, counted exactly, with examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.times import iso
from setpoint.data.arrays import Mask
from setpoint.data.rows import ID, SYSTEM_COLUMNS, kind_of_type, kinds, known_rows
from setpoint.data.snapshots.snapshot import Snapshot
from setpoint.declare.kinds import NUMBER

EXAMPLES = 5
"""Rows of each sort that are shown, unless another number is asked for."""


@dataclass(frozen=True)
class ColumnChange:
    """A column that one snapshot has and the other has not, or that holds another kind of value: None where it is not.

    `change` is "added", "removed" or "kind".
    """

    column: str
    change: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class SourceDiff:
    """How the rows of one source differ, of those that stand at the time of either snapshot.

    Rows are told apart by identity: `added` and `removed` are in one snapshot only, `changed` in both with another
    value, `changed_by_column` says in which column. A row without `id=` is what it holds, so it never is changed.
    """

    source: str
    columns: tuple[ColumnChange, ...]
    rows_before: int
    rows_after: int
    added: int
    removed: int
    changed: int
    changed_by_column: Mapping[str, int]
    examples: tuple[Mapping[str, Any], ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.columns or self.added or self.removed or self.changed)

    def to_dict(self) -> dict[str, Any]:
        """The differences as JSON-like data."""
        return asdict(self)


def diff_snapshots(before: Snapshot, after: Snapshot, *, examples: int = EXAMPLES) -> list[SourceDiff]:
    """How each source differs from one snapshot to another, in order of their names; a missing source has no rows.

    >>> from setpoint.data.rows import KNOWN_AT
    >>> from setpoint.data.snapshots.snapshot import take_snapshot
    >>> rows = {"sales": pa.table({"price": [5, 6], ID: ["a", "b"], KNOWN_AT: [1, 2]})}
    >>> (found,) = diff_snapshots(take_snapshot(rows, 1), take_snapshot(rows, 2))
    >>> found.added, found.removed, found.changed, found.examples[0]["id"]
    (1, 0, 0, 'b')
    """
    names = sorted({*before.rows, *after.rows})
    return [diff_rows(name, standing(before, name), standing(after, name), examples=examples) for name in names]


def standing(snapshot: Snapshot, source: str) -> pa.Table:
    """The rows of a source that stand at the snapshot's time, none where it has no such source."""
    found = snapshot.rows.get(source)
    return pa.table({ID: pa.array([], pa.string())}) if found is None else known_rows(found, snapshot.as_of)


def diff_rows(source: str, before: pa.Table, after: pa.Table, *, examples: int = EXAMPLES) -> SourceDiff:
    """How rows of a source differ from others, by their `__id`.

    >>> old, new = (pa.table({"price": prices, ID: ["a", "b"]}) for prices in ([5, None], [5, 7]))
    >>> found = diff_rows("sales", old, new)
    >>> dict(found.changed_by_column), found.examples[0]["columns"]
    ({'price': 1}, {'price': {'before': None, 'after': 7}})
    """
    old_ids, new_ids = before[ID].combine_chunks(), after[ID].combine_chunks()
    place = pc.index_in(new_ids, value_set=old_ids)
    added = np.flatnonzero(place.is_null().to_numpy(zero_copy_only=False))
    removed = np.flatnonzero(pc.invert(pc.is_in(old_ids, value_set=new_ids)).to_numpy(zero_copy_only=False))
    both = np.flatnonzero(place.is_valid().to_numpy(zero_copy_only=False))
    places = place.drop_null()
    shared = [name for name in after.column_names if name in before.column_names and name not in SYSTEM_COLUMNS]
    differ = {name: _differ(_one(before[name]).take(places), _one(after[name]).take(pa.array(both))) for name in shared}
    changed = np.flatnonzero(np.logical_or.reduce([np.zeros(both.size, dtype=bool), *differ.values()]))
    shown = [
        *[_row("added", after, int(row)) for row in added[:examples]],
        *[_row("removed", before, int(row)) for row in removed[:examples]],
        *[_change(before, after, int(places[row].as_py()), int(both[row]), differ, row) for row in changed[:examples]],
    ]
    return SourceDiff(
        source=source,
        columns=tuple(_columns(before, after)),
        rows_before=before.num_rows,
        rows_after=after.num_rows,
        added=int(added.size),
        removed=int(removed.size),
        changed=int(changed.size),
        changed_by_column={name: int(mask.sum()) for name, mask in differ.items() if mask.any()},
        examples=tuple(shown),
    )


def _columns(before: pa.Table, after: pa.Table) -> list[ColumnChange]:
    old, new = kinds(before), kinds(after)
    found = []
    for name in [*old, *[name for name in new if name not in old]]:
        if old.get(name) != new.get(name):
            change = "added" if name not in old else "removed" if name not in new else "kind"
            found.append(ColumnChange(name, change, old.get(name), new.get(name)))
    return found


def _differ(old: pa.Array, new: pa.Array) -> Mask:
    """Where two columns say something else; NULL is like NULL, and NaN like NaN."""
    nulls = pc.and_(old.is_null(), new.is_null())
    kind = kind_of_type(old.type)
    if kind != kind_of_type(new.type):
        return _mask(pc.invert(nulls))
    if old.type != new.type:
        common = pa.float64() if kind == NUMBER else new.type
        old, new = old.cast(common), new.cast(common)
    same = pc.fill_null(pc.equal(old, new), False)
    if pa.types.is_floating(old.type):
        same = pc.or_(same, pc.fill_null(pc.and_(pc.is_nan(old), pc.is_nan(new)), False))
    return _mask(pc.invert(pc.or_(same, nulls)))


def _mask(truth: pa.Array) -> Mask:
    return np.asarray(truth.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _one(column: pa.ChunkedArray) -> pa.Array:
    joined = column.combine_chunks()
    return joined.dictionary_decode() if pa.types.is_dictionary(joined.type) else joined


def _row(change: str, rows: pa.Table, row: int) -> dict[str, Any]:
    values = {name: shown(rows[name][row]) for name in rows.column_names if name not in SYSTEM_COLUMNS}
    return {"change": change, "id": rows[ID][row].as_py(), "columns": values}


def _change(
    before: pa.Table, after: pa.Table, old: int, new: int, differ: Mapping[str, Mask], row: int
) -> dict[str, Any]:
    values = {
        name: {"before": shown(before[name][old]), "after": shown(after[name][new])}
        for name, mask in differ.items()
        if mask[row]
    }
    return {"change": "changed", "id": after[ID][new].as_py(), "columns": values}


def shown(value: pa.Scalar) -> Any:
    """A value as JSON has it: a time in ISO 8601, what JSON has no word for as text."""
    if not value.is_valid:
        return None
    if pa.types.is_timestamp(value.type):
        return iso(value.cast(pa.timestamp("us", tz="UTC")).value)
    found = value.as_py()
    if isinstance(found, float) and not np.isfinite(found):
        return str(found)
    return found if isinstance(found, (bool, int, float, str)) else str(found)
