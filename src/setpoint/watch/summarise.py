"""A day in counts: what the monitors keep of the decision log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.watch.reference import NUMBER, ColumnReference, Reference, as_floats

Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


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
    rows, columns, offsets = log.num_rows, reference.columns, reference.offsets
    codes = np.empty((len(columns), rows), dtype=np.int64)
    nulls, strange = np.zeros(len(columns), dtype=np.int64), np.zeros(len(columns), dtype=np.int64)
    single = np.zeros(len(columns), dtype=np.bool_)
    for i, column in enumerate(columns):
        if column.kind == NUMBER:
            missing, strange[i], single[i] = _count_number(column, log.column(column.column), codes[i])
        else:
            missing, strange[i], single[i] = _count_text(reference, column, log.column(column.column), codes[i])
        codes[i] += offsets[i]
        if missing is not None:
            nulls[i] = np.count_nonzero(missing)
            codes[i][missing] = offsets[-1]
    counts = np.bincount(codes.ravel(), minlength=int(offsets[-1]) + 1)[: offsets[-1]]
    return DaySummary(
        at=at,
        rows=rows,
        degraded=_count(pc.not_equal(log.column("degraded"), "")) if "degraded" in log.column_names else 0,
        acted=_count(log.column("acted")) if "acted" in log.column_names else 0,
        model=_most(log),
        layout=reference.layout,
        counts=counts,
        nulls=nulls,
        strange=strange,
        single=single,
    )


def _count_number(column: ColumnReference, values: pa.ChunkedArray, codes: Counts) -> tuple[Mask | None, int, bool]:
    """Fills in the bins of a number; gives what is missing (None: nothing), what is strange, whether all are equal."""
    numbers = as_floats(values)
    gone = np.isnan(numbers)
    missing = gone if gone.any() else None
    codes[:] = np.searchsorted(column.edges, numbers, side="right")
    strange = int(np.count_nonzero((numbers < column.low) | (numbers > column.high)))
    present = numbers if missing is None else numbers[~missing]
    return missing, strange, present.size > 0 and bool((present == present[0]).all())


def _count_text(
    reference: Reference, column: ColumnReference, values: pa.ChunkedArray, codes: Counts
) -> tuple[Mask | None, int, bool]:
    """The same for a text."""
    texts = pc.cast(values, pa.string()).combine_chunks()
    missing = texts.is_null().to_numpy(zero_copy_only=False) if texts.null_count else None
    levels, known = reference.level_sets[column.name]
    found = pc.index_in(texts, value_set=levels)
    codes[:] = pc.fill_null(found, len(column.levels)).to_numpy()
    strange = 0
    if column.known:
        seen = len(texts) - found.null_count if known is None else _count(pc.is_in(texts, value_set=known))
        strange = len(texts) - texts.null_count - seen
    present = codes if missing is None else codes[~missing]
    alone = present.size > 0 and present[0] < len(column.levels) and bool((present == present[0]).all())
    return missing, strange, alone


def _count(mask: pa.ChunkedArray | pa.Array) -> int:
    return int(pc.sum(mask).as_py() or 0)


def _most(log: pa.Table) -> str:
    """The model that decided most rows; the first by name among equals."""
    if "model" not in log.column_names or not log.num_rows:
        return ""
    found = pc.value_counts(log.column("model"))
    tally = zip(found.field("counts").to_pylist(), found.field("values").to_pylist(), strict=True)
    return str(min(tally, key=lambda pair: (-pair[0], pair[1]))[1])
