"""Accumulated local effects: on functions whose effects are known, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.ale import local_effects
from setpoint.measure.rows import Array


def together(n: int, seed: int = 0) -> Array:
    """Two columns that move together, and one by itself."""
    rng = np.random.default_rng(seed)
    first = rng.uniform(-1, 1, n)
    return np.column_stack([first, first + rng.normal(0, 0.05, n), rng.normal(size=n)])


def test_of_a_sum_each_column_has_its_own_curve() -> None:
    """Apley and Zhu's first property, with columns that are correlated: the square is a square, less its mean."""
    rows = together(4000)
    found = local_effects(lambda some: some[:, 0] ** 2 + 2 * some[:, 1], rows, 0, bins=20)
    assert found is not None
    assert found.effect == pytest.approx(found.at**2 - (rows[:, 0] ** 2).mean(), abs=0.01)


def test_of_a_product_it_is_the_local_slope() -> None:
    """Apley and Zhu's example: of x times z, with z near x, the effect is that of x squared over two."""
    rows = together(8000)
    found = local_effects(lambda some: some[:, 0] * some[:, 1], rows, 0, bins=20)
    assert found is not None
    assert found.effect == pytest.approx(found.at**2 / 2 - (rows[:, 0] ** 2 / 2).mean(), abs=0.01)


def test_the_effect_is_zero_on_average_and_of_an_idle_column_everywhere() -> None:
    """What a column does not do is not there, with bounds of no width."""
    rows = together(500)
    found = local_effects(lambda some: some[:, 0], rows, 2)
    assert found is not None
    assert not found.effect.any()
    assert not (found.high - found.low).any()


def test_bounds_hold_the_effect_among_all_rows() -> None:
    """In 93 of 100 points and more, where rows of a day are alike; taken one by one they hold it less often."""
    at = np.array([0.0, 1.0])
    covered = {True: 0, False: 0}
    for seed in range(300):
        rng = np.random.default_rng(seed)
        days = np.repeat(np.arange(30), 10)
        rows = np.column_stack([rng.integers(0, 2, 300).astype(float), np.repeat(rng.normal(1, 1, 30), 10)])
        for by_day in covered:
            cluster = days if by_day else None
            found = local_effects(lambda some: some[:, 0] * some[:, 1], rows, 0, cluster=cluster, bins=1)
            assert found is not None
            assert found.at.tolist() == at.tolist()
            covered[by_day] += int(found.low[1] - 1e-12 <= 0.5 <= found.high[1] + 1e-12)
    assert covered[True] / 300 >= 0.92
    assert covered[False] / 300 < 0.7


def test_rows_without_a_value_are_left_out_and_weights_count() -> None:
    """A row of weight zero is not there."""
    rows = together(300)
    rows[:50, 0] = np.nan
    weight = np.ones(300)
    weight[100:150] = 0

    def value(some: Array) -> Array:
        return np.asarray(some[:, 0] * some[:, 2])

    found = local_effects(value, rows, 0, weight=weight)
    same = local_effects(value, np.concatenate([rows[50:100], rows[150:]]), 0)
    assert found is not None
    assert same is not None
    assert found.to_dict() == same.to_dict()


def test_a_column_of_one_value_has_no_effects() -> None:
    """Nor one without any; and no bins is a mistake."""
    rows = np.column_stack([np.ones(5), np.full(5, np.nan)])
    assert local_effects(lambda some: some[:, 0], rows, 0) is None
    assert local_effects(lambda some: some[:, 0], rows, 1) is None
    with pytest.raises(DataError, match="bins=0"):
        local_effects(lambda some: some[:, 0], rows, 0, bins=0)
