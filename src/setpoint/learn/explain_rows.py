"""Why a row has its score: what each input adds to it over a base that is the same for every row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from setpoint.core.errors import DataError
from setpoint.core.ports import AdditiveModel, Model
from setpoint.measure.calibrators import EDGE, CalibrationMap
from setpoint.measure.shapley import shapley_values

TOP = 6
"""Inputs that a row's reasons name one by one; all others are told together."""
TOLERANCE = 1e-6
"""How far what the inputs add up to may be from the model's prediction, of one and of the prediction's size."""
ROUNDS = 4
"""How often each background row is used where contributions are sampled."""
SAMPLED = "the model does not say what it goes by: the parts are Shapley values, sampled, over other logged decisions"
ODDS, NUMBER, LOGARITHM = "log odds", "prediction", "logarithm"
LINKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {ODDS: expit, NUMBER: np.positive, LOGARITHM: np.exp}
"""What inputs may add up to, and how that becomes a prediction."""


@dataclass(frozen=True)
class Contributions:
    """What each input (a column of `parts`) adds to the score of each row over `base`, on a scale where it adds up.

    `raw` are the model's predictions, before any calibration. Where they were sampled, `bounds` are the 95 % bounds of
    `parts`, low and high.
    """

    inputs: tuple[str, ...]
    parts: np.ndarray
    base: np.ndarray
    raw: np.ndarray
    scale: str
    bounds: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def unused(self) -> tuple[str, ...]:
        """The inputs that add nothing to any of the rows."""
        return tuple(name for name, column in zip(self.inputs, self.parts.T, strict=True) if not column.any())

    def reasons(self, row: int, values: Mapping[str, Any], *, top: int | None = TOP) -> list[dict[str, Any]]:
        """The inputs that matter most to a row, the greatest first, each with a code that is stable from row to row.

        Inputs that add nothing are no reasons; equal ones come by name.
        """
        parts, bounds = self.parts[row], self.bounds
        order = sorted(np.flatnonzero(parts).tolist(), key=lambda j: (-abs(parts[j]), self.inputs[j]))
        return [
            {
                "code": f"{'raises' if parts[j] > 0 else 'lowers'}:{self.inputs[j]}",
                "feature": self.inputs[j],
                "value": shown(values.get(self.inputs[j])),
                "adds": float(parts[j]),
                "words": tell(self.inputs[j], values.get(self.inputs[j]), float(parts[j]), scale=self.scale),
                **({} if bounds is None else {"low": float(bounds[0][row, j]), "high": float(bounds[1][row, j])}),
            }
            for j in order[:top]
        ]


def contributions(model: Model, matrix: np.ndarray, inputs: Sequence[str]) -> Contributions | None:
    """What each input adds to the score of each row; None for a model that does not say.

    Raises DataError when they do not add up to what the model predicts.

    >>> class Line:
    ...     row_exact = True
    ...     predict = staticmethod(lambda rows: 1 / (1 + np.exp(-(0.5 + 2 * rows[:, 0]))))
    ...     contributions = staticmethod(lambda rows: np.column_stack([2 * rows[:, 0], 0 * rows[:, 0] + 0.5]))
    ...     importances = save = print
    >>> found = contributions(Line(), np.array([[1.0], [0.0]]), ["x"])
    >>> found.parts.ravel(), found.base, found.scale
    (array([2., 0.]), array([0.5, 0.5]), 'log odds')
    """
    if not isinstance(model, AdditiveModel):
        return None
    raw, parts = np.asarray(model.predict(matrix)), np.asarray(model.contributions(matrix))
    total = parts.sum(axis=1)
    for scale, link in LINKS.items():
        with np.errstate(over="ignore"):
            off = np.abs(link(total) - raw)
        if (off <= TOLERANCE * np.maximum(1.0, np.abs(raw))).all():
            return Contributions(tuple(inputs), parts[:, :-1], parts[:, -1], raw, scale)
    row = int(np.argmax(np.abs(expit(total) - raw)))
    raise DataError(
        f"What the inputs add up to, {total[row]:g}, is not what the model predicts, {raw[row]:g}.",
        expected=f"contributions that add up on one of the scales {', '.join(LINKS)}",
        hint="Run setpoint.conformance.learner.LearnerLaws on the learner.",
    )


def sampled_contributions(
    model: Model, matrix: np.ndarray, inputs: Sequence[str], *, background: np.ndarray, seed: int = 0
) -> Contributions | None:
    """What each input adds to the log odds of one row, of any model: Shapley values sampled over background rows.

    None for a model whose predictions are no probabilities of one class.
    """
    raw = np.asarray(model.predict(matrix))
    if raw.ndim != 1 or not ((raw >= 0) & (raw <= 1)).all():
        return None

    def odds(rows: np.ndarray) -> np.ndarray:
        inside = np.clip(model.predict(rows), EDGE, 1 - EDGE)
        return np.asarray(logit(inside))

    found = shapley_values(odds, matrix[0], background, rounds=ROUNDS, seed=seed)
    bounds = (found.low[None, :], found.high[None, :])
    return Contributions(tuple(inputs), found.values[None, :], np.array([found.base]), raw[:1], ODDS, bounds)


def reasons_of(
    found: Contributions, values: Mapping[str, Any], *, calibration: CalibrationMap, top: int | None = TOP
) -> dict[str, Any]:
    """Why the first of the rows has its score, as JSON-like data.

    The reasons, the base and `others` (all inputs that are not named) add up to `total`, whose prediction is `raw`.
    What calibration makes of that is said beside: it moves the score, and changes no order of the reasons.
    """
    named, sampled = found.reasons(0, values, top=top), found.bounds is not None
    told, parts = sum(each["adds"] for each in named), found.parts[0]
    return {
        "scale": found.scale,
        "base": float(found.base[0]),
        "reasons": named,
        "others": float(parts.sum() - told),
        "total": float(found.base[0] + parts.sum()),
        "raw": float(found.raw[0]),
        "calibration": tell_calibration(calibration, float(found.raw[0])),
        **({"sampled": SAMPLED} if sampled else {}),
    }


def tell(feature: str, value: Any, adds: float, *, scale: str) -> str:
    """What an input does to a score, in words.

    >>> tell("hour", 18.0, np.log(1.7), scale="log odds")
    'hour = 18 multiplies the odds by 1.70'
    >>> tell("origin", "JFK", -2.5, scale="prediction")
    "origin = 'JFK' adds -2.5"
    """
    name = f"{feature} = {spelled(value)}"
    if scale == NUMBER:
        return f"{name} adds {adds:.3g}"
    return f"{name} multiplies the {'odds' if scale == ODDS else 'prediction'} by {np.exp(adds):.2f}"


def tell_calibration(calibration: CalibrationMap, raw: float) -> str:
    """What calibration makes of a model's prediction, in words.

    >>> tell_calibration(CalibrationMap("temperature", (2.0,)), 0.9)
    'the model says 0.9000; calibration (temperature) makes 0.7500 of it'
    """
    if calibration.kind == "identity":
        return "the score is what the model says: no calibration map"
    made = calibration.apply_one(raw)
    return f"the model says {raw:.4f}; calibration ({calibration.kind}) makes {made:.4f} of it"


def shown(value: Any) -> Any:
    """A value as JSON has it: NULL where a number is NaN."""
    return None if isinstance(value, float) and np.isnan(value) else value


def spelled(value: Any) -> str:
    """A value in words.

    >>> spelled(3.0), spelled(float("nan")), spelled("JFK")
    ('3', 'NULL', "'JFK'")
    """
    value = shown(value)
    if value is None:
        return "NULL"
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
