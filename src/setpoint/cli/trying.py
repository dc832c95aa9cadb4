"""What is said while recipes are tried: a line now and then, beside what a verb prints."""

from __future__ import annotations

from rich.markup import escape

from setpoint.cli.render import err
from setpoint.core.clock import stopwatch
from setpoint.learn.recipe import Trial

EVERY_SECONDS = 1.0
"""How often a line is said; a search that takes less is not spoken of."""


class Trying:
    """Says how far a search is, what the last recipe gave, and which one stands."""

    def __init__(self) -> None:
        self._said: int | None = None

    def __call__(self, done: int, of: int, last: Trial, stands: Trial) -> None:
        """So many recipes are tried, of so many at most."""
        self._said = stopwatch() if self._said is None else self._said
        if stopwatch() - self._said < EVERY_SECONDS * 1e9:
            return
        self._said = stopwatch()
        err.print(escape(f"trial {done} of {of}: {_told(last)}; the best so far: {_told(stands)}"))


def _told(trial: Trial) -> str:
    return f"{trial.recipe.learner} {'cut' if trial.cut else f'{trial.metric} {trial.value:.4g}'}"
