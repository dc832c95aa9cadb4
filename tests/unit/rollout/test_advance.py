"""What follows from the evidence: promotion, holding, rejection and rollback."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from setpoint.core.times import DAY
from setpoint.declare.plan import Plan
from setpoint.measure.intervals import Interval
from setpoint.measure.spending import crossing_chance
from setpoint.rollout.advance import (
    ReleaseState,
    advance,
    offer,
    rollback_look,
    shadow_look,
)
from setpoint.rollout.shadow import Evidence, Verdict


def evidence(verdict: Verdict) -> Evidence:
    """Evidence with a verdict; its numbers do not matter to what follows."""
    nothing = Interval(0.0, 0.0, 0.0, 0.95, 100, 7, 0, "t")
    return Evidence(verdict, "as told", "auc()", 0.005, 0.95, 100, 7, 0.7, 0.7, nothing, nothing)


def kinds(acts: list) -> list[tuple[str, str]]:
    """Kind and subject of each act."""
    return [(act.kind, act.subject) for act in acts]


SHADOWING = ReleaseState(champion="a", challenger="b", challenger_since=30 * DAY, last_training=30 * DAY)
WATCHED = ReleaseState(champion="b", previous="a", promoted_at=40 * DAY, last_training=30 * DAY)


def test_the_first_model_takes_over_from_the_rule_at_once() -> None:
    """The rule is the incumbent, and the gate has compared the two."""
    state, acts = offer(ReleaseState(last_training=DAY), "a", now=DAY, evidence={"gate": "passed"})
    assert kinds(acts) == [("promote", "a")]
    assert acts[0].evidence == {"gate": "passed"}
    assert state == ReleaseState(champion="a", promoted_at=DAY, last_training=DAY)


def test_a_later_model_shadows_and_makes_a_waiting_one_give_way() -> None:
    """There is one challenger at a time: the newest."""
    state, acts = offer(SHADOWING, "c", now=33 * DAY)
    assert kinds(acts) == [("reject", "b"), ("start_shadow", "c")]
    assert (state.champion, state.challenger, state.challenger_since, state.looks) == ("a", "c", 33 * DAY, 0)


def test_the_look_waits_for_the_labels_of_the_whole_stage(plan_of: Callable[..., Plan]) -> None:
    """Seven days of shadow and two of maturity: due on the ninth day, about the first seven."""
    plan = plan_of()
    assert shadow_look(plan, SHADOWING, now=39 * DAY - 1) is None
    look = shadow_look(plan, SHADOWING, now=39 * DAY)
    assert look is not None
    assert (look.champion, look.challenger, look.start, look.end, look.number) == ("a", "b", 30 * DAY, 37 * DAY, 1)


@pytest.mark.parametrize("verdict", ["superior", "non_inferior"])
def test_a_challenger_shown_to_be_no_worse_is_promoted(plan_of: Callable[..., Plan], verdict: Verdict) -> None:
    """The champion it replaces goes on to watch it."""
    state, acts = advance(plan_of(), SHADOWING, now=39 * DAY, evidence=evidence(verdict))
    assert kinds(acts) == [("promote", "b")]
    assert state == ReleaseState(champion="b", previous="a", promoted_at=39 * DAY, last_training=30 * DAY)


def test_an_inferior_challenger_is_rejected(plan_of: Callable[..., Plan]) -> None:
    """The champion stays, and nothing else changes."""
    state, acts = advance(plan_of(), SHADOWING, now=39 * DAY, evidence=evidence("inferior"))
    assert kinds(acts) == [("reject", "b")]
    assert state == ReleaseState(champion="a", last_training=30 * DAY)


def test_without_evidence_enough_a_challenger_is_held_for_three_looks(plan_of: Callable[..., Plan]) -> None:
    """After the third it is given up; each look is one stage longer than the one before."""
    plan, state, told, ends = plan_of(), SHADOWING, [], []
    for day in range(30, 60):
        look = shadow_look(plan, state, now=day * DAY)
        if look is not None:
            ends.append(look.end // DAY)
            state, acts = advance(plan, state, now=day * DAY, evidence=evidence("not_enough"))
            told += [(day, act.kind) for act in acts]
    assert told == [(39, "hold"), (46, "hold"), (53, "reject")]
    assert ends == [37, 44, 51]
    assert state.challenger is None


def test_evidence_before_its_time_changes_nothing(plan_of: Callable[..., Plan]) -> None:
    """A look that is not due cannot be taken."""
    plan = plan_of()
    assert advance(plan, SHADOWING, now=35 * DAY, evidence=evidence("superior")) == (SHADOWING, [])
    assert advance(plan, WATCHED, now=41 * DAY, rollback_evidence=evidence("inferior")) == (WATCHED, [])
    assert advance(plan, SHADOWING, now=39 * DAY) == (SHADOWING, [])


def test_a_new_champion_shown_to_be_worse_is_rolled_back(plan_of: Callable[..., Plan]) -> None:
    """The one before decides again, and is watched by nobody."""
    plan = plan_of()
    look = rollback_look(plan, WATCHED, now=49 * DAY)
    assert look is not None
    assert (look.champion, look.challenger, look.start, look.end) == ("a", "b", 40 * DAY, 47 * DAY)
    state, acts = advance(plan, WATCHED, now=49 * DAY, rollback_evidence=evidence("inferior"))
    assert kinds(acts) == [("rollback", "b")]
    assert state == ReleaseState(champion="a", promoted_at=49 * DAY, last_training=30 * DAY)


def test_the_watch_ends_after_its_looks(plan_of: Callable[..., Plan]) -> None:
    """A fortnight of watch is two weekly looks."""
    plan, state, told = plan_of(), WATCHED, []
    for day in range(40, 70):
        if rollback_look(plan, state, now=day * DAY) is not None:
            state, acts = advance(plan, state, now=day * DAY, rollback_evidence=evidence("non_inferior"))
            told += [(day, act.kind, act.subject) for act in acts]
    assert told == [(56, "end_watch", "a")]
    assert (state.champion, state.previous) == ("b", None)


def test_a_rollback_restarts_the_shadow_of_a_waiting_challenger(plan_of: Callable[..., Plan]) -> None:
    """What was shown against a champion that is gone says nothing of the one that is back."""
    both = replace(WATCHED, challenger="c", challenger_since=38 * DAY, looks=1)
    state, acts = advance(
        plan_of(),
        both,
        now=54 * DAY,
        evidence=evidence("superior"),
        rollback_evidence=evidence("inferior"),
    )
    assert kinds(acts) == [("rollback", "b"), ("start_shadow", "c")]
    assert (state.champion, state.challenger, state.challenger_since, state.looks) == ("a", "c", 54 * DAY, 0)


def test_a_promotion_ends_the_watch_over_the_champion_it_replaces(plan_of: Callable[..., Plan]) -> None:
    """One model watches: the one that decided last."""
    both = replace(WATCHED, challenger="c", challenger_since=40 * DAY)
    state, acts = advance(plan_of(), both, now=49 * DAY, evidence=evidence("superior"))
    assert kinds(acts) == [("end_watch", "a"), ("promote", "c")]
    assert (state.champion, state.previous, state.watched) == ("c", "b", 0)


def test_the_looks_share_their_error_rate(plan_of: Callable[..., Plan]) -> None:
    """However many looks are taken, chance crosses them in 5 % (shadow) and 2.5 % (watch) of cases."""
    plan = plan_of(rollback="28d")
    shadow, watch = [], []
    for number in range(3):
        look = shadow_look(plan, replace(SHADOWING, looks=number), now=100 * DAY)
        assert look is not None
        shadow.append(look.level)
    for number in range(4):
        look = rollback_look(plan, replace(WATCHED, watched=number), now=100 * DAY)
        assert look is not None
        assert look.last == (number == 3)
        watch.append(look.level)
    assert crossing_chance([1 / 3, 2 / 3, 1], [_z(level) for level in shadow]) == pytest.approx(0.05, abs=1e-6)
    assert crossing_chance([0.25, 0.5, 0.75, 1], [_z(level) for level in watch]) == pytest.approx(0.025, abs=1e-6)
    assert shadow[0] < 0.98  # most is spent on the first look


def _z(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def test_a_state_survives_json() -> None:
    """A restart goes on from where it was."""
    state = replace(WATCHED, challenger="c", challenger_since=5, looks=1, watched=1)
    assert ReleaseState.from_dict(json.loads(json.dumps(state.to_dict()))) == state
    assert ReleaseState.from_dict(ReleaseState().to_dict()) == ReleaseState()
