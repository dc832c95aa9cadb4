"""Thresholds that follow a world that moves."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.adaptive_conformal import adapt
from setpoint.measure.conformal import conformal_quantile


@pytest.mark.parametrize("delay", [1, 5])
@pytest.mark.parametrize("world", ["still", "growing", "jumps", "spiteful"])
def test_the_share_of_misses_is_as_promised_however_the_world_moves(world: str, delay: int) -> None:
    """Within the bound of Gibbs and Candes (2021), proposition 4.1, wherever the scores come from."""
    rng, blocks = np.random.default_rng(1), 400
    block = np.repeat(np.arange(blocks), 10)
    scale = {
        "still": np.ones(blocks),
        "growing": np.exp(np.arange(blocks) / 60),
        "jumps": np.where(np.arange(blocks) // 50 % 2, 10.0, 1.0),
        "spiteful": np.where(rng.random(blocks) < 0.5, 100.0, 0.01),
    }[world]
    found = adapt(scale[block] * rng.random(block.size), block, level=0.9, rate=0.05, delay=delay)
    assert abs(found.covered.mean() - 0.9) <= (1 + 0.05 * delay) / (0.05 * blocks)


def test_thresholds_that_stay_lose_a_world_that_grows() -> None:
    """Calibrated once they hold a third of the promise; adapted they hold it."""
    rng = np.random.default_rng(2)
    block = np.repeat(np.arange(300), 20)
    scores = rng.random(block.size) * (1 + block / 30)
    fixed = scores[600:] <= conformal_quantile(scores[:600], 0.9)
    assert fixed.mean() < 0.4
    assert adapt(scores, block, level=0.9, rate=0.05).covered[600:].mean() == pytest.approx(0.9, abs=0.02)


def test_a_block_is_judged_by_older_blocks_only() -> None:
    """Scores of a block and of later ones move none of its thresholds; the first has none to go by."""
    rng = np.random.default_rng(3)
    block, scores = np.repeat(np.arange(50), 10), rng.random(500)
    later = scores.copy()
    later[block >= 30] *= 9
    first, second = (adapt(each, block, level=0.8, delay=3) for each in (scores, later))
    assert (first.threshold[block < 33] == second.threshold[block < 33]).all()
    assert np.isinf(first.threshold[block < 3]).all()


def test_the_order_of_rows_does_not_matter() -> None:
    """Blocks say what came first."""
    rng = np.random.default_rng(4)
    block, scores = np.repeat(np.arange(40), 5), rng.random(200)
    order = rng.permutation(200)
    found, shuffled = adapt(scores, block, level=0.8), adapt(scores[order], block[order], level=0.8)
    assert (found.threshold[order] == shuffled.threshold).all()
    assert (found.level == shuffled.level).all()


@pytest.mark.parametrize(
    "options", [{"level": 1.0}, {"level": 0.9, "rate": 0.0}, {"level": 0.9, "window": 0}, {"level": 0.9, "delay": 0}]
)
def test_options_that_mean_nothing_are_refused(options: dict[str, float]) -> None:
    """A level, a rate, and whole blocks."""
    with pytest.raises(DataError):
        adapt([0.1, 0.2], [0, 1], **options)  # type: ignore[arg-type]


def test_a_block_for_each_score() -> None:
    """Lengths that differ are refused."""
    with pytest.raises(DataError):
        adapt([0.1, 0.2], [0], level=0.9)
