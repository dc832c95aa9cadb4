"""A rare class while a model is fitted: what its rows undergo, that no other rows do, and that scores stay right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import NameUnknown
from setpoint.core.ports import Learner, Model
from setpoint.core.times import DAY
from setpoint.declare.imbalance import METHODS, Imbalance, imbalance
from setpoint.features.training_set import TrainingSet
from setpoint.learn.calibrate import compose, recalibrate
from setpoint.learn.imbalance import FitRows, able, effective_number, rebalance, settle
from setpoint.learn.recipe import Recipe
from setpoint.learn.sides import Examples, divide, encode
from setpoint.learn.train import Candidate, train
from setpoint.measure.calibration import ece
from setpoint.measure.calibrators import IDENTITY, CalibrationMap
from setpoint.measure.metrics import average_precision, log_loss
from tests.unit.learn.world import START, learners, logistic, make_examples, make_world_plan

RESAMPLED = ("class_weight", "class_balanced", "oversample", "undersample", "smote")


def make_rare(n: int = 12_000, *, seed: int = 0, keep: float = 0.1) -> TrainingSet:
    """Decisions of which about 3 % are positive: nine in ten positives are taken away."""
    examples = make_examples(n, days=120, seed=seed)
    rng = np.random.default_rng(seed + 1)
    return examples.take(np.flatnonzero((examples.labels.value != 1) | (rng.random(n) < keep)))


def train_one(learners: Mapping[str, Learner], examples: TrainingSet, *, seed: int = 0, **goal: Any) -> Candidate:
    """A training of the first recipe of the first learner, without search and audit."""
    name = next(iter(learners))
    recipe = Recipe(name, learners[name].recipes(rounds=30)[0])
    plan = make_world_plan(**{"must": [], **goal})
    return train(plan, examples, learners=learners, seed=seed, recipe=recipe)


def make_fit_rows(n: int = 2000, *, rate: float = 0.04, seed: int = 0) -> FitRows:
    """Two numbers, one with NULLs, and a category; the weights are 1 to 3."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < rate).astype(float)
    rows = np.column_stack([rng.normal(y, 1), rng.normal(2 * y, 3), rng.integers(0, 4, n)])
    rows[rng.random(n) < 0.1, 1] = np.nan
    return FitRows(rows, y, rng.integers(1, 4, n).astype(float))


def share_of(rows: FitRows) -> float:
    """The share of positives by weight."""
    return float(np.average(rows.y, weights=rows.weight))


def test_the_factor_brings_the_rare_class_to_the_declared_share() -> None:
    """By weight; a class that is common enough counts no more than it does."""
    rows = make_fit_rows()
    for share in (0.2, 0.5, 0.7):
        balance = settle(imbalance("class_weight", share=share), rows.y, rows.weight)
        assert share_of(rebalance(balance, rows, categories=(2,), seed=0)) == pytest.approx(share)
    assert settle(imbalance("class_weight", share=0.02), rows.y, rows.weight).factor == 1.0


def test_negatives_may_be_the_rare_class() -> None:
    """Then they count more, and the scores are moved down."""
    rows = make_fit_rows()
    mirrored = rows._replace(y=1 - rows.y)
    balance = settle(imbalance("oversample"), mirrored.y, mirrored.weight)
    assert (balance.rare, balance.shift) == (0.0, -settle(imbalance("oversample"), rows.y, rows.weight).shift)
    assert share_of(rebalance(balance, mirrored, categories=(2,), seed=0)) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("method", ["oversample", "undersample", "smote"])
def test_resampled_rows_have_the_declared_share(method: str) -> None:
    """And weights as before: in sum what the factor says, up to the luck of the draw."""
    rows = make_fit_rows()
    for share in (0.3, 0.5):
        balance = settle(imbalance(method, share=share), rows.y, rows.weight)
        assert share_of(rebalance(balance, rows, categories=(2,), seed=0)) == pytest.approx(share, abs=0.02)


def test_repeated_rows_are_rows_and_left_out_rows_are_of_the_common_class() -> None:
    """Oversampling repeats every rare row by turns; undersampling keeps every rare row."""
    rows = make_fit_rows()
    n, rare = rows.y.size, rows.y > 0
    places = rows._replace(rows=np.column_stack([np.arange(n, dtype=float)] * 3))
    over = rebalance(settle(imbalance("oversample"), rows.y, rows.weight), places, categories=(), seed=0)
    times = np.bincount(over.rows[:, 0].astype(int), minlength=n)
    assert (times[~rare] == 1).all()
    assert np.ptp(times[rare]) <= 1
    under = rebalance(settle(imbalance("undersample"), rows.y, rows.weight), places, categories=(), seed=0)
    times = np.bincount(under.rows[:, 0].astype(int), minlength=n)
    assert (times[rare] == 1).all()
    assert times.max() == 1


def test_rows_made_up_lie_between_a_rare_row_and_one_of_its_nearest() -> None:
    """Numbers on the line between the two, categories of rare rows, and the given rows stay in front."""
    rng = np.random.default_rng(0)
    y = np.r_[np.ones(40), np.zeros(400)]
    points = np.column_stack([rng.normal(size=(440, 2)), rng.integers(0, 3, 440)])
    rows = FitRows(points, y, np.ones(440))
    made = rebalance(settle(imbalance("smote"), rows.y, rows.weight), rows, categories=(2,), seed=0)
    assert np.array_equal(made.rows[:440], points)
    new, rare = made.rows[440:], points[:40]
    assert len(new) == 360
    assert (made.y[440:] == 1).all()
    standard = rare[:, :2] / rare[:, :2].std(axis=0)
    apart = ((standard[:, None] - standard) ** 2).sum(axis=2) + (rare[:, None, 2] != rare[:, 2])
    np.fill_diagonal(apart, np.inf)
    near = np.argsort(apart, axis=1, kind="stable")[:, :5]
    steps = rare[near][:, :, :2] - rare[:, None, :2]
    for point in new[::12]:
        away = point[:2] - rare[:, None, :2]
        along = (away * steps).sum(axis=2) / (steps**2).sum(axis=2)
        off = np.abs(away - along[:, :, None] * steps).sum(axis=2)
        assert ((off < 1e-9) & (along >= 0) & (along <= 1)).any()
    assert set(new[:, 2]) <= set(rare[:, 2])


def test_a_few_rare_rows_or_none_to_add_are_left_as_they_are() -> None:
    """One rare row has no neighbour, and a factor of 1 adds nothing."""
    rows = FitRows(np.arange(6.0).reshape(6, 1), np.array([1.0, 0, 0, 0, 0, 0]), np.ones(6))
    assert rebalance(settle(imbalance("smote"), rows.y, rows.weight), rows, categories=(), seed=0) is rows
    focal = settle(imbalance("focal"), rows.y, rows.weight)
    assert rebalance(focal, rows, categories=(), seed=0) is rows
    assert focal.loss == {"focal_gamma": 2.0}


def test_class_balanced_weights_are_those_of_the_paper() -> None:
    """Cui et al. (2019): one over (1 - beta^n) / (1 - beta), which is n for beta near 0 and all one for beta near 1."""
    y = np.r_[np.ones(20), np.zeros(980)]
    for beta in (0.9, 0.99, 0.999):
        numbers = [(1 - beta**n) / (1 - beta) for n in (20, 980)]
        balance = settle(imbalance("class_balanced", beta=beta), y, np.ones(1000))
        assert balance.factor == pytest.approx(numbers[1] / numbers[0])
    assert effective_number(1, beta=0.5) == pytest.approx(1)
    assert effective_number(1e9, beta=0.99) == pytest.approx(100)
    assert effective_number(50, beta=0.999999) == pytest.approx(50, rel=1e-4)
    rows = FitRows(np.zeros((1000, 1)), y, np.ones(1000))
    balanced = rebalance(settle(imbalance("class_balanced"), y, np.ones(1000)), rows, categories=(), seed=0)
    assert balanced.weight.sum() == pytest.approx(1000)


@pytest.mark.parametrize("method", RESAMPLED[:-1])
def test_taking_the_shift_off_gives_the_probabilities_of_untouched_rows(method: str) -> None:
    """A model of the true form, fitted on touched rows, is off by the shift and by nothing else (Elkan 2001)."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40_000, 1))
    truth = 1 / (1 + np.exp(-(1.5 * x[:, 0] - 4)))
    y = (rng.random(40_000) < truth).astype(float)
    rows = FitRows(x, y, np.ones(y.size))
    balance = settle(imbalance(method), y, rows.weight)
    touched = rebalance(balance, rows, categories=(), seed=0)
    learner = logistic()["logistic"]
    model, _ = learner.fit({"c": 100.0}, touched.rows, touched.y, categories=(), seed=0, weight=touched.weight)
    raw = model.predict(x)
    corrected = 1 / (1 + np.exp(-(np.log(raw / (1 - raw)) - balance.shift)))
    assert np.abs(raw - truth).mean() > 0.05 * (balance.factor > 5)
    assert np.abs(corrected - truth).mean() < 0.006


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_the_focal_loss_is_undone(gamma: float) -> None:
    """The score that loses least by the focal loss is mapped to the rate it is of (Charoenphakdee et al. 2021)."""
    correction = settle(imbalance("focal", gamma=gamma), np.array([0.0, 1.0]), np.ones(2)).correction
    grid = np.linspace(-8, 8, 160_001)
    scores = 1 / (1 + np.exp(-grid))
    for rate in (0.01, 0.1, 0.4, 0.5, 0.8, 0.97):
        loss = -rate * (1 - scores) ** gamma * np.log(scores) - (1 - rate) * scores**gamma * np.log(1 - scores)
        best = scores[loss.argmin()]
        assert correction.apply_one(float(best)) == pytest.approx(rate, rel=0.01)
        assert abs(best - 0.5) <= abs(rate - 0.5)


def test_weights_and_the_focal_loss_are_undone_together() -> None:
    """The class-balanced focal loss moves the odds by its factor on top."""
    asked = imbalance("class_balanced", beta=0.99, gamma=2.0)
    y = np.r_[np.ones(10), np.zeros(990)]
    balance = settle(asked, y, np.ones(1000))
    focal = settle(imbalance("focal"), y, np.ones(1000)).correction
    p = np.array([0.2, 0.5, 0.7])
    odds = [np.log(part.apply(p) / (1 - part.apply(p))) for part in (focal, balance.correction)]
    assert odds[0] - odds[1] == pytest.approx(np.full(3, balance.shift), abs=0.01)


def test_a_calibration_undoes_the_method_and_then_asks_the_validation_rows() -> None:
    """Right scores need no more; boasting ones get a map on top, and it is one map that is kept."""
    rng = np.random.default_rng(0)
    n = 20_000
    odds = rng.normal(-3, 1.2, n)
    y = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    at = np.sort(rng.integers(START, START + 120 * DAY, n))
    rows = Examples(pa.table({"x": odds}), pa.table({}), y, at)
    correction = settle(imbalance("oversample"), y, np.ones(n)).correction
    shift = -correction.parameters[1]
    right = recalibrate(rows, 1 / (1 + np.exp(-odds - shift)), correction)
    assert right.map == correction
    boasting = 1 / (1 + np.exp(-2 * odds - shift))
    found = recalibrate(rows, boasting, correction)
    assert found.map.kind == "platt"
    assert found.map.parameters == pytest.approx((0.5, -0.5 * shift), abs=0.15)
    assert found.map.apply(boasting).mean() == pytest.approx(y.mean(), abs=0.003)
    assert "is undone" in found.choice.reason


@pytest.mark.parametrize(
    "first",
    [CalibrationMap("platt", (0.8, -1.0)), settle(imbalance("focal"), np.array([0.0, 1.0]), np.ones(2)).correction],
)
@pytest.mark.parametrize("then", [IDENTITY, CalibrationMap("temperature", (1.7,)), CalibrationMap("platt", (0.6, 0.3))])
def test_two_maps_as_one_are_the_one_after_the_other(first: CalibrationMap, then: CalibrationMap) -> None:
    """At every score, up to the lines between knots."""
    p = np.linspace(0.001, 0.999, 400)
    assert compose(first, then).apply(p) == pytest.approx(then.apply(first.apply(p)), abs=2e-4)


class Recorder:
    """A logistic learner that keeps what it was given."""

    name = "recorder"
    losses = ("log_loss",)

    def __init__(self) -> None:
        self.inner = logistic()["logistic"]
        self.given: list[dict[str, Any]] = []

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        return self.inner.recipes(rounds=rounds)

    def fit(
        self,
        recipe: Mapping[str, Any],
        rows: np.ndarray,
        labels: np.ndarray,
        *,
        categories: Sequence[int],
        seed: int,
        weight: np.ndarray | None = None,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        validation_weight: np.ndarray | None = None,
        names: Sequence[str] = (),
    ) -> tuple[Model, dict[str, Any]]:
        self.given.append({"rows": rows, "labels": labels, "validation": validation, "weight": validation_weight})
        return self.inner.fit(recipe, rows, labels, categories=categories, seed=seed, weight=weight)

    def load(self, folder: Path) -> Model:
        return self.inner.load(folder)


@pytest.mark.parametrize("method", ["oversample", "undersample", "smote"])
def test_no_copy_crosses_the_split(method: str) -> None:
    """Copies and made-up rows come from training rows alone, and the rows that stop a training are untouched ones."""
    examples = make_rare(6000)
    mark = np.arange(examples.at.size, dtype=float)  # a number of its own for every decision
    table = examples.features
    marked = table.set_column(table.column_names.index("total"), "total", [mark])
    examples = replace(examples, features=marked)
    plan = make_world_plan(trials=1, imbalance=sp.imbalance(method), must=[])
    recorder = Recorder()
    train(plan, examples, learners={"recorder": recorder}, seed=0, recipe=Recipe("recorder", {}))
    sides = divide(plan, examples)
    matrices = encode(plan, sides)
    column = list(matrices.encoder.names).index("total")
    touched, released, plain = recorder.given
    older, newer = (matrices.train[:, column], matrices.validation[:, column])
    assert not np.isin(touched["rows"][:, column], newer).any()
    assert touched["rows"][:, column].max() <= older.max()
    if method != "smote":
        assert np.isin(touched["rows"][:, column], older).all()
    assert np.array_equal(touched["validation"][0], matrices.validation, equal_nan=True)
    assert np.array_equal(touched["validation"][1], sides.validation.y)
    assert np.array_equal(plain["rows"], matrices.train, equal_nan=True)
    assert released["labels"].mean() == pytest.approx(touched["labels"].mean(), abs=0.1)


@pytest.fixture(scope="module")
def plain() -> Candidate:
    """A training in which nothing was done about the rare class."""
    return train_one(learners(), make_rare())


@pytest.mark.parametrize("method", METHODS)
def test_scores_are_probabilities_again_whatever_was_done_to_the_training_rows(method: str, plain: Candidate) -> None:
    """As near to the rates as without it; the record says what was done, and whether it helped is never hidden."""
    examples = make_rare()
    asked = sp.imbalance(method)
    found = train_one(learners(), examples, metric=sp.average_precision(), imbalance=asked, must=[sp.ece() <= 0.1])
    report, body = found.report, found.to_dict()
    assert report.metrics["ece"].estimate < plain.report.metrics["ece"].estimate + 0.005
    assert found.scores.mean() == pytest.approx(plain.scores.mean(), abs=0.01)
    assert body["imbalance"]["method"] == method
    assert found.calibration.map.kind == ("isotonic" if method == "focal" else "platt")
    comparison = report.plain
    assert comparison is not None
    assert not comparison.blocks
    assert comparison.reason not in report.reasons
    assert comparison.against == f"without {asked}"
    assert any(words in comparison.reason for words in ("it helped", "it did harm", "it is not shown to help"))
    assert report.to_dict()["plain"]["reason"] == comparison.reason
    released = [each.scorer.score(examples.features).mean() for each in (found, plain)]
    assert released[0] == pytest.approx(released[1], abs=0.015)


def test_without_calibration_the_scores_would_be_far_off() -> None:
    """After oversampling a model's own scores are an order of magnitude above the rate; its ranks are no better."""
    examples = make_rare()
    plain, over = (
        train_one(logistic(), examples, **asked) for asked in ({}, {"imbalance": sp.imbalance("oversample")})
    )
    rows = divide(make_world_plan(), examples).held_out
    raw = over.procedure.model.predict(over.procedure.encoder.matrix(rows.features))
    assert ece(rows.y, raw) > 0.2
    assert ece(rows.y, over.scores) < 0.03
    assert average_precision(rows.y, over.scores) == pytest.approx(average_precision(rows.y, plain.scores), abs=0.03)
    assert log_loss(rows.y, over.scores) == pytest.approx(log_loss(rows.y, plain.scores), abs=0.01)


def test_where_nothing_is_asked_nothing_is_said() -> None:
    """No comparison, no entry in the record."""
    found = train_one(logistic(), make_examples())
    assert found.balance is None
    assert found.report.plain is None
    assert "imbalance" not in found.to_dict()
    assert "imbalance" not in found.to_dict()["report"]


def test_the_focal_loss_is_for_learners_that_have_it() -> None:
    """They alone are searched, a recipe of another learner is searched for anew, and without any it is refused."""
    asked = imbalance("focal")
    assert list(able(learners(), asked)) == ["lightgbm"]
    assert list(able(learners(), None)) == list(able(learners(), imbalance("smote"))) == ["lightgbm", "logistic"]
    with pytest.raises(NameUnknown, match="focal"):
        able(logistic(), asked)
    plan = make_world_plan(trials=1, imbalance=asked, must=[])
    found = train(plan, make_rare(8000), learners=learners(), seed=0, recipe=Recipe("logistic", {"c": 0.1}))
    assert found.recipe.learner == "lightgbm"
    assert found.settled.parameters["focal_gamma"] == 2.0
    assert "focal_gamma" not in found.recipe.parameters


def test_a_training_with_a_method_is_the_same_each_time() -> None:
    """What is drawn comes from the seed."""
    examples, asked = make_rare(6000), sp.imbalance("undersample", share=0.3)
    first, second, other = (train_one(logistic(), examples, seed=seed, imbalance=asked) for seed in (1, 1, 2))
    assert first.digest == second.digest
    assert first.digest != other.digest


def test_a_method_is_plain_data() -> None:
    """Its options by name, and nothing for those it does not have."""
    asked = imbalance("smote", neighbours=3)
    assert asked == Imbalance("smote", (("share", 0.5), ("neighbours", 3)))
    assert asked.option("gamma") == 0.0
    assert asked.to_dict() == {"method": "smote", "share": 0.5, "neighbours": 3}
