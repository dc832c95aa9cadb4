"""Outcomes that were told rather than read from a source: they settle the labels of their decisions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.labels.join import KNOWN, Labels


def with_told(labels: Labels, keys: pa.Array, told: pa.Table, *, as_of: int) -> Labels:
    """The labels after what was told by a time: a told value (columns `key`, `value`, `known_at`) is the label.

    It wins over what a source says, since somebody looked at this very decision. Whether a decision is mature does
    not change.
    """
    heard = told.filter(pc.less_equal(told["known_at"], as_of)) if told.num_rows else told
    if not heard.num_rows:
        return labels
    place = pc.index_in(keys, heard["key"].combine_chunks()).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(~np.isnan(place.astype(np.float64)))
    found = place[rows].astype(np.int64)
    state, value, settled_at = labels.state.copy(), labels.value.copy(), labels.settled_at.copy()
    state[rows] = KNOWN
    value[rows] = heard["value"].to_numpy()[found]
    settled_at[rows] = heard["known_at"].to_numpy()[found]
    return replace(labels, state=state, value=value, settled_at=settled_at)
