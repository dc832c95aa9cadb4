"""The system deciding now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np

from setpoint.data.log.readmit import do_asked
from setpoint.declare.kind_checks import check_said
from setpoint.features.freshness import freshness_of
from setpoint.features.online import OnlineFeatures
from setpoint.features.stream import log_of
from setpoint.history import requests_of
from setpoint.loop import open_loop
from setpoint.registry import audit
from setpoint.serve.outcomes import Outcomes
from setpoint.session import LogBook, Session
from setpoint.system.backends import open_log
from setpoint.system.disputed import disputed
from setpoint.system.opened import Opened
from setpoint.system.people import votes_on
from setpoint.system.told import by_hand
from setpoint.system.workspaces import LIVE
from setpoint.watch.status import loop_status

VERIFIED = 200
"""How many decisions of every tick of a live system are worked out again."""


@contextmanager
def session(opened: Opened) -> Iterator[Session]:
    """The system deciding now: requests answered, the log written, events and ticks taken on `refresh`."""
    check_said(opened.declared, "serve")
    adopted = opened.workspaces.adopt(opened.clock.now())
    plan, folders, quota = opened.plan, opened.workspaces.live, opened.workspaces.quota
    with (
        opened.open(folders, opened.clock, what=LIVE) as (work, state),
        opened.events.log(work.metadata, work.tables) as events,
        closing(open_log(folders.log, quota=quota)) as log,
        closing(open_log(folders.outcomes, quota=quota)) as told,
    ):
        if adopted is not None:
            now = opened.clock.now()
            reason = f"the live system goes on from the replay {adopted}"
            audit.record(work.metadata, at=now, act="adopt", subject=plan.system.name, reason=reason)
        outcomes = Outcomes(plan.system.name, told, plan.prediction)
        book = LogBook(plan, work, events.tables, outcomes, hand=partial(by_hand, opened))
        watched = replace(work, told=book.told, verified=VERIFIED, disputed=partial(disputed, opened))
        watched = replace(watched, votes=partial(votes_on, opened))
        loop = open_loop(plan, watched, events.tables, book.examples, started=opened.clock.now())
        session = Session(
            loop,
            clock=opened.clock,
            events=events,
            online=OnlineFeatures(plan, state, history=log_of(events)),
            log=log,
            outcomes=outcomes,
            book=book,
            status=lambda: loop_status(
                plan,
                work.metadata,
                work.tables,
                where=str(folders.home),
                fresh=freshness_of(plan, events.tables, opened.clock.now()),
                unreachable=opened.unreachable,
            ),
            reach=partial(opened.events.reach, events, work.metadata, work.tables),
            mend=partial(do_asked, work.metadata, events),
        )
        try:
            session.refresh()
            session.rehearse(example_request(opened, opened.clock.now()))
            yield session
        finally:
            session.close()


def example_request(opened: Opened, now: int) -> dict[str, Any]:
    """A request from the data to try the service with: the next decision after a time, or the last of all."""
    requests = requests_of(opened.plan, opened.rows, start=None, end=None)
    place = min(int(np.searchsorted(requests.at, now)), requests.at.size - 1)
    row = requests.table.slice(place, 1).to_pylist()[0]
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
