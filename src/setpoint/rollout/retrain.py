"""When a training is due, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from setpoint.core import times
from setpoint.declare.plan import Plan
from setpoint.watch.finding import LABEL
from setpoint.watch.incidents import Incident

FIRST, AGAIN, SCHEDULED, ALARM = "first", "again", "scheduled", "alarm"

REST = times.WEEK
"""An alarm does not start a training sooner than this after the last one: its cure needs labels of its own time."""


@dataclass(frozen=True)
class Due:
    """A training that is due: its kind ("first", "again", "scheduled" or "alarm") and the reason in words."""

    kind: str
    reason: str

    def to_dict(self) -> dict[str, str]:
        """The due training as JSON-like data."""
        return {"kind": self.kind, "reason": self.reason}


def training_due(
    plan: Plan,
    *,
    now: int,
    started: int,
    last_training: int | None,
    incidents_opened: Sequence[Incident],
    matured_rows: int,
    deciding: bool = True,
) -> Due | None:
    """The training that is due at a tick, or None.

    The first comes one refresh after the start (at once where models are refreshed only on alarms), later ones one
    refresh after the last training, whatever came of it. An incident that shows a loss of quality brings one
    forward when the release says `on_alarm`. While no model is `deciding`, a training that the gate refused is tried
    again every week. None is due before the plan's minimum of mature decisions is there.
    """
    release = plan.system.release
    if matured_rows < plan.minimum_rows:
        return None
    if last_training is None:
        if now < started + release.refresh:
            return None
        waited = f"{times.spell(now - started)} of decisions" if now > started else "decisions"
        return Due(FIRST, f"no model yet; {waited} gave {matured_rows} mature labels")
    since = now - last_training
    if not deciding and since >= REST:
        return Due(AGAIN, f"no model passed the gate yet; {times.spell(since)} more of labels may settle it")
    if release.refresh and since >= release.refresh:
        return Due(
            SCHEDULED, f"{times.spell(since)} since the last training; refresh is {times.spell(release.refresh)}"
        )
    worse = [incident for incident in incidents_opened if incident.level == LABEL]
    if worse and release.on_alarm and since >= REST:
        return Due(ALARM, f"incident {worse[0].id} opened: {worse[0].title}")
    return None
