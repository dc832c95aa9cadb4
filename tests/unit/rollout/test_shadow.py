"""What a shadow shows: verdicts, and how often they are wrong."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.core.times import DAY
from setpoint.declare.goal import Metric
from setpoint.rollout.shadow import Evidence, Pair, compare_shadow, verdict_of

A_DAY = 300


def world(seed: int, *, days: int, worse: float = 0.0, noise: float = 0.15) -> tuple[np.ndarray, ...]:
    """Outcomes, both models' scores and times of some days that differ from each other.

    Both models see the log-odds through noise of their own; `worse` is noise that only the challenger has. Scores
    are calibrated.
    """
    rng = np.random.default_rng(seed)
    rows = days * A_DAY
    signal = rng.normal(size=rows)
    truth = np.repeat(rng.normal(-1.2, 0.5, days), A_DAY) + signal
    y = (rng.uniform(size=rows) < 1 / (1 + np.exp(-truth))) * 1.0

    def seen(spread: float) -> np.ndarray:
        shrunk = 1 / (1 + spread**2)
        mean = truth - signal + shrunk * (signal + rng.normal(0, spread, rows))
        left = math.sqrt(1 - shrunk)
        return 1 / (1 + np.exp(-mean / math.sqrt(1 + (0.588 * left) ** 2)))

    return y, seen(noise), seen(math.hypot(noise, worse)), np.repeat(np.arange(days) * DAY, A_DAY)


def test_a_better_challenger_is_found_superior() -> None:
    """With a champion that sees much less, a week shows it."""
    y, good, bad, at = world(0, days=7, worse=1.5)
    assert compare_shadow(y, bad, good, at, metric="auc", margin=0.005).verdict == "superior"
    assert compare_shadow(y, good, bad, at, metric="auc", margin=0.005).verdict == "inferior"


def test_the_same_model_is_not_inferior() -> None:
    """A copy of the champion may replace it, and is not called better."""
    y, champion, _, at = world(1, days=7)
    evidence = compare_shadow(y, champion, champion, at, metric="auc", margin=0.005)
    assert (evidence.verdict, evidence.difference.estimate) == ("non_inferior", 0.0)


def test_a_challenger_that_ranks_well_and_promises_wrong_is_inferior() -> None:
    """The log loss has a say beside the goal's metric: the root of a probability is none."""
    y, champion, _, at = world(2, days=14)
    evidence = compare_shadow(y, champion, np.sqrt(champion), at, metric="auc", margin=0.005)
    assert evidence.difference.low > -0.005
    assert evidence.verdict == "inferior"


def test_little_says_little() -> None:
    """Two days are too few for any claim about two different models."""
    y, champion, challenger, at = world(3, days=2)
    assert compare_shadow(y, champion, challenger, at, metric="auc", margin=0.005).verdict == "not_enough"
    nothing = compare_shadow([], [], [], [], metric="auc", margin=0.005)
    assert (nothing.verdict, nothing.rows) == ("not_enough", 0)


def test_evidence_survives_json() -> None:
    """What is stored is what was seen, NaN included."""
    y, champion, challenger, at = world(4, days=3)
    evidence = compare_shadow(
        y, champion, challenger, at, metric="auc", margin=0.005, values=Pair(-champion * y, -challenger * y)
    )
    told = json.loads(json.dumps(evidence.to_dict(), allow_nan=False))
    assert Evidence.from_dict(told) == evidence
    empty = compare_shadow([], [], [], [], metric="auc", margin=0.005).to_dict()
    assert Evidence.from_dict(json.loads(json.dumps(empty, allow_nan=False))).to_dict() == empty


def test_the_business_value_is_told_per_thousand_decisions() -> None:
    """Ten decisions worth one unit more each are a thousand units per thousand."""
    y, champion, challenger, at = world(5, days=5)
    values = Pair(np.zeros(y.size), np.ones(y.size))
    evidence = compare_shadow(y, champion, challenger, at, metric="auc", margin=0.005, values=values)
    assert evidence.business is not None
    assert (evidence.business.estimate, evidence.business.low) == (1000.0, 1000.0)


@pytest.mark.parametrize(
    "metric",
    [Metric("average_precision"), Metric("brier"), Metric("recall", 0.6), Metric("recall"), Metric("business")],
    ids=str,
)
def test_any_goal_can_be_compared(metric: Metric) -> None:
    """Whatever the goal's metric, the better challenger is not called worse."""
    y, good, bad, at = world(6, days=10, worse=2.0)
    actions = Pair(bad >= 0.3, good >= 0.3)
    values = Pair(*(np.where(part, 3 * y - 1, 0.0) for part in actions))
    evidence = compare_shadow(y, bad, good, at, metric=metric, margin=0.0, actions=actions, values=values)
    gain = evidence.difference.estimate if metric.greater_is_better else -evidence.difference.estimate
    assert gain > 0
    assert evidence.verdict in {"superior", "not_enough"}


def test_a_metric_of_actions_needs_the_actions() -> None:
    """A threshold is not guessed."""
    y, champion, challenger, at = world(7, days=3)
    with pytest.raises(DataError, match="actions"):
        compare_shadow(y, champion, challenger, at, metric="recall", margin=0.0)
    with pytest.raises(DataError, match="values"):
        compare_shadow(y, champion, challenger, at, metric="business", margin=0.0)
    with pytest.raises(DataError, match="one of each"):
        compare_shadow(y[1:], champion, challenger, at, metric="auc", margin=0.0)


def test_one_missing_claim_is_not_enough() -> None:
    """Promotion needs both claims, rejection either."""
    assert verdict_of(("non-inferior", "non-inferior")) == "non_inferior"
    assert verdict_of(("superior", "superior")) == "superior"
    assert verdict_of(("superior", "inferior")) == "inferior"
    assert verdict_of(("not enough evidence", "superior")) == "not_enough"


def test_equal_models_are_seldom_called_anything_else() -> None:
    """Two models of equal quality: superior or inferior in at most 5 % of shadows, at a level of 95 %."""
    verdicts = []
    for seed in range(200):
        y, champion, challenger, at = world(1000 + seed, days=7)
        verdicts.append(compare_shadow(y, champion, challenger, at, metric="auc", margin=0.0).verdict)
    assert verdicts.count("superior") <= 10
    assert verdicts.count("inferior") <= 20  # either of two measures, each at 2.5 %: 5 %, and three sigma


def test_a_model_worse_by_the_margin_is_seldom_let_through() -> None:
    """A challenger whose true loss of AUC is the margin passes in at most 2.5 % of shadows."""
    y, champion, challenger, at = world(9, days=400, worse=0.35)
    true = compare_shadow(y, champion, challenger, at, metric="auc", margin=0.0).difference.estimate
    assert -0.02 < true < -0.005
    passed = 0
    for seed in range(200):
        y, champion, challenger, at = world(5000 + seed, days=7, worse=0.35)
        verdict = compare_shadow(y, champion, challenger, at, metric="auc", margin=-true).verdict
        passed += verdict in {"superior", "non_inferior"}
    assert passed <= 12  # 2.5 % of 200, and three sigma
