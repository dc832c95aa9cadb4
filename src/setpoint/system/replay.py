"""History run as if live."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from typing import Any

from setpoint.core.clock import SimulatedClock, cpu_seconds
from setpoint.core.digest import digest
from setpoint.core.errors import WrongType
from setpoint.core.times import DAY
from setpoint.data.log.feed import RowsFeed
from setpoint.data.snapshots.snapshot import take_snapshot
from setpoint.declare.kind_checks import check_said
from setpoint.features.online import OnlineFeatures
from setpoint.features.stream import log_of
from setpoint.history import OnlineSample, Progress, last_tick, replay, requests_of, results_of
from setpoint.labels.told import beside_sources, known_by
from setpoint.loop import TickReport
from setpoint.registry.bases import told_bases
from setpoint.system.features import read_features, reader_of
from setpoint.system.opened import Opened
from setpoint.system.told import told_labels
from setpoint.system.verify import refuse_share
from setpoint.system.workspaces import REPLAY, RESULTS


def run_replay(
    opened: Opened,
    *,
    start: int | None = None,
    end: int | None = None,
    batch: int = DAY,
    sample: float = 0.01,
    fresh: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run history as if live, from `start` to before `end` (default: all of it), and say what it amounted to."""
    check_said(opened.declared, "replay")
    refuse_share(sample, least=0.0)
    if batch <= 0:
        raise WrongType(f"Batches are {batch / 1e6:g} seconds long.", expected='more than "0s", such as "1d"')
    before = cpu_seconds()
    plan = opened.plan
    until = last_tick(plan, requests_of(plan, opened.rows, start=start, end=end)) * plan.tick
    told = known_by(told_labels(opened), until)
    snapshot = take_snapshot(beside_sources(opened.rows, told, until), 2**62)
    given = [opened.declared.digest, snapshot.digest, start, end, batch, sample, opened.settings.seed]
    name = digest([*given, told_bases(plan.bases)] if plan.bases else given)[:12]
    folders = opened.workspaces.replay(name)
    taken_in = cpu_seconds() - before
    if fresh and folders.home.exists():
        shutil.rmtree(folders.home)
    with opened.open(folders, SimulatedClock(0), what=REPLAY) as (work, state):
        assert isinstance(work.clock, SimulatedClock)
        feed = RowsFeed(opened.rows)
        found = replay(
            plan,
            replace(work, told=lambda: told, read=partial(read_features, opened)),
            work.clock,
            opened.rows,
            start=start,
            end=end,
            batch=batch,
            sample=OnlineSample(plan, feed, OnlineFeatures(plan, state, history=log_of(feed)), sample),
            progress=progress or _silent,
            taken_in=taken_in,
            read=partial(reader_of, opened, opened.rows),
        )
        results = {**results_of(found), "folder": str(folders.home)}
    draft = folders.home / f".{RESULTS}"
    draft.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n")
    draft.replace(folders.home / RESULTS)  # at once: a file that is half there would be read as a finished replay
    return results


def _silent(report: TickReport, *, done: int, of: int) -> None:
    """Say nothing."""
