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
    not change. Where rows have a `version`, the last one known by then stands, and one without a value takes back what
    was told; a row without a version was told once and for all, and stands before those that have one.
    """
    heard = told.filter(pc.less_equal(told["known_at"], as_of)) if told.num_rows else told
    if not heard.num_rows:
        return labels
    if "version" in heard.column_names:
        heard = _standing(heard)
    place = pc.index_in(keys, heard["key"].combine_chunks()).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(~np.isnan(place.astype(np.float64)))
    found = place[rows].astype(np.int64)
    state, value, settled_at = labels.state.copy(), labels.value.copy(), labels.settled_at.copy()
    state[rows] = KNOWN
    value[rows] = heard["value"].to_numpy()[found]
    settled_at[rows] = heard["known_at"].to_numpy()[found]
    return replace(labels, state=state, value=value, settled_at=settled_at)


def _standing(heard: pa.Table) -> pa.Table:
    """The rows that stand, those of a key in the order of precedence."""
    version = heard["version"].to_numpy(zero_copy_only=False).astype(np.float64)
    order = np.argsort(-np.where(np.isnan(version), np.inf, version), kind="stable")
    heard = heard.take(pa.array(order))
    keys = heard["key"].combine_chunks()
    first = np.flatnonzero(pc.index_in(keys, keys).to_numpy(zero_copy_only=False) == np.arange(len(keys)))
    heard = heard.take(pa.array(first))
    return heard.filter(pc.is_valid(heard["value"]))
