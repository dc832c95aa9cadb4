"""What befalls rows in practice: errors of measurement, typos, missing values, another unit."""

from __future__ import annotations

from typing import Any

import numpy as np

from setpoint.data.arrays import NULL_TIME, to_array
from setpoint.declare.behaviour import FAULTS, SteadyUnder
from setpoint.declare.kinds import TEXT
from setpoint.declare.plan import Plan
from setpoint.learn.behave_change import alter, kind_of_name, set_features, values_of
from setpoint.learn.sides import Examples

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def befall(plan: Plan, rows: Examples, expected: SteadyUnder, *, seed: int) -> Examples:
    """The rows as a fault would have left them: on the names it is declared for, else on every feature it can befall.

    What follows from a name that is declared follows; where it befalls every feature, each is changed by itself.
    """
    rng = np.random.default_rng(seed)
    kinds = FAULTS[expected.fault][0]
    names = expected.on or tuple(name for name, kind in plan.features.items() if kind in kinds)
    given = {
        name: values_of(plan, rows, name) if expected.on else to_array(rows.features[name], plan.features[name])
        for name in names
    }
    chosen = rng.integers(0, max(1, len(names)), rows.y.shape[0])
    spoiled = {}
    for place, (name, values) in enumerate(given.items()):
        kind = kind_of_name(plan, name) if expected.on else plan.features[name]
        spoiled[name] = spoil(values, kind, expected.fault, expected.size, chosen=chosen == place, rng=rng)
    if not expected.on:
        return set_features(plan, rows, spoiled)
    for name, values in spoiled.items():
        rows = alter(plan, rows, name, values)
    return rows


def spoil(
    values: np.ndarray, kind: str, fault: str, size: float, *, chosen: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Values after a fault of some size; of units only the `chosen` rows are told in another one.

    >>> rng = np.random.default_rng(0)
    >>> spoil(np.array([2.0, 3.0]), "number", "units", 10.0, chosen=np.array([True, False]), rng=rng).tolist()
    [20.0, 3.0]
    """
    if fault == "noise":
        known = values[~np.isnan(values)]
        return values + size * (float(known.std()) if known.size else 0.0) * rng.normal(size=values.size)
    if fault == "units":
        factor = np.where(rng.random(values.size) < 0.5, 1 / size, size)
        return np.where(chosen, values * factor, values)
    hit = rng.random(values.size) < size
    if fault == "typos":
        return np.where(hit, mistype(values, rng=rng), values)
    null: Any = None if kind == TEXT else NULL_TIME if values.dtype.kind == "i" else np.nan
    return np.where(hit, null, values)


def mistype(texts: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Texts with one letter wrong, left out, said twice, or swapped with the next; a text has one typo in all rows.

    >>> mistype(np.array(["vienna", None, "vienna"], dtype=object), rng=np.random.default_rng(0)).tolist()
    ['veinna', None, 'veinna']
    """
    known = np.array([text is not None for text in texts], dtype=bool)
    names, codes = np.unique(texts[known].astype(str), return_inverse=True)
    draws = rng.random((names.size, 3))
    wrong = [_mistyped(str(name), *draw) for name, draw in zip(names, draws, strict=True)]
    found = texts.copy()
    found[known] = np.array(wrong, dtype=object)[codes] if names.size else texts[known]
    return found


def _mistyped(text: str, way: float, where: float, which: float) -> str:
    if not text:
        return LETTERS[int(which * len(LETTERS))]
    at = int(where * len(text))
    if way < 0.25:
        return text[:at] + LETTERS[int(which * len(LETTERS))] + text[at + 1 :]
    if way < 0.5 and len(text) > 1:
        return text[:at] + text[at + 1 :]
    if way < 0.75 and len(text) > 1:
        at = min(at, len(text) - 2)
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[: at + 1] + text[at:]
