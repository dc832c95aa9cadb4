"""The audit trail: every act that changed what decides, when and why. Only ever added to.

It has two times, as rows have: an act holds from `at`, and was written down at `known_at`. So the trail answers what
decided at a time, and also what one believed then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from setpoint.core.ports import Metadata
from setpoint.core.records import RULE

NOUN = "audit"
PROMOTE, ROLLBACK, RETIRE = "promote", "rollback", "retire"
"""The acts that change which model decides: its subject does from then on, or no longer."""
ADOPT = "adopt"
"""The act by which a live system goes on from a replay: whatever was written before it, it knows only from then on."""


@dataclass(frozen=True)
class Live:
    """What decides at a time: a model's digest, or "rule"; since when, why, and since when that has been known."""

    model: str
    since: int | None
    reason: str
    known_at: int | None = field(default=None, compare=False)


def record(
    metadata: Metadata,
    *,
    at: int,
    act: str,
    subject: str,
    reason: str,
    evidence: Mapping[str, Any] | None = None,
    system: str = "",
    known_at: int | None = None,
) -> None:
    """Add an act to the trail. `evidence` is the data it was decided by, `known_at` when it is written (else `at`)."""
    body: dict[str, Any] = {"at": at, "known_at": at if known_at is None else known_at}
    body |= {"act": act, "subject": subject, "reason": reason, "system": system}
    metadata.append(NOUN, [{**body, "evidence": None if evidence is None else dict(evidence)}])


def trail(metadata: Metadata, **equal: Any) -> list[dict[str, Any]]:
    """The acts whose `act`, `subject`, `system` or `at` equal these, in order of writing."""
    return metadata.find(NOUN, **equal)


def live_at(acts: Iterable[Mapping[str, Any]], moment: int, *, known_at: int | None = None) -> Live:
    """What was live at a time, and why, from the acts of one system in order of writing; as was known by `known_at`.

    A promotion puts its subject in charge; a rollback of it puts its predecessor back, its retirement the rule. The
    act's own moment counts as after it. Without any act the fallback rule decides.

    >>> acts = [{"at": 5, "known_at": 9, "act": "promote", "subject": "m1", "reason": "first"}]
    >>> live_at(acts, 4).model, live_at(acts, 5).model, live_at(acts, 5, known_at=8).model
    ('rule', 'm1', 'rule')
    """
    return [each for each in reigns(acts, known_at=known_at) if each.since is None or each.since <= moment][-1]


def reigns(acts: Iterable[Mapping[str, Any]], *, known_at: int | None = None) -> list[Live]:
    """Who decided one after another: the rule first, then whatever each act put in charge, in the order of `at`."""
    stack = [RULE]
    found = [Live(RULE, None, "no model has been promoted")]
    known = [(act, since) for act, since in _with_known(list(acts)) if known_at is None or since <= known_at]
    for act, since in sorted(known, key=lambda pair: int(pair[0]["at"])):
        if act["act"] == PROMOTE:
            stack.append(act["subject"])
        elif act["act"] == ROLLBACK and act["subject"] == stack[-1]:
            stack.pop()
        elif act["act"] == RETIRE and act["subject"] == stack[-1]:
            stack = [RULE]
        else:
            continue
        found.append(Live(stack[-1], act["at"], act["reason"], since))
    return found


def _with_known(acts: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], int]]:
    """Each act with when it was known here: what was taken over from a replay not before that was done."""
    least = {place: _known(act) for place, act in enumerate(acts) if act["act"] == ADOPT}
    return [
        (act, max([_known(act), *[taken for after, taken in least.items() if after > place]]))
        for place, act in enumerate(acts)
    ]


def _known(act: Mapping[str, Any]) -> int:
    return int(act.get("known_at", act["at"]))
