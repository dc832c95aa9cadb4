"""How long a search for a recipe may go on: in trials, or in seconds that are counted in trials once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from setpoint.core import times
from setpoint.core.errors import DeclarationError, WrongType

FOLDS = (1, 2, 4)
"""On how many stretches of newer time a trial may be compared with others."""
TRIALS, MOST_TRIALS = 40, 2000
"""Trials of a search of which nothing is said, and of any at most."""
ROUNDS = 1000
"""Rounds of a declared search, at most: newer rows stop a training earlier."""


@dataclass(frozen=True)
class Search:
    """The budget of a search: `trials`, or CPU `seconds`; what is None is derived. `deadline` is in microseconds."""

    trials: int | None = None
    seconds: float | None = None
    rounds: int = ROUNDS
    folds: int | None = None
    deadline: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The budget as JSON-like data: what was said."""
        given = {"trials": self.trials, "seconds": self.seconds, "folds": self.folds, "deadline": self.deadline}
        return {"rounds": self.rounds, **{name: value for name, value in given.items() if value is not None}}


def search(
    *,
    trials: int | None = None,
    seconds: float | None = None,
    rounds: int = ROUNDS,
    folds: int | None = None,
    deadline: str | None = None,
) -> Search:
    """A search of so many trials at the first training, each of at most so many rounds.

    Forty trials where nothing is said. The budget is a count, so that the same rows give the same model on any machine.
    `seconds` of CPU time are translated into trials and folds once, from fits that are measured, and what was found is
    recorded: whoever trains again on the same rows takes that. A `deadline`, such as "10m" of CPU time, only ends a
    search early, and that is recorded too. `folds` says on how many stretches of newer time trials are compared: 1, 2
    or 4; without it, more where there are fewer rows.

    >>> search(trials=40)
    Search(trials=40, seconds=None, rounds=1000, folds=None, deadline=None)
    """
    if trials is not None and seconds is not None:
        raise DeclarationError(f"search(trials={trials!r}, seconds={seconds!r}).", expected="trials= or seconds=")
    if seconds is None and trials is None:
        trials = TRIALS
    for name, value, most in (("trials", trials, MOST_TRIALS), ("rounds", rounds, 100_000)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most):
            raise DeclarationError(f"search({name}={value!r}).", expected=f"a whole number from 1 to {most}")
    if seconds is not None and (not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or seconds <= 0):
        raise DeclarationError(f"search(seconds={seconds!r}).", expected="a number above 0")
    if folds is not None and folds not in FOLDS:
        raise DeclarationError(f"search(folds={folds!r}).", expected="1, 2 or 4")
    if deadline is not None and not isinstance(deadline, str):
        raise WrongType(f"search(deadline={deadline!r}).", expected='a time such as "10m"')
    return Search(
        trials,
        None if seconds is None else float(seconds),
        rounds,
        folds,
        None if deadline is None else times.duration(deadline),
    )
