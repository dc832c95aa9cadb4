"""Every baseline beside the model: chance for each kind of goal, and people who voted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.rng import seed_for
from setpoint.core.times import DAY
from setpoint.declare.goal import Metric
from setpoint.learn.kinds.count import Count
from setpoint.learn.kinds.kind import Kind
from setpoint.learn.kinds.multiclass import Multiclass
from setpoint.learn.kinds.multilabel import Multilabel
from setpoint.learn.kinds.quantile import Quantile
from setpoint.learn.kinds.ranking import Ranking
from setpoint.learn.kinds.regression import Regression
from setpoint.learn.kinds.survival import Survival
from setpoint.learn.people import Votes, votes_to_judge
from setpoint.learn.random_guess import draw_outcomes, judge_guess
from setpoint.learn.scored import PER, Bench, Scored, act_on
from setpoint.learn.sides import Examples
from setpoint.learn.threshold import Costs

N = 800


def rows(y: np.ndarray) -> Examples:
    """Rows of forty days, twenty a day, in queries of ten."""
    fields = pa.table({"search": np.repeat(np.arange(y.size // 10), 10).astype(str)})
    return Examples(fields, fields, y, np.arange(y.size) * DAY // 20)


RNG = np.random.default_rng(0)
Judged = Multiclass | Multilabel | Regression | Count | Quantile | Ranking | Survival
KINDS: list[tuple[Judged, np.ndarray]] = [
    (Multiclass(Metric("accuracy"), ("a", "b", "c")), RNG.integers(0, 3, N).astype(float)),
    (Multilabel(Metric("hamming"), ("a", "b")), RNG.integers(0, 4, N).astype(float)),
    (Regression(Metric("mae")), RNG.normal(size=N)),
    (Count(Metric("poisson_deviance")), RNG.poisson(2.0, N).astype(float)),
    (Quantile(Metric("pinball", 0.8)), RNG.normal(size=N)),
    (Quantile(Metric("interval_score", 0.8)), RNG.normal(size=N)),
    (Ranking(Metric("ndcg", 5.0), "search"), RNG.integers(0, 3, N).astype(float)),
    (Survival(Metric("concordance"), 10.0), RNG.uniform(0.1, 9.0, N)),
]


@pytest.mark.parametrize(("kind", "y"), KINDS, ids=[f"{kind.name} {kind.metric}" for kind, _ in KINDS])
def test_chance_has_a_value_for_every_kind_and_a_good_model_is_far_from_it(kind: Judged, y: np.ndarray) -> None:
    """The metric of a drawn outcome is a number, and the model's lead over it is bounded."""
    older = rows(y)
    metric = kind.metric
    bench = Bench(older, 60, 0, kind=kind)
    none = np.zeros(N, dtype=bool)

    def decide(predicted: np.ndarray) -> Scored:
        return Scored("m", predicted, none, np.full(N, np.nan))

    truth = -y if kind.name == "survival" else draw_truth(kind, y)
    found = judge_guess(metric, bench, older, decide(truth), decide=decide, all_acted=None)
    sign = 1 if metric.greater_is_better else -1
    assert np.isfinite(found.value)
    assert sign * found.difference.estimate > 0
    assert (found.difference.low > 0) if sign > 0 else (found.difference.high < 0)
    assert np.isnan(found.worth.estimate)


def draw_truth(kind: Kind, y: np.ndarray) -> np.ndarray:
    """The outcomes themselves in the form of predictions."""
    if isinstance(kind, Multiclass):
        return np.eye(3)[y.astype(int)]
    if isinstance(kind, Multilabel):
        return kind.matrix(y)
    if isinstance(kind, Quantile) and len(kind.quantiles) == 2:
        return np.stack([y, y], axis=1)
    return np.maximum(y, 0.01) if isinstance(kind, Count) else y


@pytest.mark.parametrize("name", ["accuracy", "brier", "precision", "recall", "selection_rate", "auc", "business"])
def test_what_chance_is_expected_to_have_is_what_many_guesses_have(name: str) -> None:
    """The closed forms of two classes, against 400 guesses."""
    rng = np.random.default_rng(seed_for(1, name))
    y = (rng.random(N) < 0.3).astype(float)
    older, held = rows((rng.random(N) < 0.4).astype(float)), rows(y)
    costs = Costs(np.full(N, 1.0), rng.uniform(1, 5, N))
    bench, limit = Bench(held, 20, 0), np.full(N, 0.5)

    def decide(scores: np.ndarray) -> Scored:
        return act_on("m", scores, limit, y=y, costs=costs)

    every = PER * costs.value(np.ones(N, dtype=bool), y)
    found = judge_guess(Metric(name), bench, older, decide(y), decide=decide, all_acted=every)
    assert found.exact
    guesses = [decide(draw_outcomes(older, N, kind=None, rng=rng)) for _ in range(400)]
    values = np.array([bench.value(Metric(name), each) for each in guesses])
    assert found.value == pytest.approx(values.mean(), abs=4 * values.std() / 20)


def test_a_person_is_held_against_the_later_truth_or_the_other_people() -> None:
    """Where votes made the truth, one's own is left out of it; ties and lonely votes judge nothing."""
    truth = rows(np.tile([1.0, 0.0], 20))
    places = np.arange(100, 140)
    place = np.repeat(places, 3)
    said = np.column_stack([truth.y, truth.y, 1 - truth.y]).astype(bool).ravel()
    who = np.tile(np.array(["ann", "bob", "eve"], dtype=object), 40)
    natural = votes_to_judge(Votes(place, who, said, np.zeros(120, dtype=bool)), truth, places)
    assert natural is not None
    assert (natural.people, natural.against, natural.rows.y.size) == (3, "the later truth", 120)
    assert natural.rows.weight.sum() == pytest.approx(40)
    assert np.mean(natural.said == natural.rows.y) == pytest.approx(2 / 3)
    by_hand = votes_to_judge(Votes(place, who, said, np.ones(120, dtype=bool)), truth, places)
    assert by_hand is not None
    assert by_hand.rows.weight.sum() == pytest.approx(40 / 3)
    assert by_hand.rows.y.size == 40  # Ann and Bob each see a tie of the other two; Eve sees two who agree.
    assert not (by_hand.said == by_hand.rows.y).any()
    assert by_hand.against == "the others' votes"
    alone = Votes(places, who[:40], said[::3], np.ones(40, dtype=bool))
    assert votes_to_judge(alone, truth, places) is None
    assert votes_to_judge(None, truth, places) is None
