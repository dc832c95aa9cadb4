"""Settling: decisions whose label has matured leave the pending ones, with what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.rows import AT, KNOWN_AT
from setpoint.declare.label import Label
from setpoint.declare.source import info
from setpoint.labels.join import resolve
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
) -> Settled:
    """Resolve the labels of the decisions (columns `key` and `at`) that have matured by a time; leave the others.

    Only the sources' rows that such a decision could meet are read, so a tick costs what the tick brought. `told` are
    outcomes that no source brings.
    """
    ripe = pc.less_equal(decisions["at"], as_of - label.within)
    pending, mature = decisions.filter(pc.invert(ripe)), decisions.filter(ripe)
    at = mature["at"].to_numpy()
    chosen = None if actions is None else actions.filter(ripe.combine_chunks())
    near = {
        info(source).name: _reachable(rows[info(source).name], at, as_of)
        for source in (label.source, label.void_source)
        if source is not None
    }
    labels = resolve(
        label,
        mature["key"].combine_chunks(),
        at,
        near,
        as_of,
        actions=chosen,
        outcome_columns=outcome_columns,
    )
    if told is not None:
        labels = with_told(labels, mature["key"].combine_chunks(), told, as_of=as_of)
    mature = mature.append_column("state", pa.array(labels.state))
    mature = mature.append_column("value", pa.array(labels.value))
    mature = mature.append_column("settled_at", pa.array(labels.settled_at))
    for name in outcome_columns:
        mature = mature.append_column(OUTCOME + name, pa.array(labels.outcome[name]))
    return Settled(mature, pending)


def _reachable(rows: pa.Table, at: np.ndarray, as_of: int) -> pa.Table:
    """The slice of a source, in order of known_at, that holds every event after the first of these decisions."""
    known = rows[KNOWN_AT].to_numpy()
    last = int(np.searchsorted(known, as_of, side="right"))
    if at.size == 0 or last == 0:
        return rows.slice(0, 0)
    ahead = max(0, int((rows[AT].to_numpy()[:last] - known[:last]).max()))
    first = int(np.searchsorted(known, int(at.min()) - ahead, side="left"))
    return rows.slice(first, max(0, last - first))
