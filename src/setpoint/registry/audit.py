"""The audit trail: every act that changed what decides, when and why. Only ever added to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from setpoint.core.ports import Metadata
from setpoint.core.records import RULE

NOUN = "audit"
PROMOTE, ROLLBACK, RETIRE = "promote", "rollback", "retire"
"""The acts that change which model decides: its subject does from then on, or no longer."""


@dataclass(frozen=True)
class Live:
    """What decides at a time: a model's digest, or "rule"; since when and why."""

    model: str
    since: int | None
    reason: str


def record(
    metadata: Metadata,
    *,
    at: int,
    act: str,
    subject: str,
    reason: str,
    evidence: Mapping[str, Any] | None = None,
    system: str = "",
) -> None:
    """Add an act to the trail. `evidence` is the data it was decided by."""
    body = {"at": at, "act": act, "subject": subject, "reason": reason, "system": system}
    metadata.append(NOUN, [{**body, "evidence": None if evidence is None else dict(evidence)}])


def trail(metadata: Metadata, **equal: Any) -> list[dict[str, Any]]:
    """The acts whose `act`, `subject`, `system` or `at` equal these, in order of writing."""
    return metadata.find(NOUN, **equal)


def live_at(acts: Iterable[Mapping[str, Any]], moment: int) -> Live:
    """What was live at a time, and why, from the acts of one system in order.

    A promotion puts its subject in charge; a rollback of it puts its predecessor back, its retirement the rule. The
    act's own moment counts as after it. Without any act the fallback rule decides.

    >>> acts = [{"at": 5, "act": "promote", "subject": "m1", "reason": "first"}]
    >>> live_at(acts, 4).model, live_at(acts, 5).model
    ('rule', 'm1')
    """
    stack = [RULE]
    since, reason = None, "no model has been promoted"
    for act in acts:
        if act["at"] > moment:
            continue
        if act["act"] == PROMOTE:
            stack.append(act["subject"])
        elif act["act"] == ROLLBACK and act["subject"] == stack[-1]:
            stack.pop()
        elif act["act"] == RETIRE and act["subject"] == stack[-1]:
            stack = [RULE]
        else:
            continue
        since, reason = act["at"], act["reason"]
    return Live(stack[-1], since, reason)
