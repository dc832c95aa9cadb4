"""The whole loop on one screen."""

from __future__ import annotations

from typing import Any

from setpoint.features.freshness import freshness_of
from setpoint.system.opened import Opened
from setpoint.watch.status import loop_status
from setpoint.watch.young_labels import young_labels


def status(opened: Opened) -> dict[str, Any]:
    """The whole loop on one screen: of the live system, or of the newest replay where nothing is live."""
    plan = opened.plan
    with opened.workspaces.recorded() as (metadata, tables, where):
        rows, now = opened.events.rows_of(metadata, tables), opened.moment_of(metadata, where)
        return loop_status(
            plan,
            metadata,
            tables,
            where=where,
            fresh=freshness_of(plan, rows, now),
            unreachable=opened.unreachable,
            young=young_labels(plan, tables, rows, now),
        )
