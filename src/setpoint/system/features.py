"""The features of decisions: in memory, and of sources larger than memory a range of keys at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from setpoint.data.arrays import Array
from setpoint.features.by_range import Pieces, pieces_of, ranges_for, read_by_range
from setpoint.features.needs import arounds
from setpoint.features.reader import FeatureReader
from setpoint.history import ReadAhead, Requests
from setpoint.system.opened import Opened


def read_features(opened: Opened, rows: Mapping[str, pa.Table], table: pa.Table, at: Array) -> pa.Table:
    """The features of decisions as of the time of each; every bit is the same, however they are read."""
    plan = opened.plan
    nearby = {fold.source for one in arounds(plan) for fold in (one.edges, one.of)}
    mapped = [name for name in opened.sources.mapped if name not in nearby]
    if not mapped:
        return FeatureReader(plan, rows).read(table, at)
    sources: dict[str, pa.Table | Pieces] = dict(rows)
    sources.update({name: pieces_of(rows[name]) for name in mapped})
    ranges = max(ranges_for(rows[name], memory=opened.sources.memory) for name in mapped)
    with tempfile.TemporaryDirectory(prefix=".ranges-", dir=opened.folders.mapped) as folder:
        return read_by_range(
            plan,
            sources,
            table,
            at,
            folder=Path(folder),
            ranges=ranges,
            progress=opened.sources.reading,
        )


def reader_of(opened: Opened, rows: Mapping[str, pa.Table], requests: Requests) -> FeatureReader | ReadAhead:
    """What gives the features of these decisions batch by batch: all were read before where sources are mapped."""
    if not opened.sources.mapped:
        return FeatureReader(opened.plan, rows)
    return ReadAhead(requests.at, read_features(opened, rows, requests.table, requests.at))
