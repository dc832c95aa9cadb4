"""Every baseline beside the model on the held-out rows: those that the gate compares, chance, people, the champion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from setpoint.declare.goal import Goal, Metric
from setpoint.learn.baselines import Baseline
from setpoint.learn.gate import Comparison, GateReport
from setpoint.learn.people import Judged
from setpoint.learn.random_guess import NOTHING, judge_guess
from setpoint.learn.scored import Bench, Scored
from setpoint.learn.scorer import Scorer
from setpoint.learn.threshold import Threshold
from setpoint.learn.trainer import Side, Trainer
from setpoint.measure.intervals import Interval

CHAMPION, HUMAN, RANDOM = "champion", "human", "random"


@dataclass(frozen=True)
class Rated:
    """A baseline and the model on the same rows.

    `value` is what the baseline has of the metric and `ours` what the model has; `difference` is ours less theirs,
    `worth` what 1000 decisions by the model are worth more. `rows` is how many rows both were judged on.
    """

    name: str
    how: str
    metric: str
    value: float
    ours: float
    difference: Interval
    worth: Interval
    rows: int

    @property
    def words(self) -> str:
        """How far the model is from it, in a sentence."""
        told = f"{self.metric} {_shown(self.value)} of {self.how}; the model has {_shown(self.ours)}"
        if math.isfinite(self.worth.estimate):
            told += f", and 1000 of its decisions are worth {self.worth.estimate:+.4g}"
            if math.isfinite(self.worth.low):
                told += f" (95 % interval {self.worth.low:+.4g} to {self.worth.high:+.4g})"
        return told

    def to_dict(self) -> dict[str, Any]:
        """The baseline as JSON-like data."""
        return {
            "name": self.name,
            "how": self.how,
            "metric": self.metric,
            "value": _number(self.value),
            "ours": _number(self.ours),
            "difference": self.difference.to_dict(),
            "worth": self.worth.to_dict(),
            "rows": self.rows,
            "words": self.words,
        }


def rate_baselines(
    trainer: Trainer,
    goal: Goal,
    side: Side,
    bench: Bench,
    ours: Scored,
    report: GateReport,
    *,
    trivial: tuple[Baseline, ...],
    threshold: Threshold,
    procedure: Scorer,
    people: Judged | None,
) -> tuple[Rated, ...]:
    """Chance first, then what the gate compared, people where they voted on held-out decisions, and the champion.

    Nothing of it decides: the gate has judged already.
    """
    how = {each.name: each.how for each in trivial}
    rated = [_random(trainer, goal, side, bench, ours, threshold)]
    rated += [_compared(each, how[each.against], bench) for each in report.baselines]
    if people is not None:
        rated.append(_human(trainer, goal, people, threshold=threshold, procedure=procedure))
    if report.champion is not None:
        rated.append(_compared(report.champion, "the model that decides now", bench, name=CHAMPION))
    return tuple(rated)


def _compared(each: Comparison, how: str, bench: Bench, *, name: str | None = None) -> Rated:
    numbers = each.difference, each.value_difference
    return Rated(name or each.against, how, each.metric, each.theirs, each.ours, *numbers, bench.rows.y.size)


def _random(trainer: Trainer, goal: Goal, side: Side, bench: Bench, ours: Scored, threshold: Threshold) -> Rated:
    def decide(scores: np.ndarray) -> Scored:
        guess = Baseline(RANDOM, "", scores, acts_at=0.5)
        return trainer.decide_baseline(guess, threshold, bench.rows)

    older = side.sides.representative
    every = decide(np.ones(bench.rows.y.size)).value if goal.acts else None
    found = judge_guess(goal.metric, bench, older, ours, decide=decide, all_acted=every)
    have = bench.value(goal.metric, ours)
    numbers = found.difference, found.worth
    return Rated(RANDOM, found.how, str(goal.metric), found.value, have, *numbers, bench.rows.y.size)


def _human(trainer: Trainer, goal: Goal, people: Judged, *, threshold: Threshold, procedure: Scorer) -> Rated:
    """One annotator's word on each decision, and the model's on the same ones."""
    rows = people.rows
    bench = trainer.bench(rows)
    theirs = trainer.decide_baseline(Baseline(HUMAN, "", people.said, acts_at=0.5), threshold, rows)
    ours = trainer.decide(procedure, rows, name="candidate")
    both = rows.y.min() < rows.y.max()
    return Rated(
        HUMAN,
        f"what one of {people.people} people said of a decision, against {people.against}",
        str(goal.metric),
        bench.value(goal.metric, theirs) if both else math.nan,
        bench.value(goal.metric, ours) if both else math.nan,
        bench.difference(goal.metric, theirs, ours) if both else NOTHING,
        bench.difference(Metric("business"), theirs, ours, level=0.95),
        rows.y.size,
    )


def _shown(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "no value"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
