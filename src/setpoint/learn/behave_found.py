"""What was found of one expectation: the verdict, and the decisions that speak against it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Counterexample:
    """A decision that breaks an expectation: its key, what was changed from what to what, its score before and after.

    `actions` are those before and after, where the expectation is of actions.
    """

    key: str
    changed: Mapping[str, tuple[Any, Any]]
    before: float
    after: float
    actions: tuple[str, str] | None = None

    def __str__(self) -> str:
        told = ", ".join(f"{name} {_shown(old)} to {_shown(new)}" for name, (old, new) in self.changed.items())
        words = f"decision {self.key}: " if self.key else ""
        words += f"{told}: score {self.before:.3g} to {self.after:.3g}"
        return words if self.actions is None else f"{words}, action {self.actions[0]!r} to {self.actions[1]!r}"

    def to_dict(self) -> dict[str, Any]:
        """The counterexample as JSON-like data."""
        return {
            "key": self.key,
            "changed": {name: [_plain(old), _plain(new)] for name, (old, new) in self.changed.items()},
            "before": _plain(self.before),
            "after": _plain(self.after),
            **({} if self.actions is None else {"actions": list(self.actions)}),
            "words": str(self),
        }


@dataclass(frozen=True)
class Behaved:
    """What held-out rows say of one expectation of behaviour.

    `share` is the share of `rows` that break it and `bound` the one-sided 95 % bound that was held against `limit`;
    `drop` what it costs of the goal's metric, where the expectation says how much it may. `model` is which of the two
    models is meant, the one that was judged or the one refitted on all rows.
    """

    behaviour: str
    verdict: str
    limit: float
    share: float
    bound: float
    rows: int
    days: int
    reason: str
    model: str
    counterexamples: tuple[Counterexample, ...] = ()
    drop: Mapping[str, Any] | None = None
    more: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON-like data."""
        return {
            "behaviour": self.behaviour,
            "verdict": self.verdict,
            "limit": self.limit,
            "share": _plain(self.share),
            "bound": _plain(self.bound),
            "rows": self.rows,
            "days": self.days,
            "reason": self.reason,
            "model": self.model,
            "counterexamples": [each.to_dict() for each in self.counterexamples],
            **({} if self.drop is None else {"drop": dict(self.drop)}),
        }


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return "NULL" if math.isnan(value) else f"{value:.6g}"
    return "NULL" if value is None else str(value)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
