"""Maps from a model's predictions to calibrated ones, for every kind of goal, as a few numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from setpoint.measure.calibrators import CalibrationMap

EDGE = 1e-12
"""Probabilities are kept this far from 0 before a logarithm is taken."""


class Map(Protocol):
    """A map of predictions. Laws: each row has the same bits in any batch; `map_from_dict` gives back an equal one."""

    def apply(self, p: np.ndarray) -> np.ndarray:
        """The calibrated predictions."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """The map as JSON-like data, `kind` among it."""
        ...


@dataclass(frozen=True)
class AsItIs:
    """Predictions stay as they are: numbers, and scores that mean nothing but an order."""

    def apply(self, p: np.ndarray) -> np.ndarray:
        """The predictions.

        >>> AsItIs().apply(np.array([17.0]))
        array([17.])
        """
        return p

    def to_dict(self) -> dict[str, Any]:
        """The map as JSON-like data."""
        return {"kind": "as it is"}


@dataclass(frozen=True)
class ClassMap:
    """Probabilities of classes with one temperature and a shift for each class: see `measure.class_calibration`."""

    sharpness: float
    shifts: tuple[float, ...]

    def apply(self, p: np.ndarray) -> np.ndarray:
        """The calibrated probabilities, which sum to 1.

        >>> ClassMap(0.0, (0.0, 0.0)).apply(np.array([[0.9, 0.1]]))
        array([[0.5, 0.5]])
        """
        scores = self.sharpness * np.log(np.maximum(p, EDGE)) + np.array(self.shifts)
        sized = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
        return np.asarray(sized / np.cumsum(sized, axis=1)[:, -1:])

    def to_dict(self) -> dict[str, Any]:
        """The map as JSON-like data."""
        return {"kind": "classes", "sharpness": self.sharpness, "shifts": list(self.shifts)}


@dataclass(frozen=True)
class LabelMaps:
    """A map of two classes for each label."""

    maps: tuple[CalibrationMap, ...]

    def apply(self, p: np.ndarray) -> np.ndarray:
        """The calibrated probability of each label.

        >>> LabelMaps((CalibrationMap("identity"), CalibrationMap("platt", (1.0, 0.0)))).apply(np.array([[0.5, 0.5]]))
        array([[0.5, 0.5]])
        """
        return np.stack([each.apply(p[:, place]) for place, each in enumerate(self.maps)], axis=1)

    def to_dict(self) -> dict[str, Any]:
        """The map as JSON-like data."""
        return {"kind": "labels", "maps": [each.to_dict() for each in self.maps]}


def map_from_dict(data: Mapping[str, Any]) -> Map:
    """The map that `to_dict` wrote.

    >>> map_from_dict(ClassMap(1.0, (0.5, -0.5)).to_dict())
    ClassMap(sharpness=1.0, shifts=(0.5, -0.5))
    """
    kind = data["kind"]
    if kind == "as it is":
        return AsItIs()
    if kind == "classes":
        return ClassMap(float(data["sharpness"]), tuple(float(each) for each in data["shifts"]))
    if kind == "labels":
        return LabelMaps(tuple(CalibrationMap.from_dict(each) for each in data["maps"]))
    return CalibrationMap.from_dict(data)
