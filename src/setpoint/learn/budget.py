"""The budget of a search: how many trials of how many rounds, compared on how many folds; counted, never timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from setpoint.core.times import SECOND
from setpoint.declare.search import FOLDS

ENOUGH = 14
"""Folds are given up until so many trials fit into the seconds."""
DEARER = 1.5
"""What a trial costs beside the first one: later recipes may learn slowly, with more rounds."""
MOST = 400
"""Seconds buy no more trials than this."""
GUESSED = "guessed"
"""Said of trials that the fixed recipes have not corrected yet."""


@dataclass(frozen=True)
class Budget:
    """A search's trials, rounds and folds. `deadline` is in CPU seconds; `told` is how it was found, for the record.

    With `seconds` the trials are a guess, which what the fixed recipes cost corrects. `cutting` is whether proposed
    recipes are cut by what they give on few rows; `by_error` whether one recipe replaces another only beyond an error.
    """

    trials: int
    rounds: int
    folds: int = 1
    deadline: float | None = None
    told: Mapping[str, Any] | None = None
    seconds: float | None = None
    cutting: bool = False
    by_error: bool = True

    def corrected(self, *, tried: int, spent: float, cost: float) -> Budget:
        """The trials that the seconds buy in all, when so many cost so much and each more costs about `cost`.

        >>> Budget(60, 300, 2, seconds=30.0).corrected(tried=7, spent=5.0, cost=1.0).trials
        32
        """
        assert self.seconds is not None
        trials = min(MOST, tried + max(0, int((self.seconds - spent) / max(cost, 1e-4))))
        told = {**(self.told or {}), "trials": trials, "cpu_seconds_of_a_trial": round(cost, 4)}
        told.pop(GUESSED, None)
        return replace(self, trials=trials, told=told, seconds=None)


def buy(seconds: float, costs: Callable[[], float], *, folds: int) -> tuple[int, int, float]:
    """The trials and folds that CPU seconds buy, from what one fit costs; and that cost.

    Of 4, 2 and 1 folds the most that leave room for fourteen trials, and no more than `folds`.

    >>> buy(30.0, lambda: 0.25, folds=4)
    (20, 4, 0.25)
    >>> buy(10.0, lambda: 0.6, folds=4)[:2]
    (11, 1)
    """
    cost = max(costs(), 1e-4)
    for count in sorted((each for each in FOLDS if each <= folds), reverse=True):
        trials = int(seconds / (cost * DEARER * count))
        if trials >= ENOUGH or count == 1:
            break
    return max(1, min(MOST, trials)), count, cost


def seconds_of(deadline: int | None) -> float | None:
    """A deadline in seconds."""
    return None if deadline is None else deadline / SECOND
