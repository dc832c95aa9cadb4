"""Boundaries of group sequential tests against published tables and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.spending import crossing_chance, group_sequential, spent


def _equal(looks: int) -> list[float]:
    return [(k + 1) / looks for k in range(looks)]


@pytest.mark.parametrize(
    ("looks", "published"),
    [
        (2, [2.963, 1.969]),
        (3, [3.710, 2.511, 1.993]),
        (4, [4.333, 2.963, 2.359, 2.014]),
        (5, [4.877, 3.357, 2.680, 2.290, 2.031]),
    ],
)
def test_boundaries_are_those_of_lan_and_demets(looks: int, published: list[float]) -> None:
    """O'Brien-Fleming type spending, two-sided 5 %, as printed by the programs of Reboussin et al. (2000)."""
    assert group_sequential(_equal(looks)) == pytest.approx(published, abs=1e-3)


def test_pocock_type_boundaries_are_those_of_lan_and_demets() -> None:
    """Five equal looks, two-sided 5 %."""
    published = [2.438, 2.427, 2.410, 2.397, 2.386]
    assert group_sequential(_equal(5), spending="pocock") == pytest.approx(published, abs=1e-3)


@pytest.mark.parametrize(
    ("looks", "pocock", "obrien_fleming"),
    [(2, 2.178, 1.977), (3, 2.289, 2.004), (4, 2.361, 2.024), (5, 2.413, 2.040), (10, 2.555, 2.087)],
)
def test_classical_constants_cross_with_five_percent(looks: int, pocock: float, obrien_fleming: float) -> None:
    """Tables 2.1 and 2.3 of Jennison and Turnbull (2000): each pair of constants has a false-alarm rate of 0.05."""
    times = _equal(looks)
    assert crossing_chance(times, [pocock] * looks) == pytest.approx(0.05, abs=1.5e-4)
    falling = [obrien_fleming / np.sqrt(time) for time in times]
    assert crossing_chance(times, falling) == pytest.approx(0.05, abs=1.5e-4)


def test_peeking_without_boundaries_is_as_bad_as_armitage_found() -> None:
    """Armitage, McPherson and Rowe (1969): 5 looks at 1.96 raise 5 % to 14 %, 10 looks to 19 %."""
    assert crossing_chance(_equal(5), [1.96] * 5) == pytest.approx(0.142, abs=1e-3)
    assert crossing_chance(_equal(10), [1.96] * 10) == pytest.approx(0.193, abs=1e-3)


@pytest.mark.parametrize("spending", ["obrien_fleming", "pocock"])
@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("fractions", [_equal(1), _equal(50), [0.05, 0.3, 0.31, 1.0]])
def test_the_whole_of_alpha_is_spent_and_no_more(spending, sides, fractions) -> None:
    """For any looks the boundaries cross with exactly alpha by chance."""
    found = group_sequential(fractions, alpha=0.05, sides=sides, spending=spending)
    assert crossing_chance(fractions, found, sides=sides) == pytest.approx(0.05, abs=1e-6)


def test_boundaries_of_past_looks_do_not_move() -> None:
    """Looks may be added as they come."""
    assert group_sequential([0.3, 0.55, 1.0])[:2] == pytest.approx(group_sequential([0.3, 0.55]))


def test_a_very_early_look_cannot_stop() -> None:
    """After one percent of the information there is nothing yet to spend."""
    assert group_sequential([0.01, 1.0])[0] == np.inf
    assert spent(0.01, alpha=0.025) < 1e-13


def test_boundaries_hold_in_simulation() -> None:
    """Of 20,000 random walks without drift about 5 % cross the boundaries of ten looks."""
    steps = np.random.default_rng(1).normal(size=(20_000, 10))
    z = np.abs(np.cumsum(steps, axis=1)) / np.sqrt(np.arange(1, 11))
    assert (z > np.array(group_sequential(_equal(10)))).any(axis=1).mean() == pytest.approx(0.05, abs=0.004)


def test_looks_go_forward() -> None:
    """Fractions ascend from above zero, and alpha is a chance."""
    for fractions in ([], [0.0, 1.0], [0.5, 0.5], [0.6, 0.4]):
        with pytest.raises(DataError, match="ascending"):
            group_sequential(fractions)
    with pytest.raises(DataError, match=r"alpha=1\.5"):
        group_sequential([1.0], alpha=1.5)
