"""Calibration out of time: none unless it is shown to help."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.times import DAY
from setpoint.learn.calibrate import calibrate
from setpoint.learn.sides import Examples
from setpoint.measure.calibrators import CalibrationMap
from tests.unit.learn.world import START


def rows(days: int, *, per_day: int = 400, shared: float = 0.0, seed: int = 0) -> tuple[Examples, np.ndarray]:
    """Validation rows and their true probabilities; a day's rows share an error of this size in log odds."""
    rng = np.random.default_rng(seed)
    n = days * per_day
    at = START + np.repeat(np.arange(days), per_day) * DAY + rng.integers(0, DAY, n)
    at.sort()
    odds = rng.normal(-1, 1, n)
    day = rng.normal(0, shared, days) if shared else np.zeros(days)
    y = (rng.random(n) < 1 / (1 + np.exp(-(odds + day[(at - START) // DAY])))).astype(float)
    return Examples(pa.table({}), pa.table({}), y, at), 1 / (1 + np.exp(-odds))


def bend(p: np.ndarray) -> np.ndarray:
    """Scores that boast: their log odds are doubled."""
    return 1 / (1 + np.exp(-2 * np.log(p / (1 - p))))


def test_boasting_scores_are_calibrated() -> None:
    """With weeks of days that say the same, a map is fitted, and it helps on rows it has not seen."""
    validation, p = rows(40)
    found = calibrate(validation, bend(p))
    assert found.map.kind != "identity"
    newer, q = rows(20, seed=1)
    mapped = found.map.apply(bend(q))
    assert np.abs(mapped - q).mean() < 0.3 * np.abs(bend(q) - q).mean()
    assert newer.y.size == mapped.size


def test_honest_scores_are_left_alone() -> None:
    """No map beats what is right."""
    for seed in range(10):
        validation, p = rows(40, seed=seed)
        assert calibrate(validation, p).map.kind == "identity"


def test_the_error_of_a_few_days_is_not_mended() -> None:
    """Rows of a day share their error; a map fitted to it would make the next days worse."""
    kept = 0
    for seed in range(10):
        validation, p = rows(30, shared=0.5, seed=seed)
        kept += calibrate(validation, p).map.kind == "identity"
    assert kept >= 9


def test_few_days_show_nothing_however_many_rows_they_have() -> None:
    """Boasting scores of ten days stay as they are, and the reason says what it would take."""
    validation, p = rows(10, per_day=3000)
    found = calibrate(validation, bend(p))
    assert found.map.kind == "identity"
    assert "28 days" in found.choice.reason


def test_the_record_holds_trials_and_the_reliability_of_the_held_out_rows() -> None:
    """As JSON, and back to the same map."""
    validation, p = rows(40)
    found = calibrate(validation, bend(p))
    judged = found.judged_on(validation, found.map.apply(bend(p)))
    body = json.loads(json.dumps(judged.to_dict(), allow_nan=False))
    assert CalibrationMap.from_dict(body["choice"]["map"]) == found.map
    assert len(body["reliability"]) == 15
    assert all(row["rate"] == pytest.approx(row["mean_p"], abs=0.05) for row in body["reliability"])
    assert {trial["kind"] for trial in body["choice"]["trials"]} == {"temperature", "platt", "isotonic"}
