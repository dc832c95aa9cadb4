"""Cutting columns of numbers into tenths, fitted and applied: bins.py ROWS COLUMNS."""

from __future__ import annotations

import sys

import numpy as np
from common.costs import peak_mb, spent, tell

from setpoint.measure.bins import fit_bins

rows, columns = (int(word) for word in sys.argv[1:])
rng = np.random.default_rng(0)
table = {f"c{place}": rng.normal(size=rows) for place in range(columns)}
held, before = peak_mb(), spent()
codes = fit_bins(table).codes(table)
tell(cpu=spent() - before, peak=peak_mb() - held, groups=int(codes.max()) + 1)
