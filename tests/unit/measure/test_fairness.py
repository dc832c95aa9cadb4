"""Rates by group and the gaps of the fairness criteria."""

from __future__ import annotations

import json

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.fairness import crossed, fairness, fairness_gaps, group_rates
from setpoint.measure.fairness_counts import count_groups
from setpoint.measure.fairness_gaps import rate_gap, rate_ratio
from setpoint.measure.metrics import METRICS
from setpoint.measure.proportions import clustered_share, wilson
from setpoint.measure.resample import draw, resample
from setpoint.measure.rows import Rows

Y = np.array([1, 1, 0, 0] * 50 + [1, 0, 0, 0] * 50)
P = np.array([0.9, 0.4, 0.8, 0.1] * 50 + [0.9, 0.7, 0.2, 0.1] * 50)
GROUP = np.array(["a"] * 200 + ["b"] * 200)


def test_rates_are_those_of_the_confusion_matrix() -> None:
    """By hand: of a's 100 positives 50 are acted on, of its 100 negatives 50; b's are 50 of 50 and 50 of 150."""
    a, b = group_rates(Y, P, GROUP)
    assert (a.group, a.n, b.group, b.n) == ("a", 200, "b", 200)
    names = ("base_rate", "selection_rate", "recall", "false_positive_rate", "false_negative_rate", "precision")
    assert [a.rates[name].estimate for name in names] == [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert [b.rates[name].estimate for name in names] == pytest.approx([0.25, 0.5, 1.0, 1 / 3, 0.0, 0.5])


def test_rates_carry_wilson_intervals() -> None:
    """A recall of 50 of 100 has Wilson's interval; rows that stand alone need no correction for clusters."""
    found = group_rates(Y, P, GROUP)[0].rates["recall"]
    low, high = wilson(0.5, 100)
    assert (found.low, found.high) == pytest.approx((float(low), float(high)))
    assert found.n == 100


def test_rates_of_clusters_are_those_of_the_second_implementation() -> None:
    """The interval from the table of counts is what `clustered_share` makes of the rows, weights included."""
    rng = np.random.default_rng(3)
    y, acted, day = rng.random(900) < 0.4, rng.random(900) < 0.3, rng.integers(0, 40, 900)
    weight = rng.choice([0.5, 1.0, 3.0], 900)
    found = count_groups(np.zeros(900), y, acted, cluster=day, weight=weight).interval("recall", 0)
    direct = clustered_share(weight * (y & acted), weight * y, codes=day, clusters=40)
    assert (found.estimate, found.low, found.high) == pytest.approx((direct.estimate, direct.low, direct.high))


def test_clusters_widen_the_rates() -> None:
    """Four rows of one person are fewer than four people."""
    person = np.arange(400) // 4
    free, bound = group_rates(Y, P, GROUP)[0], group_rates(Y, P * 0.5 + (person % 2) * 0.5, GROUP, cluster=person)[0]
    one, other = free.rates["selection_rate"], bound.rates["selection_rate"]
    assert other.clusters == 50
    assert other.high - other.low > one.high - one.low


def test_gaps_are_the_differences_of_the_rates() -> None:
    """Demographic parity holds here, equal opportunity is far from it; equalised odds is the larger of its two."""
    found = fairness_gaps(Y, P, GROUP)
    estimates = {name: gap.estimate for name, gap in found.items()}
    assert estimates == pytest.approx(
        {
            "demographic_parity": 0.0, "equal_opportunity": 0.5, "predictive_equality": 1 / 6, "equalised_odds": 0.5,
            "predictive_parity": 0.0, "equal_accuracy": 0.25,
        }
    )  # fmt: skip
    assert found["equal_opportunity"].low > 0.3
    assert found["demographic_parity"].low == 0.0


def test_gaps_and_ratios_are_those_of_fairlearn() -> None:
    """What fairlearn 0.15.0 gives for these twelve rows; `benchmarks/fairness.py` compares a million."""
    y, acted = [1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1], [1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1]
    table = count_groups(["a"] * 4 + ["b"] * 4 + ["c"] * 4, y, acted)
    assert table.values("selection_rate").tolist() == [0.75, 0.25, 0.75]
    assert rate_gap(table, "selection_rate", least_rows=0)[0].estimate == pytest.approx(FAIRLEARN["parity"])
    assert rate_ratio(table, "selection_rate", least_rows=0).estimate == pytest.approx(FAIRLEARN["parity ratio"])
    odds = ("recall", "false_positive_rate")
    assert rate_gap(table, odds, least_rows=0)[0].estimate == pytest.approx(FAIRLEARN["odds"])
    assert rate_ratio(table, odds, least_rows=0).estimate == pytest.approx(FAIRLEARN["odds ratio"])
    assert rate_gap(table, "recall", least_rows=0)[0].estimate == pytest.approx(FAIRLEARN["opportunity"])


FAIRLEARN = {
    "parity": 0.5, "parity ratio": 1 / 3, "odds": 1.0, "odds ratio": 0.0, "opportunity": 1 / 3
}  # fmt: skip
"""demographic_parity_difference and _ratio, equalized_odds_difference and _ratio, equal_opportunity_difference."""


def test_draws_are_those_of_the_rows() -> None:
    """A matrix product of the table gives what the metric is on every draw of the rows."""
    rng = np.random.default_rng(1)
    y, p, day = (rng.random(600) < 0.4).astype(float), rng.random(600), rng.integers(0, 25, 600)
    weight, who = rng.random(600) + 0.1, rng.choice(["a", "b"], 600)
    loss = (y - p) ** 2
    table = count_groups(who, y, p >= 0.5, means={"brier": loss}, cluster=day, weight=weight, draws=30, seed=4)
    drawn, rows = resample(day, 25, draws=30, seed=4), Rows(y, p, weight)
    for place, name in enumerate(table.names):
        for rate in ("recall", "precision", "brier"):
            other = draw(METRICS[rate], rows, 0.5, resample=drawn, keep=who == name)
            assert table.values(rate)[place] == pytest.approx(other.estimate, rel=1e-12)
            assert table.draws_of(rate)[place] == pytest.approx(other.draws, rel=1e-9)


def test_bounds_of_a_gap_hold_as_often_as_promised() -> None:
    """Each one-sided 95 % bound misses about one time in twenty, whether groups are equal, apart, few or many."""
    worlds = (([400, 400], [0.3, 0.4]), ([80] * 10, [0.3] * 10), ([300, 3000], [0.02, 0.05]))
    for sizes, rates in worlds:
        truth, below, above, repeats = max(rates) - min(rates), 0, 0, 120
        rng, who = np.random.default_rng(7), np.repeat(np.arange(len(sizes)), sizes)
        for repeat in range(repeats):
            acted = rng.random(who.size) < np.array(rates)[who]
            found, _ = rate_gap(count_groups(who, acted, acted, draws=150, seed=repeat), "selection_rate", level=0.9)
            below += found.low > truth + 1e-12
            above += found.high < truth
        assert below <= 0.05 * repeats + 3 * np.sqrt(0.05 * 0.95 * repeats)
        assert above <= 0.05 * repeats + 3 * np.sqrt(0.05 * 0.95 * repeats)


def test_many_small_equal_groups_show_no_gap() -> None:
    """Their largest difference is large by chance alone, which is said beside it, and partly taken off."""
    rng = np.random.default_rng(5)
    who = np.repeat(np.arange(20), 60)
    acted = rng.random(who.size) < 0.3
    found = fairness({"who": count_groups(who, acted, acted)})[0].gap("demographic_parity")
    assert found.difference.estimate > 0.15
    assert found.by_chance == pytest.approx(found.difference.estimate, abs=0.08)
    assert found.corrected < 0.75 * found.difference.estimate
    assert found.difference.low == 0.0
    assert not found.shown


def test_chance_is_shared_among_all_that_is_compared() -> None:
    """Of fifty worlds of equal groups, three attributes and six criteria, few show anything; a planted gap is shown."""
    shown = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        y, acted = rng.random(1200) < 0.4, rng.random(1200) < 0.3
        names = {name: rng.choice(["a", "b", "c"], 1200) for name in ("one", "two", "three")}
        tables = {name: count_groups(each, y, acted, draws=150, seed=seed) for name, each in names.items()}
        shown += any(gap.shown for found in fairness(tables) for gap in found.gaps)
    assert shown <= 3
    planted = np.where(names["one"] == "a", rng.random(1200) < 0.6, acted)
    tables = {name: count_groups(each, y, planted, draws=300) for name, each in names.items()}
    found = {each.attribute: each for each in fairness(tables)}
    assert found["one"].gap("demographic_parity").shown
    assert found["one"].gap("demographic_parity").highest == "a"
    assert not found["two"].gap("demographic_parity").shown


def test_a_gap_that_only_two_attributes_together_show_is_found() -> None:
    """Each alone is fair: acted on are the young women and the old men."""
    rng = np.random.default_rng(2)
    sex, age = rng.choice(["f", "m"], 4000), rng.choice(["old", "young"], 4000)
    acted = rng.random(4000) < np.where((sex == "f") == (age == "young"), 0.5, 0.3)
    groups = {"sex": sex, "age": age, "both": crossed({"sex": sex, "age": age})}
    found = fairness({name: count_groups(each, acted, acted) for name, each in groups.items()})
    assert [each.gap("demographic_parity").shown for each in found] == [False, False, True]
    assert [group.group for group in found[2].groups] == ["f & old", "f & young", "m & old", "m & young"]


def test_small_groups_are_told_but_not_compared() -> None:
    """Thirty rows are too few; with one group left there is no gap."""
    table = count_groups(["a"] * 100 + ["b"] * 30, [1, 0] * 65, [1] * 100 + [0] * 30)
    found = fairness({"who": table})[0]
    assert [each.judged for each in found.groups] == [True, False]
    assert np.isnan(found.gap("demographic_parity").difference.estimate)
    assert found.gap("demographic_parity").lowest is None
    document = json.loads(json.dumps(found.to_dict()))
    assert document["gaps"][0]["difference"]["estimate"] is None


def test_goals_without_actions_have_gaps_of_their_means() -> None:
    """A loss per row is all that is needed; two classes are nowhere assumed."""
    table = count_groups(["a"] * 100 + ["b"] * 100, means={"log_loss": np.repeat([1.0, 3.0], 100)})
    assert table.rates == ("log_loss",)
    found = fairness({"who": table})[0]
    assert [each.criterion for each in found.gaps] == ["equal_log_loss"]
    assert found.gaps[0].difference.estimate == 2.0


def test_few_unanimous_rows_are_no_proof() -> None:
    """Sixty of a group, none acted on: draws all agree, and yet the bound stays away from the estimate."""
    table = count_groups(["a"] * 60 + ["b"] * 600, [1, 0] * 330, [0] * 60 + [1] * 60 + [0] * 540)
    found = rate_gap(table, "selection_rate", level=0.9)[0]
    assert found.estimate == pytest.approx(0.1)
    assert 0 < found.low < 0.08


def test_a_group_that_is_never_acted_on_makes_the_ratio_zero() -> None:
    """There is nothing to bound it from above."""
    table = count_groups(["a"] * 60 + ["b"] * 60, [1, 0] * 60, [0] * 60 + [1] * 60)
    found = rate_ratio(table, "selection_rate")
    assert (found.estimate, found.low) == (0.0, 0.0)
    assert np.isnan(found.high)


def test_what_does_not_fit_is_refused() -> None:
    """Outcomes without actions, actions that are scores, columns of unlike length, nothing to cross."""
    with pytest.raises(DataError, match="Only one"):
        count_groups(["a"], [1])
    with pytest.raises(DataError, match="neither 0 nor 1"):
        count_groups(["a"], [1], [0.5])
    with pytest.raises(DataError, match="group labels"):
        count_groups(["a", "b"], [1], [1])
    with pytest.raises(DataError, match="values of 'value'"):
        count_groups(["a"], [1], [1], means={"value": [1.0, 2.0]})
    with pytest.raises(DataError, match="crossed"):
        crossed({})
