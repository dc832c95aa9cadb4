"""Whether what a feature says holds elsewhere: in later blocks of time, and in segments that it was not learned in.

A feature is read alone: the rates of the outcome by its bins, learned on other rows, rank the rows of a place, and the
AUC says how well. Below 0.5 it says the opposite of what it said elsewhere. Huyen (2022), "Designing Machine Learning
Systems", chapter 5, asks two things of a feature: that it covers as many rows later as before, and that what it says
goes on to hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import chi2

from setpoint.core.errors import NothingYet
from setpoint.core.times import iso
from setpoint.declare.plan import Plan
from setpoint.learn.baselines import fit_rates
from setpoint.learn.encode import Encoder, encoder_of
from setpoint.learn.groups import groups_of
from setpoint.learn.origins import rolling_origins
from setpoint.learn.sides import Sides
from setpoint.measure.bootstrap import interval
from setpoint.measure.intervals import Interval, normal_quantile
from setpoint.measure.multiplicity import holm

TIMES, SEGMENTS = 4, 6
"""Blocks of time, and segments of each slice that the goal declares, in which a feature is looked at."""
MOST = 20_000
"""Rows from which the rates of a feature are learned."""
LEAST = 20
"""Rows of the rarer class that a place needs to tell anything."""
LEAST_DAYS = 10
"""Days from which the spread of a place's AUC is known well enough to compare it with another."""
ALPHA, APART = 0.05, 0.1
"""The chance of a false finding among all features, and how far apart AUCs are at least that differ."""
KEEPS, DIFFERS, TURNS = "keeps", "differs", "turns around"


@dataclass(frozen=True)
class Place:
    """A block of time or a segment, and the AUC in it of what was learned outside of it or before it."""

    name: str
    of: str
    auc: Interval
    known: float

    def to_dict(self) -> dict[str, Any]:
        """The place as JSON-like data; `known` is the share of its rows in which the feature has a value."""
        return {"name": self.name, "of": self.of, "auc": self.auc.to_dict(), "known": self.known}


@dataclass(frozen=True)
class Generalised:
    """What a feature says in every place.

    keeps         nothing is shown to differ by more than chance among all features
    differs       AUCs of one sort of place are shown to differ, and lie 0.1 apart or more
    turns around  in a place it is shown to say the opposite
    """

    feature: str
    places: tuple[Place, ...]
    verdict: str
    because: str

    def to_dict(self) -> dict[str, Any]:
        """The places as JSON-like data."""
        return {
            "generalises": self.verdict,
            "differs_because": self.because,
            "places": [place.to_dict() for place in self.places],
        }


def generalise(plan: Plan, sides: Sides) -> tuple[Generalised, ...]:
    """What each feature of a plan says in blocks of time and in segments, on rows before what is held out."""
    names = [feature.name for feature in plan.inputs]
    found: list[list[Place]] = [[] for _ in names]
    encoder = encoder_of(plan, sides.train.features)
    for title, of, older, newer in _places(plan, sides):
        for j, place in enumerate(_aucs(encoder, sides, older, newer, title=title, of=of)):
            if place is not None:
                found[j].append(place)
    sorts = [(j, of) for j, places in enumerate(found) for of in dict.fromkeys(place.of for place in places)]
    chances = holm([differing([p.auc for p in found[j] if p.of == of]) for j, of in sorts]) if sorts else np.zeros(0)
    unlike = {key: float(p) for key, p in zip(sorts, chances.tolist(), strict=True)}
    tested = max(1, sum(len(places) for places in found))
    return tuple(_told(name, tuple(found[j]), j, unlike, tested) for j, name in enumerate(names))


def differing(aucs: Sequence[Interval]) -> float:
    """The chance of AUCs so unlike if all were one; NaN for fewer than two that have a spread.

    Cochran (1954), "The Combination of Estimates from Different Experiments", Biometrics 10(1).

    >>> alike = Interval(0.7, 0.65, 0.75, 0.95, 100, 10, 0, "delong")
    >>> differing([alike, alike])
    1.0
    """
    values = np.array([auc.estimate for auc in aucs])
    errors = np.array([(auc.high - auc.low) / (2 * normal_quantile(auc.level)) for auc in aucs])
    days = np.array([auc.clusters for auc in aucs])
    kept = np.isfinite(values) & np.isfinite(errors) & (errors > 0) & (days >= LEAST_DAYS)
    if kept.sum() < 2:
        return float("nan")
    weight = errors[kept] ** -2.0
    middle = np.average(values[kept], weights=weight)
    return float(chi2.sf((weight * (values[kept] - middle) ** 2).sum(), kept.sum() - 1))


def _told(
    name: str, places: tuple[Place, ...], j: int, unlike: dict[tuple[int, str], float], tested: int
) -> Generalised:
    reach = normal_quantile(1 - 2 * ALPHA / tested) / normal_quantile(0.95)
    turned = [p for p in places if p.auc.estimate + reach * (p.auc.high - p.auc.estimate) < 0.5]
    if turned:
        worst = min(turned, key=lambda place: place.auc.estimate)
        because = f"{worst.name}: AUC {worst.auc.estimate:.3f}, the opposite of what it says elsewhere"
        return Generalised(name, places, TURNS, because)
    for of in dict.fromkeys(place.of for place in places):
        there = sorted((p for p in places if p.of == of), key=lambda place: place.auc.estimate)
        low, high = there[0], there[-1]
        if unlike[j, of] < ALPHA and high.auc.estimate - low.auc.estimate >= APART:
            because = f"AUC {low.auc.estimate:.3f} in {low.name}, {high.auc.estimate:.3f} in {high.name}"
            return Generalised(name, places, DIFFERS, because)
    return Generalised(name, places, KEEPS, "")


def _places(plan: Plan, sides: Sides) -> list[tuple[str, str, np.ndarray, np.ndarray]]:
    """Places by name and sort, with the rows (of the sides') to learn from and those that are in it."""
    try:
        origins = rolling_origins(plan, sides, blocks=TIMES)
    except NothingYet:
        return []
    found = []
    for origin in origins:
        block, upto = origin.sides.held_out, origin.sides.index
        title = f"{iso(block.span[0])[:10]} to {iso(block.span[1])[:10]}"
        found.append((title, "time", upto[origin.sides.split.train], origin.places))
    newer = np.concatenate([origin.places for origin in origins])
    older = found[-1][2]
    for name in plan.system.goal.slices:
        there, before = groups_of(sides.rows.take(newer), name), groups_of(sides.rows.take(older), name)
        levels, counts = np.unique(there, return_counts=True)
        largest = levels[np.argsort(-counts, kind="stable")][:SEGMENTS].tolist()
        found += [(f"{name} {level}", name, older[before != level], newer[there == level]) for level in largest]
    return found


def _aucs(
    encoder: Encoder, sides: Sides, older: np.ndarray, newer: np.ndarray, *, title: str, of: str
) -> list[Place | None]:
    """What each feature says in a place; None where there are too few rows, or where it says one thing of all."""
    first, second = sides.rows.take(_thin(older)), sides.rows.take(newer)
    y_first, y = sides.two.of(first.y), sides.two.of(second.y)
    told: list[Place | None] = [None] * len(encoder.columns)
    if _rarer(y) < LEAST or _rarer(y_first) < LEAST:
        return told
    before, there, coded = encoder.matrix(first.features), encoder.matrix(second.features), set(encoder.categories)
    for j in range(len(encoder.columns)):
        scores = fit_rates(before[:, j], y_first, coded=j in coded, weight=first.weight).score(there[:, j])
        if scores.min() < scores.max():
            found = interval("auc", y, scores, cluster=second.days, weight=second.weight)
            told[j] = Place(title, of, found, float(np.mean(~np.isnan(there[:, j]))))
    return told


def _thin(values: np.ndarray) -> np.ndarray:
    return np.asarray(values[:: max(1, len(values) // MOST)])


def _rarer(y: np.ndarray) -> int:
    return int(min((y > 0).sum(), (y <= 0).sum())) if y.size else 0
