"""Why a logged decision has its score, whatever its model says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from setpoint.backends.sklearn import LogisticLearner
from setpoint.core.errors import ModelCorrupt
from setpoint.core.ports import Model
from setpoint.core.records import RULE
from setpoint.learn.encode import fit_encoder
from setpoint.learn.scorer import Scorer
from setpoint.learn.threshold import Price, Threshold
from setpoint.measure.calibrators import IDENTITY
from setpoint.watch.why_score import explain_score, story_of, table_of


class Silent:
    """A model that predicts and says nothing else."""

    row_exact = True

    def __init__(self, inner: Model) -> None:
        self.inner = inner

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.inner.predict(rows)

    def importances(self) -> np.ndarray:
        return self.inner.importances()

    def save(self, folder: Path) -> None:
        self.inner.save(folder)


def make_features() -> pa.Table:
    """Two hundred rows of a number that matters and one that does not."""
    rng = np.random.default_rng(0)
    return pa.table({"size": rng.normal(size=200), "idle": rng.normal(size=200)})


def make_scorer(*, silent: bool) -> Scorer:
    """A regression on these rows."""
    features = make_features()
    encoder = fit_encoder(features, {"size": "number", "idle": "number"})
    matrix = encoder.matrix(features)
    labels = (matrix[:, 0] + np.random.default_rng(1).normal(size=200) > 0).astype(np.float64)
    recipe = LogisticLearner().recipes(rounds=60)[0]
    model, _ = LogisticLearner().fit(recipe, matrix, labels, categories=(), seed=0)
    chosen: Model = Silent(model) if silent else model
    return Scorer(encoder, chosen, IDENTITY, Threshold(Price(1.0), Price(1.0)), "logistic", (0, 1))


def logged(*names: str, model: str = "m" * 20) -> pa.Table:
    """The log of these rows' decisions, with these features."""
    features = make_features()
    return pa.table({"model": [model] * 200, **{f"feature.{name}": features[name] for name in names}})


LOG = logged("size", "idle")


def explained(scorer: Any, log: pa.Table = LOG, others: pa.Table = LOG) -> dict[str, Any] | None:
    """Why the first decision of the log has its score."""
    return explain_score(log.slice(0, 1), lambda _: scorer, others=lambda: others)


def test_a_model_that_does_not_say_is_sampled_between_other_decisions() -> None:
    """Of a regression that gives nearly its own terms, with bounds, and the story says that they are sampled."""
    told, sampled = explained(make_scorer(silent=False)), explained(make_scorer(silent=True))
    assert told is not None
    assert sampled is not None
    ours, theirs = told["reasons"][0], sampled["reasons"][0]
    assert ours["code"] == theirs["code"]
    assert theirs["adds"] == pytest.approx(ours["adds"], abs=0.3)
    assert theirs["low"] <= theirs["adds"] <= theirs["high"]
    assert sampled["total"] == pytest.approx(told["total"])
    assert "sampled" in story_of(sampled)[-1]
    assert list(table_of(sampled)[0]) == list(table_of(sampled)[-1]) == ["because", "adds", "low", "high", "code"]
    assert explained(make_scorer(silent=True)) == sampled


def test_without_anything_to_compare_with_it_says_so() -> None:
    """No other decision, or none with the features that the model reads."""
    for others in (LOG.slice(0, 0), logged("size")):
        why = explained(make_scorer(silent=True), others=others)
        assert why == {"missing": "The model does not say what it goes by, and there is nothing to compare with."}
        assert table_of(why) == []
        assert "cannot be told" in story_of(why)[0]


def test_a_model_that_cannot_be_asked_is_told_of() -> None:
    """Its file is damaged or gone, or the log lacks what it read; the rule needs no reasons."""

    def damaged(_: str) -> Scorer:
        raise ModelCorrupt("Its file is damaged.")

    assert explain_score(LOG, damaged, others=lambda: LOG) == {"missing": "Its file is damaged."}
    assert explained(None) == {"missing": "The model mmmmmmmmmmmm is not there any more."}
    assert explained(make_scorer(silent=False), logged("idle")) == {"missing": "The log has no size."}
    assert explained(None, logged("size", model=RULE)) is None
