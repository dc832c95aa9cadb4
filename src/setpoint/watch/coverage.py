"""Whether the sets that decisions said are still as often right as was promised, by labels that came since."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.records import PREDICTION_SET, RULE
from setpoint.core.times import DAY
from setpoint.data.arrays import Array, Mask
from setpoint.labels.join import KNOWN
from setpoint.measure.coverage_check import CoverageCheck, check_coverage
from setpoint.watch.finding import LABEL, PAGE, Finding
from setpoint.watch.performance import KEPT, LEAST_ROWS, e_detector

MONITOR = "coverage below the promised"
"""What the finding is called."""
TOLERANCE = 0.02
"""Two points fewer than promised are no alarm however certain."""
CALIBRATED = 1000.0
"""Rows that thresholds are taken to rest on where months are judged: what one calibration may miss by chance."""


def covered_of(matured: pa.Table) -> tuple[Array, Mask, list[str]]:
    """Of mature decisions that said a set and whose label is known: their times, whether it held, and their models.

    >>> rows = {"state": [KNOWN] * 2, "model": ["m"] * 2, "at": [1, 2], "value": [1.0, 0.0]}
    >>> covered_of(pa.table({**rows, "prediction_set": ["true", "true"]}))[1]
    array([ True, False])
    """
    if PREDICTION_SET not in matured.column_names:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool), []
    said = pc.and_(pc.equal(matured["state"], KNOWN), pc.is_valid(matured[PREDICTION_SET]))
    rows = matured.filter(pc.and_(said, pc.not_equal(matured["model"], RULE)))
    sets = rows[PREDICTION_SET]
    holds = pc.if_else(
        pc.greater(rows["value"], 0), pc.match_substring(sets, "true"), pc.match_substring(sets, "false")
    )
    covered = np.asarray(holds.to_numpy(zero_copy_only=False), dtype=bool)
    return rows["at"].to_numpy(), covered, rows["model"].to_pylist()


def check_live_coverage(matured: pa.Table, *, level: float, now: int, alpha: float) -> list[Finding]:
    """Whether the sets of the model that decides hold fewer outcomes than promised; `alpha` is per day.

    A day is one observation: the share that its sets missed beyond the promised one is bet against, as quality is
    (`performance.e_detector`). Days of the newest model only are bet on, those of the last four months that are over.
    """
    at, covered, models = covered_of(matured)
    recent = (at >= now - KEPT * DAY) & (at // DAY * DAY + DAY <= now)
    if not recent.any():
        return []
    newest = models[int(np.flatnonzero(recent)[np.argmax(at[recent])])]
    days, place = np.unique(at[recent] // DAY, return_inverse=True)
    n = np.bincount(place)
    missed = np.bincount(place, weights=~covered[recent])
    ours = np.bincount(place, weights=np.array(models)[recent] == newest) * 2 > n
    kept = n >= LEAST_ROWS
    ours &= np.cumsum((~ours & kept)[::-1])[::-1] == 0
    if not (kept & ours).any():
        return []
    days, n, missed, ours = days[kept], n[kept], missed[kept], ours[kept]
    values = missed / n - (1 - level)
    wealth, began = e_detector(values - TOLERANCE, ours)
    worse = ours & (days >= days[began])
    effect = float((values * n)[worse].sum() / n[worse].sum()) if worse.any() else 0.0
    if wealth < 1 / alpha or effect <= TOLERANCE:
        return []
    evidence = {
        "alpha": alpha,
        "e_value": float(min(wealth, 1e12)),
        "days": int(worse.sum()),
        "rows": int(n[worse].sum()),
        "model": newest,
        "coverage": 1 - float(missed[worse].sum() / n[worse].sum()),
        "promised": level,
    }
    return [Finding(MONITOR, LABEL, "", int(days[began]) * DAY, PAGE, min(1.0, 1 / wealth), effect, evidence, "world")]


def coverage_since(matured: pa.Table, *, level: float, start: int, end: int) -> CoverageCheck | None:
    """Whether the sets of decisions between two times held as many outcomes as promised; None where none said one."""
    at, covered, _ = covered_of(matured)
    inside = (at >= start) & (at < end)
    if not inside.any():
        return None
    return check_coverage(covered[inside], level=level, calibrated=CALIBRATED, cluster=at[inside] // DAY)
