"""Which decisions annotators disagree on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from setpoint.labels.votes import contested
from setpoint.system.label import label_queue
from setpoint.system.opened import Opened


def disputed(opened: Opened, keys: pa.Array) -> npt.NDArray[np.float64] | None:
    """Whether those who voted on each decision disagree, NaN where fewer than two did; None where nobody labels."""
    if opened.declared.hand is None:
        return None
    return contested(label_queue(opened).history(), keys.cast(pa.string()).to_pylist())
