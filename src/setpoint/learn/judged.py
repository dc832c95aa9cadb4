"""The rows that a training was judged on, kept so that any two trainings can be compared on those they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.ports import Tables
from setpoint.declare.goal import Metric
from setpoint.learn.scored import Bench, Scored
from setpoint.learn.sides import Examples
from setpoint.measure.intervals import Interval

SET = "judged"
"""The set of tables of judged rows: a part for each run."""

KEY, AT = "key", "at"


def judged_rows(keys: pa.Array, rows: Examples, scored: Scored) -> pa.Table:
    """Judged decisions with their label and weight, and what the model made of each; `keys` are those of `rows`.

    >>> rows = Examples(pa.table({}), pa.table({}), np.array([0.0, 1.0]), np.array([0, 1]))
    >>> made = Scored("candidate", np.array([0.2, 0.7]), np.array([False, True]), np.array([0.0, 3.0]))
    >>> judged_rows(pa.array(["a", "b"]), rows, made).column_names
    ['key', 'at', 'y', 'weight', 'p', 'acted', 'value']
    """
    columns = {
        KEY: pc.cast(keys, pa.string()),
        AT: rows.at,
        "y": _column(rows.y),
        "weight": rows.weight,
        "p": _column(scored.p),
        "acted": _column(scored.acted),
        "value": scored.value,
    }
    return pa.table(columns)


def load_judged(tables: Tables, run: str) -> pa.Table | None:
    """The rows that a run was judged on; None for one of before they were kept."""
    return tables.read(SET, parts=[run]) if run in tables.parts(SET) else None


@dataclass(frozen=True)
class SameRows:
    """The decisions that two runs were both judged on, with what each made of them.

    `relabelled` are decisions that both judged by different labels: they are left out.
    """

    rows: Examples
    first: Scored
    second: Scored
    relabelled: int

    def differences(self, metrics: Mapping[str, Metric], *, draws: int, seed: int) -> dict[str, Interval]:
        """What the second gains over the first, by metric, with 95 % intervals clustered by day; gaps have none."""
        bench = Bench(self.rows, draws, seed)
        return {
            name: bench.difference(metric, self.first, self.second, level=0.95)
            for name, metric in metrics.items()
            if metric.by is None
        }


def same_rows(first: pa.Table, second: pa.Table) -> SameRows | None:
    """The decisions that two runs were both judged on; None where there is none.

    A row that is held out of both trainings judges both fairly, whatever else either was judged on.

    >>> rows = Examples(pa.table({}), pa.table({}), np.array([0.0, 1.0]), np.array([0, 1]))
    >>> made = Scored("candidate", np.array([0.2, 0.7]), np.array([False, True]), np.array([0.0, 3.0]))
    >>> one = judged_rows(pa.array(["a", "b"]), rows, made)
    >>> same_rows(one, one.slice(1)).first.p
    array([0.7])
    """
    left, right = (_numbered(each, name) for each, name in ((first, "first"), (second, "second")))
    joined = left.join(right, keys=[KEY, AT], join_type="inner").sort_by("first")
    ours, theirs = first.take(joined["first"]), second.take(joined["second"])
    y, other = _array(ours["y"]), _array(theirs["y"])
    if y.shape[1:] != other.shape[1:]:
        return None
    alike = y == other if y.ndim == 1 else (y == other).all(axis=1)
    if not alike.any():
        return None
    ours, theirs = ours.filter(pa.array(alike)), theirs.filter(pa.array(alike))
    nothing = ours.select([])
    rows = Examples(nothing, nothing, y[alike], _array(ours[AT]), weight=_array(ours["weight"]))
    return SameRows(rows, _scored("first", ours), _scored("second", theirs), int(np.count_nonzero(~alike)))


def _numbered(rows: pa.Table, name: str) -> pa.Table:
    return rows.select([KEY, AT]).append_column(name, pa.array(np.arange(rows.num_rows)))


def _scored(name: str, rows: pa.Table) -> Scored:
    return Scored(name, *(_array(rows[column]) for column in ("p", "acted", "value")))


def _column(values: np.ndarray) -> pa.Array:
    """A column of numbers, or of as many numbers a row as there are classes."""
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def _array(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """The numbers that `_column` wrote."""
    if pa.types.is_fixed_size_list(column.type):
        flat = pc.list_flatten(column).to_numpy()
        return np.asarray(flat).reshape(-1, column.type.list_size)
    return np.asarray(column.to_numpy())
