"""New features worked out for what was decided before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import pyarrow as pa

from setpoint.core.settings import Settings
from setpoint.data.log.decisions import plan_sources
from setpoint.data.log.feed import RowsFeed
from setpoint.features.backfill import backfill
from setpoint.features.online import OnlineFeatures
from setpoint.features.stream import log_of
from setpoint.serve.asked import take_moment
from setpoint.system.folders import Folders
from setpoint.system.opened import Opened
from setpoint.system.workspaces import LIVE, only_one
from setpoint.watch.consistency import versions_recorded


def run_backfill(opened: Opened, *, progress: Callable[..., None] | None = None) -> dict[str, Any]:
    """Work out features that are new, or were changed, for every decision in the log, while serving goes on."""
    plan, (folders, settings, where) = opened.plan, opened.workspaces.newest()
    told = progress or _untold
    folders.backfill.mkdir(exist_ok=True)
    with only_one(folders.backfill, "backfill"), opened.workspaces.recorded() as (metadata, tables, _):
        moment, rows = take_moment(plan, metadata, tables, None), opened.events.rows_of(metadata, tables)
        found = backfill(
            plan,
            rows,
            tables,
            moment.parts,
            versions=versions_recorded(metadata),
            progress=partial(told, what="decisions"),
        )
        state = _fill_state(opened, folders, settings, rows, told) if where == LIVE else {}
    return {"system": plan.system.name, "features": [asdict(each) for each in found], "state": state}


def _fill_state(
    opened: Opened, folders: Folders, settings: Settings, rows: Mapping[str, pa.Table], told: Callable[..., None]
) -> dict[str, int]:
    """Fill what features have no online state yet; gives how many rows of each source it took."""
    feed, state = RowsFeed(rows), folders.open_state(settings)
    try:
        online = OnlineFeatures(opened.plan, state, history=log_of(feed))
        return {
            source: online.backfill(
                source,
                feed.read(source, after=-1, until=opened.clock.now()),
                progress=partial(told, what=f"online state of {source}"),
            )
            for source in plan_sources(opened.plan)
        }
    finally:
        state.close()


def _untold(*, done: int, of: int, what: str) -> None:
    """Tell nobody."""
