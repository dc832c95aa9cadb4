"""The slices of a table in which a model's losses are largest: what finding them costs, beside SliceLine's own package.

Both are asked for the ten best slices by the same score on the same groups; a run in which they differ is stopped.
"""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path

from common import Row, main, peer_python
from common.costs import Cost, contend
from slice_bench.data import PLANTED, write_rows

TOP = 10
ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def measure(*, quick: bool) -> list[Row]:
    """All pairs of fifty columns, then three conditions at most beside the peer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = [(2_000, 10)] if quick else [(10_000, 14), (30_000, 14)]
        return [
            *all_pairs(folder, 200_000 if quick else 1_000_000, 50, quick=quick),
            *(row for rows, columns in sizes for row in threes(folder, rows, columns, quick=quick)),
        ]


def all_pairs(folder: Path, rows: int, columns: int, *, quick: bool) -> list[Row]:
    """Every slice of one or two conditions, by the number of standard errors; and what cutting the columns costs."""
    path = write_rows(folder / "wide.npz", rows, columns)
    ours = contend(sys.executable, "slice_bench/ours.py", path, 2, rows // 200, TOP, "surprise", runs=2, **ALONE)
    assert ours.facts["found"][0][0] == as_read(PLANTED[0]), ours.facts["found"][0]
    bins = contend(sys.executable, "slice_bench/bins.py", rows, columns, **ALONE)
    size = f"{rows:,} rows x {columns} columns of 3 to 11 groups"
    return [
        Row("all slices of up to two conditions", ours.cpu, "CPU s", size, most=2.0, shrunk=quick),
        Row(
            "cutting columns of numbers into tenths",
            bins.cpu,
            "CPU s",
            f"{rows:,} rows x {columns} columns, fitted and applied",
            shrunk=quick,
        ),
    ]


def threes(folder: Path, rows: int, columns: int, *, quick: bool) -> list[Row]:
    """The ten best slices of up to three conditions by SliceLine's score: alpha .95, at least 1 % of the rows."""
    path = write_rows(folder / f"{rows}.npz", rows, columns)
    words = (path, 3, rows // 100, TOP)
    ours = contend(sys.executable, "slice_bench/ours.py", *words, "sliceline", runs=3, **ALONE)
    python = peer_python("sliceline")
    theirs = None if python is None else contend(python, "peers/slices_sliceline.py", *words, **ALONE)
    told = "the same ten" if theirs is None or agree(ours, theirs) else "NOT the same ten"
    size = f"{rows:,} rows x {columns} columns of 3 to 11 groups, {told}"
    return [
        Row(
            "the ten best slices of up to three conditions",
            ours.cpu,
            "CPU s",
            size,
            {"sliceline": None if theirs is None else theirs.cpu},
            least_ratio=50,
            shrunk=quick,
        ),
        Row(
            "memory of that search",
            max(ours.peak, 0.1),
            "MB",
            size,
            {"sliceline": None if theirs is None else theirs.peak},
            shrunk=quick,
        ),
    ]


def agree(ours: Cost, theirs: Cost) -> bool:
    """Whether both found the same slices with the same sizes and scores, in whatever order equal scores stand."""
    first, second = (sorted(cost.facts["found"], key=lambda each: (-each[2], str(each[0]))) for cost in (ours, theirs))
    if len(first) != len(second):
        return False
    return all(
        sorted(one[0].items()) == sorted(other[0].items())
        and one[1] == other[1]
        and math.isclose(one[2], other[2], rel_tol=1e-9)
        for one, other in zip(first, second, strict=True)
    )


def as_read(conditions: tuple[tuple[int, int], ...]) -> dict[str, int]:
    """Conditions as they come back from a contender."""
    return {str(column): group for column, group in conditions}


if __name__ == "__main__":
    main(__doc__.splitlines()[0], measure)
