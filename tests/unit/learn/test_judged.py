"""The rows that trainings were judged on, and the comparison on those that two share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.backends.parquet import ParquetTables
from setpoint.conformance.learner import CATEGORIES, make_data
from setpoint.core.rng import seed_for
from setpoint.core.times import DAY
from setpoint.declare.goal import Metric
from setpoint.learn.curve import curve_of
from setpoint.learn.judged import SET, judged_rows, load_judged, same_rows
from setpoint.learn.scored import Scored
from setpoint.learn.sides import Examples
from setpoint.measure.bootstrap import paired_difference


def judged(p: np.ndarray, *, y: np.ndarray, names: np.ndarray, weight: np.ndarray | None = None) -> pa.Table:
    """What a model made of decisions, of which fifty fall on a day."""
    rows = Examples(
        pa.table({}), pa.table({}), y, names // 50 * DAY, weight=np.ones(y.size) if weight is None else weight
    )
    keys = pa.array([f"o{name}" for name in names])
    return judged_rows(keys, rows, Scored("candidate", p, p >= 0.5, 2.0 * p))


def test_a_difference_is_the_paired_one_of_the_rows_in_both() -> None:
    """Whatever the order in which either was kept: as `paired_difference` has it of the same rows and days."""
    rng = np.random.default_rng(0)
    y, p, q = (rng.random(600) < 0.3).astype(float), rng.random(600), rng.random(600)
    weight, names = rng.random(600) + 0.5, np.arange(600)
    shuffled = rng.permutation(np.arange(200, 600))
    one = judged(p, y=y, names=names, weight=weight)
    other = judged(q[shuffled], y=y[shuffled], names=shuffled, weight=weight[shuffled])
    pair = same_rows(one, other)
    assert pair is not None
    found = pair.differences({"brier": Metric("brier"), "gap": Metric("auc", by="origin")}, draws=100, seed=3)
    expected = paired_difference(
        "brier",
        y[200:],
        p[200:],
        q[200:],
        cluster=names[200:] // 50,
        weight=weight[200:],
        draws=100,
        seed=seed_for(3, "gate", str(Metric("brier"))),
    )
    assert found == {"brier": expected}


def test_rows_with_another_label_are_left_out_and_counted() -> None:
    """A correction that came in between makes no difference of models."""
    y, p = np.tile([0.0, 1.0], 50), np.linspace(0, 1, 100)
    corrected = np.where(np.arange(100) < 7, 1 - y, y)
    pair = same_rows(judged(p, y=y, names=np.arange(100)), judged(p, y=corrected, names=np.arange(100)))
    assert pair is not None
    assert (pair.relabelled, pair.rows.y.size, pair.first.p[0]) == (7, 93, p[7])


def test_runs_that_share_no_row_are_not_compared() -> None:
    """Metrics of different rows may not be subtracted."""
    y, p = np.tile([0.0, 1.0], 50), np.linspace(0, 1, 100)
    assert same_rows(judged(p, y=y, names=np.arange(100)), judged(p, y=y, names=np.arange(100, 200))) is None


def test_scores_of_several_classes_are_kept_as_they_are(tmp_path: Path) -> None:
    """Each row's numbers, through the tables and back."""
    p = np.random.default_rng(1).random((100, 3))
    rows = Examples(pa.table({}), pa.table({}), np.zeros(100), np.arange(100))
    made = judged_rows(pa.array(range(100)), rows, Scored("candidate", p, p[:, 0] > 0.5, np.zeros(100)))
    tables = ParquetTables(tmp_path)
    tables.write(SET, "run_1", made)
    stored = load_judged(tables, "run_1")
    assert stored is not None
    pair = same_rows(stored, stored)
    assert pair is not None
    assert np.array_equal(pair.second.p, p)
    assert load_judged(tables, "run_2") is None


def test_the_curve_has_the_loss_of_each_round_and_is_no_part_of_the_model(tmp_path: Path) -> None:
    """Its last loss at the best round is the log loss of the model kept; a model that was loaded has no curve."""
    data, newer = make_data(800, 0), make_data(400, 1)
    learner = LightGBMLearner()
    recipe = learner.recipes(rounds=60)[0]
    validation = (newer.rows, newer.labels)
    model, _ = learner.fit(recipe, data.rows, data.labels, categories=CATEGORIES, seed=1, validation=validation)
    found = curve_of(model)
    assert found is not None
    p = model.predict(newer.rows)
    loss = -np.mean(np.where(newer.labels == 1, np.log(p), np.log1p(-p)))
    assert found["values"][found["best_round"] - 1] == round(float(loss), 6)
    model.save(tmp_path)
    assert curve_of(learner.load(tmp_path)) is None
    bare, _ = learner.fit(recipe, data.rows, data.labels, categories=CATEGORIES, seed=1)
    assert curve_of(bare) is None
