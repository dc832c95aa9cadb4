"""Live coverage: an alarm where sets miss more than promised, and none where they do not."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.times import DAY
from setpoint.labels.join import KNOWN
from setpoint.watch.coverage import MONITOR, check_live_coverage, coverage_since, covered_of

ALPHA = 0.25 * 0.2 / 30
A_DAY = 200


def life(seed: int, *, days: int = 100, held: float = 0.9, later: float | None = None, since: int = 60) -> pa.Table:
    """Mature decisions whose sets hold a share of outcomes that varies by day, and another share later."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), A_DAY)
    share = np.where(day >= since, held if later is None else later, held)
    share = np.clip(share + rng.normal(0, 0.01, days)[day], 0, 1)
    covered, y = rng.random(day.size) < share, rng.random(day.size) < 0.3
    sets = np.where(covered == y, "true", "false").astype(object)
    sets[rng.random(day.size) < 0.05] = None
    columns = {"state": np.full(day.size, KNOWN), "value": y.astype(float), "at": day * DAY, "model": ["m"] * day.size}
    return pa.table({**columns, "prediction_set": pa.array(sets, pa.string())})


def alarms(rows: pa.Table, *, first: int = 40, last: int = 100) -> list[int]:
    """The days whose end brings an alarm."""
    found = []
    for day in range(first, last):
        past = rows.filter(pa.array(rows["at"].to_numpy() < (day + 1) * DAY))
        if check_live_coverage(past, level=0.9, now=(day + 1) * DAY, alpha=ALPHA):
            found.append(day)
    return found


def test_a_promise_that_is_kept_raises_no_alarm() -> None:
    """Not once in ten lives of two months."""
    assert [alarms(life(seed)) for seed in range(10)] == [[]] * 10


def test_a_promise_that_is_broken_does_within_two_weeks() -> None:
    """In all of ten lives, and the finding says since when and by how much."""
    firsts = [alarms(life(seed, later=0.8), first=60)[0] for seed in range(10)]
    assert max(firsts) < 75
    finding = check_live_coverage(life(0, later=0.8), level=0.9, now=100 * DAY, alpha=ALPHA)[0]
    assert finding.monitor == MONITOR
    assert finding.effect == pytest.approx(0.1, abs=0.02)
    assert abs(finding.at // DAY - 60) <= 3
    assert finding.evidence["coverage"] == pytest.approx(0.8, abs=0.02)


def test_a_set_holds_a_label_that_it_names() -> None:
    """Rows of the rule, without a set or without a label are not counted."""
    rows = pa.table(
        {
            "state": [KNOWN, KNOWN, KNOWN, KNOWN, KNOWN + 1],
            "value": [1.0, 0.0, 1.0, 0.0, 0.0],
            "at": [1, 2, 3, 4, 5],
            "model": ["m", "m", "m", "rule", "m"],
            "prediction_set": ["false true", "true", None, "false", "false"],
        }
    )
    at, covered, models = covered_of(rows)
    assert (at.tolist(), covered.tolist(), models) == ([1, 2], [True, False], ["m", "m"])
    assert covered_of(rows.drop_columns(["prediction_set"]))[0].size == 0
    assert coverage_since(rows, level=0.9, start=10, end=20) is None
    assert check_live_coverage(rows, level=0.9, now=0, alpha=ALPHA) == []
