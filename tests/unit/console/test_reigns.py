from __future__ import annotations

from setpoint.console.reigns import Held, reigns_of
from setpoint.core.times import DAY, iso


def act(kind: str, day: int, model: str) -> dict[str, str]:
    """An act on a day."""
    return {"at": iso(day * DAY), "act": kind, "subject": model, "reason": ""}


def names(acts: list[dict[str, str]]) -> list[tuple[str, int, int]]:
    """The reigns of thirty days, in days."""
    return [(held.name, held.start // DAY, held.end // DAY) for held in reigns_of(acts, start=0, end=30 * DAY)]


def test_without_a_promotion_the_rule_decides() -> None:
    """The fallback rule reigns until a model takes over."""
    assert reigns_of([act("train", 3, "a")], start=0, end=30 * DAY) == [Held("rule", 0, 30 * DAY)]


def test_each_promotion_begins_a_reign() -> None:
    """A champion decides until the next one is promoted."""
    acts = [act("promote", 5, "a"), act("promote", 12, "b")]
    assert names(acts) == [("rule", 0, 5), ("a", 5, 12), ("b", 12, 30)]


def test_a_rollback_brings_the_champion_before_back() -> None:
    """The model before decides again, not the rule."""
    acts = [act("promote", 5, "a"), act("promote", 12, "b"), act("rollback", 15, "b"), act("promote", 20, "c")]
    assert names(acts) == [("rule", 0, 5), ("a", 5, 12), ("b", 12, 15), ("a", 15, 20), ("c", 20, 30)]


def test_acts_out_of_order_and_out_of_the_period_do_no_harm() -> None:
    """Acts are taken in order of time, and a reign never leaves the period."""
    acts = [act("promote", 40, "z"), act("promote", 12, "b"), act("promote", 5, "a")]
    assert names(acts) == [("rule", 0, 5), ("a", 5, 12), ("b", 12, 30)]
