"""Trials in this process, or in several: what they give is the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import NamedTuple, Protocol

import numpy as np

from setpoint.core.clock import cpu_seconds
from setpoint.core.ports import Learner
from setpoint.learn.folds import Folds
from setpoint.learn.recipe import Fitted, Recipe
from setpoint.learn.sides import Examples, Matrices, Sides
from setpoint.learn.trial_log import Outcome


class Measured(NamedTuple):
    """What trials are compared by, and the log loss where there is one."""

    metric: str
    value: float
    log_loss: float
    greater_is_better: bool

    @property
    def badness(self) -> float:
        """The value as something to be lowered."""
        return -self.value if self.greater_is_better else self.value


class Fits(Protocol):
    """Fits recipes for a goal and compares what they predict: what a search needs of a trainer."""

    @property
    def able(self) -> Mapping[str, Learner]:
        """The learners that can be asked."""
        ...

    def fit(self, matrices: Matrices, sides: Sides, *, recipe: Recipe) -> Fitted:
        """A model of one recipe on the training side; the validation rows settle how long it trains."""
        ...

    def measured(self, rows: Examples, predicted: np.ndarray) -> Measured:
        """By what predictions of these rows are compared with others."""
        ...

    def better(self, rows: Examples, first: np.ndarray, second: np.ndarray) -> bool:
        """Whether the second predictions are better than the first by more than a standard error."""
        ...


@dataclass(frozen=True)
class Asked:
    """A recipe to try, and for each fold but the last how bad it may be there; None: as bad as it likes."""

    recipe: Recipe
    limits: tuple[float | None, ...] = ()


Run = Callable[[Sequence[Asked]], Iterator[Outcome]]
"""Gives the outcomes of trials in their order."""


def attempt(fits: Fits, folds: Folds, asked: Asked) -> Outcome:
    """One trial: fitted on each fold, the cheapest first, until it is cut."""
    began, scores = cpu_seconds(), list[np.ndarray]()
    fitted: Fitted | None = None
    for fold, limit in zip(folds.every, (*asked.limits, *[None] * len(folds.every)), strict=False):
        fitted = fits.fit(fold.matrices, fold.sides, recipe=asked.recipe)
        scores.append(fitted.probabilities)
        if limit is not None and not fits.measured(fold.sides.validation, scores[-1]).badness <= limit:
            return Outcome(fitted.settled, tuple(scores), cut=True, cpu_seconds=cpu_seconds() - began)
    assert fitted is not None
    return Outcome(fitted.settled, tuple(scores), cpu_seconds=cpu_seconds() - began, fitted=fitted)


@contextmanager
def trials_run_by(processes: int, fits: Fits, folds: Folds) -> Iterator[Run]:
    """How trials are run: here one after the other, or in so many new processes, which hold the rows from the start."""
    if processes <= 1:
        yield lambda batch: (attempt(fits, folds, asked) for asked in batch)
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=_hold, initargs=(fits, folds)) as pool:
        yield lambda batch: _outcomes(pool, batch)


def _outcomes(pool: Executor, batch: Sequence[Asked]) -> Iterator[Outcome]:
    return iter(pool.map(_attempt_held, batch))


_held: list[tuple[Fits, Folds]] = []
"""In a process of a pool: what it was started with."""


def _hold(fits: Fits, folds: Folds) -> None:
    """Keep what trials need, and end with the process that started this one, however that ends."""
    _held.append((fits, folds))
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _attempt_held(asked: Asked) -> Outcome:
    """A trial in a process of its own; the model stays there."""
    fits, folds = _held[-1]
    return replace(attempt(fits, folds, asked), fitted=None)
