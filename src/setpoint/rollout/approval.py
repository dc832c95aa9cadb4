"""What people say of candidates: a yes that a release waits for, a no, an override of the gate's refusal.

What was said is written down first and taken up once, by whoever holds the workspace, whatever stops in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from setpoint.core.errors import GateRefused, NameUnknown
from setpoint.core.ports import Metadata
from setpoint.core.times import spell
from setpoint.declare.release import Approval
from setpoint.registry import audit, models
from setpoint.rollout.advance import Act, ReleaseState, offer

APPROVE, DECLINE, OVERRIDE = "approve", "decline", "override"
"""What may be said of a candidate."""
WAIT = "wait"
"""The act of a candidate that passed the gate and has to be approved."""

NOUN = "answer"
"""Under which noun it is written down what was said."""
ASKED, DONE = "asked", "done"

REPLAY = "the replay"
"""Who says yes where nobody can be asked."""


@dataclass(frozen=True)
class Answer:
    """What somebody said of a candidate, by its digest: approve, decline or override; when and why."""

    model: str
    act: str
    by: str
    reason: str
    at: int

    @property
    def key(self) -> str:
        """What the answer is kept under: the same said again is the same answer."""
        return f"{self.model}/{self.act}/{self.at}"

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON-like data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def act_of(self, report: Mapping[str, Any]) -> Act:
        """The answer as an act for the audit trail, with who said it and what the gate had against the model."""
        told = f"{self.by}: {self.reason}" if self.reason else f"{self.by} gave no reason"
        against = list(report["reasons"])
        return Act(self.act, self.model, told, {"by": self.by, "reason": self.reason, "against": against})


def wait(
    state: ReleaseState, model: str, *, now: int, evidence: Mapping[str, Any] | None = None
) -> tuple[ReleaseState, list[Act]]:
    """The state with a model that waits for a person, and the acts that say so; it takes the place of an older one.

    >>> state, acts = wait(ReleaseState(), "m1", now=5)
    >>> state.champion, state.waiting, [act.kind for act in acts]
    (None, 'm1', ['wait'])
    """
    acts = []
    if state.waiting is not None and state.waiting != model:
        acts.append(Act("reject", state.waiting, f"superseded by the newer model {model[:8]} while it waited"))
    acts.append(Act(WAIT, model, "passed the gate; waits until a person approves it", evidence))
    return replace(state, waiting=model, waiting_since=now), acts


def heed(state: ReleaseState, answer: Answer, *, now: int, report: Mapping[str, Any]) -> tuple[ReleaseState, list[Act]]:
    """The state after an answer, and its acts; `report` is the gate's on the model.

    Raises GateRefused for an answer that does not fit: a yes to what does not wait, an override of what passed.
    """
    check_answer(state, answer.model, answer.act, report=report)
    said = answer.act_of(report)
    freed = state
    if state.waiting == answer.model:
        freed = replace(state, waiting=None, waiting_since=None)
    if answer.act == DECLINE:
        return freed, [said]
    offered, more = offer(freed, answer.model, now=now, evidence=report)
    return offered, [said, *[_as_said(each, answer) for each in more]]


def check_answer(state: ReleaseState, model: str, act: str, *, report: Mapping[str, Any]) -> None:
    """Raises GateRefused for an answer that does not fit the state of the release."""
    name = model[:12]
    if act == OVERRIDE:
        if report["passed"]:
            raise GateRefused(
                f"The model {name} passed the gate: there is no refusal to override.", expected="a refused candidate"
            )
        if model in (state.champion, state.challenger, state.previous):
            raise GateRefused(f"The model {name} is released already.", expected="a refused candidate")
        return
    if state.waiting == model:
        return
    if not report["passed"]:
        raise GateRefused(
            f"The model {name} was refused by the gate: {'; '.join(report['reasons'])}",
            expected="a candidate that passed it",
            hint=f"`setpoint override {name} --by NAME --reason WHY` releases it all the same, and is recorded.",
        )
    waits = "none does" if state.waiting is None else f"{state.waiting[:12]} does"
    raise GateRefused(f"The model {name} does not wait for an approval; {waits}.", expected="a candidate that waits")


def assume(
    state: ReleaseState, approval: Approval | None, *, now: int, report: Mapping[str, Any]
) -> tuple[ReleaseState, list[Act]]:
    """The state of a replay, which has nobody to ask: a yes is assumed when the declaration says, and told as such."""
    if approval is None or approval.in_replay is None or state.waiting is None or state.waiting_since is None:
        return state, []
    if now < state.waiting_since + approval.in_replay:
        return state, []
    reason = f"assumed, as declared, {spell(approval.in_replay)} after the gate: nobody was asked"
    return heed(state, Answer(state.waiting, APPROVE, REPLAY, reason, now), now=now, report=report)


def hold_adopted(state: ReleaseState, *, now: int) -> tuple[ReleaseState, list[Act]]:
    """The state of a replay as a live system takes it up that asks people: what decided there waits here.

    >>> state, acts = hold_adopted(ReleaseState(champion="m2", previous="m1"), now=9)
    >>> state.champion, state.waiting, [act.kind for act in acts]
    (None, 'm2', ['retire', 'wait'])
    """
    model = state.champion
    if model is None:
        return state, []
    acts = [Act("retire", model, "it decided in a replay, where nobody was asked; the rule decides until somebody is")]
    if state.challenger is not None:
        acts.append(Act("reject", state.challenger, "the champion that it shadows has to be approved first"))
    held, more = wait(ReleaseState(last_training=state.last_training), model, now=now)
    return held, [*acts, *more]


def write_answer(metadata: Metadata, answer: Answer) -> None:
    """Write down what was said, for whoever holds the workspace to take up."""
    metadata.put(NOUN, answer.key, {**answer.to_dict(), "state": ASKED})


def answers_asked(metadata: Metadata) -> list[Answer]:
    """What was said and has not been taken up yet, in order."""
    return [_answer(each) for each in metadata.find(NOUN, state=ASKED)]


def mark_answer(metadata: Metadata, answer: Answer, *, became: str) -> None:
    """Say what became of an answer."""
    metadata.put(NOUN, answer.key, {**answer.to_dict(), "state": DONE, "became": became})


def became_of(metadata: Metadata, answer: Answer) -> str | None:
    """What became of an answer; None while nobody has taken it up."""
    found = metadata.get(NOUN, answer.key)
    return None if found is None else found.get("became")


def may_decide(metadata: Metadata, model: str, acts: Iterable[Act] = ()) -> None:
    """Raises GateRefused for a model that no gate record lets decide: none passed it, and nobody overrode a refusal.

    `acts` are those that are about to be recorded.
    """
    try:
        report = models.get(metadata, model).get("report")
    except NameUnknown:
        report = None
    if report is not None and report.get("passed"):
        return
    overridden = any(act.kind == OVERRIDE and act.subject == model for act in acts)
    if report is not None and (overridden or audit.trail(metadata, act=OVERRIDE, subject=model)):
        return
    why = "it has no record of the gate" if report is None else f"the gate refused it: {'; '.join(report['reasons'])}"
    raise GateRefused(
        f"The model {model[:12]} may not decide: {why}.",
        expected="a model that passed the gate, or whose refusal somebody overrode by name and with a reason",
        hint="`setpoint train` makes a candidate; `setpoint why` shows what the gate said of one.",
    )


def _as_said(act: Act, answer: Answer) -> Act:
    """An act of the release that follows from an answer, in words that say so: the gate alone did not release it."""
    if act.subject != answer.model:
        return act
    word = "approved" if answer.act == APPROVE else "the gate's refusal overridden"
    return replace(act, reason=act.reason.replace("passed the gate", f"{word} by {answer.by}", 1))


def _answer(body: Mapping[str, Any]) -> Answer:
    return Answer(**{name: body[name] for name in Answer.__dataclass_fields__})
