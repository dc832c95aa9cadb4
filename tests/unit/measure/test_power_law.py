"""Power laws of learning curves, against curves whose law is known and scipy's own fit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from setpoint.core.errors import DataError
from setpoint.measure.power_law import fit_power_laws

SIZES = np.array([250.0, 500.0, 1000.0, 2000.0])


def test_a_law_without_noise_is_found() -> None:
    """Limit, scale and rate come back for rates on the grid, and what doubling gains with them."""
    for rate in (0.2, 0.5, 1.0):
        law = fit_power_laws(SIZES, 0.2 + 3 * SIZES**-rate)
        assert law.limit[0] == pytest.approx(0.2, abs=1e-9)
        assert law.rate[0] == pytest.approx(rate)
        assert law.gained(2000.0)[0] == pytest.approx(3 * (2000.0**-rate - 4000.0**-rate))


def test_curves_with_noise_are_fitted_as_scipy_fits_them() -> None:
    """The error of the nearest law is that of scipy's least squares, but for a fiftieth of the noise."""
    rng = np.random.default_rng(1)
    sizes = np.array([100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0])
    for _ in range(20):
        errors = 0.3 + 5 * sizes**-0.6 + rng.normal(0, 0.004, 6)
        law = fit_power_laws(sizes, errors)
        ours = np.sum((law.limit + law.scale * sizes**-law.rate - errors) ** 2)
        bounds = ([0, 0, 0.05], [10, 1000, 2.0])
        found, _ = curve_fit(lambda n, a, b, c: a + b * n**-c, sizes, errors, p0=[0.3, 5, 0.5], bounds=bounds)
        theirs = np.sum((found[0] + found[1] * sizes ** -found[2] - errors) ** 2)
        assert ours <= theirs + 6 * 0.004**2 / 50


def test_a_curve_that_rises_gains_nothing() -> None:
    """More rows that do harm are a flat law: nothing is gained by doubling them, and nothing is below 0."""
    law = fit_power_laws(SIZES, [[0.1, 0.2, 0.3, 0.4], [0.0, 0.0, 0.0, 0.0]])
    assert law.gained(2000.0).tolist() == [0.0, 0.0]
    assert (law.limit >= 0).all()


def test_two_sizes_have_no_law() -> None:
    """Three numbers are not told by two errors."""
    with pytest.raises(DataError, match="2 sizes"):
        fit_power_laws([1.0, 2.0], [1.0, 0.5])
