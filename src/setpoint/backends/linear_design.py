"""The columns that a linear model reads: standardised numbers, flags of NULLs, one column for each category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

CLIP = 8.0
"""Standardised values are kept this close to 0: one absurd value must not decide a score."""


@dataclass(frozen=True)
class Design:
    """The columns of the regression: numbers, flags of those that have NULLs, and one column for each code."""

    inputs: int
    numbers: tuple[int, ...]
    mean: np.ndarray
    scale: np.ndarray
    flagged: tuple[int, ...]
    levels: tuple[tuple[int, int], ...]

    @staticmethod
    def of(rows: np.ndarray, categories: Sequence[int], *, weight: np.ndarray | None = None) -> Design:
        """The design fitted on these rows."""
        coded = sorted(categories)
        numbers = tuple(j for j in range(rows.shape[1]) if j not in set(coded))
        mean, scale, flagged = np.zeros(len(numbers)), np.ones(len(numbers)), []
        for i, column in enumerate(numbers):
            values = rows[:, column]
            filled = ~np.isnan(values)
            known = values[filled]
            if known.size:
                mean[i], spread = _moments(known, None if weight is None else weight[filled])
                scale[i] = spread if spread > 0 else 1.0
            if known.size < values.size:
                flagged.append(column)
        top = [rows[:, column][~np.isnan(rows[:, column])] for column in coded]
        levels = tuple((column, int(codes.max(initial=-1)) + 1) for column, codes in zip(coded, top, strict=True))
        return Design(rows.shape[1], numbers, mean, scale, tuple(flagged), levels)

    def sparse(self, rows: np.ndarray) -> Any:
        """The design matrix of rows: a row holds its standardised numbers, its flags and a 1 for each of its codes."""
        from scipy.sparse import csr_matrix, hstack

        values = rows[:, self.numbers]
        standard = np.clip((values - self.mean) / self.scale, -CLIP, CLIP)
        parts = [csr_matrix(np.nan_to_num(standard)), csr_matrix(np.isnan(rows[:, self.flagged]).astype(np.float64))]
        for column, size in self.levels:
            codes = rows[:, column]
            known = np.flatnonzero((codes >= 0) & (codes < size))
            ones = np.ones(known.size)
            parts.append(csr_matrix((ones, (known, codes[known].astype(np.intp))), shape=(len(rows), size)))
        return hstack(parts, format="csr")

    def dense(self, rows: np.ndarray) -> np.ndarray:
        """The same as an array."""
        return np.asarray(self.sparse(rows).toarray())

    @property
    def width(self) -> int:
        """How many columns the matrix has."""
        return len(self.numbers) + len(self.flagged) + sum(size for _, size in self.levels)

    def to_dict(self) -> dict[str, Any]:
        """The design as JSON-like data."""
        return {
            "inputs": self.inputs,
            "numbers": list(self.numbers),
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "flagged": list(self.flagged),
            "levels": [list(level) for level in self.levels],
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Design:
        """The design that `to_dict` told."""
        return Design(
            inputs=int(data["inputs"]),
            numbers=tuple(int(each) for each in data["numbers"]),
            mean=np.array(data["mean"], dtype=np.float64),
            scale=np.array(data["scale"], dtype=np.float64),
            flagged=tuple(int(each) for each in data["flagged"]),
            levels=tuple((int(column), int(size)) for column, size in data["levels"]),
        )


def _moments(values: np.ndarray, weight: np.ndarray | None) -> tuple[float, float]:
    """The mean and the standard deviation of a column."""
    if weight is None:
        return float(values.mean()), float(values.std())
    mean = float(np.average(values, weights=weight))
    return mean, float(np.sqrt(np.average((values - mean) ** 2, weights=weight)))
