"""Columns cut into few groups: numbers into quantiles, texts into their commonest values, what is missing by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import DataError
from setpoint.data.arrays import null_mask
from setpoint.measure.rows import Array

Levels = npt.NDArray[np.uint8]
"""The group of each row, a column's in each line: `codes[column, row]`."""

QUANTILES, COMMONEST = 10, 10
"""Groups of a number, and values of a text, that are told apart."""
SAMPLE = 100_000
"""About how many rows, evenly spaced, tell the quantiles of a number."""
NONE, OTHER = "(none)", "(other)"


@dataclass(frozen=True)
class BinnedColumn:
    """How one column is cut: by `edges` between numbers, or into `values`; rarer ones are "(other)".

    A number of few values has these as its `values` and is told by them.
    """

    name: str
    values: tuple[Any, ...] = ()
    edges: tuple[float, ...] = ()
    text: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The condition that each group is, such as "hour from 6 to 9"."""
        if self.edges:
            inner = [f"from {low:.6g} to {high:.6g}" for low, high in zip(self.edges, self.edges[1:], strict=False)]
            parts = [f"below {self.edges[0]:.6g}", *inner, f"from {self.edges[-1]:.6g}"]
        else:
            parts = [f"= {value}" if self.text else f"= {value:g}" for value in self.values] + [f"= {OTHER}"]
        return tuple(f"{self.name} {part}" for part in [*parts, f"= {NONE}"])

    def codes(self, column: npt.ArrayLike) -> Levels:
        """The group of each value.

        >>> fit_bins({"x": [1.0, 2.0, None, 1.0]}).columns[0].codes(np.array([2.0, np.nan, 7.0])).tolist()
        [1, 3, 2]
        """
        array = _as_column(column)
        missing = null_mask(array)
        if self.text:
            texts = pa.array(array, pa.string(), from_pandas=True)
            places = pc.index_in(texts, value_set=pa.array(self.values, pa.string()))
            places = pc.fill_null(places, len(self.values)).to_numpy(zero_copy_only=False)
            return np.where(missing, len(self.values) + 1, places).astype(np.uint8)
        if self.edges:
            found = np.zeros(array.size, dtype=np.uint8)
            for edge in self.edges:
                found += array >= edge
        else:
            found = np.full(array.size, len(self.values), dtype=np.uint8)
            for code, value in enumerate(self.values):
                np.putmask(found, array == value, code)
        np.putmask(found, missing, len(self.names) - 1)
        return found


@dataclass(frozen=True)
class Bins:
    """How a table's columns are cut, fitted on some rows and applied to any."""

    columns: tuple[BinnedColumn, ...]

    def codes(self, table: Mapping[str, npt.ArrayLike]) -> Levels:
        """The groups of all rows, a column's in each line.

        >>> fit_bins({"x": [1.0, 2.0]}).codes({"x": [2.0, 1.0]}).tolist()
        [[1, 0]]
        """
        if not self.columns:
            return np.zeros((0, 0), dtype=np.uint8)
        return np.stack([column.codes(table[column.name]) for column in self.columns])


def fit_bins(table: Mapping[str, npt.ArrayLike], *, quantiles: int = QUANTILES, commonest: int = COMMONEST) -> Bins:
    """How to cut these columns: numbers (NaN is missing), truth values, or texts (None is missing).

    A number of at most `quantiles` values keeps them; others are cut at quantiles. A text keeps its `commonest` values,
    equally common ones by name.

    >>> fit_bins({"origin": ["JFK", "EWR", None, "JFK"]}).columns[0].names
    ('origin = JFK', 'origin = EWR', 'origin = (other)', 'origin = (none)')
    """
    if not 2 <= quantiles <= 250 or not 1 <= commonest <= 250:
        raise DataError(
            f"quantiles={quantiles}, commonest={commonest}.",
            expected="from 2 and from 1 up to 250, as a code is a byte",
        )
    return Bins(tuple(_fit(name, _as_column(column), quantiles, commonest) for name, column in table.items()))


def _fit(name: str, array: npt.NDArray[Any], quantiles: int, commonest: int) -> BinnedColumn:
    filled = array[~null_mask(array)]
    if array.dtype == object:
        counted = pc.value_counts(pa.array(filled, pa.string()))
        pairs = zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
        common = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:commonest]
        return BinnedColumn(name, tuple(text for text, _ in common), text=True)
    sorted_ = np.sort(filled[:: max(1, filled.size // SAMPLE)])
    first = np.ones(sorted_.size, dtype=bool)
    first[1:] = sorted_[1:] != sorted_[:-1]
    if int(first.sum()) <= quantiles:
        return BinnedColumn(name, tuple(sorted_[first].tolist()))
    places = (np.arange(1, quantiles) * sorted_.size) // quantiles
    edges = np.unique(sorted_[places])
    edges = edges[edges > sorted_[0]]
    if not edges.size:  # most rows have the lowest value
        edges = sorted_[first][1:2]
    return BinnedColumn(name, edges=tuple(edges.tolist()))


def _as_column(column: npt.ArrayLike) -> npt.NDArray[Any]:
    """A column as floats with NaN for what is missing, or as texts with None."""
    array = np.asarray(column)
    if array.ndim != 1:
        raise DataError(f"A column has shape {array.shape}.", expected="one dimension")
    if array.dtype.kind in "US":
        return array.astype(object)
    if array.dtype != object:
        return array.astype(np.float64, copy=False)
    if any(isinstance(value, str) for value in array):
        return array
    numbers: Array = array.astype(np.float64)
    return numbers


def conditions_of(bins: Bins, pairs: Sequence[tuple[int, int]]) -> str:
    """A slice in words: the conditions that must all hold.

    >>> conditions_of(fit_bins({"x": [1.0, 2.0], "origin": ["JFK", "EWR"]}), [(0, 1), (1, 0)])
    'x = 2 and origin = EWR'
    """
    return " and ".join(bins.columns[column].names[code] for column, code in pairs)
