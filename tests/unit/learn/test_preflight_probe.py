"""A learner is tried out on planted labels before it trains: each planted bug is found, no healthy one is blamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from setpoint.core.ports import Learner, Model
from setpoint.learn.preflight_probe import check_learner, signal_of
from setpoint.learn.preflight_task import BINARY, REGRESSION, Task
from setpoint.learn.sides import divide, encode
from tests.unit.learn.faulty import Faulty, bugs
from tests.unit.learn.world import learners, make_examples, make_world_plan


def found(learner: Learner, *, seed: int = 0, task: Task = BINARY) -> list[tuple[str, str]]:
    """The kinds and features of what is wrong with a learner on the shop's rows."""
    plan = make_world_plan()
    matrices = encode(plan, divide(plan, make_examples(seed=seed)))
    findings, fits = check_learner(
        learner,
        matrices.given,
        names=matrices.encoder.names,
        categories=matrices.encoder.categories,
        task=task,
        seed=seed,
    )
    assert fits > 0
    assert all(each.blocks and each.evidence and each.hint for each in findings)
    return [(each.kind, each.feature) for each in findings]


@pytest.mark.parametrize("learner", sorted(learners()))
@pytest.mark.parametrize("bug", sorted(bugs()))
def test_a_planted_bug_is_found(bug: str, learner: str) -> None:
    """Each bug shows in a check that names it."""
    planted, kinds = bugs()[bug]
    assert {kind for kind, _ in found(Faulty(learners()[learner], **planted))} & kinds


@pytest.mark.parametrize("learner", sorted(learners()))
def test_a_healthy_learner_is_not_blamed(learner: str) -> None:
    """Of twenty seeds and rows none raises an alarm, nor does the wrapper that the bugs are planted through."""
    assert [found(learners()[learner], seed=seed) for seed in range(20)] == [[]] * 20
    assert found(Faulty(learners()[learner])) == []


@pytest.mark.parametrize("learner", sorted(learners()))
def test_an_input_that_is_lost_is_named(learner: str) -> None:
    """The dead input is the finding's feature."""
    planted, _ = bugs()["an input ignored"]
    assert found(Faulty(learners()[learner], **planted)) == [("ignores-input", "total")]


def test_training_on_the_validation_rows_shows() -> None:
    """Labels of the validation rows that follow nothing must not be known."""
    assert ("sees-validation", "") in found(Faulty(learners()["lightgbm"], trains_on_validation=True))


@pytest.mark.parametrize("columns", [3, 30])
@pytest.mark.parametrize("learner", sorted(learners()))
def test_heavy_tails_rare_values_and_copies_raise_no_alarm(learner: str, columns: int) -> None:
    """Inputs with heavy tails, many NULLs, one level, rare levels and copies of each other."""
    rng = np.random.default_rng(columns)
    rows = rng.normal(size=(1500, columns)) ** 3
    rows[rng.random(rows.shape) < 0.3] = np.nan
    rows[:, 0], rows[:, 1] = rows[:, 2], 2 * rows[:, 2]
    if columns > 3:
        rows[:, 3], rows[:, 4], rows[:, 5] = 1.0, rng.random(1500) < 0.03, np.nan
    names = [f"x{j}" for j in range(columns)]
    assert check_learner(learners()[learner], rows, names=names, categories=(), task=BINARY, seed=1)[0] == ()


@dataclass
class Line:
    """A least-squares line of numbers, NULL counting as 0."""

    weights: np.ndarray
    scale: np.ndarray
    row_exact = False

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return np.nan_to_num(rows / self.scale) @ self.weights[:-1] + self.weights[-1]

    def importances(self) -> np.ndarray:
        return np.abs(self.weights[:-1]) / np.abs(self.weights[:-1]).sum()

    def save(self, folder: Path) -> None:
        np.save(folder / "line.npy", self.weights)


class Lines:
    """A learner of numbers; `off` is added to every score, and `dead` is an input it loses."""

    name = "line"
    losses = ("squared_error",)

    def __init__(self, *, off: float = 0.0, dead: int | None = None) -> None:
        self.off, self.dead = off, dead

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        return [{"rounds": rounds}]

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
        scale = np.nanstd(rows, axis=0) + 1e-9
        x = np.column_stack([np.nan_to_num(rows / scale), np.ones(len(rows))])
        if self.dead is not None:
            x[:, self.dead] = 0.0
        mass = np.ones(len(labels)) if weight is None else weight
        root = np.sqrt(mass)
        weights = np.linalg.lstsq(x * root[:, None], labels * root, rcond=None)[0]
        weights[-1] += self.off
        return Line(weights, scale), dict(recipe)

    def load(self, folder: Path) -> Model:
        raise AssertionError(f"no check loads a model, but {folder} was asked for")


def test_numbers_are_checked_as_classes_are() -> None:
    """A learner of numbers under the squared error: a healthy one is not blamed, two faulty ones are."""
    assert found(Lines(), task=REGRESSION) == []
    assert ("ignores-input", "total") in found(Lines(dead=1), task=REGRESSION)
    assert {kind for kind, _ in found(Lines(off=3.0), task=REGRESSION)} & {"wrong-start", "cannot-learn"}


def test_too_few_rows_are_not_tried() -> None:
    """A handful of rows teaches nothing, so it accuses nobody."""
    rows = np.random.default_rng(0).normal(size=(40, 2))
    assert check_learner(learners()["logistic"], rows, names="ab", categories=(), task=BINARY, seed=0) == ((), 0)


def test_a_signal_of_codes_is_the_commonest_against_the_others() -> None:
    """NULL is one of the others."""
    assert signal_of(np.array([2.0, 2.0, 0.0, np.nan]), coded=True).tolist() == [0.5, 0.5, -0.5, -0.5]
