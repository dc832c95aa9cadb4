"""Copies of decisions on both sides of a split: rows that agree in everything, more often than chance allows.

Rows of few, coarse features agree by chance, so agreement alone proves nothing. Two tests tell copies from chance:

pairs    Chance that makes pairs also makes triples. For any mixture of Poisson counts on two sides, with any rates on
         each, E[rows seen twice, once on each side]^2 <= E[rows seen once] E[rows seen thrice, on both sides] / 2
         (Cauchy-Schwarz). Copies make pairs without triples.
excess   The held-out rows meet rows of training far more often than the newest rows of training meet older ones.

Copies that changed in any value are not found; neither are fewer than a few dozen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import pdtr, pdtrik

from setpoint.core.rng import seed_for
from setpoint.data.arrays import to_array
from setpoint.declare.kinds import NUMBER
from setpoint.learn.sides import Sides

CHANCE = 1e-6
"""How unlikely an agreement must be, each test on its own."""
LEAST = 10
"""Fewer copies than this are never called a leak."""
DRIFT = 1.5
"""How much more often than before held-out rows may meet old ones before it counts as excess."""


@dataclass(frozen=True)
class Copies:
    """How many held-out rows equal a training row in everything, and why chance does not explain it."""

    rows: int
    reason: str


def find_copies(sides: Sides, *, key: str, seed: int) -> Copies | None:
    """The copies across the split, if there are more than chance explains.

    Rows are compared without their key and without times, in which copies on two sides must differ.
    """
    fields = sides.rows.fields
    told = [part.name for part in fields.schema if part.name != key and not pa.types.is_timestamp(part.type)]
    codes = row_codes(sides.rows.features, fields.select(told), sides.rows.y)
    before = np.concatenate([sides.split.train, sides.split.validation])
    old, new = codes[before], codes[sides.split.held_out]
    copied = int(np.isin(new, old).sum())
    if copied < LEAST:
        return None
    once, pairs, triples = _counts(old, new)
    sure = max(0.0, pairs - 4 * np.sqrt(pairs))
    expected = 2 * sure**2 / max(once, 1)
    if pairs >= LEAST and pdtr(triples, expected) < CHANCE:
        return Copies(
            copied,
            f"{pairs} rows come as a pair across the split and {triples} as a triple; chance gives {expected:.0f}",
        )
    size = min(before.size // 2, new.size)
    rng = np.random.default_rng(seed_for(seed, "duplicates"))
    newest, rest = old[-size:], rng.choice(old[:-size], size, replace=False)
    usual = int(np.isin(newest, rest).sum())
    found = int(np.isin(rng.choice(new, size, replace=False), rng.choice(old, size, replace=False)).sum())
    most = DRIFT * float(np.ceil(pdtrik(1.0 - CHANCE, usual + 1.0)))
    if found > most:
        return Copies(
            copied, f"{found} of {size} held-out rows equal one of {size} older ones; before the split it was {usual}"
        )
    return None


def row_codes(features: pa.Table, fields: pa.Table, y: np.ndarray) -> np.ndarray:
    """A 64-bit code of each row: equal rows, equal codes.

    >>> table = pa.table({"x": [1.0, 1.0, None], "s": ["a", "a", "b"]})
    >>> codes = row_codes(table, pa.table({}), np.array([1.0, 1.0, 1.0]))
    >>> bool(codes[0] == codes[1] != codes[2])
    True
    """
    code = _mix(np.asarray(y, dtype=np.float64).view(np.uint64))
    for table in (features, fields):
        for column in table.columns:
            code = _mix(code ^ _words(column))
    return code


def _words(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.dictionary_encode(column.combine_chunks()).indices
    elif pa.types.is_timestamp(column.type):
        column = pc.cast(column, pa.int64())
    values = to_array(column, NUMBER) + 0.0  # one zero
    return np.where(np.isnan(values), np.nan, values).view(np.uint64)  # one NaN


def _mix(words: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    mixed = words + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def _counts(old: np.ndarray, new: np.ndarray) -> tuple[int, int, int]:
    """How many codes occur once in all, twice with one on each side, and thrice on both sides."""
    _, place = np.unique(np.concatenate([old, new]), return_inverse=True)
    size = int(place.max()) + 1
    first = np.bincount(place[: old.size], minlength=size)
    second = np.bincount(place[old.size :], minlength=size)
    both = first + second
    across = (first > 0) & (second > 0)
    return int((both == 1).sum()), int((across & (both == 2)).sum()), int((across & (both == 3)).sum())
