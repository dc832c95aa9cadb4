"""Behaviour over twenty worlds: what is planted is refused in all of them, and an honest model passes in all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import setpoint as sp
from setpoint.data.arrays import to_array
from setpoint.learn.behave import FAILS, HOLDS, Behaved, judge_behaviours
from setpoint.learn.scored import Bench, Scored, act_on
from setpoint.learn.sides import Examples, mature_rows
from setpoint.learn.threshold import Costs
from tests.unit.learn.world import COUNTRIES, make_examples, make_world_plan

SEEDS = range(20)
Odds = Callable[[dict[str, np.ndarray]], np.ndarray]


def honest(seen: dict[str, np.ndarray]) -> np.ndarray:
    """The odds that the world was made with, but for countries whose name is not spelled as it was."""
    country = sum(place * (seen["country"] == name) for place, name in enumerate(COUNTRIES))
    return np.asarray(-1.6 + 0.015 * (seen["total"] - 80) + 0.1 * country + 0.05 * (seen["n_3d"] - 22))


def inverted(seen: dict[str, np.ndarray]) -> np.ndarray:
    """It falls with the total."""
    return honest({**seen, "total": 160 - seen["total"]})


def prejudiced(seen: dict[str, np.ndarray]) -> np.ndarray:
    """It hangs on the hour."""
    return honest(seen) + 1.5 * np.sin(seen["hour"] / 4)


def fragile(seen: dict[str, np.ndarray]) -> np.ndarray:
    """It hangs on the last digits of the total."""
    return honest(seen) + 3 * np.sign(np.sin(seen["total"] * 3))


def spelled(seen: dict[str, np.ndarray]) -> np.ndarray:
    """It acts on all but the names that it knows."""
    known = np.isin(seen["country"].astype(str), (*COUNTRIES, "None"))
    return honest(seen) + np.where(known, 0.0, 5.0)


def judged(odds: Odds, expected: Any, seed: int) -> Behaved:
    """What the gate finds of a model in a world of eighty days."""
    plan = make_world_plan(must=[], slices=[], behaves=[expected])
    rows = mature_rows(make_examples(800, days=80, seed=seed))[0]

    def decide(some: Examples) -> Scored:
        seen = {name: to_array(some.features[name], kind) for name, kind in plan.features.items()}
        p = 1 / (1 + np.exp(-odds(seen)))
        each = np.ones(p.size)
        return act_on("m", p, 0.3 * each, y=some.y, costs=Costs(each, each))

    return judge_behaviours(plan, Bench(rows, 50, seed), rows, judged=decide, released=decide, seed=seed)[0]


PLANTED = {
    "a direction that is inverted": (inverted, sp.never_falls_when_raised("total")),
    "an hour that should not matter": (prejudiced, sp.same_if_changed("hour")),
    "a score that noise turns": (fragile, sp.steady_under("noise", on=["total"], size=0.05)),
    "a score that typos turn": (spelled, sp.steady_under("typos", on=["country"], size=0.5)),
    "a score that a value turns": (inverted, sp.must_decide([{"total": 400, "country": "fr", "n_3d": 30}], "block")),
    "edits that look for the worst": (spelled, sp.steady_under_attack(["country"], edits=1)),
    "worst edits of numbers": (fragile, sp.steady_under_attack(["total"], edits=1, size=0.05)),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_refused_in_every_world(name: str) -> None:
    """Of twenty worlds in twenty, each with a decision that shows it."""
    odds, expected = PLANTED[name]
    found = [judged(odds, expected, seed) for seed in SEEDS]
    assert [each.verdict for each in found] == [FAILS] * len(SEEDS)
    assert all(each.counterexamples for each in found)


@pytest.mark.parametrize("name", PLANTED)
def test_an_honest_model_passes_in_every_world(name: str) -> None:
    """The same expectations hold, of twenty worlds in twenty."""
    expected = PLANTED[name][1]
    assert [judged(honest, expected, seed).verdict for seed in SEEDS] == [HOLDS] * len(SEEDS)
