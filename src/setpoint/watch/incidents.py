"""Incidents: findings that belong together, from the first to three quiet days after the last. A new one is an alarm.

A finding joins an open incident of the same cause that was seen within the last day, or one that already has its column
and monitor. What is left opens new ones: one per cause. An incident that nothing was added to for three days closes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from setpoint.core import ids
from setpoint.core.times import DAY
from setpoint.watch.diagnose import next_step
from setpoint.watch.finding import DIGEST, FEATURE, INPUT, LABEL, PAGE, PREDICTION, Finding

MERGE = DAY
"""Findings of one cause within this time belong together."""

QUIET = 3 * DAY
"""An incident closes when nothing was added for this long."""

_FIRST = (LABEL, INPUT, FEATURE, PREDICTION)


@dataclass(frozen=True)
class Subject:
    """One column in an incident: what was first found about it, with the strongest evidence so far."""

    name: str
    level: str
    monitor: str
    p_value: float
    effect: float
    findings: int

    def to_dict(self) -> dict[str, Any]:
        """The subject as JSON-like data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Incident:
    """Findings that belong together.

    `first_bad` is the start of the time it is about, `opened_at` when it was found, `seen_at` when something was last
    added, `closed_at` None while it is open. `subjects` are ranked, the strongest evidence first.
    """

    id: str
    opened_at: int
    first_bad: int
    seen_at: int
    closed_at: int | None
    level: str
    severity: str
    cause: str
    title: str
    next_step: str
    subjects: tuple[Subject, ...]

    @property
    def open(self) -> bool:
        """Whether it is still going on."""
        return self.closed_at is None

    def to_dict(self) -> dict[str, Any]:
        """The incident as JSON-like data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**data, "subjects": [subject.to_dict() for subject in self.subjects]}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Incident:
        """The incident that `to_dict` described."""
        return Incident(**{**data, "subjects": tuple(Subject(**subject) for subject in data["subjects"])})


def merge(
    incidents: Sequence[Incident], findings: Sequence[Finding], now: int
) -> tuple[list[Incident], list[Incident]]:
    """All incidents after a tick's findings, in order of opening, and those newly opened: the alarms.

    Closed incidents are handed back as they are.

    >>> gone = Finding("null", FEATURE, "temp", 0, PAGE, 1e-9, 0.5, {}, "weather")
    >>> incidents, opened = merge([], [gone], DAY)
    >>> opened[0].title
    'temp: null (weather)'
    >>> len(merge(incidents, [gone], 2 * DAY)[1])
    0
    """
    current = list(incidents)
    fresh: dict[tuple[str, bool], list[Finding]] = {}
    for finding in findings:
        home = _home(current, finding, now)
        if home is None:
            fresh.setdefault((finding.cause, finding.level == LABEL), []).append(finding)
        else:
            current[home] = _extend(current[home], [finding], now)
    opened = [_open(cause, group, now) for (cause, _), group in fresh.items()]
    closed = [_close(incident, now) for incident in current]
    return [*closed, *opened], opened


def _home(incidents: Sequence[Incident], finding: Finding, now: int) -> int | None:
    """The place of the open incident that a finding belongs to."""
    for place, incident in enumerate(incidents):
        if not incident.open or (incident.level == LABEL) != (finding.level == LABEL):
            continue
        again = any(s.name == finding.subject and s.monitor == finding.monitor for s in incident.subjects)
        if again or (incident.cause == finding.cause and now - incident.seen_at <= MERGE):
            return place
    return None


def _open(cause: str, findings: Sequence[Finding], now: int) -> Incident:
    subjects = _ranked([], findings)
    level = min((finding.level for finding in findings), key=_FIRST.index)
    names = ", ".join(subject.name or "all decisions" for subject in subjects[:3])
    more = f" and {len(subjects) - 3} more" if len(subjects) > 3 else ""
    monitors = list(dict.fromkeys(subject.monitor for subject in subjects))
    return Incident(
        id=ids.derived("i", str(now), cause, level, names, *monitors),
        opened_at=now,
        first_bad=min(finding.at for finding in findings),
        seen_at=now,
        closed_at=None,
        level=level,
        severity=_severity(findings),
        cause=cause,
        title=f"{names}{more}: {', '.join(monitors[:3])} ({cause})",
        next_step=next_step(cause, monitors),
        subjects=subjects,
    )


def _extend(incident: Incident, findings: Sequence[Finding], now: int) -> Incident:
    subjects = _ranked(incident.subjects, findings)
    worse = PAGE if incident.severity == PAGE else _severity(findings)
    first = min(incident.first_bad, *(finding.at for finding in findings))
    return replace(incident, first_bad=first, seen_at=now, severity=worse, subjects=subjects)


def _close(incident: Incident, now: int) -> Incident:
    if incident.open and now - incident.seen_at >= QUIET:
        return replace(incident, closed_at=now)
    return incident


def _severity(findings: Sequence[Finding]) -> str:
    return PAGE if any(finding.severity == PAGE for finding in findings) else DIGEST


def _ranked(subjects: Sequence[Subject], findings: Sequence[Finding]) -> tuple[Subject, ...]:
    """The subjects with the findings added, the strongest evidence first."""
    found = {(subject.name, subject.monitor): subject for subject in subjects}
    for finding in findings:
        key = (finding.subject, finding.monitor)
        before = found.get(key)
        effect = finding.effect if before is None else max(before.effect, finding.effect, key=abs)
        p_value = finding.p_value if before is None else min(before.p_value, finding.p_value)
        count = 1 if before is None else before.findings + 1
        found[key] = Subject(finding.subject, finding.level, finding.monitor, p_value, effect, count)
    return tuple(sorted(found.values(), key=lambda s: (s.p_value, -abs(s.effect), s.name, s.monitor)))
