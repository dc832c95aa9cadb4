"""When to ask a person: Chow's rule, what it saves, and what it says of probabilities that are off."""

from __future__ import annotations

import json

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.abstention import abstain, saving, two_class_costs

EQUAL = two_class_costs(false_positive=1, false_negative=1)


@pytest.mark.parametrize("ask", [0.05, 0.2, 0.4, 0.6])
def test_equal_errors_are_rejected_where_the_likeliest_class_is_not_likely_enough(ask: float) -> None:
    """Chow (1970): reject where the greatest probability is below 1 - t; at t of a half nothing is rejected."""
    p = np.linspace(0.001, 0.999, 999)
    found = abstain(p, EQUAL, ask=ask)
    assert (found.ask == (np.maximum(p, 1 - p) < 1 - ask - 1e-12)).mean() > 0.998
    assert found.ask.any() == (ask < 0.5)


def test_the_reject_option_of_many_classes_and_actions() -> None:
    """The least expected cost, against a loop over rows and actions, with costs that gain and an action more."""
    rng = np.random.default_rng(0)
    p, costs = rng.dirichlet(np.ones(3), 50), rng.normal(1, 1, (3, 4))
    found = abstain(p, costs, ask=0.4)
    for row in range(50):
        expected = [sum(p[row, k] * costs[k, a] for k in range(3)) for a in range(4)]
        assert found.action[row] == int(np.argmin(expected))
        assert found.acting[row] == pytest.approx(min(expected))
        assert found.ask[row] == (min(expected) > 0.4)


def test_costs_of_each_row_decide_its_own_asking() -> None:
    """The same chance is asked about where a miss is dear and not where it is cheap."""
    costs = two_class_costs(false_positive=5, false_negative=[1.0, 100.0])
    assert abstain([0.04, 0.04], costs, ask=2.0).ask.tolist() == [False, True]
    assert abstain([0.5, 0.5], costs, ask=[9.0, 0.1]).ask.tolist() == [False, True]


def test_no_other_rule_of_thresholds_saves_more() -> None:
    """On calibrated probabilities every band of scores that could be asked about instead costs more."""
    rng = np.random.default_rng(1)
    p = rng.beta(1, 3, 60_000)
    y = (rng.random(60_000) < p).astype(int)
    vain, missed, ask = 2.0, 9.0, 0.8
    best = saving(y, p, two_class_costs(false_positive=vain, false_negative=missed), ask=ask).with_asking
    acting = np.where(p * missed > (1 - p) * vain, vain * (1 - y), missed * y)
    others = [
        np.where((p >= low) & (p < high), ask, acting).mean()
        for low in np.linspace(0, 0.5, 11)
        for high in np.linspace(0, 1, 21)
        if low < high
    ]
    assert best <= min(others) + 1e-3


def test_what_is_saved_is_what_was_promised_where_probabilities_are_right() -> None:
    """The interval holds the promise in about 95 of 100 samples, and the saving adds up."""
    rng, held = np.random.default_rng(2), 0
    for seed in range(100):
        p = rng.random(500)
        y = (rng.random(500) < p).astype(int)
        found = saving(y, p, EQUAL, ask=0.15, seed=seed, draws=200)
        held += found.calibrated
        assert found.acting - found.with_asking == pytest.approx(found.saved.estimate)
    assert held >= 88


def test_boasting_probabilities_save_other_than_they_promise() -> None:
    """Scores nearer to 0 and 1 than the rates promise less than asking brings, and ask too seldom."""
    rng = np.random.default_rng(3)
    p = rng.random(5000)
    y = (rng.random(5000) < p).astype(int)
    boasting = p**4 / (p**4 + (1 - p) ** 4)
    right, off = saving(y, p, EQUAL, ask=0.1), saving(y, boasting, EQUAL, ask=0.1)
    assert right.calibrated
    assert not off.calibrated
    assert off.asked < right.asked
    assert off.with_asking > right.with_asking


def test_weights_are_repetitions_and_clusters_widen() -> None:
    """A weight is that many rows; rows alike bound a saving less tightly."""
    rng = np.random.default_rng(4)
    p = rng.random(300)
    y = (rng.random(300) < p).astype(int)
    weight = rng.integers(1, 4, 300)
    weighted = saving(y, p, EQUAL, ask=0.1, weight=weight)
    repeated = saving(np.repeat(y, weight), np.repeat(p, weight), EQUAL, ask=0.1)
    assert (weighted.asked, weighted.acting, weighted.expected, weighted.saved.estimate) == pytest.approx(
        (repeated.asked, repeated.acting, repeated.expected, repeated.saved.estimate)
    )
    alone, many = saving(y, p, EQUAL, ask=0.1), np.repeat(np.arange(300), 10)
    copied = saving(np.repeat(y, 10), np.repeat(p, 10), EQUAL, ask=0.1, cluster=many, block=many // 100)
    assert copied.saved.high - copied.saved.low > 0.7 * (alone.saved.high - alone.saved.low)


def test_asking_for_nothing_asks_about_everything_that_may_go_wrong() -> None:
    """And asking that costs more than any error asks about nothing, saves nothing, and says so as data."""
    rng = np.random.default_rng(5)
    p = rng.uniform(0.01, 0.99, 200)
    y = (rng.random(200) < p).astype(int)
    assert saving(y, p, EQUAL, ask=0.0).with_asking == 0.0
    never = saving(y, p, EQUAL, ask=2.0)
    assert (never.asked, never.expected, never.saved.estimate) == (0.0, 0.0, 0.0)
    assert json.loads(json.dumps(never.to_dict()))["calibrated"] is True


@pytest.mark.parametrize(
    "call",
    [
        lambda: abstain([0.5], np.ones((3, 2)), ask=0.1),
        lambda: abstain([0.5], np.full((2, 2), np.nan), ask=0.1),
        lambda: abstain([0.5], EQUAL, ask=-1.0),
        lambda: abstain([0.5], EQUAL, ask=[0.1, 0.2]),
        lambda: abstain([1.5], EQUAL, ask=0.1),
        lambda: saving([2], [0.5], EQUAL, ask=0.1),
        lambda: saving([1, 0], [0.5], EQUAL, ask=0.1),
    ],
)
def test_what_means_nothing_is_refused(call) -> None:  # type: ignore[no-untyped-def]
    """Costs, prices, probabilities and classes that are none."""
    with pytest.raises(DataError):
        call()
