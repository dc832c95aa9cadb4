"""What a training will cost follows from what others took."""

from __future__ import annotations

from typing import Any

import numpy as np

from setpoint.registry.forecast import NEWEST, Forecast, forecast


def run(rows: int, *, tried: int = 0, **steps: float) -> dict[str, Any]:
    """A run as it is recorded."""
    told = [{"step": name.replace("_", " "), "cpu_seconds": took, "peak_mb": 1.0} for name, took in steps.items()]
    return {"rows": rows, "tried": tried, "steps": told}


def test_a_line_through_rows_is_the_least_squares_of_numpy() -> None:
    """Of each step, as a second implementation has it."""
    rng = np.random.default_rng(0)
    rows = rng.integers(1000, 9000, 8)
    fit, judge = 0.5 + rows / 2000 + rng.normal(0, 0.05, 8), 1.0 + rows / 9000 + rng.normal(0, 0.05, 8)
    runs = [run(int(n), fit=a, judge=b) for n, a, b in zip(rows, fit, judge, strict=True)]
    expected = sum(np.polyval(np.polyfit(rows, each, 1), 12_000) for each in (fit, judge))
    found = forecast(runs, 12_000)
    assert found is not None
    assert np.isclose(found.cpu_seconds, expected)


def test_noise_of_five_percent_is_forecast_within_ten() -> None:
    """Of fifty systems, each after six trainings, that grow by a tenth each time; the median error is far below."""
    rng, off = np.random.default_rng(1), []
    for _ in range(50):
        start, slope = rng.uniform(0, 4), rng.uniform(1e-4, 1e-3)
        sizes = (5000 * 1.1 ** np.arange(7)).astype(int)
        took = (start + slope * sizes) * rng.normal(1, 0.05, 7)
        found = forecast([run(int(n), fit=t) for n, t in zip(sizes[:6], took[:6], strict=True)], int(sizes[6]))
        assert found is not None
        off.append(abs(found.cpu_seconds / (start + slope * sizes[6]) - 1))
    assert np.median(off) < 0.05
    assert np.quantile(off, 0.9) < 0.1


def test_a_search_is_no_retraining() -> None:
    """Its trials are what a fit costs; steps of a first training alone are left out; a real refit counts for more."""
    first = run(1000, tried=10, search=20.0, leak_audit=9.0, judge=1.0)
    assert forecast([first], 2000) == Forecast(6.0, 1)
    assert forecast([first, run(1000, fit=3.0, judge=1.0)], 1000) == Forecast(4.0, 1)


def test_what_falls_with_the_rows_is_taken_as_the_same_and_none_begins_below_zero() -> None:
    """Noise tells no one that more rows cost less, or that none cost less than nothing."""
    assert forecast([run(1000, judge=2.0), run(2000, judge=1.0)], 9000) == Forecast(1.5, 2)
    steep = forecast([run(1000, fit=1.0), run(2000, fit=4.0)], 1000)
    assert steep is not None
    assert steep.cpu_seconds > 0


def test_nothing_is_forecast_of_nothing() -> None:
    """Runs from before rows were recorded say nothing, and only the newest are looked at."""
    assert forecast([], 10) is None
    assert forecast([{"steps": [{"step": "fit", "cpu_seconds": 1.0}]}], 10) is None
    many = [run(1000, fit=float(n)) for n in range(40)]
    found = forecast(many, 1000)
    assert found is not None
    assert found.runs == NEWEST
