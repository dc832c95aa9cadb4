"""A sample: which rows, what each stands for, and the frame they were drawn from.

A row's weight is one over the chance that it is taken, so that weighted sums are those of the population; where a
sample stands for a target distribution, it is the target's share of the row over that chance. `sample_strata`,
`sample_weighted`, `sample_target`, `sample_groups`, `sample_stream` and `sample_chosen` draw the other kinds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from setpoint.core.digest import digest, digest_bytes
from setpoint.core.errors import DataError
from setpoint.core.rng import seed_for
from setpoint.data.samples.frame import FIXED, Frame

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows of a population by index, the weight of each, and how they were drawn.

    `inclusion` is the chance with which each row is taken (NaN where nobody knows it). Rows of one `stratum` were
    drawn apart from the others; rows of one `unit` were drawn together, as the rows of a customer are.
    """

    index: Ints
    weight: Floats
    frame: Frame
    inclusion: Floats
    stratum: Ints
    unit: Ints

    def __len__(self) -> int:
        return self.index.size

    @property
    def digest(self) -> str:
        """The identity of the sample: its frame, its rows, their weights and chances."""
        parts = (self.index, self.weight, self.inclusion, self.stratum, self.unit)
        return digest_bytes(digest(self.frame.to_dict()).encode(), *(memoryview(part.tobytes()) for part in parts))

    @property
    def effective_size(self) -> float:
        """How many rows of equal weight would say as much; see `effective_size`."""
        return effective_size(self.weight)

    def take(self, rows: pa.Table) -> pa.Table:
        """The sampled rows of the population's table, in the order of `index`."""
        return rows.take(pa.array(self.index))

    def drawn_from(self, source: str) -> Sample:
        """The same sample, with the name of what it was drawn from: a source, the digest of a snapshot.

        >>> simple(100, 10, seed=1).drawn_from("flights@3f2a").frame.source
        'flights@3f2a'
        """
        return replace(self, frame=replace(self.frame, source=source))

    def lineage(self) -> dict[str, Any]:
        """The frame with the sample's digest and the least and greatest chance, as JSON-like data."""
        known = self.inclusion[np.isfinite(self.inclusion)]
        chances = [float(known.min()), float(known.max())] if known.size else None
        return {**self.frame.to_dict(), "digest": self.digest, "inclusion": chances}


def simple(population: int, n: int, *, seed: int) -> Sample:
    """A simple random sample: every set of `n` of the rows is as likely.

    >>> sample = simple(1000, 4, seed=1)
    >>> len(sample), sample.weight
    (4, array([250., 250., 250., 250.]))
    """
    check_size(n, population)
    rng = np.random.default_rng(seed_for(seed, "simple sample"))
    index = np.sort(rng.choice(population, n, replace=False, shuffle=False)).astype(np.int64, copy=False)
    return sample_of(index, np.full(n, n / population), Frame("simple", FIXED, population, n, seed))


def everything(population: int) -> Sample:
    """All rows: the sample that is the population, whose intervals have no width.

    >>> everything(3).weight
    array([1., 1., 1.])
    """
    check_size(population, population)
    return sample_of(np.arange(population), np.ones(population), Frame("everything", FIXED, population, population))


def effective_size(weight: npt.ArrayLike) -> float:
    """How many rows of equal weight would give a mean as sure as these; (sum w)^2 / sum w^2.

    Kish (1965), "Survey Sampling"; for importance weights Kong (1992).

    >>> effective_size([1.0, 1.0, 1.0, 5.0]).__round__(2)
    2.29
    """
    weights = np.asarray(weight, dtype=np.float64)
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def sample_of(
    index: npt.NDArray[Any],
    inclusion: Floats,
    frame: Frame,
    *,
    weight: Floats | None = None,
    stratum: npt.NDArray[Any] | None = None,
    unit: npt.NDArray[Any] | None = None,
) -> Sample:
    """A sample from its parts; without more, weights are one over the chances and every row is a unit of its own.

    Each kind of sample ends here, and so does one drawn elsewhere whose chances are known.
    """
    n = index.size
    seed = None if frame.seed is None else int(frame.seed)
    return Sample(
        index.astype(np.int64, copy=False),
        1 / inclusion if weight is None else weight,
        replace(frame, population=int(frame.population), size=int(frame.size), seed=seed),
        inclusion,
        np.zeros(n, np.int64) if stratum is None else stratum.astype(np.int64, copy=False),
        np.arange(n) if unit is None else unit.astype(np.int64, copy=False),
    )


def levels_of(labels: npt.ArrayLike | pa.Array | pa.ChunkedArray) -> tuple[list[Any], Ints]:
    """The distinct labels in order, NULL last, and the number of each row's label.

    >>> levels_of(["b", None, "a", "b"])
    (['a', 'b', None], array([1, 2, 0, 1]))
    """
    array = (
        labels if isinstance(labels, (pa.Array, pa.ChunkedArray)) else pa.array(np.asarray(labels), from_pandas=True)
    )
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    coded = array.dictionary_encode(null_encoding="encode")
    names = coded.dictionary.to_pylist()
    order = sorted(
        range(len(names)), key=lambda place: (names[place] is None, 0 if names[place] is None else names[place])
    )
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    codes = rank[coded.indices.to_numpy(zero_copy_only=False)] if len(coded) else np.zeros(0, np.int64)
    return [names[place] for place in order], codes


def check_size(n: int, population: int) -> None:
    """Refuses a sample of no rows, or of more than there are."""
    if not 1 <= n <= population:
        raise DataError(
            f"A sample of {n} was asked for, of {population} rows.",
            expected=f"1 to {population}" if population else "a population with rows",
        )


def check_amounts(values: npt.ArrayLike, what: str) -> Floats:
    """Finite numbers from zero on, not all zero; `what` names them in the error."""
    amounts = np.ascontiguousarray(values, dtype=np.float64)
    if amounts.ndim != 1 or not np.isfinite(amounts).all() or (amounts < 0).any() or not amounts.any():
        raise DataError(
            f"The {what} of the rows cannot be sampled by.",
            expected="one finite number from 0 on per row, and at least one above 0",
            hint="Fill or leave out rows without one.",
        )
    return amounts
