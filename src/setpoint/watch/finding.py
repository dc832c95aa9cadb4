"""A finding: one monitor that saw something beyond its share of the alarm budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INPUT, FEATURE, PREDICTION, LABEL = "input", "feature", "prediction", "label"
PAGE, DIGEST = "page", "digest"


@dataclass(frozen=True)
class Finding:
    """What a monitor saw.

    `level` is input, feature, prediction or label; `subject` the column it is about ("" for all rows); `at` the time
    from which it is bad; `severity` "page" (a fault: somebody should look now) or "digest" (the world moved).
    `p_value` is against the monitor's own alpha in `evidence`, `effect` the size in the monitor's unit. `cause` is the
    suspected one: a source, "request", "serving", "model" or "world".
    """

    monitor: str
    level: str
    subject: str
    at: int
    severity: str
    p_value: float
    effect: float
    evidence: Mapping[str, Any]
    cause: str

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON-like data."""
        return {
            "monitor": self.monitor,
            "level": self.level,
            "subject": self.subject,
            "at": self.at,
            "severity": self.severity,
            "p_value": self.p_value,
            "effect": self.effect,
            "evidence": dict(self.evidence),
            "cause": self.cause,
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Finding:
        """The finding that `to_dict` described."""
        return Finding(**data)
