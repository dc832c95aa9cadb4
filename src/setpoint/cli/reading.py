"""What is said while a source larger than memory is read: a line now and then, beside what a verb prints."""

from __future__ import annotations

from setpoint.cli.render import err
from setpoint.core.clock import stopwatch

EVERY_SECONDS = 10.0
"""How often a line is said; what takes less is not spoken of."""


class Reading:
    """Says how far reading a source is."""

    def __init__(self) -> None:
        self._said = stopwatch()

    def __call__(self, what: str, done: int, of: int) -> None:
        """So much is done, of so much where that is known."""
        if stopwatch() - self._said < EVERY_SECONDS * 1e9:
            return
        self._said = stopwatch()
        err.print(f"{what} {done:,}" + (f" of {of:,}" if of else ""))
