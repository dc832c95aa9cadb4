"""What a strategy picked trains and never judges; what was asked for at random judges in its place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from setpoint.core.errors import NothingYet
from setpoint.data.labels import AT_RANDOM, KNOWN, NATURAL, PICKED
from setpoint.features.training_set import TrainingSet
from setpoint.learn.asked import NAME
from setpoint.learn.backtest import backtest
from setpoint.learn.fit import fit
from setpoint.learn.picked import map_of_picked, out_of_fold, recalibrate_picked
from setpoint.learn.recipe import Recipe
from setpoint.learn.sides import count_rows, divide, encode, judging_rows
from setpoint.learn.train import Candidate, train, weighed
from setpoint.measure.calibration import ece
from setpoint.measure.calibrators import IDENTITY
from setpoint.registry.card import make_card
from tests.unit.learn.asked_world import asked, asked_plan, truth
from tests.unit.learn.world import START, logistic


@pytest.fixture(scope="module")
def known() -> TrainingSet:
    """All decisions with their true labels."""
    return truth()


@pytest.fixture(scope="module")
def picked(known: TrainingSet) -> TrainingSet:
    """Decisions of which 300 were asked about at random, and 900 were picked."""
    return asked(known, random=300, picked=900)[0]


@pytest.fixture(scope="module")
def candidate(picked: TrainingSet) -> Candidate:
    """What is trained on them."""
    return train(asked_plan(), picked, learners=logistic(), seed=0)


def error(scorer: object, seed: int) -> float:
    """The calibration error of a scorer on decisions that nobody has seen."""
    fresh = truth(seed=seed)
    return ece(fresh.labels.value, scorer.score(fresh.features))  # type: ignore[attr-defined]


def how_of(examples: TrainingSet, places: np.ndarray) -> set[int]:
    """The ways in which the labels at some places were acquired."""
    assert examples.labels.acquired is not None
    return set(examples.labels.acquired.how[places].tolist())


def test_picked_labels_are_on_the_training_side_alone(picked: TrainingSet) -> None:
    """Those too new for it are on none, and train what is released; the shares are of the rows that judge."""
    plan = asked_plan()
    sides = divide(plan, picked)
    assert how_of(picked, sides.index[sides.split.train]) == {AT_RANDOM, PICKED}
    assert how_of(picked, sides.index[sides.split.validation]) == {AT_RANDOM}
    assert how_of(picked, sides.index[sides.split.held_out]) == {AT_RANDOM}
    assert sides.held_out.y.size == 75
    assert sides.train.at.max() + plan.embargo < sides.validation.at.min()
    assert sides.every.y.size == 1200
    assert sides.places.tolist() == sorted(np.flatnonzero(picked.usable).tolist(), key=lambda i: picked.at[i])
    counts = count_rows(picked, sides)
    assert counts["usable"] == 1200
    parts = ("train", "validation", "held_out", "embargo", "picked, newer")
    assert sum(counts[name] for name in parts) == 1200


def test_groups_are_compared_on_rows_that_stand_for_decisions(known: TrainingSet) -> None:
    """What a strategy picked says nothing of who is in the population, or how often what happens to whom."""
    examples, _ = asked(known, random=400, picked=300, natural=4000, seed=3)
    sides = divide(asked_plan(), examples)
    seen = weighed(examples, sides)
    assert how_of(examples, np.flatnonzero(seen.usable)) == {NATURAL, AT_RANDOM}
    assert seen.weight is not None
    assert float(np.average(seen.labels.value[seen.usable], weights=seen.weight[seen.usable])) == pytest.approx(
        known.labels.value.mean(), abs=0.02
    )


def test_labels_that_all_are_natural_are_split_as_ever(known: TrainingSet) -> None:
    """Nothing changes where nobody was asked."""
    sides = divide(asked_plan(), known)
    assert sides.whole is None
    assert sides.acquired is None
    assert sides.every is sides.rows
    assert sides.representative is sides.train


def test_a_label_asked_for_at_random_stands_for_all_that_have_none(known: TrainingSet) -> None:
    """Beside natural ones it weighs one over its chance, so that weighted rates are those of all decisions."""
    examples, _ = asked(known, random=400, picked=300, natural=4000, seed=3)
    rows, places = judging_rows(asked_plan(), examples)
    assert examples.labels.acquired is not None
    drawn = examples.labels.acquired.how[places] == AT_RANDOM
    stand_for = (12_000 - 4000) / 400
    assert rows.weight[drawn] / rows.weight[~drawn][0] == pytest.approx(np.full(400, stand_for))
    assert rows.weight.mean() == pytest.approx(1.0)


def test_weighted_labels_give_the_rate_of_all_decisions() -> None:
    """Natural labels of frauds alone, and a random stream of the rest: over 60 draws the rate is right."""
    known = truth(4000)
    y = known.labels.value
    found = []
    for seed in range(60):
        examples, _ = asked(known, random=300, seed=seed)
        acquired = examples.labels.acquired
        assert acquired is not None
        own = (y > 0) & (np.arange(y.size) % 2 == 0)
        how = np.where(own, 0, acquired.how).astype(np.int8)
        state = np.where(own, KNOWN, acquired.state).astype(np.int8)
        value = np.where(own, 1.0, acquired.value)
        changed = replace(acquired, how=how, chance=np.where(own, 1.0, acquired.chance), state=state, value=value)
        told = replace(examples.labels, state=state, value=value, acquired=changed)
        rows, _ = judging_rows(asked_plan(), replace(examples, labels=told))
        found.append(float(np.average(rows.y, weights=rows.weight)))
    assert abs(np.mean(found) - y.mean()) < 3 * np.std(found) / np.sqrt(60)
    assert np.std(found) < 0.03


def test_a_model_of_picked_labels_is_calibrated_as_one_of_random_labels(known: TrainingSet) -> None:
    """Its calibration error on unseen decisions is as small, and without the map it is many times that."""
    errors: dict[str, list[float]] = {"picked": [], "random": [], "without": []}
    for seed in range(3):
        plan = asked_plan()
        some = train(plan, asked(known, random=300, picked=900, seed=seed)[0], learners=logistic(), seed=0).scorer
        lot = train(plan, asked(known, random=1200, seed=seed)[0], learners=logistic(), seed=0).scorer
        errors["picked"].append(error(some, 50 + seed))
        errors["random"].append(error(lot, 50 + seed))
        errors["without"].append(error(replace(some, calibration=IDENTITY), 50 + seed))
    picked, random, without = (float(np.mean(errors[name])) for name in ("picked", "random", "without"))
    assert picked < random + 0.025
    assert picked < 0.05
    assert without > 0.15


def test_the_map_needs_rows_of_both_classes() -> None:
    """With few rows of the rarer class log odds are shifted, and with fewer still they stay."""
    rng = np.random.default_rng(1)
    for positives, kind, words in ((5, "identity", "cannot say"), (20, "platt", "shift"), (40, "platt", "line")):
        y = np.repeat([1.0, 0.0], [positives, 200])
        found, said = map_of_picked(y, rng.uniform(0.3, 0.7, y.size), np.ones(y.size))
        assert (found.kind, words in said) == (kind, True)
    shifted, _ = map_of_picked(np.repeat([1.0, 0.0], [20, 180]), np.full(200, 0.5), np.ones(200))
    assert shifted.parameters[0] == 1.0
    assert shifted.apply([0.5])[0] == pytest.approx(0.1)


def test_no_row_that_recalibrates_was_learned_by_the_model_that_scored_it(picked: TrainingSet) -> None:
    """Rows of the training side are scored out of fold: changing one's label does not change its own score."""
    plan = asked_plan()
    sides = divide(plan, picked)
    matrices = encode(plan, sides)
    recipe = Recipe("logistic", logistic()["logistic"].recipes(rounds=20)[0])
    fitted = fit(logistic(), matrices, sides, recipe=recipe, seed=0)
    before = out_of_fold(fitted, sides, matrices.encoder, logistic(), seed=0)
    assert sides.fair_at is not None
    row, y = int(sides.fair_at[7]), sides.rows.y.copy()
    place = int(sides.split.train[row])
    y[place] = 1.0 - y[place]
    changed = replace(sides, rows=replace(sides.rows, y=y))
    after = out_of_fold(fitted, changed, matrices.encoder, logistic(), seed=0)
    assert after[7] == before[7]
    assert (after != before).any()
    assert "others" in recalibrate_picked(fitted, sides, matrices.encoder, logistic(), seed=0).choice.reason


def test_the_gate_says_what_judges(candidate: Candidate) -> None:
    """How many of the held-out labels were asked for, and that picked ones judge nothing."""
    (found,) = [each for each in candidate.report.guardrails if each.guardrail == NAME]
    assert found.verdict == "holds"
    assert found.reason.startswith("75 of the 75 held-out labels were asked for at random")
    assert "judge nothing" in found.reason
    assert candidate.report.rows == 75


def test_the_gate_says_how_many_more_labels_would_do(known: TrainingSet) -> None:
    """Too few at random are not enough evidence, however many were picked; as many more as it says are enough."""
    plan = asked_plan()
    found = train(plan, asked(known, random=90, picked=900, seed=1)[0], learners=logistic(), seed=0)
    (verdict,) = [each for each in found.report.guardrails if each.guardrail == NAME]
    assert verdict.verdict == "not enough evidence"
    assert verdict.more_labels is not None
    assert f"About {verdict.more_labels:,} more labels asked for at random would do" in verdict.reason
    assert any(NAME in reason for reason in found.report.reasons)
    assert not any("days) would settle" in reason for reason in found.report.reasons)
    more = 90 + round(1.3 * verdict.more_labels)
    enough = train(plan, asked(known, random=more, picked=900, seed=1)[0], learners=logistic(), seed=0)
    assert [each.verdict for each in enough.report.guardrails if each.guardrail == NAME] == ["holds"]


def test_a_few_picked_labels_beside_natural_ones_hold_nothing_back(known: TrainingSet) -> None:
    """There the gate reports how many were picked, and judges as ever."""
    examples, _ = asked(known, random=20, picked=40, natural=6000, seed=2)
    found = train(asked_plan(), examples, learners=logistic(), seed=0)
    (verdict,) = [each for each in found.report.guardrails if each.guardrail == NAME]
    assert (verdict.verdict, verdict.blocks) == ("reported", False)
    assert "labels that a strategy picked trained it" in verdict.reason
    assert not found.calibration.choice.reason.startswith("the model learned from picked labels")


def test_without_random_labels_nothing_is_judged(known: TrainingSet) -> None:
    """A training of picked labels alone waits, and says what to ask for."""
    with pytest.raises(NothingYet, match="only train") as told:
        divide(asked_plan(random=0.1), asked(known, random=0, picked=900)[0])
    assert "setpoint label --fill random" in str(told.value)
    assert "declared share of 0.1" in str(told.value)


def test_the_record_and_the_card_count_the_labels(candidate: Candidate) -> None:
    """Of each side, by how they were acquired."""
    labels = candidate.to_dict()["labels"]
    assert labels["released"] == {"natural": 0, "at random": 300, "picked": 900}
    assert labels["held_out"] == {"natural": 0, "at random": 75, "picked": 0}
    assert labels["train"]["picked"] > 500
    card = make_card({**candidate.to_dict(), "trained_at": 0}, asked_plan())
    told = card["training data"]["labels"]
    assert "300 asked for at random, 900 picked by a strategy" in told


def test_trivial_models_know_the_rate_of_decisions(candidate: Candidate, known: TrainingSet) -> None:
    """The prior is that of labels asked for at random: a worse one would be easy to beat."""
    (prior,) = [each for each in candidate.baselines if each.name == "prior"]
    assert abs(prior.scores[0] - known.labels.value.mean()) < 0.08


def test_a_backtest_tests_no_picked_label(picked: TrainingSet) -> None:
    """Picked labels train it; what it is tested on was asked for at random."""
    settled = Recipe("logistic", logistic()["logistic"].recipes(rounds=20)[0])
    middle = START + 80 * 24 * 3600 * 10**6
    plan = asked_plan()
    found = backtest(plan, picked, learners=logistic(), settled=settled, train_until=middle, test_from=middle, seed=0)
    rows, _ = judging_rows(plan, picked)
    assert found["rows_tested"] == int((rows.at >= middle).sum())
    assert found["rows_trained"] > 400
    assert np.isfinite(found["random_split_auc"])
