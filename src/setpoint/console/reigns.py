"""Who decided when: read from the audit trail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from setpoint.console.words import short
from setpoint.core import times

RULE = "rule"


@dataclass(frozen=True)
class Held:
    """A span in which one model, or the fallback rule, decided."""

    name: str
    start: int
    end: int


def reigns_of(acts: Sequence[Mapping[str, Any]], *, start: int, end: int) -> list[Held]:
    """The champions one after another: the rule first, then each promoted model.

    A rollback brings the one before back, a retirement the rule.

    >>> acts = [{"at": "1970-01-02T00:00:00Z", "act": "promote", "subject": "m1"}]
    >>> [(held.name, held.end - held.start) for held in reigns_of(acts, start=0, end=3 * times.DAY)]
    [('rule', 86400000000), ('m1', 172800000000)]
    """
    changes = sorted(
        ((times.time(act["at"]), act) for act in acts if act["act"] in ("promote", "rollback", "retire")),
        key=lambda each: each[0],
    )
    stack = [RULE]
    found: list[Held] = []
    since = start
    for at, act in changes:
        if at > since:
            found.append(Held(stack[-1], since, min(at, end)))
            since = min(at, end)
        if act["act"] == "promote":
            stack.append(short(act["subject"]))
        elif act["act"] == "retire":
            stack = [RULE]
        elif len(stack) > 1:
            stack.pop()
    if since < end:
        found.append(Held(stack[-1], since, end))
    return found
