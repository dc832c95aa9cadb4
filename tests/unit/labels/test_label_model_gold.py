"""What gold rows choose and judge, without a part in their own scores."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.labels.label_model_gold import (
    FOLDS,
    Gold,
    GoldRates,
    always,
    choose,
    draw_gold,
    folds_of,
    majority_scores,
)
from setpoint.measure.class_metrics import CLASS_METRICS
from tests.unit.labels.planted import plant

LOG_LOSS = CLASS_METRICS["log_loss"]


def noise(ways: int, rows: int = 200, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scores that say nothing of the classes."""
    rng = np.random.default_rng(seed)
    return {f"way {i}": rng.normal(size=(rows, 2)) for i in range(ways)}, rng.permutation(np.arange(rows) % 2)


def test_the_best_of_many_ways_that_say_nothing_is_told_to_be_worth_nothing() -> None:
    """The winner of twenty looks better than it is; the worth of the choice does not."""
    winners, worths = [], []
    for seed in range(8):
        ways, y = noise(20, seed=seed)
        scored = {name: always(scores) for name, scores in ways.items()}
        choice = choose(scored, {}, Gold.of(np.arange(200), y), metric=CLASS_METRICS["accuracy"], seed=seed)
        winners.append(choice.ways[choice.way])
        worths.append(CLASS_METRICS["accuracy"](y, choice.chosen_p))
    assert np.mean(winners) > 0.55
    assert np.mean(worths) == pytest.approx(0.5, abs=0.035)


def test_no_row_has_a_part_in_its_own_probability() -> None:
    """A way that knows the class of the rows it is shown, and nothing else, is worth nothing."""
    _, y = noise(0, seed=3)
    known = 5.0 * np.eye(2)[y]
    choice = choose(
        {"by heart": lambda kept: np.where(kept[:, None], known, 0.0)}, {}, Gold.of(np.arange(200), y), metric=LOG_LOSS
    )
    assert LOG_LOSS(y, choice.chosen_p) == pytest.approx(np.log(2), abs=0.02)
    assert choice.ways["by heart"] == pytest.approx(np.log(2), abs=0.02)


def test_rates_of_gold_score_a_row_as_if_it_were_not_there() -> None:
    """Leaving it out of the rows that are kept gives it the same score."""
    planted = plant(60, (0.8, 0.7, 0.6), classes=3, seed=1)
    weight = np.random.default_rng(2).uniform(0.5, 2, 60)
    prior = np.full((3, 4, 3), 0.25)
    rates = GoldRates(planted.votes, planted.truth, weight, prior, np.full(3, 1 / 3), np.array([1.0, 0.5, 1.0]))
    everything = rates.scores(np.ones(60, dtype=bool))
    for row in (0, 17, 59):
        assert rates.scores(np.arange(60) != row)[row] == pytest.approx(everything[row])


def test_rates_of_gold_are_counted_votes() -> None:
    """With a prior of next to nothing they are shares of the gold rows of a class."""
    votes = np.array([[0], [0], [1], [-1]], dtype=np.int8)
    rates = GoldRates(votes, np.array([0, 0, 0, 0]), np.ones(4), np.full((1, 3, 2), 1e-9), np.ones(2) / 2, np.ones(1))
    assert np.exp(rates.points(np.ones(4, dtype=bool)))[0, :, 0] == pytest.approx([0.25, 0.5, 0.25])


def test_folds_hold_every_class() -> None:
    """Each class is dealt out evenly, and so is the whole."""
    y = np.array([0] * 90 + [1] * 10)
    fold = folds_of(y, seed=4)
    assert np.bincount(fold).tolist() == [20] * FOLDS
    assert np.bincount(fold[y == 1]).tolist() == [2] * FOLDS


def test_majority_shares_ties() -> None:
    """Nobody wins where votes tie, or where there are none."""
    votes = np.array([[1, 1, 0], [0, 1, -1], [-1, -1, -1]], dtype=np.int8)
    p = np.exp(majority_scores(votes, 2))
    assert p[0].argmax() == 1
    assert p[1:].tolist() == [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("rows", "y", "weight"),
    [([1, 1], [0, 1], None), ([1, 2], [0], None), ([1, 2], [0, 1], [1.0, 0.0]), ([1, 2], [0, 1], [1.0, np.nan])],
)
def test_gold_that_does_not_fit_together_is_refused(rows: list[int], y: list[int], weight: list[float] | None) -> None:
    """A row twice, a class too few, a weight of nothing."""
    with pytest.raises(DataError):
        Gold.of(rows, y, weight)


def test_the_digest_of_gold_is_of_rows_classes_and_weights() -> None:
    """Another class is other gold."""
    assert Gold.of([1, 2], [0, 1]).digest == Gold.of([1, 2], [0, 1]).digest
    assert Gold.of([1, 2], [0, 1]).digest != Gold.of([1, 2], [0, 0]).digest


def test_gold_is_drawn_at_random_and_the_same_for_the_same_seed() -> None:
    """Each row as often as any other, none twice, and no more than there are."""
    assert np.array_equal(draw_gold(1000, seed=1), draw_gold(1000, seed=1))
    assert np.unique(draw_gold(1000, size=1000)).size == 1000
    drawn = np.bincount(np.concatenate([draw_gold(50, size=10, seed=seed) for seed in range(2000)]), minlength=50)
    assert drawn == pytest.approx(np.full(50, 400), abs=90)
    with pytest.raises(DataError, match="11 gold rows are to be drawn of 10"):
        draw_gold(10, size=11)
