"""Skew of clocks: rows that were known before they happened, by the times that they come with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from setpoint.core.times import iso, spell
from setpoint.data.arrays import Mask, null_mask
from setpoint.declare.source import SourceInfo

Ints = npt.NDArray[np.int64]

CLOCK_SKEW = "clock-skew"
"""The rule of rows that were known longer before they happened than their source declares."""


def early_rows(at: Ints, known_at: Ints, *, skew: int = 0) -> Mask:
    """True for each row that was known more than so many microseconds before it happened.

    >>> early_rows(np.array([5, 9]), np.array([5, 6])).tolist()
    [False, True]
    """
    return np.asarray(~(null_mask(at) | null_mask(known_at)) & (at > known_at) & (at - known_at > skew))


def too_early(info: SourceInfo, at: Ints, known_at: Ints) -> Mask | None:
    """The rows that were known earlier than the declared skew of the clocks allows; None where none is declared."""
    return None if info.skew is None else early_rows(at, known_at, skew=info.skew)


def explain_early(info: SourceInfo, at: int, known_at: int) -> str:
    """Why a row is too early.

    >>> from setpoint.declare.source import events, info
    >>> explain_early(info(events("s", "s.csv", at="ts", known_at="seen", skew="5s")), 9_000_000, 0)
    'known at 1970-01-01T00:00:00Z, 9s before it happened; expected at most 5s'
    """
    assert info.skew is not None
    return f"known at {iso(known_at)}, {spell(at - known_at)} before it happened; expected at most {spell(info.skew)}"
