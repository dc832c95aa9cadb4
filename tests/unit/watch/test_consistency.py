from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.times import iso
from setpoint.declare.prediction import Form
from setpoint.features.verify import Checked, Difference
from setpoint.watch.consistency import TOLERANCE, Consistency, check_scores
from setpoint.watch.incidents import merge


@dataclass(frozen=True)
class Doubling:
    """A model that doubles its one input; `row_exact` as it says."""

    row_exact: bool = True
    inputs: tuple[str, ...] = ("n",)

    def score(self, features: pa.Table) -> np.ndarray:
        """Twice the input."""
        return np.asarray(features["n"].to_numpy() * 2)


def log(*scores: float, model: str = "m") -> pa.Table:
    """Decisions with the inputs 0.1, 0.2, ... and these scores."""
    rows = len(scores)
    return pa.table(
        {
            "decision_id": [f"d{row}" for row in range(rows)],
            "key": [f"k{row}" for row in range(rows)],
            "at": range(rows),
            "model": [model] * rows,
            "score": scores,
            "feature.n": [0.1 * (row + 1) for row in range(rows)],
        }
    )


def checked(rows: pa.Table, scorer: Any) -> Checked:
    """The check of the scores by one model."""
    return check_scores(rows, lambda model: scorer, Form())


def test_a_score_is_that_of_the_model_on_what_was_logged() -> None:
    """To the last bit where the model promises it, and within a billionth otherwise."""
    near = 0.2 + TOLERANCE / 10
    assert (checked(log(0.2, 0.4), Doubling()).rows, checked(log(0.2, 0.4), Doubling()).mismatches) == (2, 0)
    assert checked(log(near, 0.4), Doubling()).mismatches == 1
    assert checked(log(near, 0.4), Doubling(row_exact=False)).mismatches == 0
    wrong = checked(log(0.2, 0.5), Doubling(row_exact=False)).first[0]
    assert (wrong.decision_id, wrong.feature, wrong.logged, wrong.recomputed) == ("d1", "score", 0.5, 0.4)


def test_a_score_that_is_none_differs() -> None:
    """NaN is no probability, and is not within any distance."""
    assert checked(log(float("nan")), Doubling(row_exact=False)).mismatches == 1


@pytest.mark.parametrize(
    ("rows", "scorer"),
    [
        (log(0.7, model="rule"), Doubling()),
        (log(0.7), None),
        (log(0.7), Doubling(inputs=("n", "gone"))),
    ],
)
def test_what_cannot_be_scored_again_is_left_out(rows: pa.Table, scorer: Any) -> None:
    """The rule, a model that is not there, and one whose features the log no longer has."""
    assert checked(rows, scorer).rows == 0


def test_a_mismatch_opens_an_incident_and_is_recorded() -> None:
    """It names the feature, and the record keeps the first difference."""
    wrong = Difference("d7", "k7", 3_600_000_000, "n", 1.0, 2.0)
    found = Consistency(10, 50, (Checked("n", 50, 1, (wrong,)), Checked("m", 50, 0)), 0.25)
    assert (found.values, found.mismatches) == (100, 1)
    opened = merge([], found.findings(), 10)[1]
    assert [incident.title for incident in opened] == ["n: mismatch (serving)"]
    assert "setpoint verify" in opened[0].next_step
    told = found.to_dict()
    assert told["features"] == {"n": 1}
    assert (told["first"][0]["decision"], told["first"][0]["at"], told["first"][0]["event"]) == (
        "d7",
        iso(wrong.at),
        None,
    )
