"""Distribution checks: has a column, or the score, moved away from its own recent past?

Two statistics for each column, both against windows that trail today:

shape     the squared Hellinger distance of today's histogram to the last four weeks, or to the last four of the same
          weekday, whichever has foretold the past better. How large it usually is, is learnt from the same distance
          of each of the 28 days before, to what then lay before it: the over-dispersion of days, which a test that
          takes rows as independent ignores, is in there, and so is a steady change of season.
location  (numbers that no single value rules) the mean of windows of 1 and 7 days that end today, against a regression
          of the days before on weekday and trend, with first-order autocorrelation. For the score the regression is
          also on what the inputs did: a score that follows its inputs has not drifted, one that leaves them has.

An alarm needs both significance at its share of the budget and a minimum effect. Student's t with at most 14 degrees of
freedom stands for the tails, which on real days are heavier than the normal ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from setpoint.core.times import DAY
from setpoint.measure.distance import js
from setpoint.watch.finding import DIGEST, FEATURE, PREDICTION, Finding
from setpoint.watch.past import GAP, Numbers, Past

WINDOW = 28
USUAL = 28
"""Days that today is compared with, and days from which it is learnt how far a day usually is from those."""

LEAST_DAYS, LEAST_ROWS, LEAST_WEEKDAYS, LEAST_USUAL = 7, 50, 3, 14
FIT, LEAST_FIT = 56, 21
FREEDOM = 14.0

SHAPE_EFFECT = 0.014
"""Squared Hellinger distance beyond the usual: about a Jensen-Shannon divergence of .02 bits, or a shift of .33 sd."""

LOCATION_EFFECT = 0.09
"""Shift of the mean, in robust deviations of the training rows."""

SHAPE_NOISE, SHAPE_SPREAD = 3e-3, 0.2
"""Added to distances before the logarithm, and to their spread after it: no column is steadier than this."""

LOCATION_SPREAD = 0.02
"""No column's mean is steadier from day to day than this."""

COMPONENTS = 10
"""The most principal components of the inputs that a score is explained by."""


@dataclass(frozen=True, eq=False)
class Shift:
    """One statistic of every column: its p-value (NaN where it cannot be told), effect and least effect to alarm."""

    name: str
    days: int
    p_value: Numbers
    effect: Numbers
    least: float


def check_drift(past: Past, *, alpha_column: float, alpha_score: float) -> list[Finding]:
    """Columns and scores that have moved; the alphas are per tick, for all columns together and for the score.

    Columns with several statistics share the column's alpha equally among them (Bonferroni).
    """
    score = np.array([column.level == PREDICTION for column in past.reference.columns])
    number = past.reference.has_mean
    findings: list[Finding] = []
    if (~score).any():
        columns = past.select(np.flatnonzero(~score))
        nobody = np.zeros_like(past.model)
        shifts = [shape(columns, nobody), *(location(columns, nobody, days=days) for days in (1, 7))]
        tests = int((~score).sum() + 2 * (~score & number).sum())
        findings += _found(columns, shifts, alpha=alpha_column / tests)
    if score.any():
        scores = past.select(np.flatnonzero(score))
        by = past.model
        inputs = explanations(past, np.flatnonzero(~score & number))
        shifts = [shape(scores, by), *(location(scores, by, days=days, inputs=inputs) for days in (1, 7))]
        findings += _found(scores, shifts, alpha=alpha_score / 3)
    return findings


def _found(past: Past, shifts: list[Shift], *, alpha: float) -> list[Finding]:
    findings = []
    for i in range(len(past.reference.columns)):
        beyond = [s for s in shifts if s.p_value[i] < alpha and s.effect[i] >= s.least]
        if beyond:
            findings.append(_finding(past, i, min(beyond, key=lambda s: s.p_value[i]), alpha=alpha))
    return findings


def shape(past: Past, group: npt.NDArray[np.int64]) -> Shift:
    """How unusual each column's histogram is today; only days of the same group are compared with each other."""
    today = past.days - 1
    usual = np.arange(past.days)[past.earlier(USUAL)]
    days = np.append(usual, today)
    age = days[:, None] - np.arange(past.days)[None, :]
    same = (age > 0) & (age <= WINDOW) & (group[days][:, None] == group[None, :])
    weekday = same & (past.weekday[days][:, None] == past.weekday[None, :])
    distances = []
    for chosen, least in ((same, LEAST_DAYS), (weekday, LEAST_WEEKDAYS)):
        apart = _hellinger(past, past.counts[days], chosen.astype(np.float64) @ past.counts)
        apart[chosen.sum(axis=1) < least] = np.nan
        apart[past.by_column(past.counts[days]) < LEAST_ROWS] = np.nan
        distances.append(apart)
    logs = np.log(np.stack(distances) + SHAPE_NOISE)
    mean, deviation, count = _moments(logs[:, :-1])
    better = np.argmin(np.where(np.isnan(mean) | np.isnan(logs[:, -1]), np.inf, mean), axis=0)
    pick = better[None, :]
    now, mean, deviation, count = (
        np.take_along_axis(part, pick, axis=0)[0] for part in (logs[:, -1], mean, deviation, count)
    )
    spread = np.sqrt(deviation**2 + SHAPE_SPREAD**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (now - mean) / (spread * np.sqrt(1 + 1 / count))
    p_value = np.where(count >= LEAST_USUAL, stdtr(np.clip(count - 1, 1, FREEDOM), -t), np.nan)
    return Shift("shape", 1, p_value, np.exp(now) - np.exp(mean), SHAPE_EFFECT)


def location(past: Past, group: npt.NDArray[np.int64], *, days: int, inputs: Numbers | None = None) -> Shift:
    """How unusual each number's mean has been over the last days, given weekday, trend, group and inputs.

    Ordinary least squares over the eight weeks before; the variance of the window's mean and of its forecast are
    inflated for an autocorrelation of the first order estimated from the residuals. With `inputs` to explain it the
    mean is one of ranks: what is explained by ranks is bounded as they are.
    """
    width = len(past.reference.columns)
    nothing = Shift("location", days, np.full(width, np.nan), np.zeros(width), LOCATION_EFFECT)
    first = max(0, past.days - days - GAP - FIT)
    fit = np.arange(first, past.days - max(days, GAP + 1))
    fit = fit[past.rows[fit] >= LEAST_ROWS]
    window = np.arange(past.days - days, past.days)
    if fit.size < LEAST_FIT or (group[window] != group[-1]).any() or (group[fit] == group[-1]).sum() < LEAST_DAYS:
        return nothing
    means = (past.means if inputs is None else past.ranks)[first:]
    known = ~np.isnan(means[fit - first]).any(axis=0)
    y = np.where(known, means[fit - first], 0.0)
    design = _design(past, group, np.arange(first, past.days))
    if inputs is not None:
        design = _most_telling(design, inputs[first:], y, days=fit - first)
    x = design[fit - first]
    freedom = x.shape[0] - int(np.linalg.matrix_rank(x))
    if freedom < LEAST_USUAL:
        return nothing
    inverse = np.linalg.pinv(x.T @ x)
    coefficients = inverse @ (x.T @ y)
    residual = y - x @ coefficients
    squares = (residual**2).sum(axis=0)
    alike = (residual[1:] * residual[:-1]).sum(axis=0) / np.maximum(squares, 1e-12) + 3 / fit.size
    rho = np.clip(alike, 0.0, 0.9)
    at = design[window - first].mean(axis=0)
    seen = means[window - first].mean(axis=0)
    shift = seen - at @ coefficients
    inflation = (1 + rho) / (1 - rho)
    variance = squares / freedom * (_mean_variance(rho, days) + float(at @ inverse @ at) * inflation)
    t = np.abs(shift) / np.sqrt(variance + LOCATION_SPREAD**2)
    p_value = 2 * stdtr(np.clip(freedom / inflation, 1, FREEDOM), -t)
    told = past.reference.has_mean & known & ~np.isnan(seen)
    return Shift("location", days, np.where(told, p_value, np.nan), np.abs(np.where(told, shift, 0)), LOCATION_EFFECT)


def _most_telling(design: Numbers, inputs: Numbers, y: Numbers, *, days: npt.NDArray[np.int64]) -> Numbers:
    """The design with the first few of the inputs: as many as earn their place (Schwarz 1978, the criterion BIC)."""
    best, least = design, np.inf
    for count in (1, *range(3, inputs.shape[1] + 1, 2)):
        wider = np.concatenate([design, inputs[:, :count]], axis=1)
        freedom = days.size - wider.shape[1]
        if freedom < LEAST_USUAL:
            break
        error = y - wider[days] @ np.linalg.lstsq(wider[days], y, rcond=None)[0]
        squares = float((error**2).sum()) + 1e-12
        criterion = days.size * np.log(squares) + wider.shape[1] * np.log(days.size)
        if criterion < least:
            best, least = wider, criterion
    return best


def explanations(past: Past, numbers: npt.NDArray[np.int64]) -> Numbers:
    """What the inputs did on each day, as regressors of its score, the most telling first; row per day.

    First the score that the effects of the inputs promise (see effects.py), then the first principal components of the
    mean ranks of the numbers (Jolliffe 1982, "A note on the use of principal components in regression"), of unit
    variance. A column that was all NULL on a day counts as usual on it.
    """
    promised = past.promised()[:, None]
    if not numbers.size:
        return promised
    means = past.ranks[:, numbers]
    there = ~np.isnan(means)
    filled = np.where(there, means, 0.0)
    count = np.maximum(there.sum(axis=0), 1)
    centred = np.where(there, filled - filled.sum(axis=0) / count, 0.0)
    scaled = centred / np.maximum(np.sqrt((centred**2).sum(axis=0) / count), LOCATION_SPREAD)
    left, size, _ = np.linalg.svd(scaled, full_matrices=False)
    kept = size[:COMPONENTS] > 1e-9
    return np.concatenate([promised, left[:, :COMPONENTS][:, kept] * np.sqrt(past.days)], axis=1)


def _hellinger(past: Past, a: Numbers, b: Numbers) -> Numbers:
    """The squared Hellinger distance of each column's histogram in rows of counts; NaN where one is empty."""
    mass = past.by_column(a) * past.by_column(b)
    overlap = past.by_column(np.sqrt(a * b))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(mass > 0, np.maximum(1 - overlap / np.sqrt(mass), 0.0), np.nan))


def _moments(values: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Mean, deviation and count over the days (axis 1) of what is not NaN; NaN where nothing is."""
    there = ~np.isnan(values)
    count = there.sum(axis=1).astype(np.float64)
    filled = np.where(there, values, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = filled.sum(axis=1) / count
        squares = np.where(there, (filled - mean[:, None]) ** 2, 0.0).sum(axis=1)
        return mean, np.sqrt(squares / (count - 1)), count


def _design(past: Past, group: npt.NDArray[np.int64], days: npt.NDArray[np.int64]) -> Numbers:
    """Regressors of the days: a level for each group, a trend, and the weekdays with their sum at zero."""
    groups = np.unique(group[days])
    level = (group[days][:, None] == groups[None, :]).astype(np.float64)
    trend = (days - days[-1])[:, None] / WINDOW
    weekday = past.weekday[days]
    pattern = (weekday[:, None] == np.arange(6)[None, :]).astype(np.float64) - (weekday == 6)[:, None]
    return np.concatenate([level, trend, pattern], axis=1)


def _mean_variance(rho: Numbers, days: int) -> Numbers:
    """The variance of the mean of consecutive values of unit variance with autocorrelation rho."""
    apart = np.abs(np.arange(days)[:, None] - np.arange(days)[None, :])
    return np.asarray((rho[:, None, None] ** apart).mean(axis=(1, 2)))


def _finding(past: Past, i: int, strongest: Shift, *, alpha: float) -> Finding:
    column = past.reference.columns[i]
    bins = slice(past.reference.offsets[i], past.reference.offsets[i + 1])
    window = past.counts[-strongest.days :, bins].sum(axis=0)
    before = past.counts[: -strongest.days, bins].sum(axis=0)
    training = np.array(column.counts, dtype=np.float64)
    return Finding(
        monitor="score drift" if column.level == PREDICTION else "drift",
        level=PREDICTION if column.level == PREDICTION else FEATURE,
        subject=column.name,
        at=int(past.at[-strongest.days]) - DAY,
        severity=DIGEST,
        p_value=float(strongest.p_value[i]),
        effect=float(strongest.effect[i]),
        evidence={
            "alpha": alpha,
            "statistic": strongest.name,
            "days": strongest.days,
            "rows": int(window.sum()),
            "js_to_before": round(js(before, window), 4) if before.sum() and window.sum() else None,
            "js_to_training": round(js(training, window), 4) if training.sum() and window.sum() else None,
        },
        cause="",
    )
