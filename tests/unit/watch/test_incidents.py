"""Incidents: what belongs together, and what counts as an alarm."""

from __future__ import annotations

import json

from setpoint.core.times import DAY
from setpoint.watch.finding import DIGEST, FEATURE, LABEL, PAGE, Finding
from setpoint.watch.incidents import Incident, merge


def finding(
    subject: str,
    day: int,
    *,
    cause: str = "weather",
    monitor: str = "null",
    level: str = FEATURE,
    severity: str = PAGE,
    p_value: float = 1e-6,
) -> Finding:
    """A finding about a day."""
    return Finding(monitor, level, subject, day * DAY, severity, p_value, 0.5, {}, cause)


def live(ticks: dict[int, list[Finding]], *, until: int) -> tuple[list[Incident], dict[int, int]]:
    """All incidents, and how many opened on each day that any did."""
    incidents: list[Incident] = []
    opened = {}
    for day in range(until + 1):
        incidents, new = merge(incidents, ticks.get(day, []), (day + 1) * DAY)
        if new:
            opened[day] = len(new)
    return incidents, opened


def test_columns_of_one_source_are_one_incident() -> None:
    """Findings of a tick with the same cause open one incident, the strongest evidence first."""
    incidents, opened = live({0: [finding("temp", 0), finding("wind", 0, p_value=1e-9)]}, until=0)
    assert opened == {0: 1}
    assert [subject.name for subject in incidents[0].subjects] == ["wind", "temp"]
    assert incidents[0].title == "wind, temp: null (weather)"


def test_different_causes_are_different_incidents() -> None:
    """Two sources that break on one day are two things to mend."""
    assert live({0: [finding("temp", 0), finding("seats", 0, cause="planes")]}, until=0)[1] == {0: 1 + 1}


def test_what_goes_on_is_no_new_alarm() -> None:
    """Each day extends the incident; it closes after three quiet days."""
    incidents, opened = live({day: [finding("temp", day)] for day in range(5)}, until=8)
    assert opened == {0: 1}
    assert len(incidents) == 1
    assert (incidents[0].first_bad, incidents[0].opened_at) == (0, DAY)
    assert (incidents[0].seen_at, incidents[0].closed_at) == (5 * DAY, 8 * DAY)
    assert incidents[0].subjects[0].findings == 5


def test_a_new_column_of_the_cause_joins_within_a_day() -> None:
    """The next column of a failing source is the same incident; after a quiet day it is another."""
    assert live({0: [finding("temp", 0)], 1: [finding("wind", 1)]}, until=1)[1] == {0: 1}
    assert live({0: [finding("temp", 0)], 2: [finding("wind", 2)]}, until=2)[1] == {0: 1, 2: 1}


def test_the_same_column_joins_as_long_as_the_incident_is_open() -> None:
    """A fault that comes and goes is one incident, whatever the suspected cause on the day."""
    assert live({0: [finding("temp", 0)], 2: [finding("temp", 2, cause="world")]}, until=2)[1] == {0: 1}


def test_after_closing_the_same_fault_is_a_new_alarm() -> None:
    """A closed incident is history."""
    incidents, opened = live({0: [finding("temp", 0)], 6: [finding("temp", 6)]}, until=6)
    assert opened == {0: 1, 6: 1}
    assert [incident.open for incident in incidents] == [False, True]
    assert incidents[0].id != incidents[1].id


def test_a_loss_of_quality_is_its_own_incident() -> None:
    """What the labels say is not merged with what the world did to the inputs."""
    drift = finding("temp", 0, cause="world", monitor="drift", severity=DIGEST)
    worse = finding("", 0, cause="world", monitor="loss above the promised", level=LABEL)
    incidents, opened = live({0: [drift, worse]}, until=0)
    assert opened == {0: 2}
    assert [(i.level, i.severity) for i in incidents] == [(FEATURE, DIGEST), (LABEL, PAGE)]


def test_a_fault_makes_a_digest_page() -> None:
    """An incident is as severe as its worst finding."""
    moved = finding("temp", 0, monitor="drift", severity=DIGEST)
    incidents, _ = live({0: [moved], 1: [finding("temp", 1)]}, until=1)
    assert incidents[0].severity == PAGE
    assert "weather" in incidents[0].next_step


def test_an_incident_survives_json() -> None:
    """What is stored is what was found, and merging is the same in every run."""
    incidents, _ = live({0: [finding("temp", 0), finding("seats", 0, cause="planes")]}, until=4)
    again = [Incident.from_dict(json.loads(json.dumps(incident.to_dict()))) for incident in incidents]
    assert again == incidents
    assert live({0: [finding("temp", 0), finding("seats", 0, cause="planes")]}, until=4)[0] == incidents
