"""The bound of a share that may be 0: how often it is wrong, by simulation."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from setpoint.measure.proportions import clustered_share
from setpoint.measure.rare_share import rare_share

DAYS, EACH = 40, 20
DAY = np.repeat(np.arange(DAYS), EACH)


def drawn(share: float, alike: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Hits of a share, where reach is normal and correlates by `alike` within a day."""
    rng = np.random.default_rng([seed, int(1000 * alike)])
    days = rng.normal(size=DAYS)[DAY]
    reach = np.sqrt(alike) * days + np.sqrt(1 - alike) * rng.normal(size=DAY.size)
    return (reach > -ndtri(share)).astype(float), reach


def test_a_share_on_the_limit_is_rarely_called_below_it() -> None:
    """The 95 % bound is below a true share of 0.4 % or 1 % in at most 7 % of 300 draws, 10 % of days very alike."""
    for share in (0.004, 0.01):
        for alike, most in ((0.0, 0.07), (0.1, 0.07), (0.3, 0.1)):
            found = [rare_share(*drawn(share, alike, seed), codes=DAY, clusters=DAYS) for seed in range(300)]
            assert np.mean([each.high < share for each in found]) <= most, (share, alike)


def test_it_needs_fewer_days_than_the_worst_case() -> None:
    """Where nothing is hit and days are not alike, rows count as rows and not as days."""
    none, reach = np.zeros(DAY.size), drawn(0.01, 0.0, 0)[1]
    worst = clustered_share(none, np.ones(DAY.size), codes=DAY, clusters=DAYS, level=0.9)
    assert rare_share(none, reach, codes=DAY, clusters=DAYS).high < 0.1 * worst.high
    same_all_day = np.random.default_rng(0).normal(size=DAYS)[DAY]
    assert rare_share(none, same_all_day, codes=DAY, clusters=DAYS).high > 0.9 * worst.high


def test_where_some_are_hit_it_is_the_clustered_share() -> None:
    """And rows without a reach do not count."""
    hits, reach = drawn(0.1, 0.1, 0)
    plain = clustered_share(hits, np.ones(DAY.size), codes=DAY, clusters=DAYS, level=0.9)
    assert rare_share(hits, reach, codes=DAY, clusters=DAYS) == plain
    reach[::2] = np.nan
    assert rare_share(hits, reach, codes=DAY, clusters=DAYS).n == DAY.size // 2
