"""How long a search for a recipe may go on: in trials, or in seconds that are counted in trials once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from setpoint.core import times
from setpoint.core.errors import DeclarationError, WrongType

FOLDS = (1, 2, 4)
"""On how many stretches of newer time a trial may be compared with others."""
TRIALS, MOST_TRIALS = 40, 2000
"""Trials of a search of which nothing is said, and of any at most."""
ROUNDS = 1000
"""Rounds of a declared search, at most: newer rows stop a training earlier."""

Space: TypeAlias = tuple[tuple[str, tuple[tuple[str, float, float], ...]], ...]
"""Learners, their parameters, and the lowest and highest value of each."""


@dataclass(frozen=True)
class Search:
    """The budget of a search: `trials`, or CPU `seconds`; what is None is derived. `deadline` is in microseconds.

    `space` says between what parameters of learners lie, where that is not what the learners state.
    """

    trials: int | None = None
    seconds: float | None = None
    rounds: int = ROUNDS
    folds: int | None = None
    deadline: int | None = None
    space: Space = ()

    def to_dict(self) -> dict[str, Any]:
        """The budget as JSON-like data: what was said."""
        given: dict[str, Any] = {
            "trials": self.trials,
            "seconds": self.seconds,
            "folds": self.folds,
            "deadline": self.deadline,
            "space": {learner: {name: [low, high] for name, low, high in spans} for learner, spans in self.space}
            or None,
        }
        return {"rounds": self.rounds, **{name: value for name, value in given.items() if value is not None}}


def search(
    *,
    trials: int | None = None,
    seconds: float | None = None,
    rounds: int = ROUNDS,
    folds: int | None = None,
    deadline: str | None = None,
    space: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
) -> Search:
    """A search of so many trials at the first training, each of at most so many rounds.

    Forty trials where nothing is said. The budget is a count, so that the same rows give the same model on any machine.
    `seconds` of CPU time are translated into trials and folds once, from fits that are measured, and what was found is
    recorded: whoever trains again on the same rows takes that. A `deadline`, such as "10m" of CPU time, only ends a
    search early, and that is recorded too. `folds` says on how many stretches of newer time trials are compared: 1, 2
    or 4; without it, more where there are fewer rows. `space` says between what parameters of a learner lie, where that
    is not what the learner states: `{"lightgbm": {"num_leaves": (4, 16)}}`.

    >>> search(trials=40)
    Search(trials=40, seconds=None, rounds=1000, folds=None, deadline=None, space=())
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
        _space(space or {}),
    )


def _space(given: Mapping[str, Mapping[str, Sequence[float]]]) -> Space:
    """What was said of parameters, in the order of their names."""
    if not isinstance(given, Mapping) or not all(isinstance(spans, Mapping) for spans in given.values()):
        raise WrongType(f"search(space={given!r}).", expected='such as {"lightgbm": {"num_leaves": (4, 16)}}')
    return tuple(
        (learner, tuple((name, *_ends(learner, name, ends)) for name, ends in sorted(spans.items())))
        for learner, spans in sorted(given.items())
    )


def _ends(learner: str, name: str, ends: Sequence[float]) -> tuple[float, float]:
    numbers = isinstance(ends, Sequence) and all(type(end) in (int, float) for end in ends)
    if not numbers or len(ends) != 2 or not ends[0] < ends[1]:
        raise DeclarationError(
            f"search(space={{{learner!r}: {{{name!r}: {ends!r}}}}}).",
            expected="the lowest and the highest value, such as (4, 16)",
            hint=f"sp.learner({learner!r}, {name}=...) pins a parameter to one value.",
        )
    return ends[0], ends[1]
