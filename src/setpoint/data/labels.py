"""Labels as values: the state of each decision's truth as of a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from setpoint.data.arrays import Mask

UNKNOWN, KNOWN, VOID, CENSORED = 0, 1, 2, 3

STATES = ("unknown", "known", "void", "censored")
"""The name of each state, by its number."""

NATURAL, AT_RANDOM, PICKED = 0, 1, 2

ACQUIRED = ("natural", "at random", "picked")
"""How a label was acquired, by its number."""


@dataclass(frozen=True)
class Acquired:
    """How the labels of decisions were acquired, an item for each decision, and what of them may judge a model.

    `how` is NATURAL for what a source, the product or people say of a decision that no strategy chose; AT_RANDOM for a
    label that was asked for by lot, `chance` being the chance of that; PICKED for one that a strategy asked for, whose
    chance is 0: a model may learn from it and never be judged by it. `state` and `value` are what is judged by: where a
    strategy picked a label, what would be known without it.
    """

    how: npt.NDArray[np.int8]
    chance: npt.NDArray[np.float64]
    state: npt.NDArray[np.int8]
    value: npt.NDArray[np.float64]

    def take(self, index: npt.NDArray[np.intp] | slice) -> Acquired:
        """Those of some of the decisions."""
        return Acquired(self.how[index], self.chance[index], self.state[index], self.value[index])


@dataclass(frozen=True)
class Labels:
    """What is known of the labels of decisions as of a time, an item for each decision.

    `state` is one of UNKNOWN, KNOWN, VOID, CENSORED; `value` what the label gives where it is known (1.0 or 0.0 of a
    condition) and NaN elsewhere;
    `settled_at` when the state became known, NULL_TIME where it is unknown. A decision is `mature` when the label's
    time has passed since. `outcome` holds columns of the event that carried the label, NaN where none did. `as_of` is
    the time, None where nobody said. Without `acquired` every label is natural.
    """

    state: npt.NDArray[np.int8]
    value: npt.NDArray[np.float64]
    settled_at: npt.NDArray[np.int64]
    mature: Mask
    outcome: Mapping[str, npt.NDArray[np.float64]]
    as_of: int | None = None
    acquired: Acquired | None = None

    @property
    def usable(self) -> Mask:
        """True for decisions that may train, calibrate or measure: mature, with a known value."""
        return np.asarray(self.mature & (self.state == KNOWN))

    @property
    def judging(self) -> Labels:
        """The labels to judge by: a picked one is as unknown as it was before anybody was asked."""
        if self.acquired is None:
            return self
        return replace(self, state=self.acquired.state, value=self.acquired.value)

    def take(self, index: npt.NDArray[np.intp] | slice) -> Labels:
        """The labels of some of the decisions, by their places."""
        return Labels(
            self.state[index],
            self.value[index],
            self.settled_at[index],
            self.mature[index],
            {name: values[index] for name, values in self.outcome.items()},
            self.as_of,
            None if self.acquired is None else self.acquired.take(index),
        )
