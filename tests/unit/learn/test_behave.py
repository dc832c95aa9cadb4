"""Behaviour at the gate: an inverted direction is refused with its reason, and an honest model passes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.core.errors import DeclarationError, WrongType
from setpoint.learn.behave import direct
from setpoint.learn.gate import FAILS, HOLDS, UNKNOWN, GateReport
from setpoint.learn.train import train
from tests.unit.learn.world import learners, logistic, make_examples, make_world_plan, with_features


def judged(*behaves: Any, seed: int = 0, inverted: bool = False, days: int = 240, lightgbm: bool = False) -> GateReport:
    """What the gate says of a shop whose fraud rises with `n_3d`, or falls with it where that is inverted."""
    plan = make_world_plan(trials=1, rounds=20, must=[], slices=[], behaves=behaves)
    examples = make_examples(3000, days=days, seed=seed)
    if inverted:
        examples = with_features(examples, {"n_3d": 60.0 - examples.features["n_3d"].to_numpy()})
    taught = {"lightgbm": LightGBMLearner()} if lightgbm else logistic()
    return train(plan, examples, learners=taught, seed=0).report


def test_an_inverted_direction_is_refused_with_its_reason() -> None:
    """The share of decisions that score lower, its bound, and a decision that shows it."""
    found = judged(sp.never_falls_when_raised("n_3d"), inverted=True)
    rail = found.guardrails[0]
    assert (rail.guardrail, rail.verdict) == ("never_falls_when_raised('n_3d')", FAILS)
    assert not found.passed
    assert rail.estimate > 0.9
    assert rail.bound > 0.05
    assert "held-out decisions score lower by more than 0.01 when 'n_3d' is raised" in found.reasons[0]
    worst = found.behaviours[0].counterexamples[0]
    (low, high) = worst.changed["n_3d"]
    assert low < high
    assert worst.after < worst.before - 0.01
    assert str(worst) in found.reasons[0]
    assert worst.key.startswith("c0-")
    assert len(found.behaviours[0].counterexamples) == 5


def test_inverted_directions_are_always_refused_and_honest_ones_never() -> None:
    """Of five made shops each: all that are inverted fail, and all that are not hold."""
    expected = sp.never_falls_when_raised("n_3d"), sp.never_falls_when_raised("total")
    inverted = [judged(*expected, seed=seed, inverted=True).guardrails for seed in range(5)]
    honest = [judged(*expected, seed=seed).guardrails for seed in range(5)]
    assert [tuple(rail.verdict for rail in each[:2]) for each in inverted] == [(FAILS, HOLDS)] * 5
    assert [tuple(rail.verdict for rail in each[:2]) for each in honest] == [(HOLDS, HOLDS)] * 5


def test_a_learner_that_can_is_told_to_keep_to_the_direction() -> None:
    """Where the rows say the opposite, LightGBM's trees take no account of the feature and the expectation holds."""
    free = judged(sp.same_if_changed("n_3d", by=0.01), inverted=True, lightgbm=True)
    held = judged(sp.never_falls_when_raised("n_3d"), inverted=True, lightgbm=True)
    assert free.guardrails[0].verdict == FAILS
    assert held.guardrails[0].verdict == HOLDS
    assert held.guardrails[0].estimate == 0


def test_directions_reach_only_learners_that_take_them_and_never_contradict() -> None:
    """What two expectations pull in opposite ways is left free."""
    plain = make_world_plan()
    assert direct(plain, learners())["lightgbm"]._directions == {}  # type: ignore[attr-defined]
    told = direct(make_world_plan(behaves=[sp.never_falls_when_raised("total")]), learners())
    assert told["lightgbm"]._directions == {"total": 1, "big": 1}  # type: ignore[attr-defined]
    assert told["logistic"].name == "logistic"


def test_what_decides_is_refused_as_an_invariance_and_what_does_not_holds() -> None:
    """The country decides and the hour does not; the report says which change of which decision moved most."""
    found = judged(sp.same_if_changed("country", values=["at", "fr"]), sp.same_if_changed("hour"))
    country, hour = found.behaviours
    assert (country.verdict, hour.verdict) == (FAILS, HOLDS)
    assert country.counterexamples[0].changed["country"][1] in ("at", "fr")
    assert hour.counterexamples == ()
    assert hour.bound < hour.limit


def test_too_few_days_are_no_evidence() -> None:
    """It is said how many more would settle it, and it blocks."""
    found = judged(sp.same_if_changed("hour", at_most=0.001), days=60)
    assert found.guardrails[0].verdict == UNKNOWN
    assert "more days would settle it" in found.reasons[0]


def test_a_feature_without_a_value_can_not_be_raised() -> None:
    """That is no evidence, and says so."""
    plan = make_world_plan(trials=1, must=[], slices=[], behaves=[sp.never_falls_when_raised("avg_30d")])
    examples = with_features(make_examples(2000), {"avg_30d": np.full(2000, np.nan)})
    found = train(plan, examples, learners=logistic(), seed=0).report
    assert found.guardrails[0].verdict == UNKNOWN
    assert found.guardrails[0].reason.startswith("'avg_30d' could not be raised in any row")


def test_rows_that_must_get_an_action() -> None:
    """What a row does not name is as usual; those that get another action are told."""
    large: dict[str, Any] = {"total": 900, "country": "fr"}
    small: dict[str, Any] = {"total": 1, "country": "at"}
    good = judged(sp.must_decide([large, {**large, "total": 800}], "block"), sp.must_decide([small], "none"))
    assert [each.verdict for each in good.behaviours] == [HOLDS, HOLDS]
    bad = judged(sp.must_decide([large, small], "block"), sp.must_decide([large, small], "block", at_most=0.5))
    assert [each.verdict for each in bad.behaviours] == [FAILS, HOLDS]
    assert bad.reasons[0].startswith("must_decide(2 rows, 'block'): 1 of 2 rows get the action 'block'")
    assert bad.behaviours[0].counterexamples[0].changed["total"][1] == 1


def test_what_befalls_rows_is_bounded_in_actions_and_in_the_metric() -> None:
    """A little noise is borne; a number in another unit turns more actions than may be, and the metric is told."""
    calm = judged(sp.steady_under("noise", size=0.01, drop=0.05), sp.steady_under("typos", on=["country"], at_most=0.2))
    assert [each.verdict for each in calm.behaviours] == [HOLDS, HOLDS]
    assert calm.behaviours[0].drop is not None
    assert "auc() loses" in calm.guardrails[0].reason
    wild = judged(
        sp.steady_under("units", on=["total"], at_most=0.05), sp.steady_under("missing", size=0.9, drop=0.001)
    )
    assert [each.verdict for each in wild.behaviours] == [FAILS, FAILS]
    flipped = wild.behaviours[0].counterexamples[0]
    assert flipped.actions in (("none", "block"), ("block", "none"))
    assert flipped.changed["total"][0] != flipped.changed["total"][1]


def test_a_report_with_behaviours_is_json_and_the_same_each_time() -> None:
    """Faults are drawn by the seed; without expectations the report has no such part."""
    behaves = sp.steady_under("missing"), sp.never_falls_when_raised("total"), sp.same_if_changed("country")
    first, second = (judged(*behaves).to_dict() for _ in range(2))
    assert first == second
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    assert [each["behaviour"] for each in first["behaviours"]] == [str(each) for each in behaves]
    assert "behaviours" not in judged().to_dict()


@pytest.mark.parametrize("name", ["total", "hour"])
def test_null_is_neither_lower_nor_higher(name: str) -> None:
    """Rows without a value are not counted."""
    plan = make_world_plan(trials=1, must=[], slices=[], behaves=[sp.never_falls_when_raised(name)])
    examples = make_examples(2000, days=240)
    holes = pa.array(np.where(np.arange(2000) % 2 == 0, np.nan, examples.features[name].to_numpy()), from_pandas=True)
    table = examples.fields if name in examples.fields.column_names else examples.features
    changed = table.set_column(table.column_names.index(name), name, holes)
    part = {"fields" if table is examples.fields else "features": changed}
    found = train(plan, type(examples)(**{**vars(examples), **part}), learners=logistic(), seed=0).report
    assert found.behaviours[0].rows < 0.6 * found.rows


def test_edits_that_look_for_the_worst_are_bounded_in_actions_and_in_the_metric() -> None:
    """The worst-case metric is told with its bound, and what was edited, from what to what."""
    calm, wild = (
        judged(sp.steady_under_attack(["total", "country"], edits=edits, size=size, at_most=share, drop=drop))
        for edits, size, share, drop in ((1, 0.01, 0.9, 0.9), (2, 1.0, 0.1, 0.02))
    )
    assert (calm.behaviours[0].verdict, wild.behaviours[0].verdict) == (HOLDS, FAILS)
    assert "turn from right to wrong" in wild.reasons[0]
    assert "auc() loses" in wild.reasons[0]
    assert wild.behaviours[0].rows == 500
    worst = wild.behaviours[0].counterexamples[0]
    assert set(worst.changed) <= {"total", "country"}
    assert worst.actions is not None
    assert worst.actions[0] != worst.actions[1]


def test_what_can_be_edited_is_a_number_or_a_text() -> None:
    """A time is neither, and no name is none."""
    with pytest.raises(WrongType, match="'ts' is a time"):
        make_world_plan(behaves=[sp.steady_under_attack(["ts"])])
    with pytest.raises(WrongType, match=r"steady_under_attack\(\[\]\)"):
        sp.steady_under_attack([])
    with pytest.raises(DeclarationError, match="edits=0"):
        sp.steady_under_attack(["total"], edits=0)
