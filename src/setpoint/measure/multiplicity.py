"""Many tests at once: p-values that keep the chance of any false alarm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.rows import Array


def holm(p_values: npt.ArrayLike) -> Array:
    """P-values adjusted so that calling those below alpha keeps the chance of any false call below alpha.

    Holm (1979), "A simple sequentially rejective multiple test procedure"; needs no independence. A NaN is a test
    that could not be made: it stays NaN and does not count.

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    values = np.asarray(p_values, dtype=np.float64)
    made = np.flatnonzero(~np.isnan(values))
    if values.ndim != 1 or (values[made] < 0).any() or (values[made] > 1).any():
        raise DataError(f"The p-values are {values}.", expected="a list of numbers from 0 to 1")
    order = made[np.argsort(values[made], kind="stable")]
    steps = values[order] * np.arange(order.size, 0, -1)
    adjusted = values.copy()
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if order.size else steps
    return adjusted
