"""Integrity checks: is the day's data what a working pipeline delivers? The cheapest checks, and the most powerful.

missing day   no decision at all, where there used to be
volume        far fewer or more decisions than on the same weekday before
degraded      the share of decisions that the model did not take
null          the share of NULL in a column
strange       the share of values beyond the fence of the training rows, or never seen in them
one value     a column that varied every day, and does not today

Shares are compared with those of the days before in two ways that both must agree: a beta-binomial tail, whose
over-dispersion is that of the past days (Crowder 1978), and Student's t of the arcsine root, whose tails allow for
having learnt it from few days. What has never happened in the past has no dispersion to learn: there the test is
Fisher's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import betaln, gammaln, stdtr

from setpoint.core.times import DAY
from setpoint.measure.proportions import rate_change
from setpoint.watch.finding import FEATURE, INPUT, PAGE, PREDICTION, Finding
from setpoint.watch.past import Numbers, Past
from setpoint.watch.reference import NUMBER

WINDOW, LEAST_DAYS, WEEKS = 56, 14, 8
FREEDOM = 14.0

LEAST_EXCESS, LEAST_COUNT = 0.005, 3
"""A share must rise by this much, and by this many rows, to be worth an alarm."""

GROSS = 0.5
"""Before there are enough days to compare with, a share must exceed the one in training by this much."""

VOLUME_EFFECT = 0.4
"""The day's rows must differ from the usual by this share."""

LEAST_ROWS = 50
"""Fewer rows (or values) than this are too few to say that a column does not vary."""

LEAST_DAYS_VARIED = 21


def check_integrity(past: Past, *, alpha: float) -> list[Finding]:
    """Faults of today's data; `alpha` is for all these checks together."""
    columns = len(past.reference.columns)
    share = alpha / (3 * columns + 3)
    found = missing_day(past)
    if found:
        return found
    return [*volume(past, alpha=share), *shares(past, alpha=share), *one_value(past, alpha=share)]


def missing_day(past: Past) -> list[Finding]:
    """A day without a decision on a weekday that always had enough of them."""
    usual = _same_weekday(past)
    if past.rows[-1] > 0 or usual.size < 3 or np.min(usual) < LEAST_ROWS:
        return []
    evidence = {"rows": 0, "usual": float(np.median(usual))}
    return [_finding(past, "missing day", INPUT, "", p_value=0.0, effect=1.0, evidence=evidence)]


def volume(past: Past, *, alpha: float) -> list[Finding]:
    """A day whose number of decisions is far from the same weekday's before."""
    usual = np.log(np.maximum(_same_weekday(past), 1.0))
    if usual.size < 3:
        return []
    counting = 1 / np.exp(usual.mean())
    spread = np.sqrt(max(usual.var(ddof=1), 0.0) + counting + 0.02**2)
    apart = np.log(max(past.rows[-1], 1.0)) - usual.mean()
    p_value = float(2 * stdtr(usual.size + 3, -abs(apart) / (spread * np.sqrt(1 + 1 / usual.size))))
    effect = float(np.exp(apart) - 1)
    if p_value >= alpha or abs(effect) < VOLUME_EFFECT:
        return []
    evidence = {"alpha": alpha, "rows": int(past.rows[-1]), "usual": float(np.exp(usual.mean()))}
    return [_finding(past, "volume", INPUT, "", p_value=p_value, effect=effect, evidence=evidence)]


def shares(past: Past, *, alpha: float) -> list[Finding]:
    """Shares that have risen: of decisions without a model, of NULL, of strange values."""
    columns = past.reference.columns
    counts = np.concatenate([past.degraded[:, None], past.nulls, past.strange], axis=1)
    before = past.earlier(WINDOW)
    filled = past.rows[before] > 0
    n, k, today = past.rows[before][filled], counts[before][filled], counts[-1]
    if n.size < LEAST_DAYS:
        return gross(past)
    rate, excess = _rates(n, k, today, past.rows[-1])
    never = k.sum(axis=0) == 0
    by_t = _by_t(n, k, today, past.rows[-1])
    suspects = (excess >= LEAST_EXCESS) & (today - rate * past.rows[-1] >= LEAST_COUNT) & (never | (by_t < alpha))
    findings = []
    for i in np.flatnonzero(suspects):
        rows, count = int(past.rows[-1]), int(today[i])
        if never[i]:
            p_value = rate_change(0, int(n.sum()), count, rows, side="greater").p_value
        else:
            p_value = max(float(by_t[i]), beta_binomial_tail(count, rows, n, k[:, i]))
        if p_value < alpha:
            name, level, subject = _what(past, int(i), len(columns))
            evidence = {"alpha": alpha, "rows": rows, "count": count, "share": count / rows, "usual": float(rate[i])}
            effect = float(excess[i])
            findings.append(_finding(past, name, level, subject, p_value=p_value, effect=effect, evidence=evidence))
    return findings


def gross(past: Past) -> list[Finding]:
    """Shares of NULL and of strange values far above those in training: all that can be told of the first days."""
    columns, rows = past.reference.columns, int(past.rows[-1])
    training = np.array([column.nulls / max(past.reference.rows, 1) for column in columns])
    findings = []
    for i in range(2 * len(columns)):
        count = int((past.nulls if i < len(columns) else past.strange)[-1, i % len(columns)])
        usual = float(training[i]) if i < len(columns) else 0.0
        share = count / max(rows, 1)
        if rows >= LEAST_ROWS and share - usual >= GROSS:
            name, level, subject = _what(past, i + 1, len(columns))
            evidence = {"rows": rows, "count": count, "share": share, "usual": usual, "of": "training"}
            findings.append(_finding(past, name, level, subject, p_value=0.0, effect=share - usual, evidence=evidence))
    return findings


def one_value(past: Past, *, alpha: float) -> list[Finding]:
    """Columns in which all of today's values are the same, where that has not happened before.

    The share of the most frequent bin is compared with the days before by Student's t on the logit scale.
    """
    before = past.earlier(WINDOW)
    values = past.by_column(past.counts)
    varied = ~past.single[before].any(axis=0) & (values[before] >= LEAST_ROWS).all(axis=0)
    stuck = past.single[-1] & varied & (values[-1] >= LEAST_ROWS)
    days = past.single[before].shape[0]
    if days < LEAST_DAYS_VARIED or not stuck.any():
        return []
    most = np.maximum.reduceat(past.counts, past.starts, axis=1)
    logit = np.log((most + 0.5) / (values - most + 0.5))
    spread = np.sqrt(logit[before].var(axis=0, ddof=1) * (1 + 1 / days) + 0.1**2)
    p_value = stdtr(min(days - 1, FREEDOM), -(logit[-1] - logit[before].mean(axis=0)) / spread)
    findings = []
    for i in np.flatnonzero(stuck & (p_value < alpha)):
        column = past.reference.columns[i]
        usual = float((most[before][:, i] / values[before][:, i]).mean())
        evidence = {"alpha": alpha, "rows": int(values[-1, i]), "usual": usual}
        findings.append(
            _finding(
                past,
                "one value",
                column.level,
                column.name,
                p_value=float(p_value[i]),
                effect=1.0 - usual,
                evidence=evidence,
            )
        )
    return findings


def beta_binomial_tail(count: int, rows: int, n: Numbers, k: Numbers) -> float:
    """How often a day like these (k of n rows each) has at least `count` of `rows`.

    The over-dispersion is estimated by moments from the days (Crowder 1978, "Beta-binomial Anova for proportions");
    days that differ no more than chance give the binomial tail, and one pseudo-event keeps the mean above zero.

    >>> round(beta_binomial_tail(30, 1000, np.full(20, 1000.0), np.tile([5.0, 15.0], 10)), 4)
    0.0022
    """
    mean = float((k.sum() + 0.5) / (n.sum() + 1))
    size = float(n.mean())
    observed = float((k / n).var(ddof=1)) / (mean * (1 - mean)) if n.size > 1 else 0.0
    rho = min(max((observed - 1 / size) / (1 - 1 / size), 1e-6), 0.999) if size > 1 else 1e-6
    a, b = mean * (1 / rho - 1), (1 - mean) * (1 / rho - 1)
    events = np.arange(count, rows + 1, dtype=np.float64)
    choose = gammaln(rows + 1) - gammaln(events + 1) - gammaln(rows - events + 1)
    return float(min(1.0, np.exp(choose + betaln(events + a, rows - events + b) - betaln(a, b)).sum()))


def _rates(n: Numbers, k: Numbers, today: Numbers, rows: float) -> tuple[Numbers, Numbers]:
    rate = (k.sum(axis=0) + 0.5) / (n.sum() + 1)
    return rate, today / max(rows, 1.0) - rate


def _by_t(n: Numbers, k: Numbers, today: Numbers, rows: float) -> Numbers:
    past = np.arcsin(np.sqrt((k + 0.5) / (n + 1)[:, None]))
    now = np.arcsin(np.sqrt((today + 0.5) / (rows + 1)))
    spread = np.sqrt(np.maximum(past.var(axis=0, ddof=1), 1 / (4 * max(rows, 1.0))) * (1 + 1 / n.size))
    return np.asarray(stdtr(min(n.size - 1, FREEDOM), -(now - past.mean(axis=0)) / spread))


def _what(past: Past, i: int, columns: int) -> tuple[str, str, str]:
    """The monitor, level and subject of the i-th share."""
    if i == 0:
        return "degraded", PREDICTION, ""
    column = past.reference.columns[(i - 1) % columns]
    if i <= columns:
        return "null", column.level, column.name
    return ("out of range" if column.kind == NUMBER else "unseen value"), column.level, column.name


def _same_weekday(past: Past) -> Numbers:
    days = np.arange(past.days - 1)
    same = days[past.weekday[:-1] == past.weekday[-1]][-WEEKS:]
    return np.asarray(past.rows[same][past.rows[same] > 0])


def _finding(
    past: Past, monitor: str, level: str, subject: str, *, p_value: float, effect: float, evidence: Mapping[str, Any]
) -> Finding:
    return Finding(
        monitor=monitor,
        level=level if level in (INPUT, PREDICTION) else FEATURE,
        subject=subject,
        at=int(past.at[-1]) - DAY,
        severity=PAGE,
        p_value=p_value,
        effect=effect,
        evidence=evidence,
        cause="",
    )
