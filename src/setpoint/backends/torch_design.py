"""What a network is given of rows: standardised numbers, flags of their NULLs, and a place for each category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from setpoint.core.errors import DataError

CLIP = 8.0
"""Standardised values are kept this close to 0: one absurd value must not decide a score."""


@dataclass(frozen=True)
class Category:
    """A categorical input: its column, and how many codes it has besides the place of NULL and of unseen ones."""

    column: int
    size: int


@dataclass(frozen=True)
class Design:
    """How rows become numbers and places, fitted on training rows. What is the same in all of them is left out.

    `numbers` are columns with their `mean` and `scale`, `flagged` columns whose NULLs are told, `share` how many of
    their rows are NULL.
    """

    inputs: int
    numbers: tuple[int, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    flagged: tuple[int, ...]
    share: tuple[float, ...]
    categories: tuple[Category, ...]

    def numeric(self, rows: np.ndarray) -> np.ndarray:
        """The standardised numbers of rows, NULL as their mean, and then the flags.

        >>> design_of(np.array([[1.0], [3.0], [np.nan]]), ()).numeric(np.array([[3.0], [np.nan]]))
        array([[1., 0.],
               [0., 1.]])
        """
        columns, mean, scale, flagged = self._table
        found = np.empty((len(rows), columns.size + flagged.size))
        standard = np.clip((rows[:, columns] - mean) / scale, -CLIP, CLIP)
        found[:, : columns.size] = np.where(np.isnan(standard), 0.0, standard)
        found[:, columns.size :] = np.isnan(rows[:, flagged])
        return found

    def places(self, rows: np.ndarray) -> np.ndarray:
        """The place of each row's code in each category, counted from 1; 0 is NULL or a code that training lacked.

        >>> design_of(np.array([[0.0], [2.0]]), [0]).places(np.array([[2.0], [9.0], [np.nan]])).ravel()
        array([3, 0, 0])
        """
        codes = rows[:, [each.column for each in self.categories]]
        sizes = np.array([each.size for each in self.categories], dtype=np.int64)
        known = (codes >= 0) & (codes < sizes)
        return np.where(known, codes, -1.0).astype(np.int64) + 1

    def matrix(self, rows: np.ndarray) -> np.ndarray:
        """Numbers, flags, and a 1 at the place of each code: all that a network needs that has no embeddings."""
        places, parts = self.places(rows), [self.numeric(rows)]
        parts += [places[:, [c]] == np.arange(each.size + 1) for c, each in enumerate(self.categories)]
        return np.concatenate(parts, axis=1, dtype=np.float64)

    def checked(self, rows: np.ndarray) -> np.ndarray:
        """Rows as a float64 matrix; raises DataError for another number of columns."""
        matrix = np.ascontiguousarray(rows, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != self.inputs:
            raise DataError(f"The rows have the shape {matrix.shape}.", expected=f"{self.inputs} columns")
        return matrix

    @property
    def width(self) -> int:
        """How many columns `matrix` has."""
        return len(self.numbers) + len(self.flagged) + sum(each.size + 1 for each in self.categories)

    @cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        numbers, flagged = np.array(self.numbers, dtype=np.intp), np.array(self.flagged, dtype=np.intp)
        return numbers, np.array(self.mean), np.array(self.scale), flagged

    def to_dict(self) -> dict[str, Any]:
        """The design as JSON-like data; floats keep their bits."""
        return {
            "inputs": self.inputs,
            "numbers": list(self.numbers),
            "mean": list(self.mean),
            "scale": list(self.scale),
            "flagged": list(self.flagged),
            "share": list(self.share),
            "categories": [[each.column, each.size] for each in self.categories],
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Design:
        """The design that `to_dict` told."""
        return Design(
            inputs=data["inputs"],
            **{name: tuple(data[name]) for name in ("numbers", "mean", "scale", "flagged", "share")},
            categories=tuple(Category(*each) for each in data["categories"]),
        )


def design_of(rows: np.ndarray, categories: Sequence[int], *, weight: np.ndarray | None = None) -> Design:
    """The design fitted on these rows.

    >>> design_of(np.array([[1.0, 7.0, 0.0], [3.0, 7.0, 1.0]]), [2]).numbers
    (0,)
    """
    coded, each = sorted(categories), np.ones(len(rows)) if weight is None else weight
    numbers, mean, scale, flagged, share, places = [], [], [], [], [], []
    for j in range(rows.shape[1]):
        null = np.isnan(rows[:, j])
        known = rows[~null, j]
        varies = known.size > 0 and bool((known != known[0]).any())
        if j in coded:
            if varies or (known.size and null.any()):
                places.append(Category(j, int(known.max()) + 1))
            continue
        if varies:
            center = float(np.average(known, weights=each[~null]))
            spread = float(np.sqrt(np.average((known - center) ** 2, weights=each[~null])))
            numbers.append(j)
            mean.append(center)
            scale.append(spread if np.isfinite(spread) and spread > 0 else 1.0)
        if known.size and null.any():
            flagged.append(j)
            share.append(float(np.average(null, weights=each)))
    return Design(rows.shape[1], tuple(numbers), tuple(mean), tuple(scale), tuple(flagged), tuple(share), tuple(places))
