"""Story: what follows from the evidence. Promote, hold, reject or roll back: a pure decision.

How a model comes to decide, and stops:

offer       a candidate passed the gate. Without a champion it takes over from the fallback rule at once: the rule is
            the incumbent then, and the gate has compared the two on held-out decisions. With one it shadows.
shadow      the challenger scores what the champion decides. It is judged at up to three looks, after one, two and
            three lengths of the stage, each when the labels of its decisions are mature. The looks share one error
            rate of 5 % (alpha spending after Pocock, which leaves most of it to the first).
            superior, non-inferior: promoted. inferior: rejected. neither: held, and rejected after the last look.
watch       the replaced champion shadows its successor for `rollback`, judged weekly in the same way. A successor
            shown to be inferior is rolled back; the looks share an error rate of 2.5 %, split over metric and loss
            (alpha spending after O'Brien and Fleming, which asks most of the first).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from scipy.special import ndtr

from setpoint.core import times
from setpoint.core.records import RULE
from setpoint.declare.plan import Plan
from setpoint.measure.spending import Spending, group_sequential
from setpoint.rollout.shadow import Evidence

SHADOW_LOOKS = 3
"""How often a challenger is judged before it is given up."""

SHADOW_ALPHA, ROLLBACK_ALPHA = 0.05, 0.025
"""The two-sided error rates that the looks at a challenger, and at a new champion, share."""


@dataclass(frozen=True)
class ReleaseState:
    """Which model decides, which one wants to, and which one watches; models by digest, times in microseconds.

    `champion` None means that the fallback rule decides. `looks` counts the looks taken at the challenger,
    `watched` those at the champion while `previous` shadows it. `waiting` passed the gate and has to be approved.
    """

    champion: str | None = None
    challenger: str | None = None
    previous: str | None = None
    challenger_since: int | None = None
    promoted_at: int | None = None
    last_training: int | None = None
    looks: int = 0
    watched: int = 0
    waiting: str | None = None
    waiting_since: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON-like data; what waits is told where something does."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in told.items() if value is not None or not name.startswith("waiting")}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> ReleaseState:
        """The state that `to_dict` described."""
        return ReleaseState(**data)


@dataclass(frozen=True)
class Act:
    """One act of a release, for the audit trail.

    `kind` is promote, reject, rollback, retire, hold, start_shadow, end_watch, wait, approve, decline or override;
    `subject` the model it is about.
    """

    kind: str
    subject: str
    reason: str
    evidence: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The act as JSON-like data."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "reason": self.reason,
            "evidence": None if self.evidence is None else dict(self.evidence),
        }


@dataclass(frozen=True)
class Look:
    """A comparison that is due: of the decisions from `start` up to `end`, all mature, at a confidence level."""

    champion: str
    challenger: str
    start: int
    end: int
    level: float
    number: int
    last: bool


def advance(
    plan: Plan,
    state: ReleaseState,
    *,
    now: int,
    evidence: Evidence | None = None,
    rollback_evidence: Evidence | None = None,
) -> tuple[ReleaseState, list[Act]]:
    """The state of the release after this tick, and the acts that led to it.

    `evidence` answers `shadow_look`, `rollback_evidence` answers `rollback_look`, which say what to compare; without
    evidence nothing moves. A rollback comes first: the challenger was compared with a champion that is gone then, and
    its shadow starts anew.
    """
    acts: list[Act] = []
    if rollback_evidence is not None and (look := rollback_look(plan, state, now=now)) is not None:
        state, more = _judge_champion(state, look, rollback_evidence, now=now)
        acts += more
        if any(act.kind == "rollback" for act in more):
            return state, acts
    if evidence is not None and (look := shadow_look(plan, state, now=now)) is not None:
        state, more = _judge_challenger(state, look, evidence, now=now)
        acts += more
    return state, acts


def offer(
    state: ReleaseState, model: str, *, now: int, evidence: Mapping[str, Any] | None = None
) -> tuple[ReleaseState, list[Act]]:
    """The state after a model passed the gate: champion in place of the rule, or challenger in shadow.

    `evidence` is the gate's. A challenger that is still in shadow makes way for the newer model.

    >>> state, acts = offer(ReleaseState(), "m1", now=0)
    >>> state.champion, [act.kind for act in acts]
    ('m1', ['promote'])
    >>> offer(state, "m2", now=5)[0].challenger
    'm2'
    """
    if state.champion is None:
        reason = f"passed the gate, which compared it with the {RULE} that decided until now"
        return replace(state, champion=model, promoted_at=now), [Act("promote", model, reason, evidence)]
    acts = []
    if state.challenger is not None:
        acts.append(Act("reject", state.challenger, f"superseded in shadow by the newer model {model[:8]}"))
    acts.append(Act("start_shadow", model, f"passed the gate; shadows the champion {state.champion[:8]}", evidence))
    return replace(state, challenger=model, challenger_since=now, looks=0), acts


def shadow_look(plan: Plan, state: ReleaseState, *, now: int) -> Look | None:
    """The look at the challenger that is due, or None."""
    if state.champion is None or state.challenger is None or state.challenger_since is None:
        return None
    number = state.looks + 1
    lasting = plan.system.release.stages[0].lasting
    end = state.challenger_since + number * lasting
    if now < end + plan.system.label.matures_after:
        return None
    level = _level(SHADOW_LOOKS, number, alpha=SHADOW_ALPHA, spending="pocock")
    last = number >= SHADOW_LOOKS
    return Look(state.champion, state.challenger, state.challenger_since, end, level, number, last)


def rollback_look(plan: Plan, state: ReleaseState, *, now: int) -> Look | None:
    """The look at a new champion that is due, the one before it in the place of the champion; or None."""
    if state.champion is None or state.previous is None or state.promoted_at is None:
        return None
    number, length = state.watched + 1, plan.system.release.rollback
    planned = max(1, length // times.WEEK)
    end = state.promoted_at + (length if number >= planned else number * times.WEEK)
    if now < end + plan.system.label.matures_after:
        return None
    level = _level(planned, number, alpha=ROLLBACK_ALPHA, spending="obrien_fleming")
    return Look(state.previous, state.champion, state.promoted_at, end, level, number, number >= planned)


def _judge_challenger(
    state: ReleaseState, look: Look, evidence: Evidence, *, now: int
) -> tuple[ReleaseState, list[Act]]:
    told, model = evidence.to_dict(), look.challenger
    gone = replace(state, challenger=None, challenger_since=None, looks=0)
    if evidence.verdict in ("superior", "non_inferior"):
        why = "shown to be better" if evidence.verdict == "superior" else "fresher, and shown to be no worse"
        acts = []
        if state.previous is not None:
            acts.append(Act("end_watch", state.previous, f"its successor {look.champion[:8]} is itself replaced"))
        acts.append(Act("promote", model, f"{why} than {look.champion[:8]}: {evidence.reason}", told))
        return replace(gone, champion=model, previous=look.champion, promoted_at=now, watched=0), acts
    if evidence.verdict == "inferior":
        return gone, [Act("reject", model, f"shown to be worse than {look.champion[:8]}: {evidence.reason}", told)]
    if look.last:
        reason = f"not shown to be no worse than {look.champion[:8]} after {look.number} looks: {evidence.reason}"
        return gone, [Act("reject", model, reason, told)]
    reason = f"not enough evidence at look {look.number} of {SHADOW_LOOKS}: {evidence.reason}"
    return replace(state, looks=look.number), [Act("hold", model, reason, told)]


def _judge_champion(state: ReleaseState, look: Look, evidence: Evidence, *, now: int) -> tuple[ReleaseState, list[Act]]:
    told = evidence.to_dict()
    ended = replace(state, previous=None, watched=0)
    if evidence.verdict == "inferior":
        reason = f"shown to be worse than {look.champion[:8]}, which decides again: {evidence.reason}"
        acts = [Act("rollback", look.challenger, reason, told)]
        back = replace(ended, champion=look.champion, promoted_at=now)
        if state.challenger is not None:
            again = f"its shadow starts anew: the champion is {look.champion[:8]} now"
            acts.append(Act("start_shadow", state.challenger, again))
            back = replace(back, challenger_since=now, looks=0)
        return back, acts
    if look.last:
        reason = f"its successor {look.challenger[:8]} is not worse beyond doubt: {evidence.reason}"
        return ended, [Act("end_watch", look.champion, reason, told)]
    return replace(state, watched=look.number), []


def _level(planned: int, number: int, *, alpha: float, spending: Spending) -> float:
    """The confidence level of one look, so that all planned looks together err with the chance `alpha`."""
    fractions = [(step + 1) / planned for step in range(number)]
    boundary = group_sequential(fractions, alpha=alpha, spending=spending)[-1]
    return float(1 - 2 * ndtr(-boundary))
