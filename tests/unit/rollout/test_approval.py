"""What people say of candidates, and what a release makes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import setpoint as sp
from setpoint.backends.metadata import SqlMetadata
from setpoint.core.errors import DeclarationError, GateRefused, WrongType
from setpoint.core.times import DAY
from setpoint.declare.plan import Plan
from setpoint.declare.release import Approval
from setpoint.registry import audit
from setpoint.rollout.advance import Act, ReleaseState
from setpoint.rollout.approval import (
    APPROVE,
    ASKED,
    DECLINE,
    OVERRIDE,
    Answer,
    answers_asked,
    assume,
    became_of,
    heed,
    hold_adopted,
    mark_answer,
    may_decide,
    wait,
    write_answer,
)
from setpoint.rollout.retire import retire

PASSED: dict[str, Any] = {"passed": True, "reasons": []}
REFUSED: dict[str, Any] = {"passed": False, "reasons": ["auc() >= 0.9: 0.8"]}
WAITS = ReleaseState(champion="m1", waiting="m2", waiting_since=3, last_training=3)


def said(model: str, act: str) -> Answer:
    """What Ann said of a model."""
    return Answer(model, act, "ann", "looked at it", 7)


def test_what_was_approved_goes_on_as_what_passed_did_before() -> None:
    """With a champion it shadows; without one it decides; the acts say who said yes."""
    state, acts = heed(WAITS, said("m2", APPROVE), now=7, report=PASSED)
    assert (state.champion, state.challenger, state.waiting) == ("m1", "m2", None)
    assert [(act.kind, act.subject) for act in acts] == [("approve", "m2"), ("start_shadow", "m2")]
    assert acts[0].reason == "ann: looked at it"
    assert acts[0].evidence == {"by": "ann", "reason": "looked at it", "against": []}
    assert "approved by ann" in acts[1].reason
    first, acts = heed(ReleaseState(waiting="m2", waiting_since=3), said("m2", APPROVE), now=7, report=PASSED)
    assert (first.champion, first.promoted_at) == ("m2", 7)
    assert acts[1].reason.startswith("approved by ann, which compared it")


def test_what_was_declined_does_not_go_on() -> None:
    """Nothing else changes."""
    state, acts = heed(WAITS, said("m2", DECLINE), now=7, report=PASSED)
    assert state == ReleaseState(champion="m1", last_training=3)
    assert [act.kind for act in acts] == ["decline"]


def test_a_refusal_is_overridden_with_what_the_gate_had_against_it() -> None:
    """The audit keeps the gate's reasons beside the person's."""
    state, acts = heed(WAITS, said("m9", OVERRIDE), now=7, report=REFUSED)
    assert (state.challenger, state.waiting) == ("m9", "m2")
    assert acts[0].evidence == {"by": "ann", "reason": "looked at it", "against": ["auc() >= 0.9: 0.8"]}
    assert "the gate's refusal overridden by ann" in acts[1].reason


@pytest.mark.parametrize(
    ("answer", "report", "words"),
    [
        (said("m3", APPROVE), PASSED, "does not wait for an approval; m2 does"),
        (said("m3", DECLINE), PASSED, "does not wait"),
        (said("m3", APPROVE), REFUSED, "was refused by the gate: auc"),
        (said("m3", OVERRIDE), PASSED, "no refusal to override"),
        (said("m1", OVERRIDE), REFUSED, "released already"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(answer: Answer, report: dict[str, Any], words: str) -> None:
    """With what would fit."""
    with pytest.raises(GateRefused, match=words):
        heed(WAITS, answer, now=7, report=report)


def test_a_newer_candidate_takes_the_place_of_one_that_waits() -> None:
    """And the trail says so."""
    state, acts = wait(WAITS, "m4", now=9)
    assert (state.waiting, state.waiting_since) == ("m4", 9)
    assert [(act.kind, act.subject) for act in acts] == [("reject", "m2"), ("wait", "m4")]


def test_a_replay_assumes_a_yes_when_the_declaration_says() -> None:
    """Not before, never where it says so, and told as an assumption."""
    assert assume(WAITS, Approval(DAY), now=DAY, report=PASSED) == (WAITS, [])
    assert assume(WAITS, Approval(None), now=9 * DAY, report=PASSED) == (WAITS, [])
    state, acts = assume(WAITS, Approval(DAY), now=DAY + 3, report=PASSED)
    assert state.challenger == "m2"
    assert acts[0].reason == "the replay: assumed, as declared, 1d after the gate: nobody was asked"


def test_what_a_replay_decided_by_waits_in_a_live_system() -> None:
    """Its challenger and its predecessor leave."""
    full = ReleaseState(champion="m2", challenger="m3", previous="m1", last_training=4)
    state, acts = hold_adopted(full, now=9)
    assert state == ReleaseState(waiting="m2", waiting_since=9, last_training=4)
    assert [(act.kind, act.subject) for act in acts] == [("retire", "m2"), ("reject", "m3"), ("wait", "m2")]
    assert hold_adopted(ReleaseState(), now=9) == (ReleaseState(), [])


def test_a_waiting_model_whose_base_is_gone_leaves() -> None:
    """And one whose base is there stays when the champion leaves."""
    assert retire(WAITS, {"m2": "its base is gone"})[0] == ReleaseState(champion="m1", last_training=3)
    left, acts = retire(WAITS, {"m1": "its base is gone"})
    assert left == ReleaseState(waiting="m2", waiting_since=3, last_training=3)
    assert [act.kind for act in acts] == ["retire"]


def test_an_answer_is_written_down_until_it_is_taken_up() -> None:
    """Once, and what became of it stays."""
    metadata = SqlMetadata("sqlite://")
    answer = said("m2", APPROVE)
    write_answer(metadata, answer)
    assert answers_asked(metadata) == [answer]
    assert became_of(metadata, answer) is None
    mark_answer(metadata, answer, became="taken up")
    assert answers_asked(metadata) == []
    assert became_of(metadata, answer) == "taken up"
    assert metadata.find("answer", state=ASKED) == []
    metadata.close()


def test_no_model_may_decide_without_a_record_of_the_gate() -> None:
    """It has to have passed, or somebody overrode the refusal."""
    metadata = SqlMetadata("sqlite://")
    metadata.put("model", "good", {"model": "good", "report": PASSED})
    metadata.put("model", "bad", {"model": "bad", "report": REFUSED})
    metadata.put("model", "bare", {"model": "bare"})
    may_decide(metadata, "good")
    for name, words in (("bad", "the gate refused it: auc"), ("bare", "no record"), ("none", "no record")):
        with pytest.raises(GateRefused, match=words):
            may_decide(metadata, name)
        with pytest.raises(GateRefused):
            may_decide(metadata, name, [Act("approve", name, "yes")])
    may_decide(metadata, "bad", [Act("override", "bad", "ann: yes")])
    audit.record(metadata, at=1, act="override", subject="bad", reason="ann: yes")
    audit.record(metadata, at=1, act="override", subject="bare", reason="ann: yes")
    may_decide(metadata, "bad")
    with pytest.raises(GateRefused, match="no record"):
        may_decide(metadata, "bare")
    metadata.close()


def test_a_release_says_that_people_approve(plan_of: Callable[..., Plan]) -> None:
    """In its declaration and its plan; without it nothing changes."""
    plain, asked = plan_of(), plan_of(approve=sp.approval(in_replay="2d"))
    assert "approval" not in plain.system.release.to_dict()
    assert asked.system.release.to_dict()["approval"] == {"in_replay": 2 * DAY}
    told = {choice.name: choice.value for choice in asked.choices}
    assert told["approval"].endswith("assumes it 2d after the gate")
    assert "approval" not in {choice.name for choice in plain.choices}
    never = {choice.name: choice.value for choice in plan_of(approve=sp.approval(in_replay=None)).choices}
    assert never["approval"].endswith("assumes it never")
    assert plan_of(approve=True).system.release.approval == Approval(0)


def test_what_cannot_be_meant_is_refused() -> None:
    """A yes before the gate, and an approval that is none."""
    with pytest.raises(DeclarationError, match="a duration from zero, or None"):
        sp.approval(in_replay=timedelta(days=-1))
    wrong: Any = "yes"
    with pytest.raises(WrongType, match="approve='yes'"):
        sp.release(sp.shadow("1d"), approve=wrong)
