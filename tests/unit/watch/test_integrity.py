"""Integrity checks: what counts as a fault, and what days are expected to do by themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import betabinom, binom

from setpoint.watch.integrity import beta_binomial_tail, check_integrity, gross, missing_day, one_value, shares, volume
from setpoint.watch.past import Past, stack
from setpoint.watch.reference import Reference
from setpoint.watch.summarise import DaySummary

ALPHA = 1e-4


@pytest.fixture
def past(reference: Reference, days: list[DaySummary]) -> Past:
    """Seventy quiet days and one more."""
    return stack(reference, days[10:80], days[80])


def place(past: Past, name: str) -> int:
    """The number of a column."""
    return [column.name for column in past.reference.columns].index(name)


def with_today(past: Past, field: str, name: str, value: float) -> Past:
    """The past with one count of today's replaced."""
    every = getattr(past, field).copy()
    every[-1, place(past, name)] = value
    return replace(past, **{field: every})


def test_a_quiet_day_has_no_fault(past: Past) -> None:
    """Nothing is found where nothing is wrong."""
    assert check_integrity(past, alpha=0.015) == []


@pytest.mark.parametrize("field", ["nulls", "strange"])
def test_what_never_happened_needs_a_few_rows(past: Past, field: str) -> None:
    """Two NULLs are let pass, one row in a hundred is not."""
    monitor = {"nulls": "null", "strange": "out of range"}[field]
    assert shares(with_today(past, field, "speed", 2), alpha=ALPHA) == []
    found = shares(with_today(past, field, "speed", 9), alpha=ALPHA)
    assert [(f.monitor, f.subject) for f in found] == [(monitor, "speed")]
    assert found[0].effect == pytest.approx(0.01, abs=0.001)


def test_a_share_that_swings_by_itself_may_go_on_swinging(past: Past) -> None:
    """Gusts are missing in 40 % to 70 % of rows, by the weather: 75 % is no fault, all of them are not either."""
    rows = past.rows[-1]
    assert shares(with_today(past, "nulls", "gust", 0.75 * rows), alpha=ALPHA) == []
    steady = past.nulls[:-1, place(past, "history_0")] / past.rows[:-1]
    assert 0.03 < steady.mean() < 0.07
    assert shares(with_today(past, "nulls", "history_0", 0.07 * rows), alpha=ALPHA) == []
    assert shares(with_today(past, "nulls", "history_0", 0.15 * rows), alpha=ALPHA) != []


def test_fewer_nulls_are_no_fault(past: Past) -> None:
    """Only a rise is."""
    assert shares(with_today(past, "nulls", "history_0", 0), alpha=ALPHA) == []


def test_the_rule_deciding_is_a_fault_of_serving(past: Past) -> None:
    """A share of degraded decisions pages."""
    found = shares(replace(past, degraded=np.append(past.degraded[:-1], 60.0)), alpha=ALPHA)
    assert [(f.monitor, f.level, f.severity) for f in found] == [("degraded", "prediction", "page")]


def test_yesterdays_fault_does_not_hide_todays(past: Past) -> None:
    """The last three days are not among what is usual."""
    nulls = past.nulls.copy()
    nulls[-4:, place(past, "speed")] = past.rows[-4:]
    found = shares(replace(past, nulls=nulls), alpha=ALPHA)
    assert [f.subject for f in found] == ["speed"]


def test_volume_is_compared_with_the_weekday(past: Past) -> None:
    """A quarter fewer rows is a holiday, half is a fault, and so is twice as many."""

    def today(share: float) -> list[str]:
        changed = replace(past, rows=np.append(past.rows[:-1], share * past.rows[-1]))
        return [finding.monitor for finding in volume(changed, alpha=ALPHA)]

    assert [today(share) for share in (1.0, 0.75, 0.5, 2.0)] == [[], [], ["volume"], ["volume"]]


def test_a_missing_day_is_told_only_where_days_were_never_empty(past: Past) -> None:
    """A system without decisions on Sundays is not paged every Sunday."""
    assert [f.monitor for f in missing_day(replace(past, rows=np.append(past.rows[:-1], 0.0)))] == ["missing day"]
    seldom = np.where(past.weekday == past.weekday[-1], 0.0, past.rows)
    assert missing_day(replace(past, rows=seldom)) == []


def test_a_column_that_stopped_varying(past: Past) -> None:
    """One value all day is a fault where every day before had many, and none where that happens."""

    def stuck(name: str) -> Past:
        i = place(past, name)
        counts, single = past.counts.copy(), past.single.copy()
        bins = slice(past.reference.offsets[i], past.reference.offsets[i + 1])
        total = counts[-1, bins].sum()
        counts[-1, bins] = 0
        counts[-1, bins.start] = total
        single[-1, i] = True
        return replace(past, counts=counts, single=single)

    assert [f.subject for f in one_value(stuck("speed"), alpha=ALPHA)] == ["speed"]
    assert one_value(stuck("weekday"), alpha=ALPHA) == []


def test_the_first_days_are_held_against_training(past: Past, reference: Reference, days: list[DaySummary]) -> None:
    """Half of the rows must be gone before anything is said."""
    young = stack(reference, days[:3], days[3])
    rows = young.rows[-1]
    assert gross(young) == []
    assert gross(with_today(young, "nulls", "speed", 0.4 * rows)) == []
    assert [f.subject for f in gross(with_today(young, "nulls", "speed", 0.6 * rows))] == ["speed"]
    assert [f.monitor for f in gross(with_today(young, "strange", "carrier", 0.6 * rows))] == ["unseen value"]


def test_the_tail_is_that_of_the_beta_binomial() -> None:
    """Against scipy, with the moments of the same days."""
    n, k = np.full(40, 1000.0), np.random.default_rng(0).binomial(1000, 0.05 * np.linspace(0.5, 1.5, 40)).astype(float)
    mean = (k.sum() + 0.5) / (n.sum() + 1)
    rho = ((k / n).var(ddof=1) / (mean * (1 - mean)) - 1e-3) / (1 - 1e-3)
    a, b = mean * (1 / rho - 1), (1 - mean) * (1 / rho - 1)
    expected = betabinom.sf(89, 900, a, b)
    assert beta_binomial_tail(90, 900, n, k) == pytest.approx(expected, rel=1e-6)


def test_days_that_differ_by_chance_alone_give_the_binomial_tail() -> None:
    """Without over-dispersion the days are one sample."""
    n, k = np.full(40, 1000.0), np.full(40, 50.0)
    mean = (k.sum() + 0.5) / (n.sum() + 1)
    assert beta_binomial_tail(70, 900, n, k) == pytest.approx(binom.sf(69, 900, mean), rel=0.05)
