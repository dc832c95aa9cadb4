"""What a training costs, step by step: measured, so never part of a digest."""

from __future__ import annotations

from typing import Any, NamedTuple

from setpoint.core.clock import cpu_seconds, peak_rss_mb


class StepCost(NamedTuple):
    """CPU seconds of one step, all threads and children, and the most MiB that the process had held by its end."""

    step: str
    cpu_seconds: float
    peak_mb: float


class Cost:
    """The cost of steps that follow one another: what was spent since the last step ended is the next one's.

    >>> cost = Cost()
    >>> cost("search")
    >>> cost("judge")
    >>> [step.step for step in cost.steps], cost.cpu_seconds >= 0
    (['search', 'judge'], True)
    """

    def __init__(self) -> None:
        self.steps: list[StepCost] = []
        self._since = cpu_seconds()

    def __call__(self, step: str) -> None:
        """A step ends here."""
        now = cpu_seconds()
        self.steps.append(StepCost(step, now - self._since, peak_rss_mb()))
        self._since = now

    @property
    def cpu_seconds(self) -> float:
        """The CPU seconds of all steps."""
        return sum(step.cpu_seconds for step in self.steps)

    @property
    def peak_mb(self) -> float:
        """The most MiB that the process has held by now."""
        return peak_rss_mb()

    def to_dict(self) -> list[dict[str, Any]]:
        """The steps as JSON-like data, in the order in which they ran."""
        return [
            {"step": step.step, "cpu_seconds": round(step.cpu_seconds, 3), "peak_mb": round(step.peak_mb, 1)}
            for step in self.steps
        ]
