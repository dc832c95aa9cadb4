"""Ablation: what models lose without each group of features, on blocks of newer rows before what is held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from setpoint.declare.declaration import Feature
from setpoint.declare.expr import Aggregate, Column, walk
from setpoint.declare.goal import Metric
from setpoint.declare.plan import Plan
from setpoint.declare.source import info
from setpoint.declare.window import name_of
from setpoint.learn.origins import Origin, as_scored, places_of, plan_with, scores_on, trial_metric, worse_by
from setpoint.learn.recipe import Recipe
from setpoint.learn.scored import Bench
from setpoint.learn.sides import Sides
from setpoint.learn.trainer import Trainer
from setpoint.measure.intervals import Interval

REQUEST = "request"
MATTERS, COULD_GO, HARMS, OPEN = "matters", "could go", "better without", "not shown"


@dataclass(frozen=True)
class Group:
    """Features that have something in common: a source, a window, their kind of values."""

    by: str
    name: str
    features: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.by} {self.name}"


@dataclass(frozen=True)
class Ablated:
    """By how much the metric is worse without a group, and what follows from that.

    matters         shown worse without it
    could go        shown no worse than the margin without it
    better without  shown better without it
    not shown       neither
    """

    group: Group
    worse: Interval
    verdict: str

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON-like data."""
        return {
            "by": self.group.by,
            "name": self.group.name,
            "features": list(self.group.features),
            "worse": self.worse.to_dict(),
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class Ablation:
    """What models lose without each group, by a metric of which `before` is the value with all features.

    `margin` is by how much the metric may be worse and still count as no worse.
    """

    metric: str
    before: float
    margin: float
    rows: int
    days: int
    blocks: int
    groups: tuple[Ablated, ...]

    def to_dict(self) -> dict[str, Any]:
        """The ablation as JSON-like data."""
        return {
            "metric": self.metric,
            "before": self.before if np.isfinite(self.before) else None,
            "margin": self.margin,
            "rows": self.rows,
            "days": self.days,
            "blocks": self.blocks,
            "groups": [each.to_dict() for each in self.groups],
        }


def ablate(
    plan: Plan,
    trainer: Trainer,
    sides: Sides,
    origins: Sequence[Origin],
    *,
    recipe: Recipe,
    groups: Sequence[Group],
) -> Ablation:
    """What models of a recipe lose without each group: each is fitted anew without it, at every origin.

    Differences are paired, with 95 % intervals that take rows of a day to be alike. Each interval holds by itself.
    """
    places = places_of(origins)
    bench = trainer.bench(sides.rows.take(places))
    metric = trial_metric(plan, bench)
    names = tuple(feature.name for feature in plan.inputs)
    before = scores_on(trainer, origins, recipe, plan=plan)
    value = bench.value(metric, as_scored("all features", before))
    margin = margin_of(plan, bench, metric, before)
    found = []
    for group in groups:
        left = plan_with(plan, [name for name in names if name not in group.features])
        worse = worse_by(bench, metric, before, scores_on(trainer, origins, recipe, plan=left))
        found.append(Ablated(group, worse, verdict_of(worse, margin)))
    days = int(np.unique(bench.rows.days).size)
    return Ablation(str(metric), value, margin, int(places.size), days, len(origins), tuple(found))


def feature_groups(plan: Plan) -> tuple[Group, ...]:
    """The groups of a plan's features by source, window and kind of values; none that all features are in.

    A feature that reads two sources is in the group of each. Of groups of the same features the first is kept.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for feature in plan.inputs:
        for by, name in _memberships(plan, feature):
            found.setdefault((by, name), []).append(feature.name)
    seen: set[tuple[str, ...]] = {tuple(feature.name for feature in plan.inputs)}
    groups = []
    for (by, name), names in sorted(found.items(), key=lambda pair: (_ORDER.index(pair[0][0]), pair[0][1])):
        if tuple(names) not in seen:
            seen.add(tuple(names))
            groups.append(Group(by, name, tuple(names)))
    return tuple(groups)


_ORDER = ("source", "window", "kind")


def margin_of(plan: Plan, bench: Bench, metric: Metric, scores: np.ndarray) -> float:
    """By how much a metric may be worse and count as no worse: the release's margin, as a share of the value itself."""
    value = bench.value(metric, as_scored("all features", scores))
    return plan.system.release.margin * abs(value) if np.isfinite(value) else 0.0


def verdict_of(worse: Interval, margin: float) -> str:
    """What the interval of a difference says.

    >>> verdict_of(Interval(0.02, 0.01, 0.03, 0.95, 100, 10, 200, "percentile"), 0.005)
    'matters'
    """
    if worse.low > 0:
        return MATTERS
    if worse.high < 0:
        return HARMS
    return COULD_GO if worse.high <= margin else OPEN


def _memberships(plan: Plan, feature: Feature) -> list[tuple[str, str]]:
    nodes = list(walk(feature.expr))
    sources = {info(node.source).name for node in nodes if isinstance(node, (Aggregate, Column))}
    windows = {name_of(node.window) for node in nodes if isinstance(node, Aggregate)}
    return [
        *[("source", name) for name in sorted(sources or {REQUEST})],
        *[("window", name) for name in sorted(windows)],
        ("kind", plan.features[feature.name]),
    ]
