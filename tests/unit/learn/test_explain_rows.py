"""What each input adds to a row's score, checked against exact Shapley values by enumeration."""

from __future__ import annotations

import itertools
import json
from math import factorial
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa
import pytest

from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.backends.sklearn import LogisticLearner
from setpoint.core.errors import DataError
from setpoint.learn.encode import fit_encoder
from setpoint.learn.explain_rows import Contributions, contributions, reasons_of
from setpoint.learn.scorer import Scorer
from setpoint.learn.threshold import Price, Threshold
from setpoint.measure.calibrators import IDENTITY, CalibrationMap

RECIPE = {"rounds": 6, "num_leaves": 6, "min_data_in_leaf": 20}
INPUTS = ("a", "b", "c")


def make_rows(n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Three numbers, of which two matter together, and outcomes."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, 3))
    odds = rows[:, 0] + 2 * (rows[:, 0] > 0) * (rows[:, 1] > 0)
    return rows, (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(np.float64)


def expected(node: dict[str, Any], row: np.ndarray, known: set[int]) -> float:
    """What a tree gives where only some inputs are known: the others go both ways, by the rows that did in training."""
    if "leaf_value" in node:
        return float(node["leaf_value"])
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        return expected(left if row[node["split_feature"]] <= node["threshold"] else right, row, known)
    counts = [part.get("internal_count", part.get("leaf_count")) for part in (left, right)]
    return float(np.average([expected(part, row, known) for part in (left, right)], weights=counts))


def enumerated(value: Any, inputs: int) -> np.ndarray:
    """Shapley values by their definition: the mean gain of an input over all orders of joining."""
    found = np.zeros(inputs)
    for j in range(inputs):
        others = [i for i in range(inputs) if i != j]
        for size in range(inputs):
            share = factorial(size) * factorial(inputs - size - 1) / factorial(inputs)
            for some in itertools.combinations(others, size):
                found[j] += share * (value({*some, j}) - value(set(some)))
    return found


def test_contributions_of_trees_are_shapley_values(tmp_path: Path) -> None:
    """A second implementation, by enumeration over the trees of the model's text, gives the same numbers."""
    rows, labels = make_rows()
    model, _ = LightGBMLearner().fit(RECIPE, rows, labels, categories=(), seed=0)
    found = contributions(model, rows[:5], INPUTS)
    assert found is not None
    model.save(tmp_path)
    trees = lightgbm.Booster(model_str=(tmp_path / "model.txt").read_text()).dump_model()["tree_info"]
    for row, parts, base in zip(rows, found.parts, found.base, strict=False):

        def value(known: set[int], row: np.ndarray = row) -> float:
            return sum(expected(tree["tree_structure"], row, known) for tree in trees)

        assert np.allclose(parts, enumerated(value, 3), atol=1e-9)
        assert base == pytest.approx(value(set()), abs=1e-9)


def test_contributions_of_a_regression_are_weights_times_distances_from_the_mean() -> None:
    """The Shapley values of a linear model with independent inputs."""
    rows, labels = make_rows()
    model, _ = LogisticLearner().fit(LogisticLearner().recipes(rounds=60)[0], rows, labels, categories=(), seed=0)
    found = contributions(model, rows, INPUTS)
    assert found is not None
    assert np.allclose(found.parts.mean(axis=0), 0, atol=1e-9)
    steps = rows + np.eye(3)[0]
    moved = contributions(model, steps, INPUTS)
    assert moved is not None
    slope = (moved.parts - found.parts)[:, 0]
    assert np.allclose(found.parts[:, 0], slope * (rows[:, 0] - rows[:, 0].mean()), atol=1e-9)


def make_scorer(calibration: CalibrationMap) -> Scorer:
    """A scorer of trees on a number, a text and a number that nothing depends on."""
    rows, labels = make_rows()
    features = pa.table({"size": rows[:, 0], "kind": np.where(rows[:, 1] > 0, "x", "y"), "idle": np.zeros(600)})
    encoder = fit_encoder(features, {"size": "number", "kind": "text", "idle": "number"})
    matrix = encoder.matrix(features)
    model, _ = LightGBMLearner().fit(RECIPE, matrix, labels, categories=encoder.categories, seed=0)
    return Scorer(encoder, model, calibration, Threshold(Price(1.0), Price(1.0)), "lightgbm", (0, 1))


def test_reasons_come_in_order_in_words_and_add_up() -> None:
    """With what is not named and the base they are the model's log odds; calibration is told beside."""
    scorer = make_scorer(CalibrationMap("temperature", (2.0,)))
    why = scorer.explain_row({"size": 2.0, "kind": "x", "idle": 0.0})
    assert why is not None
    assert json.loads(json.dumps(why, allow_nan=False)) == why
    assert [each["code"] for each in why["reasons"]] == ["raises:size", "raises:kind"]
    assert why["reasons"][0]["words"].startswith("size = 2 multiplies the odds by ")
    total = why["base"] + why["others"] + sum(each["adds"] for each in why["reasons"])
    assert total == pytest.approx(why["total"])
    assert 1 / (1 + np.exp(-total)) == pytest.approx(why["raw"])
    score = scorer.score_row({"size": 2.0, "kind": "x", "idle": 0.0})
    assert f"calibration (temperature) makes {score:.4f} of it" in why["calibration"]


def test_a_value_that_is_missing_is_told_as_null() -> None:
    """A NULL is a reason like any other, and no NaN is in the document."""
    why = make_scorer(IDENTITY).explain_row({"size": float("nan"), "kind": None, "idle": None})
    assert why is not None
    values = {each["feature"]: each["value"] for each in why["reasons"]}
    assert set(values.values()) == {None}
    assert any("NULL" in each["words"] for each in why["reasons"])
    assert why["calibration"] == "the score is what the model says: no calibration map"


def test_an_input_that_adds_nothing_to_any_row_is_named() -> None:
    """It is no reason either."""
    features = pa.table({"size": [1.0, -1.0], "kind": ["x", "y"], "idle": [0.0, 5.0]})
    found = make_scorer(IDENTITY).explain(features)
    assert found is not None
    assert found.unused == ("idle",)


class Sums:
    """A model whose inputs add up to its prediction, or do not."""

    row_exact = True

    def __init__(self, *, off: float = 0.0) -> None:
        self.off = off

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(10 + rows.sum(axis=1) + self.off)

    def contributions(self, rows: np.ndarray) -> np.ndarray:
        return np.column_stack([rows, np.full(len(rows), 10.0)])

    def importances(self) -> np.ndarray:
        return np.full(2, 0.5)

    def save(self, folder: Path) -> None:
        """Nothing to write."""


def test_a_model_of_numbers_is_explained_in_numbers() -> None:
    """The scale is the one on which the inputs add up."""
    found = contributions(Sums(), np.array([[3.0, -1.0]]), ("a", "b"))
    assert isinstance(found, Contributions)
    why = reasons_of(found, {"a": 3.0, "b": -1.0}, calibration=IDENTITY, top=1)
    assert (why["scale"], why["raw"], why["others"]) == ("prediction", 12.0, -1.0)
    assert why["reasons"][0]["words"] == "a = 3 adds 3"


def test_contributions_that_do_not_add_up_are_refused() -> None:
    """A model that says something else than it predicts explains nothing."""
    with pytest.raises(DataError, match="is not what the model predicts"):
        contributions(Sums(off=0.5), np.array([[3.0, -1.0]]), ("a", "b"))


def test_a_model_that_does_not_say_is_not_explained() -> None:
    """Its scorer gives nothing rather than a guess."""

    class Silent(Sums):
        contributions = None  # type: ignore[assignment]

    assert contributions(Silent(), np.zeros((1, 2)), ("a", "b")) is None
