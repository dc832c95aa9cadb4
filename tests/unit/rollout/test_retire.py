"""Models that may not score any more leave the release."""

from __future__ import annotations

from setpoint.registry.audit import live_at
from setpoint.rollout.advance import ReleaseState
from setpoint.rollout.retire import retire

FULL = ReleaseState(
    champion="m2",
    challenger="m3",
    previous="m1",
    challenger_since=7,
    promoted_at=5,
    last_training=7,
    looks=1,
    watched=1,
)


def test_where_nothing_is_stale_nothing_happens() -> None:
    """The release goes on as it was."""
    assert retire(FULL, {}) == (FULL, [])
    assert retire(ReleaseState(), {"m9": "gone"}) == (ReleaseState(), [])


def test_with_the_champion_all_leave() -> None:
    """The rule decides, and the time of the last training is kept."""
    state, acts = retire(FULL, {"m2": "its base is gone", "m1": "its base is gone"})
    assert state == ReleaseState(last_training=7)
    assert [(act.kind, act.subject, act.reason) for act in acts] == [
        ("retire", "m2", "its base is gone; the rule decides until another passes"),
        ("reject", "m3", "the champion that it shadows is retired"),
    ]


def test_the_champion_stays_where_only_others_are_stale() -> None:
    """What shadows it, or watches it, leaves alone."""
    state, acts = retire(FULL, {"m3": "stale", "m1": "old"})
    assert state == ReleaseState(champion="m2", promoted_at=5, last_training=7)
    assert [(act.kind, act.subject) for act in acts] == [("reject", "m3"), ("end_watch", "m1")]


def test_after_a_retirement_the_rule_is_live() -> None:
    """Whatever was promoted before; of a model that does not decide it changes nothing."""
    trail = [("promote", "m1"), ("promote", "m2"), ("retire", "m1"), ("retire", "m2"), ("promote", "m3")]
    acts = [{"at": at, "act": act, "subject": subject, "reason": "r"} for at, (act, subject) in enumerate(trail)]
    assert [live_at(acts, at).model for at in range(5)] == ["m1", "m2", "m2", "rule", "m3"]
