"""Features: of many decisions from files, online from their state, and taken in as a stream, against other engines.

Every contender works in a process of its own; `ours` and `peers` read the same files. Imports and a first call on a
few rows are left out of all of them, and stand in rows of their own for ours.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from common import Row, main
from feature_bench import offline, online, start, year
from feature_bench.feast import measure_feast


def measure(*, quick: bool) -> list[Row]:
    """A year of the flights example's shape, then payments: offline, online, stream and start."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = year.measure(folder, quick=quick)  # in this process, so before anything else makes its memory grow
        rows += offline.windows(folder / "windows", quick=quick)
        rows += [] if quick else offline.growth(folder / "growth")
        rows += lookups(folder, quick=quick)
        rows += online.stream(folder / "stream", quick=quick)
        return rows + start.measure(folder / "start", quick=quick)


def lookups(folder: Path, *, quick: bool) -> list[Row]:
    """The newest row of many decisions from files, and windows of a few from stores: where Feast can be asked too."""
    keys, files = 1_000 if quick else 10_000, folder / "lookup"
    size = offline.lookup_size(files, quick=quick)
    with online.stores(folder / "get") as places:
        feast = measure_feast(files, files / "lookup-Feast.npz", places, keys=keys, values=online.VALUES, quick=quick)
        rows = offline.lookup(files, size, feast, quick=quick)
        return rows + online.get(folder / "get", places, keys, feast, quick=quick)


if __name__ == "__main__":
    main(__doc__ or "", measure)
