"""Mitigation: what thresholds by group and weights do to a planted gap, and what they cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, NameUnknown
from setpoint.core.times import DAY
from setpoint.declare.goal import Goal
from setpoint.declare.mitigate import GroupThresholds
from setpoint.learn.group_shift import GroupShifts
from setpoint.learn.groups import groups_of
from setpoint.learn.mitigate import curves_of, judge_mitigation, reweighed, trade_off, with_group_thresholds
from setpoint.learn.scored import Bench, Scored, act_on
from setpoint.learn.sides import Examples
from setpoint.learn.threshold import NEVER, Price, Threshold, costs_of
from tests.unit.learn.world import START, make_system

PLAIN = Threshold(Price(1.0), Price(2.0))


def make_goal(**changes: Any) -> Goal:
    """A goal of two classes with a mitigation."""
    costs = sp.cost(false_positive=1, false_negative=2)
    return sp.goal(sp.auc(), business="eur", act=sp.act("help"), cost=costs, **changes)


def people(n: int = 8000, *, seed: int = 0) -> tuple[Examples, np.ndarray]:
    """Rows with a sex, and the scores of a model that thinks too little of women."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1.5, 2.5, n)
    sex = rng.choice(["f", "m"], n)
    at = np.sort(START + rng.integers(0, 40 * DAY, n))
    rows = Examples(pa.table({"x": p}), pa.table({"sex": sex}), (rng.random(n) < p).astype(float), at)
    return rows, np.where(sex == "f", p * 0.6, p)


def judged(within: float = 0.02) -> tuple[Goal, Threshold, Bench, Scored, Scored]:
    """Thresholds that one half of the rows asked for, and what they do to the other half."""
    goal = make_goal(mitigate=sp.group_thresholds("recall", by="sex", within=within))
    asked = goal.mitigate
    assert isinstance(asked, GroupThresholds)
    (newer, scores), (rows, later) = people(seed=1), people(seed=2)
    threshold = with_group_thresholds(PLAIN, asked, newer, scores, costs_of(goal, newer, PLAIN))
    bench, costs = Bench(rows, draws=200, seed=0), costs_of(goal, rows, PLAIN)
    plain, ours = (
        act_on("m", later, each.of(rows.fields, rows.y.size), y=rows.y, costs=costs) for each in (PLAIN, threshold)
    )
    return goal, threshold, bench, plain, ours


def test_thresholds_by_group_close_the_gap_on_rows_they_never_saw() -> None:
    """The gap falls from a third to a few hundredths; here women were underrated, so that closing it pays."""
    goal, threshold, bench, plain, ours = judged()
    found = judge_mitigation(goal, bench, ours, plain, shifts=threshold.groups)
    assert found.before.low > 0.2
    assert found.after.estimate < 0.05
    assert dict(found.shifts)["f"] < dict(found.shifts)["m"]
    assert found.price.low > 0
    assert "gap of recall by sex is 0.3" in found.words
    assert "gains" in found.words


def test_a_gap_within_the_limit_is_left_alone() -> None:
    """Nothing is shifted where one threshold for all keeps the limit."""
    goal, threshold, bench, plain, ours = judged(within=0.5)
    assert threshold.groups is not None
    assert {shift for _, shift in threshold.groups.shifts} == {0.0}
    assert np.array_equal(plain.acted, ours.acted)
    assert judge_mitigation(goal, bench, ours, plain).price.estimate == 0


def test_the_trade_off_goes_from_no_gap_to_one_threshold_for_all() -> None:
    """Each point is told by rows that had no part in it, with its price; the last one costs nothing."""
    goal, threshold, bench, plain, _ = judged()
    asked = goal.mitigate
    assert isinstance(asked, GroupThresholds)
    newer, scores = people(seed=1)
    curves = curves_of(threshold, asked, newer, scores, costs_of(goal, newer, PLAIN))
    points = trade_off(asked, bench, threshold, plain, costs_of(goal, bench.rows, PLAIN), curves)
    assert points[-1].within is None
    assert points[-1].difference.estimate == 0
    assert asked.within in [each.within for each in points]
    assert points[0].gap < 0.05
    assert points[-1].gap > 0.2
    assert any(each.best for each in points)


def test_a_small_group_keeps_the_threshold_that_costs_give() -> None:
    """Forty rows say nothing of where their threshold should be; neither do rows without a value, if they are few."""
    rows, scores = people(4000)
    names = rows.fields["sex"].to_pylist()
    names[:40], names[40:60] = ["x"] * 40, [None] * 20
    rows = replace(rows, fields=pa.table({"sex": pa.array(names)}))
    asked = GroupThresholds("recall", "sex", 0.0)
    costs = costs_of(make_goal(), rows, PLAIN)
    found = with_group_thresholds(PLAIN, asked, rows, scores, costs).groups
    assert found is not None
    assert [name for name, _ in found.shifts] == ["f", "m"]
    assert found.of_one({"sex": "x"}) == found.of_one({"sex": None}) == found.of_one({}) == 0.0


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["f", "m", None, "x"]),
        pa.array([1.0, 2.5, None, 7.0]),
        pa.array([True, False, None, True]),
        pa.array([1, 2, None, 3], pa.int64()),
    ],
)
def test_one_request_has_the_threshold_of_a_batch_of_one(column: pa.Array) -> None:
    """Texts, numbers, truth values, and none at all; saved and loaded again."""
    names = [None, "f", "m", "1", "2.5", "true", "2"]
    shifts = GroupShifts("by", tuple((name, 0.01 * place) for place, name in enumerate(names)))
    threshold = Threshold.from_dict(Threshold(Price(1.0), Price(0.0, "total"), groups=shifts).to_dict())
    rows = pa.table({"by": column, "total": [3.0, 1.0, 2.0, 0.0]})
    batch = threshold.of(rows, 4)
    assert batch.tolist() == [threshold.of_one(row) for row in rows.to_pylist()]
    assert batch[3] == NEVER
    assert threshold.constant is None


def test_reweighed_rows_have_no_gap_in_outcomes() -> None:
    """Group and outcome are independent by weight, and the weight of all is what it was."""
    rows, _ = people()
    biased = replace(rows, y=np.where(rows.fields["sex"].to_numpy(False) == "f", rows.y * (rows.at % 2), rows.y))
    found, groups = reweighed(biased, "sex"), groups_of(biased, "sex")
    rates = [np.average(found.y[groups == name], weights=found.weight[groups == name]) for name in ("f", "m")]
    assert rates[0] == pytest.approx(rates[1])
    assert found.weight.sum() == pytest.approx(biased.weight.sum())


def test_the_group_has_to_be_known_when_deciding() -> None:
    """A feature cannot choose a threshold; what is neither field nor feature is not there."""
    with pytest.raises(DeclarationError, match="no field of the request"):
        make_system(mitigate=sp.group_thresholds("recall", by="n_3d"))
    with pytest.raises(NameUnknown, match="county"):
        make_system(mitigate=sp.reweighing(by="county"))
    assert make_system(mitigate=sp.reweighing(by="n_3d")).goal.to_dict()["mitigate"]["method"] == "reweighing"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: sp.group_thresholds("precision", by="sex"), "precision"),
        (lambda: sp.group_thresholds("recall", by="sex", within=1), "within=1"),
        (lambda: sp.group_thresholds("recall", by=""), "by=''"),
        (lambda: make_goal(mitigate="recall"), "mitigate= is 'recall'"),
    ],
)
def test_what_means_nothing_is_refused(make: Any, words: str) -> None:
    """With what was written."""
    with pytest.raises(Exception, match=words.replace("(", r"\(")):
        make()
