"""Distribution checks: their p-values, their effects, and what they compare."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from setpoint.core.times import DAY
from setpoint.watch.drift import LOCATION_EFFECT, SHAPE_EFFECT, check_drift, explanations, location, shape
from setpoint.watch.past import HISTORY, Past, stack
from setpoint.watch.reference import Reference
from setpoint.watch.summarise import DaySummary
from tests.unit.watch.world import World, resampled


def nobody(past: Past) -> np.ndarray:
    """All days are of one group."""
    return np.zeros_like(past.model)


def changed(past: Past, name: str, counts: np.ndarray) -> Past:
    """The past with today's histogram of a column replaced."""
    place = next(i for i, column in enumerate(past.reference.columns) if column.name == name)
    every = past.counts.copy()
    every[-1, past.reference.offsets[place] : past.reference.offsets[place + 1]] = counts
    return replace(past, counts=every)


def bins(past: Past, name: str) -> np.ndarray:
    """Today's histogram of a column."""
    place = next(i for i, column in enumerate(past.reference.columns) if column.name == name)
    return past.counts[-1, past.reference.offsets[place] : past.reference.offsets[place + 1]].copy()


def test_p_values_are_rarely_small_on_stationary_days(reference: Reference, days: list[DaySummary]) -> None:
    """On resampled days, 45 columns wide, at most twice alpha of the p-values are below alpha."""
    below = {"shape": np.zeros(2), "location": np.zeros(2)}
    told = {"shape": 0, "location": 0}
    for seed in range(12):
        life = resampled(days, HISTORY + 1, np.random.default_rng(100 + seed))
        past = stack(reference, life[:-1], life[-1])
        for found in (shape(past, nobody(past)), location(past, nobody(past), days=7)):
            values = found.p_value[~np.isnan(found.p_value)]
            told[found.name] += values.size
            below[found.name] += [(values < 0.05).sum(), (values < 0.01).sum()]
    for name, values in told.items():
        assert values > 400
        assert below[name][0] <= 2 * 0.05 * values
        assert below[name][1] <= 2 * 0.01 * values + 3


def test_a_moved_histogram_is_told_at_once(reference: Reference, days: list[DaySummary]) -> None:
    """All of a steady column's values in one of its bins is beyond any doubt."""
    past = stack(reference, days[:80], days[80])
    counts = np.zeros_like(bins(past, "speed"))
    counts[10] = bins(past, "speed").sum()
    found = shape(changed(past, "speed", counts), nobody(past))
    place = [column.name for column in reference.columns].index("speed")
    assert found.p_value[place] < 1e-8
    assert found.effect[place] > 0.5


def test_small_effects_do_not_alarm_however_certain(reference: Reference, days: list[DaySummary]) -> None:
    """An alarm needs a minimum effect beside significance."""
    past = stack(reference, days[:80], days[80])
    assert shape(past, nobody(past)).least == SHAPE_EFFECT
    findings = check_drift(past, alpha_column=45 * 2 * 0.9, alpha_score=3 * 0.9)
    for finding in findings:
        assert finding.effect >= (SHAPE_EFFECT if finding.evidence["statistic"] == "shape" else LOCATION_EFFECT)


def test_a_weekday_pattern_is_foretold_by_its_weekday(reference: Reference, days: list[DaySummary]) -> None:
    """A column that is different every day of the week, and the same each week, has not moved."""
    place = [column.name for column in reference.columns].index("weekday")
    for k in range(70, 77):
        past = stack(reference, days[:k], days[k])
        assert shape(past, nobody(past)).p_value[place] > 0.01
    wrong = replace(days[77], at=days[78].at)
    past = stack(reference, days[:77], wrong)
    assert shape(past, nobody(past)).p_value[place] < 1e-4


def test_a_slow_shift_is_seen_in_the_week(world: World, reference: Reference, days: list[DaySummary]) -> None:
    """A sensor that reads a quarter of a deviation too high for a week moves its mean."""

    def high(columns: dict[str, np.ndarray], rng: np.random.Generator) -> None:
        columns["speed"] = columns["speed"] + 0.15

    faulty = world.summaries(reference, range(73, 80), high)
    past = stack(reference, [*days[:73], *faulty[:-1]], faulty[-1])
    found = location(past, nobody(past), days=7)
    place = [column.name for column in reference.columns].index("speed")
    assert found.p_value[place] < 1e-4
    assert found.effect[place] == pytest.approx(0.25, abs=0.08)


def test_a_new_model_is_not_compared_with_the_scores_of_the_old_one(
    reference: Reference, days: list[DaySummary]
) -> None:
    """A promotion moves the scores, which is meant; the score is told again after ten days of the new model."""
    squeezed = []
    for k, day in enumerate(days):
        counts = day.counts.copy()
        if k >= 75:
            counts[reference.offsets[-2] :] = np.roll(counts[reference.offsets[-2] :], 9)
        squeezed.append(replace(day, model="new" if k >= 75 else "old", counts=counts))
    score = len(reference.columns) - 1
    early = stack(reference, squeezed[:76], squeezed[76])
    assert np.isnan(shape(early, early.model).p_value[score])
    assert np.isnan(location(early, early.model, days=1).p_value[score])
    assert shape(early, nobody(early)).p_value[score] < 0.01
    late = stack(reference, squeezed[:88], squeezed[88])
    assert shape(late, late.model).p_value[score] > 0.001
    assert location(late, late.model, days=1).p_value[score] > 0.001


def test_another_unit_is_seen_at_once(world: World, reference: Reference, days: list[DaySummary]) -> None:
    """Every value is five times what it was: each is plausible, and the day's mean is not."""

    def fivefold(columns: dict[str, np.ndarray], rng: np.random.Generator) -> None:
        columns["history_1"] = columns["history_1"] * 5

    today = world.summaries(reference, [80], fivefold)[0]
    found = check_drift(stack(reference, days[:80], today), alpha_column=0.01, alpha_score=0.003)
    assert [finding.subject for finding in found] == ["history_1"]


def test_a_mostly_constant_column_has_no_mean_to_watch(reference: Reference, days: list[DaySummary]) -> None:
    """A day of heavy rain is weather."""
    place = [column.name for column in reference.columns].index("rain")
    assert not reference.has_mean[place]
    past = stack(reference, days[:80], days[80])
    assert np.isnan(location(past, nobody(past), days=1).p_value[place])


def test_a_score_that_follows_its_inputs_has_not_drifted(
    world: World, reference: Reference, days: list[DaySummary]
) -> None:
    """Given the inputs the score is told far more exactly: a shift shows, and days of extreme inputs do not."""
    score = np.array([len(reference.columns) - 1])
    numbers = np.array([i for i, column in enumerate(reference.columns[:-1]) if column.kind == "number"])

    def shifted(columns: dict[str, np.ndarray], rng: np.random.Generator) -> None:
        columns["score"] = np.clip(columns["score"] + 0.3 * columns["score"].std(), 0, 1)

    def p_value(past: Past, inputs: np.ndarray | None) -> float:
        scores = past.select(score)
        return float(location(scores, past.model, days=1, inputs=inputs).p_value[0])

    quiet = [stack(reference, days[k - HISTORY : k], days[k]) for k in range(80, 86)]
    moved = [
        stack(reference, days[k - HISTORY : k], world.summaries(reference, [k], shifted)[0]) for k in range(80, 86)
    ]
    explained = [p_value(past, explanations(past, numbers)) for past in moved]
    alone = [p_value(past, None) for past in moved]
    assert np.median(explained) < 0.05 * np.median(alone)
    assert min(p_value(past, explanations(past, numbers)) for past in quiet) > 0.001


def test_a_finding_says_what_was_compared(world: World, reference: Reference, days: list[DaySummary]) -> None:
    """Alpha, statistic, rows and two distances a person knows."""

    def far(columns: dict[str, np.ndarray], rng: np.random.Generator) -> None:
        columns["speed"] = columns["speed"] + 2.0

    today = world.summaries(reference, [80], far)[0]
    found = check_drift(stack(reference, days[:80], today), alpha_column=0.01, alpha_score=0.003)
    assert [finding.subject for finding in found] == ["speed"]
    assert found[0].at == today.at - DAY
    assert set(found[0].evidence) == {"alpha", "statistic", "days", "rows", "js_to_before", "js_to_training"}
    assert found[0].evidence["js_to_training"] > 0.5


def test_too_little_past_tells_nothing(reference: Reference, days: list[DaySummary]) -> None:
    """Before some weeks have passed no p-value is made up."""
    past = stack(reference, days[:10], days[10])
    assert np.isnan(shape(past, nobody(past)).p_value).all()
    assert np.isnan(location(past, nobody(past), days=7).p_value).all()
