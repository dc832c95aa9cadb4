"""What is asked about: every decision up to this moment, and what is known of their labels by now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.ports import Metadata, Segments, Tables
from setpoint.data.arrays import NULL_TIME
from setpoint.data.labels import ACQUIRED
from setpoint.data.log.decisions import DECISIONS, lasts_by, met_by, part_name
from setpoint.data.rows import ALWAYS, AT, ENDS, KNOWN_AT, NEVER
from setpoint.declare.plan import Plan
from setpoint.labels.completeness import stale_sources
from setpoint.labels.join import KNOWN, STATES, Labels, resolve
from setpoint.labels.told import with_told
from setpoint.serve.log import log_table, take_records

READ = ("decision_id", "key", "at", "acted")
"""The columns of the decision log that labels are joined by."""


@dataclass(frozen=True)
class Moment:
    """All decisions of a moment, each once: those in the parts of committed ticks, and the newer ones as rows."""

    parts: tuple[str, ...]
    newer: pa.Table

    def joined_by(self, plan: Plan, tables: Tables) -> pa.Table:
        """The columns that labels are joined by, of every decision in order."""
        named = (*READ, met_by(plan), lasts_by(plan))
        columns = [name for name in dict.fromkeys(named) if name is not None]
        newer = self.newer.select(columns)
        if not self.parts:
            return newer
        stored = tables.read(DECISIONS, columns=columns, parts=self.parts)
        return pa.concat_tables([stored, newer], promote_options="permissive")

    def newest_first(self, tables: Tables) -> Iterator[pa.Table]:
        """All columns of the decisions, those of the newest ticks first."""
        yield self.newer
        for part in reversed(self.parts):
            yield tables.read(DECISIONS, parts=[part])


def take_moment(plan: Plan, metadata: Metadata, tables: Tables, log: Segments | None) -> Moment:
    """The decisions up to now, while others are taken and ticks commit.

    What a tick has committed names both the parts to read and the record after which the log goes on, so nothing is
    missed and nothing is there twice. `log` is None where nothing decides online.
    """
    state = metadata.get("loop", plan.system.name)
    tick, after = (-1, -1) if state is None else (state["tick"], state["shipped"])
    parts = tuple(part for part in tables.parts(DECISIONS) if part <= part_name(tick)) if tick >= 0 else ()
    newer = [log_table([], plan)]
    while log is not None:
        taken = take_records(log, plan, after=after)
        if taken.position == after:
            break
        newer.append(taken.rows)
        after = taken.position
    return Moment(parts, pa.concat_tables(newer, promote_options="permissive").combine_chunks())


def labels_of(
    plan: Plan,
    decisions: pa.Table,
    rows: Mapping[str, pa.Table],
    *,
    told: pa.Table | None,
    as_of: int,
) -> pa.Table:
    """What is known by a time of each decision's label: `state`, `value`, `settled_at`, and whether it is `mature`.

    `acquired` says how a known label was: natural, at random, or picked by a strategy.
    """
    label, at, by = plan.system.label, decisions["at"].to_numpy(), lasts_by(plan)
    keys, on = decisions["key"].combine_chunks(), decisions[met_by(plan)].combine_chunks()
    segments = None if by is None else decisions[by].combine_chunks()
    acted = decisions["acted"].combine_chunks()
    actions = None if label.censored_when is None else pc.if_else(acted, plan.system.goal.act.name, "")
    complete_to = stale_sources(plan.system, rows, as_of)
    labels = resolve(label, on, at, rows, as_of, actions=actions, segments=segments, complete_to=complete_to)
    labels = with_told(labels, keys, at, told, label=label, as_of=as_of)
    settled = labels.settled_at
    return pa.table(
        {
            "decision_id": decisions["decision_id"],
            "state": pa.array(np.array(STATES)[labels.state], pa.string()),
            "value": pa.array(labels.value),
            "settled_at": pa.array(settled, pa.int64(), mask=settled == NULL_TIME),
            "mature": pa.array(labels.mature),
            "acquired": _acquired(labels),
        }
    )


def _acquired(labels: Labels) -> pa.Array:
    how = np.zeros(labels.state.size, dtype=np.int8) if labels.acquired is None else labels.acquired.how
    return pa.array(np.array(ACQUIRED)[how], pa.string(), mask=labels.state != KNOWN)


def shown_rows(rows: pa.Table) -> pa.Table:
    """A source's rows with NULL for the times of what holds always, and for the end of what was never taken back."""
    for name in (AT, KNOWN_AT):
        times = rows[name]
        if rows.num_rows and times[0].as_py() == ALWAYS:
            place = rows.schema.get_field_index(name)
            rows = rows.set_column(place, name, pc.if_else(pc.equal(times, ALWAYS), None, times))
    if ENDS in rows.column_names:
        ends = rows[ENDS]
        rows = rows.set_column(rows.schema.get_field_index(ENDS), ENDS, pc.if_else(pc.equal(ends, NEVER), None, ends))
    return rows
