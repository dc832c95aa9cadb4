"""The watch as a whole: few false alarms, and planted faults found soon."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from setpoint.core.times import DAY
from setpoint.declare.plan import Plan
from setpoint.watch.finding import Finding
from setpoint.watch.incidents import Incident, merge
from setpoint.watch.past import HISTORY
from setpoint.watch.reference import Reference
from setpoint.watch.summarise import DaySummary
from setpoint.watch.watch import SHARES, budget, watch
from tests.unit.watch.world import START, Columns, World, resampled

Fault = Callable[[Columns, np.random.Generator], None]
BEGINS = 80


def live(plan: Plan, reference: Reference, days: Sequence[DaySummary], *, first: int) -> list[Incident]:
    """The incidents opened from a day on."""
    incidents: list[Incident] = []
    for k in range(first, len(days)):
        now = days[k].at
        findings = watch(
            plan, reference=reference, today=days[k], history=days[max(0, k - HISTORY) : k], quality=None, now=now
        )
        incidents, _ = merge(incidents, findings, now)
    return incidents


def column_null(columns: Columns, rng: np.random.Generator) -> None:
    """A join broke: a column has no value at all."""
    columns["weather_3"] = np.full(columns["weather_3"].size, np.nan)


def unit_bug(columns: Columns, rng: np.random.Generator) -> None:
    """Two rows in a hundred come in another unit."""
    wrong = rng.uniform(size=columns["distance"].size) < 0.02
    columns["distance"] = np.where(wrong, columns["distance"] * 100, columns["distance"])


def renamed(columns: Columns, rng: np.random.Generator) -> None:
    """A category is spelled differently from now on."""
    columns["carrier"] = np.where(columns["carrier"] == "c03", "C-03", columns["carrier"])


def score_shift(columns: Columns, rng: np.random.Generator) -> None:
    """The scores have moved by .3 standard deviations, and no input has."""
    columns["score"] = np.clip(columns["score"] + 0.3 * columns["score"].std(), 0, 1)


def stuck(columns: Columns, rng: np.random.Generator) -> None:
    """A sensor repeats its last value."""
    columns["speed"] = np.full(columns["speed"].size, 7.0)


def swapped(columns: Columns, rng: np.random.Generator) -> None:
    """Two columns came in the wrong order; both keep their range."""
    columns["rate_2"], columns["flag"] = columns["flag"], columns["rate_2"]


@pytest.mark.parametrize(
    ("fault", "subject", "monitor", "cause", "within"),
    [
        (column_null, "weather_3", "null", "weather", 1),
        (unit_bug, "distance", "out of range", "request", 1),
        (renamed, "carrier", "unseen value", "request", 1),
        (stuck, "speed", "one value", "request", 1),
        (swapped, "flag", "drift", "world", 1),
        (score_shift, "score", "score drift", "serving", 3),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_planted_fault_is_found_soon(
    plan: Plan,
    world: World,
    reference: Reference,
    days: list[DaySummary],
    fault: Fault,
    subject: str,
    monitor: str,
    cause: str,
    within: int,
) -> None:
    """Each fault opens one incident, about the right column, from the day it began, within so many days."""
    faulty = world.summaries(reference, range(BEGINS, BEGINS + 3), fault)
    opened = live(plan, reference, [*days[:BEGINS], *faulty], first=BEGINS)
    found = next(incident for incident in opened if incident.subjects[0].name == subject)
    assert monitor in {s.monitor for s in found.subjects}
    assert found.cause == cause
    assert found.opened_at <= START + (BEGINS + within) * DAY
    assert len(opened) == 1


def test_a_missing_day_pages(plan: Plan, world: World, reference: Reference, days: list[DaySummary]) -> None:
    """A day without a decision is one finding, not one for every column."""
    from setpoint.watch.summarise import summarise

    empty = summarise(reference, world.log(BEGINS).slice(0, 0), at=days[BEGINS].at)
    findings = watch(plan, reference=reference, today=empty, history=days[:BEGINS], quality=None, now=empty.at)
    assert [(f.monitor, f.severity, f.cause) for f in findings] == [("missing day", "page", "flights")]


def test_half_a_day_pages(plan: Plan, world: World, reference: Reference, days: list[DaySummary]) -> None:
    """Half of the decisions missing is a change of volume and nothing else."""
    from setpoint.watch.summarise import summarise

    half = summarise(reference, world.log(BEGINS).slice(0, 400), at=days[BEGINS].at)
    findings = watch(plan, reference=reference, today=half, history=days[:BEGINS], quality=None, now=half.at)
    assert [f.monitor for f in findings] == ["volume"]


def test_false_alarms_stay_within_the_budget(plan: Plan, reference: Reference, days: list[DaySummary]) -> None:
    """On resampled days, 45 columns wide, at most one incident a month opens: 6 lives of 30 days."""
    opened = 0
    for seed in range(6):
        life = resampled(days, HISTORY + 30, np.random.default_rng(seed))
        opened += len(live(plan, reference, life, first=HISTORY))
    assert opened <= 6


def test_a_turning_season_is_no_alarm(plan: Plan) -> None:
    """Weather that changes by three deviations over five months moves with its trailing windows."""
    world = World(seed=2, days=150, season=2.0)
    reference = world.reference()
    opened = live(plan, reference, world.summaries(reference), first=30)
    assert len(opened) <= 4  # 120 days at one a month


def test_nothing_is_found_without_a_past(plan: Plan, reference: Reference, days: list[DaySummary]) -> None:
    """On the first days there is nothing to compare with."""
    assert live(plan, reference, days[:10], first=0) == []


def test_a_dead_column_is_found_on_the_first_day(plan: Plan, world: World, reference: Reference) -> None:
    """Training is all the past there is, and enough for a fault as gross."""
    from setpoint.watch.summarise import summarise

    today = summarise(reference, world.log(40, column_null), at=START)
    findings = watch(plan, reference=reference, today=today, history=[], quality=None, now=START)
    assert [(f.monitor, f.subject) for f in findings] == [("null", "weather_3")]


def test_the_budget_is_shared_out_whole(plan: Plan) -> None:
    """The shares add up to one, and to one alarm in thirty ticks of a day."""
    assert sum(SHARES.values()) == pytest.approx(1.0)
    assert sum(budget(plan).values()) * 30 == pytest.approx(plan.alarms_per_month)


def test_a_finding_survives_json(plan: Plan, world: World, reference: Reference, days: list[DaySummary]) -> None:
    """A finding is stored as it was found."""
    import json

    from setpoint.watch.summarise import summarise

    today = summarise(reference, world.log(BEGINS, renamed), at=days[BEGINS].at)
    findings = watch(plan, reference=reference, today=today, history=days[:BEGINS], quality=None, now=today.at)
    told = json.loads(json.dumps([finding.to_dict() for finding in findings], allow_nan=False))
    assert [Finding.from_dict(each) for each in told] == findings
    assert findings
