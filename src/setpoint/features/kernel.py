"""Folds of many decisions by compiled code: a source under one key, prepared once and read in any number of batches.

Each fold is made of a range of the key's chain and of the spells of late rows (see `ranges`). Folds of one column under
one condition share what is prepared for it: a track. Decisions are shared out among threads by key, which changes no
value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise

import numpy as np

from setpoint.core.digest import digest
from setpoint.core.errors import DataError
from setpoint.data.arrays import EXACT, Array
from setpoint.data.compiled import compiled
from setpoint.declare.expr import to_dict
from setpoint.declare.kinds import NUMBER
from setpoint.features.arrange import Arranged, picked
from setpoint.features.columns import Columns
from setpoint.features.counted import COUNTED, NO_RANK, codes_by_key, fold_counted
from setpoint.features.extremes import ENDS, EXTREMES, fold_ends, fold_extremes, levels_of, neighbours_of
from setpoint.features.finalise import to_scaled
from setpoint.features.finish import gives_value
from setpoint.features.moments import MOMENTS, NARROW, blocks_of, fold_moments
from setpoint.features.needs import Fold
from setpoint.features.ranges import Asked, Seen, look

MOST_SQUARED = 2.0**127
"""Sums of squares below it are exact."""

WORTH_THREADS = 1 << 13
"""Fewer decisions are read by one thread."""

BLOCK = 64
"""Decisions that are put back together."""

Job = Callable[[Seen, Array], None]
"""Fills in some folds of what decisions see."""


@dataclass(frozen=True, eq=False)
class _Lines:
    """Some folds by window: those of window w are `windows[w]` to `windows[w + 1]` of `folds` and of `lines`."""

    windows: Array
    folds: tuple[Fold, ...]
    lines: Array


class Kernel:
    """Some folds of one source under one key."""

    def __init__(self, arranged: Arranged, columns: Columns, folds: Sequence[Fold]) -> None:
        self._arranged, self._folds = arranged, folds
        self.windows = tuple(dict.fromkeys(fold.stretch for fold in folds))
        self._jobs = [_job(track, kind, self._lines(theirs)) for track, kind, theirs in self._shared(columns)]

    def read(self, asked: Asked, starts: Array, *, threads: int) -> Array:
        """A line of numbers for each fold: its value, or the position or code that stands for it.

        `starts` are the starts of the windows for decisions in order.
        """
        size = asked.key.size
        found = np.empty((size, len(self._folds)))
        low, high = np.empty((len(self.windows), size), dtype=np.int32), np.empty(size, dtype=np.int32)

        def work(segments: Array) -> None:
            seen = look(self._arranged, asked, segments, starts, low, high)
            for job in self._jobs:
                job(seen, found)

        if threads == 1 or size < WORTH_THREADS:
            work(asked.segments)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(work, _shares(asked.segments, threads)))
        place = np.empty(size, dtype=np.int64)
        place[asked.order] = np.arange(size)
        if size < BLOCK:
            return np.ascontiguousarray(found[place].T)
        out = np.empty((len(self._folds), size))
        put_back(found, place, out)
        return out

    def _shared(self, columns: Columns) -> Iterable[tuple[_Track, str, list[Fold]]]:
        """The folds that are worked out together, with their track and what they have in common."""
        tracks: dict[str, _Track] = {}
        shared: dict[tuple[str, str], list[Fold]] = {}
        whole = [fold for fold in self._folds if _family(fold).startswith("moments ") and _is_whole(fold, columns)]
        for fold in self._folds:
            track = _Track(self._arranged, columns, fold)
            if fold.node.column is None:  # its rows are those of a column without NULL
                track = next(
                    (one for one in map(partial(_Track, self._arranged, columns), whole) if one.where == track.where),
                    track,
                )
            tracks.setdefault(track.name, track)
            shared.setdefault((track.name, _family(fold)), []).append(fold)
        return [(tracks[name], family, theirs) for (name, family), theirs in _counts_join_sums(shared).items()]

    def _lines(self, folds: Sequence[Fold]) -> _Lines:
        places = {fold.key: place for place, fold in enumerate(self._folds)}
        by_window = [[fold for fold in folds if fold.stretch == window] for window in self.windows]
        ordered = tuple(fold for theirs in by_window for fold in theirs)
        ends = np.cumsum([0, *map(len, by_window)]).astype(np.int64)
        return _Lines(ends, ordered, np.array([places[fold.key] for fold in ordered], dtype=np.int64))


@compiled
def put_back(found: Array, place: Array, out: Array) -> None:
    """Make lines of columns, decision d from the line `place[d]`: some at a time, so that memory is met in runs."""
    lines = np.empty((BLOCK, found.shape[1]))
    for start in range(0, place.size, BLOCK):
        many = min(BLOCK, place.size - start)
        for one in range(many):
            for column in range(found.shape[1]):
                lines[one, column] = found[place[start + one], column]
        for column in range(found.shape[1]):
            for one in range(many):
                out[column, start + one] = lines[one, column]


def _family(fold: Fold) -> str:
    """What folds of one track have in common when they are worked out together."""
    kind = fold.node.kind
    if kind in MOMENTS:
        return f"moments {fold.decimals}" if kind != "count" else "moments"
    if kind in EXTREMES:
        return "extremes"
    return kind if kind in COUNTED else "ends"


def _counts_join_sums(shared: dict[tuple[str, str], list[Fold]]) -> dict[tuple[str, str], list[Fold]]:
    """The folds as they are shared, with counts beside sums of the same track, at whatever decimals."""
    found = dict(shared)
    for name, family in shared:
        sums = next((other for track, other in found if track == name and other.startswith("moments ")), None)
        if family == "moments" and sums is not None:
            found[name, sums] = found[name, sums] + found.pop((name, family))
    return found


def _is_whole(fold: Fold, columns: Columns) -> bool:
    return columns.counts(fold.column, None) is None


class _Track:
    """A column under a condition, arranged."""

    def __init__(self, arranged: Arranged, columns: Columns, fold: Fold) -> None:
        self.arranged, self.columns, self.fold = arranged, columns, fold
        self._column = None if fold.node.kind == "latest" else fold.node.column
        self.where, column = ("" if part is None else digest(to_dict(part)) for part in (fold.node.where, self._column))
        self.name = f"{column} {self.where}"

    @cached_property
    def values(self) -> Array:
        """The number of the row at each place, NaN where it does not count."""
        kind = NUMBER if self._column is None else self.fold.kind
        found = self.columns.numbers(self._column, self.fold.node.where, kind)
        return picked(found, self.arranged.position) if found.size else found

    def blocks(self, folds: Sequence[Fold]) -> tuple[Array, float, bool]:
        """The sums before each block, the scale, and whether squares are small; raises DataError for too great ones."""
        decimals = max(fold.decimals for fold in folds)
        scale = 10.0**decimals if any(fold.node.kind != "count" for fold in folds) else 0.0
        found, greatest = blocks_of(self.values, scale)
        if greatest >= EXACT:
            to_scaled(self.values, decimals, column=self.fold.title)
        if greatest * greatest * float(self.values.size) >= MOST_SQUARED:
            if any(fold.node.kind in ("var", "std") for fold in folds):
                most = (MOST_SQUARED / self.values.size) ** 0.5 / scale
                raise DataError(
                    f"The squares of the column {self.fold.title} can add up to more than 127 bits: it has"
                    f" {self.values.size} rows and values of up to {greatest / scale:.17g}.",
                    expected=f"at {decimals} decimals, numbers below {most:.15g} in size",
                    hint="Give the std or var fewer decimals=, or put a range on the column in its contract.",
                )
        return found, scale, greatest < NARROW


def _job(track: _Track, family: str, lines: _Lines) -> Job:
    """What works out some folds of a track."""
    if family.startswith("moments"):
        return _moments(track, lines)
    if family == "extremes":
        return _extremes(track, lines)
    return _counted(track, lines) if family in COUNTED else _ends(track, lines)


def _moments(track: _Track, lines: _Lines) -> Job:
    values = track.values
    blocks, scale, narrow = track.blocks(lines.folds)
    kinds = _kinds(MOMENTS, lines)

    def job(seen: Seen, out: Array) -> None:
        fold_moments(
            seen.segments, seen.low, seen.high, seen.spells, seen.row, seen.enter, seen.leave,
            values, scale, narrow, blocks, lines.windows, kinds, lines.lines, out,
        )  # fmt: skip

    return job


def _extremes(track: _Track, lines: _Lines) -> Job:
    values = track.values
    least, greatest, begin = levels_of(values)
    kinds = _kinds(EXTREMES, lines)

    def job(seen: Seen, out: Array) -> None:
        fold_extremes(
            seen.segments, seen.low, seen.high, seen.spells, seen.row, seen.enter, seen.leave,
            values, begin, least, greatest, lines.windows, kinds, lines.lines, out,
        )  # fmt: skip

    return job


def _ends(track: _Track, lines: _Lines) -> Job:
    values, arranged = track.values, track.arranged
    before = after = np.zeros(0, dtype=np.int32)
    if np.isnan(values).any():
        before, after = neighbours_of(~np.isnan(values))
    kinds = np.array([ENDS["first" if fold.node.kind == "first" else "last"] for fold in lines.folds], dtype=np.int64)
    as_row = not gives_value(lines.folds[0])

    def job(seen: Seen, out: Array) -> None:
        fold_ends(
            seen.segments, seen.low, seen.high, seen.spells, seen.row, seen.enter, seen.leave,
            values, before, after, arranged.at, arranged.position, as_row, lines.windows, kinds, lines.lines, out,
        )  # fmt: skip

    return job


def _counted(track: _Track, lines: _Lines) -> Job:
    fold = lines.folds[0]
    node = fold.node
    found = track.columns.codes(fold.column, node.where, fold.kind, node.kind)
    caps = np.array([fold.node.cap for fold in lines.folds], dtype=np.int64)
    kind = COUNTED[node.kind]
    above = {"distinct": int(caps.min()), "top": NO_RANK, "quantile": 0}[node.kind]
    mine = codes_by_key(track.arranged, found.codes[track.arranged.position], found.numbers.size, ranked_above=above)
    parameters = np.array([fold.node.parameter for fold in lines.folds], dtype=np.float64)

    def job(seen: Seen, out: Array) -> None:
        fold_counted(
            seen.segments, seen.low, seen.high, seen.spells, seen.row, seen.enter, seen.leave, seen.key,
            mine.codes, mine.begin, mine.members, found.numbers, kind, parameters, caps,
            lines.windows, lines.lines, out,
        )  # fmt: skip

    return job


def _kinds(numbers: Mapping[str, int], lines: _Lines) -> Array:
    return np.array([numbers[fold.node.kind] for fold in lines.folds], dtype=np.int64)


def _shares(segments: Array, threads: int) -> list[Array]:
    """The segments in shares of about as many decisions each."""
    wanted = np.linspace(0, segments[-1], threads + 1)[1:-1]
    cuts = np.unique(np.concatenate([[0], np.searchsorted(segments, wanted), [segments.size - 1]]))
    return [segments[first : stop + 1] for first, stop in pairwise(cuts.tolist())]
