"""How a model treats groups on the held-out rows: guardrails, gate report, card and terminal say the same."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.cli.fairness import print_fairness
from setpoint.core.errors import DeclarationError
from setpoint.core.times import DAY
from setpoint.declare.goal import Goal
from setpoint.learn.fairness import fairness_of, tell_gap, told_fairness
from setpoint.learn.gate import FAILS, HOLDS, UNKNOWN
from setpoint.learn.scored import Bench
from setpoint.learn.sides import Examples
from tests.unit.learn.test_gate import report, scored
from tests.unit.learn.world import START


def make_goal(**changes: Any) -> Goal:
    """A goal of its own, with these guardrails and protected attributes."""
    costs = sp.cost(false_positive=1, false_negative=4)
    return sp.goal(sp.auc(), business="eur", act=sp.act("help"), cost=costs, **changes)


def people(n: int = 6000, *, seed: int = 0) -> tuple[Bench, np.ndarray, np.ndarray]:
    """Held-out rows with a sex and an age, their true probabilities, and who is a woman."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 3, n)
    y = (rng.random(n) < p).astype(float)
    sex, age = rng.choice(["f", "m"], n), rng.choice(["old", "young"], n)
    at = np.sort(START + rng.integers(0, 40 * DAY, n))
    fields = pa.table({"sex": sex, "age": age})
    return Bench(Examples(pa.table({"x": p}), fields, y, at), draws=200, seed=0), p, sex == "f"


def test_planted_bias_is_refused_and_a_fair_model_passes() -> None:
    """A model that halves the scores of women acts less on them, positives or not."""
    bench, p, women = people()
    must = [sp.gap(metric, by="sex") <= 0.12 for metric in (sp.selection_rate(), sp.recall(), sp.false_positive_rate())]
    goal = make_goal(must=must, protect=["sex"])
    assert [each.verdict for each in report(goal, bench, p).guardrails] == [HOLDS] * 3
    biased = report(goal, bench, np.where(women, p / 2, p))
    assert [each.verdict for each in biased.guardrails] == [FAILS] * 3
    assert not biased.passed
    assert biased.fairness[0].gap("demographic_parity").lowest == "f"
    assert biased.fairness[0].gap("equalised_odds").shown


def test_a_gap_is_the_same_number_in_guardrail_and_report() -> None:
    """Estimate and bound: both are read from one table of counts, drawn alike."""
    bench, p, women = people()
    goal = make_goal(
        must=[
            sp.gap(metric, by="sex") <= limit
            for metric, limit in ((sp.recall(), 0.3), (sp.precision(), 0.3), (sp.log_loss(), 0.5), (sp.business(), 900))
        ],
        protect=["sex"],
    )
    found = report(goal, bench, np.where(women, p * 0.8, p))
    names = ("equal_opportunity", "predictive_parity", "equal_log_loss", "equal_value")
    for rail, name in zip(found.guardrails, names, strict=True):
        gap = found.fairness[0].gap(name).difference
        assert (rail.estimate, rail.bound) == (gap.estimate, gap.high)


def test_protected_attributes_are_crossed() -> None:
    """Each pair has its groups; an attribute that only a gap names is looked at alone."""
    bench, p, _ = people()
    ours = scored(bench, p)
    both = fairness_of(make_goal(protect=["sex", "age"]), bench, ours)
    assert [each.attribute for each in both] == ["sex", "age", "sex x age"]
    assert len(both[2].groups) == 4
    asked = fairness_of(make_goal(must=[sp.gap(sp.recall(), by="age") <= 0.2], protect=["sex"]), bench, ours)
    assert [each.attribute for each in asked] == ["sex", "age"]
    assert fairness_of(make_goal(), bench, ours) == ()


def test_the_report_is_a_document_with_words() -> None:
    """No NaN in it; each gap says between whom it is, how sure that is, and what chance alone would make."""
    bench, p, women = people()
    document = report(make_goal(protect=["sex"]), bench, np.where(women, p / 2, p)).to_dict()
    found = json.loads(json.dumps(document, allow_nan=False))["fairness"][0]
    words = found["gaps"][0]["words"]
    assert words.startswith("share acted on: 0.")
    assert "between f (lowest) and m (highest), with 95 % certainty at least 0." in words
    assert "by chance" in words
    assert words.endswith("shown to be unequal")
    assert found["left_out"] == []
    assert "fairness" not in report(make_goal(), bench, p).to_dict()


def test_one_group_is_nothing_to_compare() -> None:
    """Too few rows of the other: the guardrail lacks evidence, and the words say why."""
    bench, p, _ = people(90)
    goal = make_goal(must=[sp.gap(sp.recall(), by="sex") <= 0.2], protect=["sex"])
    found = report(goal, bench, p)
    assert found.guardrails[0].verdict == UNKNOWN
    assert "fewer than two groups" in tell_gap(found.fairness[0].gaps[0])
    assert told_fairness(found.fairness[0])["left_out"] == ["f"]


def test_train_prints_what_is_unequal(capsys: pytest.CaptureFixture[str]) -> None:
    """And how many gaps were looked at; nothing where no attribute is protected."""
    bench, p, women = people()
    goal = make_goal(protect=["sex"])
    print_fairness(report(goal, bench, np.where(women, p / 2, p)).to_dict()["fairness"])
    out = " ".join(capsys.readouterr().out.split())
    assert "unequal by sex: share acted on" in out
    assert "Groups: 9 gaps looked at" in out
    print_fairness(report(goal, bench, p).to_dict()["fairness"])
    assert "none shown to be more than chance" in " ".join(capsys.readouterr().out.split())
    print_fairness(None)
    assert capsys.readouterr().out == ""


def test_rates_that_never_acting_makes_least_are_no_goal() -> None:
    """They hold a model back by a guardrail, alone or as a gap."""
    for metric in (sp.selection_rate(), sp.false_positive_rate()):
        assert str(metric <= 0.2) == f"{metric} <= 0.2"
        with pytest.raises(DeclarationError, match="cannot be optimised"):
            sp.goal(metric, business="eur", act=sp.act("a"), cost=sp.cost(false_positive=1, false_negative=1))


def test_a_limit_on_how_much_is_done_is_judged() -> None:
    """Where people can look at a tenth of all decisions."""
    bench, p, _ = people()
    found = report(make_goal(must=[sp.selection_rate() <= 0.6, sp.selection_rate() <= 0.1]), bench, p)
    assert [each.verdict for each in found.guardrails] == [HOLDS, FAILS]
