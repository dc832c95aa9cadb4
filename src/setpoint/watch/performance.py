"""Live quality from mature labels: figures by period with their coverage, and the alarm that quality has fallen.

The alarm watches two daily means over the decisions of the champion whose labels are mature:

residual  y - p: the rate of positives beyond what the scores promised, in either direction
excess    log loss beyond the entropy of the scores, which is the loss they promised: zero on average for calibrated
          scores, whatever the base rate and however hard the day

Days differ by far more than their decisions do (a day of bad weather is late as one), so a day is one observation.
Each mean, less a tolerance, is bet against by an e-detector: the sum over all days on which a change may have begun of
the wealth of a bettor who started then. While the mean keeps within its tolerance the expected time to a false alarm
is at least 1 / alpha days (Shin, Ramdas and Rinaldo 2022, "E-detectors"; the bets of Waudby-Smith and Ramdas 2024,
"Estimating means of bounded random variables by betting"). One bad day cannot win enough, a lasting loss does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.core.times import DAY
from setpoint.measure.bootstrap import interval
from setpoint.measure.intervals import Interval
from setpoint.measure.metrics import METRICS, log_losses
from setpoint.measure.sequential import paired_mean
from setpoint.watch.finding import LABEL, PAGE, Finding

Numbers = npt.NDArray[np.float64]

KEPT = 120
"""Days of quality that the alarm looks back on."""

TOLERANCE = 0.02
"""A residual of two points of the rate, and a loss 2 % above the promised one, are no alarm however certain."""

OF_RATES = ("rate above the scores", "rate below the scores", "loss above the promised")
OF_PREDICTIONS = ("outcomes above the predictions", "outcomes below the predictions", "loss above the expected")
"""What the findings are called: of two classes, and of other goals."""

BETS = (0.05, 0.1, 0.2, 0.3)
"""Shares of the wealth that are bet on each standardised day; the detector is their mean."""

BEST, WORST = -3.0, 10.0
"""A good day counts for three usual deviations at most, so that bets up to .3 never lose all; a bad one for ten."""

LEAST_DAYS, LEAST_ROWS = 14, 30
GAP = 7
"""The deviation of days is learnt from those before the last week, and from two weeks of them at least."""


@dataclass(frozen=True, eq=False)
class QualityWindow:
    """Sums over the mature, known decisions of each day, by the model that took most of them; days ascending.

    Windows add up: `with_days` joins what matured later. A day is the midnight before its decisions.
    """

    day: npt.NDArray[np.int64]
    model: tuple[str, ...]
    n: Numbers
    positives: Numbers
    residual: Numbers
    loss: Numbers
    promised: Numbers

    def with_days(self, other: QualityWindow) -> QualityWindow:
        """Both windows' days, the last 120 of them; a day that is in both is the other's."""
        kept = ~np.isin(self.day, other.day)
        order = np.argsort(np.concatenate([self.day[kept], other.day]), kind="stable")[-KEPT:]
        models = [model for model, keep in zip(self.model, kept, strict=True) if keep] + list(other.model)
        joined = {
            name: np.concatenate([getattr(self, name)[kept], getattr(other, name)])[order]
            for name in ("day", "n", "positives", "residual", "loss", "promised")
        }
        return QualityWindow(model=tuple(models[i] for i in order), **joined)

    def until(self, end: int) -> QualityWindow:
        """The days that are over by a time."""
        kept = self.day + DAY <= end
        parts = {name: getattr(self, name)[kept] for name in ("day", "n", "positives", "residual", "loss", "promised")}
        return QualityWindow(model=tuple(m for m, keep in zip(self.model, kept, strict=True) if keep), **parts)

    def to_dict(self) -> dict[str, Any]:
        """The window as JSON-like data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: list(value) if isinstance(value, tuple) else value.tolist() for name, value in data.items()}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> QualityWindow:
        """The window that `to_dict` described."""
        sums = ("n", "positives", "residual", "loss", "promised")
        return QualityWindow(
            day=np.asarray(data["day"], dtype=np.int64),
            model=tuple(data["model"]),
            **{name: np.asarray(data[name], dtype=np.float64) for name in sums},
        )


def quality_window(
    y: npt.ArrayLike, p: npt.ArrayLike, at: npt.ArrayLike, *, model: Sequence[str] | npt.ArrayLike | str = ""
) -> QualityWindow:
    """The daily sums of decisions with known labels: outcomes, the scores that decided, their times and models.

    Rows without a score (the rule decided) are left out.

    >>> window = quality_window([1, 0, 1], [0.5, 0.5, 0.5], [0, 1, 86_400_000_000], model="m1")
    >>> window.n, window.residual, window.model
    (array([2., 1.]), array([0. , 0.5]), ('m1', 'm1'))
    """
    outcomes, scores = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    times = np.asarray(at, dtype=np.int64)
    if not outcomes.size == scores.size == times.size:
        raise DataError(
            f"There are {outcomes.size} outcomes, {scores.size} scores and {times.size} times.",
            expected="one of each per decision",
        )
    models = np.broadcast_to(np.asarray(model, dtype=np.str_), times.shape)
    scored = np.isfinite(scores) & np.isfinite(outcomes)
    outcomes, scores, models = outcomes[scored], scores[scored], models[scored]
    return daily_sums(
        times[scored],
        models,
        positives=outcomes,
        residual=outcomes - scores,
        loss=log_losses(outcomes, scores),
        promised=entropy(scores),
    )


def daily_sums(
    at: npt.NDArray[np.int64],
    models: npt.NDArray[np.str_],
    *,
    positives: Numbers,
    residual: Numbers,
    loss: Numbers,
    promised: Numbers,
) -> QualityWindow:
    """The sums by day of what each decision adds.

    >>> one = np.ones(2)
    >>> daily_sums(np.array([0, 1]), np.array(["m", "m"]), positives=one, residual=one, loss=one, promised=one).n
    array([2.])
    """
    days, place = np.unique(at // DAY, return_inverse=True)
    names, code = np.unique(models, return_inverse=True)
    votes = np.bincount(place * max(names.size, 1) + code, minlength=days.size * names.size)
    most = votes.reshape(days.size, -1).argmax(axis=1) if days.size else np.zeros(0, dtype=np.int64)

    def add(values: Numbers) -> Numbers:
        return np.bincount(place, weights=values, minlength=days.size).astype(np.float64)

    return QualityWindow(
        day=days * DAY,
        model=tuple(str(names[i]) for i in most),
        n=add(np.ones_like(loss)),
        positives=add(positives),
        residual=add(residual),
        loss=add(loss),
        promised=add(promised),
    )


def entropy(p: npt.ArrayLike) -> Numbers:
    """The log loss that a probability promises, in nats.

    >>> entropy([0.5]).round(3)
    array([0.693])
    """
    chance = np.asarray(p, dtype=np.float64)
    ones = np.ones_like(chance)
    return chance * log_losses(ones, chance) + (1 - chance) * log_losses(0 * ones, chance)


def check_quality(
    quality: QualityWindow,
    *,
    alpha: float,
    tolerance: Callable[[str], float] = lambda _: TOLERANCE,
    monitors: tuple[str, str, str] = OF_RATES,
) -> list[Finding]:
    """Whether the model that took the newest mature decisions has got worse than it promises; `alpha` is per day.

    Its days only are bet on; how much days differ is learnt from all of them. `tolerance` is how far the mean residual
    of a model may be from zero, and `monitors` what findings are called: of outcomes above, below, and of the loss.
    """
    kept = quality.n >= LEAST_ROWS
    if not kept.any():
        return []
    n = quality.n[kept]
    day = quality.day[kept]
    model = np.array(quality.model)[kept]
    mine = model == model[-1]
    mine &= np.cumsum((~mine)[::-1])[::-1] == 0
    means = {
        "residual": quality.residual[kept] / n,
        "excess": (quality.loss - quality.promised)[kept] / n,
    }
    promised = float(quality.promised[kept][mine].sum() / n[mine].sum())
    findings = []
    above, below, worse_loss = monitors
    for name, values, allowed in (
        (above, means["residual"], tolerance(str(model[-1]))),
        (below, -means["residual"], tolerance(str(model[-1]))),
        (worse_loss, means["excess"], TOLERANCE * promised),
    ):
        wealth, began = e_detector(values - allowed, mine)
        if wealth < 3 / alpha:
            continue
        worse = mine & (day >= day[began])
        effect = float((values * n)[worse].sum() / n[worse].sum())
        if effect > allowed:
            evidence = {
                "alpha": alpha / 3,
                "e_value": float(min(wealth, 1e12)),
                "days": int(worse.sum()),
                "rows": int(n[worse].sum()),
                "model": str(model[-1]),
                "loss": float((quality.loss[kept])[worse].sum() / n[worse].sum()),
                "promised": float((quality.promised[kept])[worse].sum() / n[worse].sum()),
            }
            p_value = min(1.0, 1 / wealth)
            findings.append(Finding(name, LABEL, "", int(day[began]), PAGE, p_value, effect, evidence, "world"))
    return findings


def e_detector(values: Numbers, mine: npt.NDArray[np.bool_]) -> tuple[float, int]:
    """The evidence today that the mean of some daily values has risen above zero, and the day it most likely began.

    `mine` marks the days that are bet on, the last of the values. A day's value is divided by the deviation of the
    days up to a week before it, made larger for their autocorrelation; days before two weeks of those are not bet on.

    >>> rng = np.random.default_rng(0)
    >>> calm = rng.normal(0, 1, 90)
    >>> everyone = np.ones(90, dtype=bool)
    >>> e_detector(calm, everyone)[0] < 450 < e_detector(calm + 2 * (np.arange(90) > 75), everyone)[0]
    True
    """
    deviation = _deviations(values)
    bet_on = mine & np.isfinite(deviation)
    with np.errstate(divide="ignore", invalid="ignore"):
        days = np.where(bet_on, np.clip(values / deviation, BEST, WORST), 0.0)
    gains = np.log1p(np.asarray(BETS)[:, None] * days[None, :])
    sums = np.cumsum(gains, axis=1)
    wealth = sums[:, -1:] - np.concatenate([np.zeros((len(BETS), 1)), sums[:, :-1]], axis=1)
    started = np.where(bet_on, np.exp(wealth), 0.0).mean(axis=0)
    return float(started.sum()), _change_point(days, bet_on)


def _change_point(days: Numbers, bet_on: npt.NDArray[np.bool_]) -> int:
    """The day from which the values are most likely up: the start of the highest sum beyond half the rise (Page 1954).

    The rise is that of the days since the start found so far, beginning with the last week.
    """
    start = max(0, days.size - 7)
    for _ in range(4):
        mine = bet_on[start:]
        rise = float(days[start:][mine].mean()) if mine.any() else 0.0
        beyond = np.where(bet_on, days - max(rise, 0.0) / 2, 0.0)
        start = int(np.argmax(np.where(bet_on, np.cumsum(beyond[::-1])[::-1], -np.inf)))
    return start


def _deviations(values: Numbers) -> Numbers:
    """The usual deviation of days as known on each day, from the days before the last week; NaN where too few."""
    size = values.size
    count = np.arange(size) - GAP
    sums = np.concatenate([[0.0], np.cumsum(values)])
    squares = np.concatenate([[0.0], np.cumsum(values**2)])
    pairs = np.concatenate([[0.0, 0.0], np.cumsum(values[1:] * values[:-1])])
    known = np.clip(count, 0, None)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = sums[known] / known
        variance = (squares[known] - known * mean**2) / (known - 1)
        alike = (pairs[known] / np.maximum(known - 1, 1) - mean**2) / variance
        rho = np.clip(alike + 1 / known, 0.0, 0.6)
        found = np.sqrt(variance * (1 + rho) / (1 - rho))
    return np.where((count >= LEAST_DAYS) & (found > 0), found, np.nan)


@dataclass(frozen=True)
class PeriodQuality:
    """The quality of a period's decisions. `coverage` is the share of mature ones whose label is known.

    Metrics are those of known labels, with intervals over days; `business` is per 1000 known decisions.
    """

    start: int
    decisions: int
    mature: int
    known: int
    coverage: float
    auc: Interval
    log_loss: Interval
    ece: Interval
    base_rate: Interval
    business: Interval | None

    def to_dict(self) -> dict[str, Any]:
        """The period as JSON-like data."""
        shown: dict[str, Any] = {name: getattr(self, name) for name in ("start", "decisions", "mature", "known")}
        shown["coverage"] = self.coverage if self.mature else None
        for name in ("auc", "log_loss", "ece", "base_rate", "business"):
            part = getattr(self, name)
            shown[name] = None if part is None else part.to_dict()
        return shown


def live_quality(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    mature: npt.ArrayLike,
    periods: Sequence[int],
    value: npt.ArrayLike | None = None,
    draws: int = 200,
    seed: int = 0,
) -> list[PeriodQuality]:
    """The quality of each period, which starts at one of `periods` and ends at the next (the last is the end of all).

    `y` is NaN where the label is not known; only mature decisions count. `value` is what each decision was worth.

    >>> times = np.arange(100) * DAY // 10
    >>> y, p = np.arange(100) % 2 * 1.0, np.arange(100) % 2 * 0.5 + 0.2
    >>> month, = live_quality(y, p, times, mature=times < 9 * DAY, periods=[0, 10 * DAY])
    >>> month.decisions, month.mature, month.coverage, month.auc.estimate
    (100, 90, 1.0, 1.0)
    """
    outcomes, scores = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    times, ripe = np.asarray(at, dtype=np.int64), np.asarray(mature, dtype=np.bool_)
    worth = None if value is None else np.asarray(value, dtype=np.float64)
    found = []
    for start, end in pairwise(periods):
        inside = (times >= start) & (times < end)
        settled = inside & ripe
        known = settled & np.isfinite(outcomes) & np.isfinite(scores)
        n_mature, n_known = int(settled.sum()), int(known.sum())
        day = times[known] // DAY

        def measured(name: str, known: npt.NDArray[np.bool_] = known, day: npt.NDArray[np.int64] = day) -> Interval:
            spec = METRICS[name]
            if not known.any():
                nan = float("nan")
                return Interval(nan, nan, nan, 0.95, 0, 0, 0, "none")
            return interval(spec, outcomes[known], scores[known], cluster=day, draws=draws, seed=seed)

        business = None
        if worth is not None and known.any():
            business = paired_mean(np.zeros(n_known), 1000 * worth[known], cluster=day).fixed()
        found.append(
            PeriodQuality(
                start=int(start),
                decisions=int(inside.sum()),
                mature=n_mature,
                known=n_known,
                coverage=n_known / n_mature if n_mature else float("nan"),
                auc=measured("auc"),
                log_loss=measured("log_loss"),
                ece=measured("ece"),
                base_rate=measured("base_rate"),
                business=business,
            )
        )
    return found
