"""Laws of the statistics: what must hold whatever the rows are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.measure.bootstrap import interval
from setpoint.measure.calibrators import FITTERS, CalibrationMap
from setpoint.measure.distance import chi2_homogeneity, hellinger, js, ks, wasserstein
from setpoint.measure.metrics import METRICS
from setpoint.measure.multiplicity import holm

UNIT = st.floats(0, 1, allow_subnormal=False)
EXACT = ("auc", "accuracy", "precision", "recall", "false_positive_rate", "selection_rate", "base_rate")


@st.composite
def scored(draw: st.DrawFn, least: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, scores with ties, and small whole weights."""
    n = draw(st.integers(least, 40))
    y = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    p = draw(st.lists(st.one_of(UNIT, st.sampled_from([0.0, 0.25, 0.5, 1.0])), min_size=n, max_size=n))
    weight = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    return np.array(y, dtype=float), np.array(p), np.array(weight, dtype=float)


def _same(a: float, b: float, *, exactly: bool) -> bool:
    return (np.isnan(a) and np.isnan(b)) or (a == b if exactly else bool(np.isclose(a, b, rtol=1e-9, atol=1e-12)))


@given(scored())
def test_a_weight_of_two_is_a_row_given_twice(rows) -> None:
    """Every metric; bit for bit where it is made of counts."""
    y, p, weight = rows
    times = weight.astype(int)
    for name, spec in METRICS.items():
        weighted = spec.function(y, p, weight, 0.5)
        repeated = spec.function(np.repeat(y, times), np.repeat(p, times), None, 0.5)
        assert _same(weighted, repeated, exactly=name in EXACT)


@given(scored(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, random) -> None:
    """Every metric gives the same on shuffled rows."""
    y, p, weight = rows
    order = list(range(y.size))
    random.shuffle(order)
    for name, spec in METRICS.items():
        mixed = spec.function(y[order], p[order], weight[order], 0.5)
        assert _same(spec.function(y, p, weight, 0.5), mixed, exactly=name in EXACT)


@given(scored())
def test_auc_reads_ranks_only(rows) -> None:
    """Any strictly increasing map of the scores leaves it as it is, and turning them around mirrors it."""
    y, p, weight = rows
    _, ranks = np.unique(p, return_inverse=True)
    auc = METRICS["auc"]
    value = auc.function(y, p, weight)
    assert _same(value, auc.function(y, ranks * 3.0 - 7, weight), exactly=True)
    assert _same(value, 1 - auc.function(y, -ranks.astype(float), weight), exactly=False)


@given(scored())
def test_values_and_bounds_stay_in_range(rows) -> None:
    """Whatever the rows: within the registry's range, and the value between its bounds except for corrected ones."""
    y, p, weight = rows
    for name, spec in METRICS.items():
        found = interval(name, y, p, weight=weight, draws=40)
        for value in (found.estimate, found.low, found.high):
            assert np.isnan(value) or spec.lower <= value <= spec.upper
        assert np.isnan(found.low) == np.isnan(found.high)
        assert not found.low > found.high
        if found.method in {"delong", "wilson"} and np.isfinite(found.low):
            assert found.low - 1e-12 <= found.estimate <= found.high + 1e-12


@given(scored(), st.integers(0, 2**40))
def test_the_same_seed_gives_the_same_bits(rows, seed: int) -> None:
    """Bootstrapping twice is bootstrapping once, and another seed draws differently named randomness."""
    y, p, weight = rows
    cluster = np.arange(y.size) // 2
    for name in ("brier", "average_precision", "ece"):
        first = interval(name, y, p, cluster=cluster, weight=weight, draws=25, seed=seed)
        again = interval(name, y, p, cluster=cluster, weight=weight, draws=25, seed=seed)
        assert repr(first) == repr(again)


def maps() -> st.SearchStrategy[CalibrationMap]:
    """Any map that can be declared, whether a fit would give it or not."""
    number = st.floats(0.02, 50)
    knots = st.lists(UNIT, min_size=1, max_size=12, unique=True).map(sorted)
    return st.one_of(
        st.just(CalibrationMap("identity")),
        number.map(lambda t: CalibrationMap("temperature", (t,))),
        st.tuples(number, st.floats(-20, 20)).map(lambda ab: CalibrationMap("platt", ab)),
        st.tuples(number, number, st.floats(-20, 20)).map(lambda abc: CalibrationMap("beta", abc)),
        knots.flatmap(
            lambda xs: st.lists(UNIT, min_size=len(xs), max_size=len(xs)).map(
                lambda ys: CalibrationMap("isotonic", tuple(sorted(ys)), tuple(xs))
            )
        ),
    )


@settings(max_examples=200)
@given(maps(), st.lists(st.one_of(UNIT, st.just(-0.0)), min_size=1, max_size=70), st.integers(0, 8))
def test_calibrating_a_batch_is_calibrating_each_row(fitted: CalibrationMap, scores: list[float], skip: int) -> None:
    """Bit for bit: a batch, any part of it, and one score at a time; never outside 0 to 1, never turning the order."""
    p = np.array(scores)
    whole = fitted.apply(p)
    assert (fitted.apply(p[skip:]) == whole[skip:]).all()
    assert [fitted.apply_one(score) for score in scores] == whole.tolist()
    assert ((whole >= 0) & (whole <= 1)).all()
    assert (np.diff(whole[np.argsort(p)]) >= -1e-15).all()
    assert CalibrationMap.from_dict(fitted.to_dict()) == fitted


@settings(max_examples=40)
@given(scored(least=2))
def test_any_rows_can_be_calibrated(rows) -> None:
    """Every fitter gives a map into 0 to 1 for any rows that carry weight."""
    y, p, weight = rows
    weight[0] = 1
    for fit in FITTERS.values():
        mapped = fit(y, p, weight=weight).apply(p)
        assert ((mapped >= 0) & (mapped <= 1)).all()


COUNTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=15)


@given(COUNTS)
def test_distances_are_symmetric_and_in_range(pairs) -> None:
    """Which sample is called the reference does not matter to Jensen-Shannon, Hellinger and the chi-square test."""
    a, b = np.array(pairs, dtype=float).T
    a[0], b[-1] = a[0] + 1, b[-1] + 1
    for distance in (js, hellinger):
        assert distance(a, b) == pytest.approx(distance(b, a), abs=1e-9)
        assert 0 <= distance(a, b) <= 1
    assert chi2_homogeneity(a, b).p_value == pytest.approx(chi2_homogeneity(b, a).p_value)


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=30), st.lists(st.integers(-50, 50), min_size=1, max_size=30))
def test_distances_of_values_do_not_depend_on_the_unit(a: list[int], b: list[int]) -> None:
    """Celsius or Fahrenheit: neither the largest difference of shares nor the move in deviations changes."""
    x, z = np.array(a, dtype=float), np.array(b, dtype=float)
    assert ks(x, z).statistic == pytest.approx(ks(x * 2 + 32, z * 2 + 32).statistic)
    assert wasserstein(x, z) == pytest.approx(wasserstein(x * 2 + 32, z * 2 + 32))


@given(st.lists(UNIT, min_size=1, max_size=20))
def test_holm_never_lowers_a_p_value_nor_changes_their_order(chances: list[float]) -> None:
    """Adjusted values are at least as large, at most one, and ordered alike."""
    adjusted = holm(chances)
    assert (adjusted >= np.array(chances)).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(chances)]) >= 0).all()
