"""Why a row has its score: what each input adds to it over a base that is the same for every row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.special import expit, logit, softmax

from setpoint.core.errors import DataError
from setpoint.core.ports import AdditiveModel, Model
from setpoint.learn.kinds.composed import INTERVAL, PERIODS, Composed
from setpoint.measure.calibrators import EDGE, CalibrationMap
from setpoint.measure.shapley import shapley_values

TOP = 6
"""Inputs that a row's reasons name one by one; all others are told together."""
TOLERANCE = 1e-6
"""How far what the inputs add up to may be from the model's prediction, of one and of the prediction's size."""
ROUNDS = 4
"""How often each background row is used where contributions are sampled."""
SAMPLED = "the model does not say what it goes by: the parts are Shapley values, sampled, over other logged decisions"
ODDS, NUMBER, LOGARITHM, SHARE = "log odds", "prediction", "logarithm", "log share"
LINKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {ODDS: expit, NUMBER: np.positive, LOGARITHM: np.exp}
"""What inputs may add up to, and how that becomes a prediction."""
_MULTIPLIED = {ODDS: "odds", LOGARITHM: "prediction", SHARE: "share"}


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


def contributions_of_all(model: Model, matrix: np.ndarray, inputs: Sequence[str]) -> tuple[Contributions, ...] | None:
    """What each input adds to each prediction of every row: one part for a number, one for each class or end.

    A set of labels has a part for each label, an interval one for each end; of classes the parts add up to the log of
    the class's share, over the mean of all classes. None for a model that does not say. Raises DataError as
    `contributions` does.
    """
    if isinstance(model, Composed):
        if model.by == PERIODS:
            return None
        found = [contributions(part, matrix, inputs) for part in model.parts]
        told = tuple(each for each in found if each is not None)
        if len(told) < len(found):
            return None
        return _ends_in_order(told) if model.by == INTERVAL else told
    if not isinstance(model, AdditiveModel):
        return None
    raw = np.asarray(model.predict(matrix))
    if raw.ndim == 1:
        one = contributions(model, matrix, inputs)
        return None if one is None else (one,)
    parts = np.asarray(model.contributions(matrix)).reshape(*raw.shape, len(inputs) + 1)
    parts = parts - parts.mean(axis=1, keepdims=True)
    off = np.abs(softmax(parts.sum(axis=2), axis=1) - raw)
    if not (off <= TOLERANCE).all():
        raise DataError(
            f"What the inputs add up to is {off.max():g} off what the model predicts.",
            expected="contributions whose softmax is the probability of each class",
            hint="Run setpoint.conformance.learner.LearnerLaws on the learner.",
        )
    names = tuple(inputs)
    return tuple(
        Contributions(names, parts[:, place, :-1], parts[:, place, -1], raw[:, place], SHARE)
        for place in range(raw.shape[1])
    )


def _ends_in_order(ends: tuple[Contributions, ...]) -> tuple[Contributions, ...]:
    """The parts of the lower and the upper end of each row, whichever model it is from."""
    order = np.argsort(np.stack([each.raw for each in ends]), axis=0, kind="stable")
    rows = np.arange(order.shape[1])
    parts, base, raw = (np.stack([getattr(each, name) for each in ends]) for name in ("parts", "base", "raw"))
    first = ends[0]
    return tuple(
        Contributions(first.inputs, parts[each, rows], base[each, rows], raw[each, rows], first.scale) for each in order
    )


def sampled_of_all(
    model: Model, matrix: np.ndarray, inputs: Sequence[str], *, background: np.ndarray, seed: int = 0
) -> tuple[Contributions, ...]:
    """What each input adds to each prediction of one row, of any model: Shapley values sampled over background rows.

    Of probabilities to their log odds, of other numbers to the numbers themselves.
    """
    raw = np.asarray(model.predict(matrix))
    outputs = raw.shape[1] if raw.ndim == 2 else 1
    known = np.concatenate([raw.reshape(1, -1), np.asarray(model.predict(background)).reshape(-1, outputs)])
    odds = bool(((known >= 0) & (known <= 1)).all())
    return tuple(
        _sampled(
            partial(_output, model, place, odds=odds), matrix, inputs, background, ODDS if odds else NUMBER, each, seed
        )
        for place, each in enumerate(raw.reshape(-1))
    )


def _output(model: Model, place: int, rows: np.ndarray, *, odds: bool) -> np.ndarray:
    """One of the predictions of each row, or its log odds."""
    found = np.asarray(model.predict(rows)).reshape(len(rows), -1)[:, place]
    return np.asarray(logit(np.clip(found, EDGE, 1 - EDGE))) if odds else found


def _sampled(
    value: Callable[[np.ndarray], np.ndarray],
    matrix: np.ndarray,
    inputs: Sequence[str],
    background: np.ndarray,
    scale: str,
    raw: float,
    seed: int,
) -> Contributions:
    found = shapley_values(value, matrix[0], background, rounds=ROUNDS, seed=seed)
    bounds = (found.low[None, :], found.high[None, :])
    return Contributions(tuple(inputs), found.values[None, :], np.array([found.base]), np.array([raw]), scale, bounds)


def sampled_contributions(
    model: Model, matrix: np.ndarray, inputs: Sequence[str], *, background: np.ndarray, seed: int = 0
) -> Contributions | None:
    """What each input adds to the log odds of one row, of any model: Shapley values sampled over background rows.

    None for a model whose predictions are no probabilities of one class.
    """
    raw = np.asarray(model.predict(matrix))
    if raw.ndim != 1 or not ((raw >= 0) & (raw <= 1)).all():
        return None

    odds = partial(_output, model, 0, odds=True)
    return _sampled(odds, matrix, inputs, background, ODDS, float(raw[0]), seed)


def reasons_of(
    found: Contributions, values: Mapping[str, Any], *, calibration: CalibrationMap | None, top: int | None = TOP
) -> dict[str, Any]:
    """Why the first of the rows has its score, as JSON-like data.

    The reasons, the base and `others` (all inputs that are not named) add up to `total`, whose prediction is `raw`.
    What calibration makes of that is said beside, where it is told: it moves the score, and changes no order of the
    reasons.
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
        **({} if calibration is None else {"calibration": tell_calibration(calibration, float(found.raw[0]))}),
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
    return f"{name} multiplies the {_MULTIPLIED[scale]} by {np.exp(adds):.2f}"


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
