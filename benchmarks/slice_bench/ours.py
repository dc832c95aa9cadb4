"""Our search for slices: ours.py FILE DEPTH LEAST TOP surprise|sliceline."""

from __future__ import annotations

import sys

import numpy as np
from common.costs import peak_mb, spent, tell

from setpoint.measure.slice_search import search_slices, sliceline_score

with np.load(sys.argv[1]) as file:
    codes, loss = file["codes"], file["loss"]
depth, least, top = (int(word) for word in sys.argv[2:5])


def search(size: int) -> list[list[object]]:
    """The slices of the first rows."""
    score = sliceline_score(size, float(loss[:size].sum()), alpha=0.95) if sys.argv[5] == "sliceline" else None
    cut = np.ascontiguousarray(codes[:, :size])
    found = search_slices(cut, loss[:size], score=score, depth=depth, least=least, top=top)
    return [[dict(each.conditions), each.size, each.score] for each in found.slices]


search(500)
held, before = peak_mb(), spent()
found = search(loss.size)
tell(cpu=spent() - before, peak=peak_mb() - held, found=found)
