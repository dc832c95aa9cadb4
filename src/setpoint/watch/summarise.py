"""A day in counts: what the monitors keep of the decision log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.watch.reference import Reference

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DaySummary:
    """One tick's decisions in counts over the bins of a reference.

    `counts` holds the bins of all columns, one column after the other; the rest is one number per column: `nulls`,
    `strange` (beyond the fence, or a value that training never saw) and `single` (all values the same). `model` is
    the one that decided most.
    """

    at: int
    rows: int
    degraded: int
    acted: int
    model: str
    layout: str
    counts: Counts
    nulls: Counts
    strange: Counts
    single: npt.NDArray[np.bool_]

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON-like data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in data.items()}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> DaySummary:
        """The summary that `to_dict` described."""
        kept = dict(data)
        for name in ("counts", "nulls", "strange"):
            kept[name] = np.asarray(kept[name], dtype=np.int64)
        kept["single"] = np.asarray(kept["single"], dtype=np.bool_)
        return DaySummary(**kept)


def summarise(reference: Reference, log: pa.Table, *, at: int) -> DaySummary:
    """The decisions of a tick in counts; `at` is the tick's time, since a day without decisions has none.

    >>> from setpoint.watch.reference import make_reference
    >>> reference = make_reference(pa.table({"temp": [10.0, 12.0]}), [0.1, 0.3], [0, 1])
    >>> log = pa.table({"feature.temp": [12.0, None, 999.0], "score": [0.1, 0.1, 0.4], "degraded": ["", "", "slow"]})
    >>> day = summarise(reference, log, at=0)
    >>> day.counts, day.nulls, day.strange, day.degraded
    (array([0, 2, 2, 1]), array([1, 0]), array([1, 0]), 1)
    """
    columns, offsets = reference.columns, reference.offsets
    counts = np.zeros(int(offsets[-1]), dtype=np.int64)
    nulls, strange = np.zeros(len(columns), dtype=np.int64), np.zeros(len(columns), dtype=np.int64)
    single = np.zeros(len(columns), dtype=np.bool_)
    for i, column in enumerate(columns):
        placed = column.place(log.column(column.column))
        found = np.bincount(placed.codes, minlength=column.bins + 1)
        counts[offsets[i] : offsets[i + 1]] = found[:-1]
        nulls[i], strange[i], single[i] = found[-1], placed.strange, placed.single
    return DaySummary(
        at=at,
        rows=log.num_rows,
        degraded=_count(pc.not_equal(log.column("degraded"), "")) if "degraded" in log.column_names else 0,
        acted=_count(log.column("acted")) if "acted" in log.column_names else 0,
        model=_most(log),
        layout=reference.layout,
        counts=counts,
        nulls=nulls,
        strange=strange,
        single=single,
    )


def _count(mask: pa.ChunkedArray | pa.Array) -> int:
    return int(pc.sum(mask).as_py() or 0)


def _most(log: pa.Table) -> str:
    """The model that decided most rows; the first by name among equals."""
    if "model" not in log.column_names or not log.num_rows:
        return ""
    found = pc.value_counts(log.column("model"))
    tally = zip(found.field("counts").to_pylist(), found.field("values").to_pylist(), strict=True)
    return str(min(tally, key=lambda pair: (-pair[0], pair[1]))[1])
