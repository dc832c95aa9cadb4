"""What a model costs to train and to run, in the goal's business unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from setpoint.core.errors import DeclarationError


@dataclass(frozen=True)
class Running:
    """What a training costs, what 1000 decisions cost, and what an hour of CPU costs."""

    per_training: float
    per_1000: float
    per_cpu_hour: float

    def __str__(self) -> str:
        told = {"per_training": self.per_training, "per_1000": self.per_1000, "per_cpu_hour": self.per_cpu_hour}
        return f"running({', '.join(f'{name}={value:g}' for name, value in told.items() if value)})"

    def to_dict(self) -> dict[str, Any]:
        """The costs as JSON-like data."""
        return {"per_training": self.per_training, "per_1000": self.per_1000, "per_cpu_hour": self.per_cpu_hour}

    def of_1000(self, *, decisions: float, cpu_seconds: float = 0.0) -> float:
        """What 1000 decisions cost where a training serves so many and takes so much CPU.

        >>> Running(50.0, 0.5, 0.0).of_1000(decisions=100_000)
        1.0
        """
        once = self.per_training + self.per_cpu_hour * cpu_seconds / 3600
        return self.per_1000 + 1000 * once / max(decisions, 1.0)


def running(*, per_training: float = 0.0, per_1000: float = 0.0, per_cpu_hour: float = 0.0) -> Running:
    """What a model costs to train and to run, in the goal's business unit.

    `per_training` is what each training costs beside CPU: the work of people, labels. `per_1000` is what 1000 decisions
    cost to take, `per_cpu_hour` what the CPU time of trainings costs, which every run measures. A model is only to be
    used where it is worth more than that.

    >>> str(running(per_training=200, per_1000=0.1))
    'running(per_training=200, per_1000=0.1)'
    """
    given = {"per_training": per_training, "per_1000": per_1000, "per_cpu_hour": per_cpu_hour}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
            raise DeclarationError(f"running({name}={value!r}).", expected="a number, zero or more")
    if not any(given.values()):
        raise DeclarationError("running() costs nothing.", expected="per_training=, per_1000= or per_cpu_hour=")
    return Running(float(per_training), float(per_1000), float(per_cpu_hour))
