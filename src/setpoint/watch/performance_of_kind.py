"""Live quality of predictions, for goals that take no action: their losses against what judged rows led to expect."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from setpoint.learn.kinds.expected import Expected, lost_by
from setpoint.learn.kinds.kind import Kind
from setpoint.learn.sides import Examples
from setpoint.watch.finding import Finding
from setpoint.watch.performance import OF_PREDICTIONS, TOLERANCE, QualityWindow, check_quality, daily_sums


def quality_of_predictions(
    kind: Kind,
    rows: Examples,
    predicted: np.ndarray,
    *,
    model: Sequence[str],
    expected: Callable[[str], Expected],
) -> QualityWindow:
    """The daily sums of mature predictions: how far outcomes were above them, and the loss beside the expected one.

    What a model was judged to be off by is taken off, and distances are in its judged deviations; rows without a
    prediction are left out.
    """
    there = np.isfinite(predicted) if predicted.ndim == 1 else np.isfinite(predicted).all(axis=1)
    kept = np.flatnonzero(there)
    lost = lost_by(kind, rows.take(kept), predicted[kept])
    place, models = kept[lost.place], np.asarray(model, dtype=np.str_)
    names, code = np.unique(models[place], return_inverse=True)
    each = [expected(str(name)) for name in names]
    excess, bias, scale = (np.array([getattr(one, part) for one in each])[code] for part in ("excess", "bias", "scale"))
    return daily_sums(
        rows.at[place],
        models[place],
        positives=np.zeros(place.size),
        residual=lost.above / scale - bias,
        loss=lost.loss,
        promised=lost.said + excess,
    )


def check_predictions(quality: QualityWindow, *, alpha: float, expected: Callable[[str], Expected]) -> list[Finding]:
    """Whether predictions got worse than where they were judged: `check_quality`, less sure where few rows judged."""
    return check_quality(
        quality,
        alpha=alpha,
        tolerance=lambda model: TOLERANCE + expected(model).within,
        monitors=OF_PREDICTIONS,
    )
