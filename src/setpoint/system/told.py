"""What was told of decisions and labelled by hand, read by one path for whatever learns, judges or keeps it."""

from __future__ import annotations

from contextlib import ExitStack

import pyarrow as pa

from setpoint.labels.acquired import asked_of
from setpoint.labels.hand_labels import hand_labels, hand_rows, settle_votes
from setpoint.labels.queue import Queue
from setpoint.labels.told import told_rows
from setpoint.serve.asked import take_moment
from setpoint.serve.outcomes import Outcomes
from setpoint.system.opened import Opened
from setpoint.system.workspaces import reading


def told_labels(opened: Opened) -> pa.Table | None:
    """All that was told of decisions by now, and what votes say of them, as rows; None where nothing was."""
    return told_rows(_outcomes(opened), by_hand(opened))


def by_hand(opened: Opened) -> pa.Table | None:
    """What votes say of decisions by now, as it is told of them; None where nobody labels."""
    name, hand = opened.declared.name, opened.declared.hand
    if hand is None:
        return None
    settle_votes(Queue(name, hand, opened.metadata, clock=opened.clock), opened.metadata, clock=opened.clock)
    labels = hand_labels(name, opened.metadata, every_version=True)
    return hand_rows(labels, positive=hand.positive, asked=asked_of(name, opened.metadata))


def _outcomes(opened: Opened) -> pa.Table | None:
    """The outcomes that the live system was told, those of its decisions by their keys; None where there is no log."""
    live, plan = opened.workspaces.live, opened.plan
    with ExitStack() as stack:
        log = reading(stack, live.outcomes)
        if log is None:
            return None
        metadata, tables = live.open_metadata(opened.settings), live.open_tables()
        stack.callback(metadata.close)
        moment = take_moment(plan, metadata, tables, reading(stack, live.log))
        return Outcomes(plan.system.name, log, plan.prediction).rows(moment.joined_by(plan, tables))
