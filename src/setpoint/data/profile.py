"""Profiles: what the columns of rows hold, in a few numbers each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.arrays import to_array
from setpoint.data.rows import kinds
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME

LEVELS = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
"""The levels at which the quantiles of a profile are taken."""

TOP = 20
"""How many of a text column's most frequent values a profile lists."""


@dataclass(frozen=True)
class ColumnProfile:
    """What one column holds.

    `quantiles` are those of a number, a truth value or a time (in microseconds) at LEVELS; `top` the most frequent
    texts with their counts, the first by frequency and then by the text; `distinct` how many different texts.
    """

    kind: str
    rows: int
    null_share: float
    quantiles: tuple[float, ...] = ()
    mean: float | None = None
    top: tuple[tuple[str, int], ...] = ()
    distinct: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The profile as JSON-like data."""
        return {
            "kind": self.kind,
            "rows": self.rows,
            "null_share": self.null_share,
            "quantiles": list(self.quantiles),
            "mean": self.mean,
            "top": [list(pair) for pair in self.top],
            "distinct": self.distinct,
        }


def profile_columns(rows: pa.Table) -> Mapping[str, ColumnProfile]:
    """The profile of each of a source's own columns.

    >>> profile_columns(pa.table({"price": [1.0, 3.0, None]}))["price"].mean
    2.0
    """
    return {name: profile_column(rows[name], kind) for name, kind in kinds(rows).items()}


def profile_column(column: pa.ChunkedArray, kind: str) -> ColumnProfile:
    """The profile of one column; quantiles are those of the values themselves, never between two of them."""
    size = len(column)
    share = column.null_count / size if size else 0.0
    filled = column.drop_null()
    if kind == TEXT:
        counts = [(entry["values"], entry["counts"]) for entry in _counts(filled)]
        counts.sort(key=lambda pair: (-pair[1], pair[0]))
        return ColumnProfile(kind, size, share, top=tuple(counts[:TOP]), distinct=len(counts))
    values = to_array(filled, kind)
    if values.size == 0:
        return ColumnProfile(kind, size, share)
    quantiles = np.quantile(values, LEVELS, method="inverted_cdf").tolist()
    mean = float(values.mean()) if kind in (NUMBER, BOOL) else None
    return ColumnProfile(
        kind, size, share, quantiles=tuple(int(q) if kind == TIME else q for q in quantiles), mean=mean
    )


def _counts(filled: pa.ChunkedArray) -> list[dict[str, Any]]:
    texts = filled.cast(pa.string()) if filled.type != pa.string() else filled
    counted: list[dict[str, Any]] = pc.value_counts(texts).to_pylist()
    return counted
