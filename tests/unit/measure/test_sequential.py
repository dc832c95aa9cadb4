"""Champion against challenger: the paired mean and its intervals for one look, planned looks and any look."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from setpoint.core.errors import DataError
from setpoint.measure.intervals import against_margin
from setpoint.measure.metrics import log_losses
from setpoint.measure.sequential import PairedMean, paired_mean, sample_ratio, sequence_half_width
from setpoint.measure.spending import group_sequential


def _losses(n: int, *, gain: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    champion = rng.gamma(2.0, 0.2, n)
    return champion, champion - gain + rng.normal(0, 0.1, n)


def test_one_look_is_the_paired_t_test() -> None:
    """Without clusters the interval is the textbook one."""
    a, b = _losses(300, gain=0.01)
    wanted = stats.ttest_rel(b, a).confidence_interval(0.95)
    found = paired_mean(a, b).fixed()
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), rel=1e-6)


def test_copied_decisions_do_not_add_evidence() -> None:
    """Each decision six times, clustered by its origin, has the interval of the decisions once."""
    a, b = _losses(200, gain=0.01)
    once = paired_mean(a, b).fixed()
    copied = paired_mean(np.tile(a, 6), np.tile(b, 6), cluster=np.tile(np.arange(200), 6)).fixed()
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))


def test_a_weight_counts_like_copies_within_the_cluster() -> None:
    """Weighted decisions equal repeated ones."""
    a, b = _losses(200, gain=0.01)
    weight = np.random.default_rng(1).integers(0, 4, 200)
    origin = np.repeat(np.arange(200), weight)
    weighted = paired_mean(a, b, weight=weight)
    repeated = paired_mean(np.repeat(a, weight), np.repeat(b, weight), cluster=origin)
    assert (weighted.estimate, weighted.variance) == pytest.approx((repeated.estimate, repeated.variance))
    assert weighted.clusters == repeated.clusters


def test_a_better_challenger_is_superior_and_an_equal_one_not_inferior() -> None:
    """With a margin of a hundredth of a nat: better, equal and worse challengers are told apart."""
    verdicts = [
        against_margin(paired_mean(*_losses(3000, gain=gain)).fixed(level=0.9), margin=0.01, greater_is_better=False)
        for gain in (0.01, 0.0, -0.02)
    ]
    assert verdicts == ["superior", "non-inferior", "inferior"]
    few = paired_mean(*_losses(40, gain=0.0)).fixed(level=0.9)
    assert against_margin(few, margin=0.01, greater_is_better=False) == "not enough evidence"


def test_looks_use_the_boundary_of_the_last_look() -> None:
    """The repeated interval is the estimate plus and minus boundary times standard error."""
    a, b = _losses(500, gain=0.01)
    mean = paired_mean(a, b)
    found = mean.at_look([0.25, 0.5], level=0.95)
    half = group_sequential([0.25, 0.5])[-1] * np.sqrt(mean.variance)
    assert (found.low, found.high) == pytest.approx((mean.estimate - half, mean.estimate + half))
    assert mean.at_look([0.01]).high == np.inf


@pytest.mark.parametrize(("sides", "misses"), [(2, 0.05), (1, 0.05)])
def test_a_confidence_sequence_holds_at_all_looks_together(sides: int, misses: float) -> None:
    """Of 1,500 streams looked at 60 times, at most 5 % ever exclude the truth; fixed intervals would a third."""
    rng = np.random.default_rng(3)
    steps = (rng.random((1500, 60, 50)) < 0.1) - 0.1
    sums, squares = np.cumsum(steps.sum(axis=2), axis=1), np.cumsum((steps**2).sum(axis=2), axis=1)
    n = np.arange(1, 61) * 50
    mean = sums / n
    variance = squares / n - mean**2
    half = sequence_half_width(n, variance=variance, planned=1500, alpha=0.05, sides=sides)
    missed = np.abs(mean) > half if sides == 2 else mean > half
    peeked = np.abs(mean) > 1.96 * np.sqrt(variance / n)
    assert 0.002 < missed.any(axis=1).mean() < misses
    assert peeked.any(axis=1).mean() > 0.25


def test_a_confidence_sequence_is_the_published_formula() -> None:
    """Equation (8) and the choice of rho of Waudby-Smith et al., written out."""
    n, alpha, planned = 730, 0.05, 2000
    rho = np.sqrt((-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / planned)
    wanted = np.sqrt(2 * (n * rho**2 + 1) / (n**2 * rho**2) * np.log(np.sqrt(n * rho**2 + 1) / alpha))
    assert sequence_half_width(n, variance=4.0, planned=planned) == pytest.approx(2 * wanted)


def test_a_confidence_sequence_is_tightest_near_its_plan() -> None:
    """Against other plans, the one that matches the sample gives nearly the narrowest interval."""
    widths = [float(sequence_half_width(2000, variance=1.0, planned=plan)) for plan in (50, 500, 2000, 8000, 80_000)]
    assert widths[2] == pytest.approx(min(widths), rel=0.002)


def test_a_confidence_sequence_waits_for_enough_clusters() -> None:
    """Before fifty clusters its bounds are infinite, and nothing can be concluded from it."""
    found = paired_mean(*_losses(40, gain=1.0)).always(planned=1000)
    assert (found.low, found.high) == (-np.inf, np.inf)
    assert against_margin(found, greater_is_better=False) == "not enough evidence"


def test_a_guardrail_looks_one_way_and_is_tighter_for_it() -> None:
    """One-sided bounds are narrower than two-sided ones at the same level."""
    mean = paired_mean(*_losses(500, gain=0.01))
    one, two = mean.always(planned=500, sides=1), mean.always(planned=500)
    assert one.high < two.high


def test_losses_of_real_scores_can_be_compared() -> None:
    """Per-decision log losses of two models: the one that knows more is superior."""
    rng = np.random.default_rng(4)
    p = rng.beta(1, 3, 4000)
    y = (rng.random(4000) < p).astype(float)
    champion, challenger = log_losses(y, np.full(4000, 0.25)), log_losses(y, p)
    mean = paired_mean(champion, challenger, cluster=np.arange(4000) // 4)
    assert against_margin(mean.always(planned=1000), greater_is_better=False) == "superior"


def test_nothing_to_compare_bounds_nothing() -> None:
    """No rows or one cluster give NaN, not certainty."""
    assert np.isnan(paired_mean([], []).fixed().low)
    one = paired_mean([1.0, 2.0], [1.5, 2.0], cluster=["a", "a"])
    assert one.estimate == 0.25
    assert np.isnan(one.fixed().high)
    assert against_margin(one.fixed(), greater_is_better=False) == "not enough evidence"


def test_shares_of_arms_are_checked_against_the_plan() -> None:
    """The example of Fabijan et al. (2019) is no accident; a fair split of a thousand is not alarming."""
    assert sample_ratio([821_588, 815_482], [0.5, 0.5]).p_value < 1e-5
    assert sample_ratio([517, 483], [1, 1]).p_value > 0.2
    wanted = stats.chisquare([90, 910], [100, 900])
    assert sample_ratio([90, 910], [0.1, 0.9]) == pytest.approx((wanted.statistic, wanted.pvalue))
    assert sample_ratio([0, 0], [0.5, 0.5]).p_value == 1.0


def test_rows_must_pair() -> None:
    """One loss of each per decision, a positive share per arm."""
    with pytest.raises(DataError, match="3 of b"):
        paired_mean([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(DataError, match="positive share"):
        sample_ratio([1, 2], [1.0, 0.0])


def test_a_paired_mean_stands_for_itself() -> None:
    """Sums kept elsewhere can be judged without the rows."""
    found = PairedMean(-0.01, 1e-6, 5000, 2500).fixed(level=0.9)
    assert found.high == pytest.approx(-0.01 + 1.6454 * 1e-3, abs=1e-6)
