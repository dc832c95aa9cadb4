"""Labels as values: the state of each decision's truth as of a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.data.arrays import Mask

UNKNOWN, KNOWN, VOID, CENSORED = 0, 1, 2, 3

STATES = ("unknown", "known", "void", "censored")
"""The name of each state, by its number."""


@dataclass(frozen=True)
class Labels:
    """What is known of the labels of decisions as of a time, an item for each decision.

    `state` is one of UNKNOWN, KNOWN, VOID, CENSORED; `value` 1.0 or 0.0 where it is known and NaN elsewhere;
    `settled_at` when the state became known, NULL_TIME where it is unknown. A decision is `mature` when the label's
    time has passed since. `outcome` holds columns of the event that carried the label, NaN where none did. `as_of` is
    the time, None where nobody said.
    """

    state: npt.NDArray[np.int8]
    value: npt.NDArray[np.float64]
    settled_at: npt.NDArray[np.int64]
    mature: Mask
    outcome: Mapping[str, npt.NDArray[np.float64]]
    as_of: int | None = None

    @property
    def usable(self) -> Mask:
        """True for decisions that may train, calibrate or measure: mature, with a known value."""
        return np.asarray(self.mature & (self.state == KNOWN))
