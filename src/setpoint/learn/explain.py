"""What a model goes by."""

from __future__ import annotations

import numpy as np

from setpoint.learn.scorer import Scorer


def importances(scorer: Scorer) -> tuple[tuple[str, float], ...]:
    """Each feature with its share in the model's gain or weights, greatest first, equal ones by name."""
    shares = np.asarray(scorer.model.importances(), dtype=np.float64)
    pairs = zip(scorer.inputs, shares.tolist(), strict=True)
    return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
