"""What was logged of decisions, worked out again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from setpoint.core.errors import NothingYet, WrongType
from setpoint.core.times import iso
from setpoint.serve.asked import take_moment
from setpoint.system.backends import open_learners
from setpoint.system.opened import Opened
from setpoint.system.scorers import Scorers
from setpoint.system.workspaces import reading
from setpoint.watch.consistency import verify_moment


def verify(
    opened: Opened,
    *,
    since: int | None = None,
    until: int | None = None,
    features: Sequence[str] | None = None,
    sample: float = 1.0,
) -> dict[str, Any]:
    """What was logged of decisions from a time to before another, worked out again and compared bit for bit."""
    refuse_share(sample)
    with opened.workspaces.recorded() as (metadata, tables, _), ExitStack() as stack:
        folders = opened.workspaces.newest()[0]
        moment = take_moment(opened.plan, metadata, tables, reading(stack, folders.log))
        found = verify_moment(
            opened.plan,
            opened.events.rows_of(metadata, tables),
            metadata,
            tables,
            moment,
            scorer_of=Scorers(folders.models, open_learners(opened.settings.threads)).of,
            since=since,
            until=until,
            features=features,
            sample=sample,
            seed=opened.settings.seed,
        )
    if not found["decisions"]:
        asked = f" from {'the first' if since is None else iso(since)} to {'the last' if until is None else iso(until)}"
        raise NothingYet(
            f"No decision of {opened.declared.name!r}{asked} was looked at.",
            expected="a time in which decisions were taken, and a share of them that is at least one",
        )
    return found


def refuse_share(sample: float, *, least: float | None = None) -> None:
    """Raise WrongType for a share of decisions that is none; one of zero is, unless `least` allows it."""
    if not (0.0 < sample <= 1.0 or sample == least):
        expected = "more than 0, at most 1" if least is None else "0 to 1"
        raise WrongType(f"A share of {sample:g} is no share.", expected=expected)
