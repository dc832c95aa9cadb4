"""Simpson's paradox: found where it is, with what it rests on, and seldom where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.simpson import find_reversals

Counts = list[tuple[str, bool, int, int]]
STONES: Counts = [
    ("small", True, 81, 87),
    ("large", True, 192, 263),
    ("small", False, 234, 270),
    ("large", False, 55, 80),
]
"""Stone size, open surgery, successes, operations: Charig et al. (1986), BMJ 292, as in Julious and Mullee (1994)."""
BERKELEY: Counts = [
    ("A", True, 512, 825), ("B", True, 353, 560), ("C", True, 120, 325),
    ("D", True, 138, 417), ("E", True, 53, 191), ("F", True, 22, 373),
    ("A", False, 89, 108), ("B", False, 17, 25), ("C", False, 202, 593),
    ("D", False, 131, 375), ("E", False, 94, 393), ("F", False, 24, 341),
]  # fmt: skip
"""Department, men, admitted, applied: Bickel, Hammel and O'Connell (1975), Science 187, as in R's UCBAdmissions."""


def rows_of(counts: Counts, *, times: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, side and stratum of each case."""
    parts = [(np.arange(n * times) < hits * times, side, name) for name, side, hits, n in counts]
    sizes = [part[0].size for part in parts]
    values = np.concatenate([part[0] for part in parts]).astype(float)
    return values, np.repeat([part[1] for part in parts], sizes), np.repeat([part[2] for part in parts], sizes)


def test_the_published_paradox_is_found() -> None:
    """Open surgery: 78 % against 83 %, but 93 against 87 % and 73 against 69 %; 83.3 against 77.9 % at equal sizes."""
    values, opened, size = rows_of(STONES)
    (found,) = find_reversals(values, opened, {"size": size})
    assert found.overall.inside == pytest.approx(273 / 350)
    assert found.overall.outside == pytest.approx(289 / 350)
    assert [(part.name, round(part.effect.inside, 2), round(part.effect.outside, 2)) for part in found.strata] == [
        ("large", 0.73, 0.69),
        ("small", 0.93, 0.87),
    ]
    wanted = (357 * (81 / 87 - 234 / 270) + 343 * (192 / 263 - 55 / 80)) / 700
    assert found.adjusted.estimate == pytest.approx(wanted)
    assert not found.shown
    assert found.to_dict()["strata"][0]["n"] == 263


def test_it_is_shown_where_there_are_rows_enough() -> None:
    """The same shares of eight times as many operations are beyond chance, on both counts."""
    values, opened, size = rows_of(STONES, times=8)
    (found,) = find_reversals(values, opened, {"size": size})
    assert found.shown
    assert found.p_overall < 0.01
    assert found.p_adjusted < 0.01
    assert "within every group of size it is the other way round (large +0.04254, small +0.06437" in str(found)


def test_a_difference_that_turns_in_some_groups_only_is_none() -> None:
    """Berkeley: women are admitted more often in four departments of six, so the difference does not turn in all."""
    values, men, department = rows_of(BERKELEY)
    assert find_reversals(values, men, {"department": department}, least_rows=20) == ()


def test_the_error_of_the_adjusted_difference_is_that_of_stratified_samples() -> None:
    """Directly standardised rates with fixed shares: the sum of the squared shares' binomial variances."""
    values, opened, size = rows_of(STONES)
    (found,) = find_reversals(values, opened, {"size": size})
    variance = 0.0
    for share, pair in ((357 / 700, [(81, 87), (234, 270)]), (343 / 700, [(192, 263), (55, 80)])):
        variance += share**2 * sum(hits / n * (1 - hits / n) / n for hits, n in pair)
    half = (found.adjusted.high - found.adjusted.low) / 2
    assert half == pytest.approx(1.96 * np.sqrt(variance), rel=0.01)


def test_chance_seldom_shows_one() -> None:
    """A real difference and eight columns that have nothing to do with it: never shown in 200 worlds."""
    rng = np.random.default_rng(0)
    shown = 0
    for _ in range(200):
        inside = rng.random(800) < 0.4
        strata = {f"c{j}": rng.integers(0, 3, 800) for j in range(8)}
        found = find_reversals(rng.normal(0.1 * inside, 1.0), inside, strata, cluster=rng.integers(0, 40, 800))
        shown += any(each.shown for each in found)
    assert shown == 0


def test_groups_too_small_to_compare_make_no_reversal() -> None:
    """A column whose groups hold few inner rows says nothing."""
    values, opened, size = rows_of(STONES)
    assert find_reversals(values, opened, {"size": size}, least_rows=100) == ()


def test_weights_count_as_rows() -> None:
    """A row of weight 2 is the row twice, in every mean."""
    values, opened, size = rows_of(STONES)
    (twice,) = find_reversals(values, opened, {"size": size}, weight=np.full(values.size, 2.0))
    (once,) = find_reversals(values, opened, {"size": size})
    assert twice.adjusted.estimate == pytest.approx(once.adjusted.estimate)
    assert twice.adjusted.low == pytest.approx(once.adjusted.low)


def test_no_difference_cannot_turn() -> None:
    """Equal means have no sign, and rows of one side no difference."""
    labels = {"x": np.repeat([0, 1], 100)}
    assert find_reversals(np.ones(200), np.arange(200) % 2 == 0, labels) == ()
    assert find_reversals(np.ones(200), np.ones(200, dtype=bool), labels) == ()


def test_a_column_of_other_rows_is_refused() -> None:
    """One label per row."""
    values, opened, _ = rows_of(STONES)
    with pytest.raises(DataError, match="3 of size"):
        find_reversals(values, opened, {"size": ["a", "b", "c"]})
