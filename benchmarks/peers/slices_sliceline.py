"""SliceLine's Slicefinder, compiled by numba; BSD-3-Clause licence: slices_sliceline.py FILE DEPTH LEAST TOP."""

from __future__ import annotations

import logging
import sys

import numpy as np
from common.costs import peak_mb, spent, tell
from sliceline.slicefinder import NUMBA_AVAILABLE, Slicefinder

logging.disable(logging.CRITICAL)
assert NUMBA_AVAILABLE
with np.load(sys.argv[1]) as file:
    rows, loss = file["codes"].T.astype(int), file["loss"]
depth, least, top = (int(word) for word in sys.argv[2:5])


def search(size: int) -> list[list[object]]:
    """The slices of the first rows."""
    finder = Slicefinder(alpha=0.95, k=top, max_l=depth, min_sup=min(least, size // 20), verbose=False)
    finder.fit(rows[:size], loss[:size])
    return [
        [
            {str(column): int(group) for column, group in enumerate(conditions) if group is not None},
            told["slice_size"],
            told["slice_score"],
        ]
        for conditions, told in zip(finder.top_slices_, finder.top_slices_statistics_, strict=True)
    ]


search(500)
held, before = peak_mb(), spent()
found = search(loss.size)
tell(cpu=spent() - before, peak=peak_mb() - held, found=found)
