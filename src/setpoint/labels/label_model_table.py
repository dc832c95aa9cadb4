"""A label model: points that each vote gives to each class; probabilities are what the sum of points amounts to.

Every method here (counting votes, Dawid and Skene, what gold rows say) gives such a table, so one form is saved,
explained and applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from setpoint.core.digest import digest
from setpoint.core.errors import DataError
from setpoint.labels.vote_patterns import ROWS, Floats, Stretches, Votes, checked_votes


@dataclass(frozen=True)
class LabelModel:
    """Probabilities of classes from votes.

    `points[i, v + 1, c]` is what the vote v of program i (abstain is -1) gives to class c, `base[c]` what c has
    without votes. The sum is multiplied by `sharpness` (one over the temperature), `shift` is added, and the softmax
    taken. `lineage` says what made it: the versions of programs, the digest of the gold rows, the seed.
    """

    method: str
    classes: tuple[str | int | bool, ...]
    programs: tuple[str, ...]
    base: Floats
    points: Floats
    sharpness: float
    shift: Floats
    lineage: Mapping[str, Any]

    def scores(self, votes: Votes) -> Floats:
        """The points of each class for rows of votes, before they are sharpened and shifted."""
        stretches = Stretches(self.points.shape[0], len(self.classes))
        return self.base + stretches.add_up(self.points, stretches.codes(votes))

    def probabilities(self, votes: Votes) -> Floats:
        """The probability of each class, a line for each row of votes.

        >>> points = np.log([[[0.5, 0.5], [0.8, 0.3], [0.2, 0.7]]])
        >>> model = LabelModel("", ("ham", "spam"), ("links",), np.log([0.5, 0.5]), points, 1.0, np.zeros(2), {})
        >>> model.probabilities(np.array([[1]], dtype=np.int8)).round(3)
        array([[0.222, 0.778]])
        """
        votes = checked_votes(votes, len(self.classes))
        if votes.shape[1] != len(self.programs):
            raise DataError(
                f"There are votes of {votes.shape[1]} programs.", expected=f"{len(self.programs)}, as the model has"
            )
        stretches = Stretches(len(self.programs), len(self.classes))
        tables = stretches.tables(self.points * self.sharpness)
        first = self.base * self.sharpness + self.shift
        found = np.empty((votes.shape[0], len(self.classes)))
        for start in range(0, votes.shape[0], ROWS):
            block = found[start : start + ROWS]
            block[:] = first
            for table, numbers in zip(tables, stretches.codes(votes[start : start + ROWS]), strict=True):
                block += np.take(table, numbers, axis=0)
            softmax(block, out=block)
        return np.asarray(found)

    @property
    def digest(self) -> str:
        """The digest of the model: equal models, equal digest."""
        return digest(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-like data."""
        return {
            "method": self.method,
            "classes": list(self.classes),
            "programs": list(self.programs),
            "base": self.base.tolist(),
            "points": self.points.tolist(),
            "sharpness": self.sharpness,
            "shift": self.shift.tolist(),
            "lineage": dict(self.lineage),
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> LabelModel:
        """The model that `to_dict` described, to the last bit."""
        return LabelModel(
            data["method"],
            tuple(data["classes"]),
            tuple(data["programs"]),
            np.array(data["base"], dtype=np.float64),
            np.array(data["points"], dtype=np.float64),
            float(data["sharpness"]),
            np.array(data["shift"], dtype=np.float64),
            dict(data["lineage"]),
        )


def softmax(scores: Floats, *, out: Floats | None = None) -> Floats:
    """Probabilities in proportion to the exponentials of scores, along the last axis.

    >>> softmax(np.log([[1.0, 3.0]])).round(2)
    array([[0.25, 0.75]])
    """
    found = np.subtract(scores, scores.max(axis=-1, keepdims=True), out=out)
    np.exp(found, out=found)
    found /= found.sum(axis=-1, keepdims=True)
    return np.asarray(found)
