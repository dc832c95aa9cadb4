"""On which rows trials are compared: the validation rows, and where rows are few, older stretches of time as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from setpoint.data.splits import Split
from setpoint.learn.sides import Examples, Matrices, Sides

LEAST_ROWS = 200
"""An older stretch is taken only if so many rows are before it."""
SMALL = 3
"""Where trials are compared on one stretch only, one of this many parts of the rows tells which are not worth it."""

Encode = Callable[[Sides], Matrices]


@dataclass(frozen=True)
class Fold:
    """Older rows to fit and newer ones to compare on. One that is not `counted` only tells which trials to cut."""

    sides: Sides
    matrices: Matrices = field(repr=False)
    counted: bool = True


@dataclass(frozen=True)
class Folds:
    """Every fold, cheapest first; the last is the training side and the validation rows."""

    every: tuple[Fold, ...]

    @cached_property
    def rows(self) -> Examples:
        """The rows of all folds that count, one after the other."""
        return together([fold.sides.validation for fold in self.every if fold.counted])

    def scores(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        """The scores of these rows, from those of each fold."""
        kept = [part for part, fold in zip(parts, self.every, strict=True) if fold.counted]
        return kept[0] if len(kept) == 1 else np.concatenate(kept)


def folds_of(matrices: Matrices, sides: Sides, encode: Encode, *, count: int, cutting: bool) -> Folds:
    """At most so many folds, each with rolling origin: older rows fit, the stretch after them compares.

    Tashman (2000), "Out-of-sample tests of forecasting accuracy: an analysis and review". The stretches are as large
    as the validation rows and lie before one another; labels of a fold's older rows are settled before its stretch
    begins, as they are between the sides. With one fold and `cutting`, the newest third of the training rows tells
    beforehand which trials are not worth more. Rows that were added or picked are of the whole training side, so then
    there is one fold.
    """
    whole = Fold(sides, matrices)
    if sides.fitting is not None or sides.acquired is not None:
        return Folds((whole,))
    if count == 1:
        return Folds((_small(sides, encode), whole) if cutting else (whole,))
    stretch, at = sides.split.validation.size, sides.rows.at
    settles = max(0, sides.split.validation_start - int(at[sides.split.train[-1]]))
    found, older = [whole], sides.split.train
    for _ in range(count - 1):
        if older.size <= stretch:
            break
        begins = int(at[older[-stretch]])
        newer, before = older[at[older] >= begins], older[at[older] + settles <= begins]
        before = before[at[before] < begins]
        if before.size < LEAST_ROWS or not _both(sides, before) or not _both(sides, newer):
            break
        found.append(_fold(sides, encode, before, newer, begins))
        older = older[at[older] < begins]
    return Folds(tuple(reversed(found)))


def together(parts: Sequence[Examples]) -> Examples:
    """Rows one after the other."""
    if len(parts) == 1:
        return parts[0]
    return Examples(
        pa.concat_tables([part.features for part in parts]),
        pa.concat_tables([part.fields for part in parts]),
        np.concatenate([part.y for part in parts]),
        np.concatenate([part.at for part in parts]),
        {name: np.concatenate([part.outcome[name] for part in parts]) for name in parts[0].outcome},
        np.concatenate([part.weight for part in parts]),
    )


def _small(sides: Sides, encode: Encode) -> Fold:
    newest = sides.split.train[-max(1, sides.split.train.size // SMALL) :]
    part = newest if _both(sides, newest) else sides.split.train
    return replace(_fold(sides, encode, part, sides.split.validation, sides.split.validation_start), counted=False)


def _fold(sides: Sides, encode: Encode, older: np.ndarray, newer: np.ndarray, begins: int) -> Fold:
    end = sides.split.held_out_start
    split = Split(older, newer, older[:0], begins, end, 0)
    inside = replace(sides, split=split)
    return Fold(inside, encode(inside))


def _both(sides: Sides, places: np.ndarray) -> bool:
    """Whether rows have outcomes of both of the two classes that a check sees."""
    y = sides.two.of(sides.rows.y[places])
    return bool(y.size and y.min() < y.max())
