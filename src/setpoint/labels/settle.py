"""Settling: decisions whose label has matured leave the pending ones, with what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.rows import AT, KNOWN_AT
from setpoint.declare.label import EACH, Label
from setpoint.declare.source import info
from setpoint.labels.join import complete_until, ends_of, resolve
from setpoint.labels.told import with_told

OUTCOME = "outcome."
"""Prefix of the columns that came with the event that carried the label."""


@dataclass(frozen=True)
class Settled:
    """Decisions with their label (`state`, `value`, `settled_at`, `outcome.*`), and those still waiting for theirs."""

    matured: pa.Table
    pending: pa.Table


def settle(
    label: Label,
    decisions: pa.Table,
    rows: Mapping[str, pa.Table],
    *,
    as_of: int,
    actions: pa.Array | None = None,
    outcome_columns: Sequence[str] = (),
    told: pa.Table | None = None,
    on: str = "key",
    by: str | None = None,
    earlier: pa.Table | None = None,
    complete_to: Mapping[str, int] | None = None,
) -> Settled:
    """Resolve the labels of the decisions (columns `key` and `at`) that have matured by a time; leave the others.

    Decisions wait while a source is not fresh, which is complete only up to what `complete_to` says.

    Only the sources' rows that such a decision could meet are read, so a tick costs what the tick brought. `told` are
    outcomes that no source brings; a label that a strategy asked for judges nothing, so its decision is settled without
    it. `on` is the column by which events are met, `by` that of the field by which the label's time goes. Where an
    event is only one decision's, others compete for it: those that stay pending, and those that were settled `earlier`.
    """
    ripe = ends_by(label, decisions, by) + label.delay <= complete_until(label, as_of, complete_to)
    pending, mature = decisions.filter(pa.array(~ripe)), decisions.filter(pa.array(ripe))
    vying = [] if label.attribute == EACH else [pending]
    if label.attribute != EACH and earlier is not None and mature.num_rows:
        vying.append(earlier.filter(pc.greater_equal(earlier["at"], pc.min(mature["at"]).as_py() - label.within)))
    columns = [on, "at", *([] if by is None else [by])]
    asked = pa.concat_tables([each.select(columns) for each in (mature, *vying)], promote_options="default")
    at = asked["at"].to_numpy()
    near = {info(source).name: _reachable(rows[info(source).name], at, as_of) for source in label.sources}
    labels = resolve(
        label,
        asked[on].combine_chunks(),
        at,
        near,
        as_of,
        actions=None if actions is None else _as_long(actions.filter(pa.array(ripe)), at.size),
        outcome_columns=outcome_columns,
        segments=None if by is None else asked[by].combine_chunks(),
        complete_to=complete_to,
    )
    labels = labels.take(slice(mature.num_rows))
    if told is not None:
        labels = with_told(
            labels, mature["key"].combine_chunks(), at[: mature.num_rows], told, label=label, as_of=as_of
        ).judging
    mature = mature.append_column("state", pa.array(labels.state))
    mature = mature.append_column("value", pa.array(labels.value))
    mature = mature.append_column("settled_at", pa.array(labels.settled_at))
    for name in outcome_columns:
        mature = mature.append_column(OUTCOME + name, pa.array(labels.outcome[name]))
    return Settled(mature, pending)


def ends_by(label: Label, decisions: pa.Table, by: str | None) -> np.ndarray:
    """When the time of each decision's label ends, by the column with the field that it goes by."""
    segments = None if by is None else decisions[by].combine_chunks()
    return ends_of(label, decisions["at"].to_numpy(), segments)


def _as_long(actions: pa.Array, size: int) -> pa.Array:
    """The actions, with NULL for the decisions after them, whose labels nobody asks for."""
    return pa.concat_arrays([actions, pa.nulls(size - len(actions), actions.type)])


def _reachable(rows: pa.Table, at: np.ndarray, as_of: int) -> pa.Table:
    """The slice of a source, in order of known_at, that holds every event after the first of these decisions."""
    known = rows[KNOWN_AT].to_numpy()
    last = int(np.searchsorted(known, as_of, side="right"))
    if at.size == 0 or last == 0:
        return rows.slice(0, 0)
    ahead = max(0, int((rows[AT].to_numpy()[:last] - known[:last]).max()))
    first = int(np.searchsorted(known, int(at.min()) - ahead, side="left"))
    return rows.slice(first, max(0, last - first))
