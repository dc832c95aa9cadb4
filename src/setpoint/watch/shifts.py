"""Story: what differs between two snapshots? Columns, rows, and how far the values of each column have moved."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.times import DAY, iso
from setpoint.data.rows import SYSTEM_COLUMNS, kinds
from setpoint.data.snapshots.diff import EXAMPLES, diff_snapshots, standing
from setpoint.data.snapshots.snapshot import Snapshot
from setpoint.declare.kinds import NUMBER, TEXT, TIME
from setpoint.measure.distance import align, js, ks, wasserstein

LEVELS = 1_000
"""A column of texts with more different values than this names things: its shares say nothing."""

LARGE, MEDIUM, SMALL = 0.8, 0.5, 0.2
"""From which distance in standard deviations an effect is large, medium or small (Cohen 1988, chapter 2)."""


@dataclass(frozen=True)
class Shift:
    """How far the values of a column have moved.

    `before` and `after` are the median, or how many values there are. `distance` is, of numbers and times, how far a
    value has moved on average (the earth mover's distance), in standard deviations of what was there before, and of
    texts and truth values the share of rows with another value (total variation). `apart` is a distance from 0 to 1
    that does not hang on the scale: the Kolmogorov-Smirnov distance of numbers, the Jensen-Shannon distance of shares.
    `effect` is the size in words, `most` what moved most. None where there is nothing to compare.
    """

    column: str
    kind: str
    null_before: float | None
    null_after: float | None
    before: str | None
    after: str | None
    distance: float | None
    apart: float | None
    effect: str
    most: str

    def to_dict(self) -> dict[str, Any]:
        """The shift as JSON-like data."""
        return asdict(self)


def compare_snapshots(before: Snapshot, after: Snapshot, *, examples: int = EXAMPLES) -> dict[str, Any]:
    """What differs from one snapshot to another, as one JSON-like document."""
    sources = []
    for found in diff_snapshots(before, after, examples=examples):
        shifts = [] if found.same else shifts_of(standing(before, found.source), standing(after, found.source))
        sources.append({**found.to_dict(), "same": found.same, "shifts": [each.to_dict() for each in shifts]})
    return {
        "before": {"snapshot": before.digest, "as_of": _moment(before.as_of)},
        "after": {"snapshot": after.digest, "as_of": _moment(after.as_of)},
        "same": before.digest == after.digest,
        "sources": sources,
    }


def shifts_of(before: pa.Table, after: pa.Table) -> list[Shift]:
    """How far each column that both have in the same kind has moved, the farthest first.

    >>> old, new = pa.table({"price": [0.0, 2.0], "by": ["a", "a"]}), pa.table({"price": [1.0, 3.0], "by": ["a", "b"]})
    >>> [(each.column, each.distance, each.effect) for each in shifts_of(old, new)]
    [('price', 1.0, 'large'), ('by', 0.5, 'large')]
    """
    old, new = kinds(before), kinds(after)
    found = [
        shift_of(name, before[name], after[name], kind=kind)
        for name, kind in old.items()
        if new.get(name) == kind and name not in SYSTEM_COLUMNS
    ]
    return sorted(found, key=lambda each: -(each.distance or 0.0))


def shift_of(name: str, before: pa.ChunkedArray, after: pa.ChunkedArray, *, kind: str) -> Shift:
    """How far one column has moved."""
    null_before, null_after = _null_share(before), _null_share(after)
    old, new = before.drop_null(), after.drop_null()
    if not len(old) or not len(new):
        return Shift(name, kind, null_before, null_after, None, None, None, None, "unknown", "one has no value")
    moved = _numbers(old, new, kind) if kind in (NUMBER, TIME) else _shares(old, new, kind)
    missing = abs((null_after or 0.0) - (null_before or 0.0))
    effect, most = moved[4], moved[5]
    if missing > _SHARES[1]:
        effect, most = _larger(effect, _size(missing, _SHARES)), f"NULL {null_before:.1%} to {null_after:.1%}; {most}"
    return Shift(name, kind, null_before, null_after, *moved[:4], effect, most)


_DEVIATIONS, _SHARES = (LARGE, SMALL, MEDIUM), (0.25, 0.05, 0.1)
"""From which distance an effect is large, small and medium: in deviations by Cohen, in shares of rows by our choice."""

_SIZES = ("none", "tiny", "small", "medium", "large")

_Moved = tuple[str | None, str | None, float | None, float | None, str, str]


def _numbers(old: pa.ChunkedArray, new: pa.ChunkedArray, kind: str) -> _Moved:
    a, b = _floats(old, kind), _floats(new, kind)
    if not a.size or not b.size:
        return None, None, None, None, "unknown", "one has no finite value"
    middle = [float(np.median(values)) for values in (a, b)]
    told = [_moment(int(value * DAY)) if kind == TIME else f"{value:.6g}" for value in middle]
    distance, apart, most = wasserstein(a, b), ks(a, b).statistic, f"median {told[0]} to {told[1]}"
    if not np.isfinite(distance):  # all values were one and the same: no deviation to measure by
        return told[0], told[1], None, apart, "large", most
    return told[0], told[1], distance, apart, _size(distance, _DEVIATIONS), most


def _shares(old: pa.ChunkedArray, new: pa.ChunkedArray, kind: str) -> _Moved:
    counts = [_counts(values) for values in (old, new)]
    told = [f"{len(each):,} values" for each in counts]
    levels, a, b = align(*counts)
    if kind == TEXT and len(levels) > LEVELS:
        return told[0], told[1], None, None, "unknown", "too many values to compare their shares"
    a, b = a / a.sum(), b / b.sum()
    far = int(np.argmax(np.abs(a - b)))
    distance = float(np.abs(a - b).sum() / 2)
    most = f"{levels[far]!s} {a[far]:.1%} to {b[far]:.1%}"
    return told[0], told[1], distance, js(a, b), _size(distance, _SHARES), most


def _counts(values: pa.ChunkedArray) -> dict[Any, int]:
    found = pc.value_counts(values.cast(pa.string()) if pa.types.is_dictionary(values.type) else values)
    return dict(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True))


def _floats(values: pa.ChunkedArray, kind: str) -> np.ndarray:
    if kind == TIME:
        return np.asarray(values.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy(), dtype=float) / DAY
    found = np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)
    return np.asarray(found[np.isfinite(found)])


def _null_share(column: pa.ChunkedArray) -> float | None:
    return column.null_count / len(column) if len(column) else None


def _size(distance: float, limits: tuple[float, float, float]) -> str:
    large, small, medium = limits
    if distance >= large:
        return "large"
    return "medium" if distance >= medium else "small" if distance >= small else "tiny" if distance > 0 else "none"


def _larger(one: str, other: str) -> str:
    return max(one, other, key=lambda size: _SIZES.index(size) if size in _SIZES else -1)


def _moment(at: int) -> str | None:
    """A time in ISO 8601; None for one that means the end of all time."""
    return iso(at) if abs(at) < 2**57 else None
