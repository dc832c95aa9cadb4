"""A model that is an ensemble of trees, kept as LightGBM's text: what scores rows, whoever grew the trees."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from setpoint.backends.lightgbm_row import RowPredictor
from setpoint.core.digest import digest_bytes
from setpoint.core.errors import DataError, ModelCorrupt

if TYPE_CHECKING:
    from lightgbm import Booster

FILE, SEAL = "model.txt", "model.json"


class TreesModel:
    """Trees that are added up, or whose mean is taken; each row is scored on its own, so a batch equals its rows."""

    row_exact = True

    def __init__(
        self, text: str, *, learner: str, parent: str = "", curve: Mapping[str, Sequence[float]] | None = None
    ) -> None:
        self.curve = dict(curve or {})
        self.learner, self.parent, self.text = learner, parent, text
        self._booster = open_booster(text)
        self._columns = self._booster.num_feature()
        self._outputs = self._booster.num_model_per_iteration()

    @classmethod
    def open(cls, folder: Path, *, learner: str) -> Self:
        """The model saved in a folder; raises ModelCorrupt, before parsing it, when its bytes have changed."""
        try:
            data, sealed = (folder / FILE).read_bytes(), (folder / SEAL).read_bytes()
        except OSError as error:
            raise ModelCorrupt(
                f"The model in {folder.name} cannot be read: {error}.", expected=f"{FILE} and {SEAL} as they were saved"
            ) from error
        parent = _parent_in(sealed)
        if sealed != _seal(data, learner, parent):
            raise ModelCorrupt(
                f"The model in {folder.name} has the digest {digest_bytes(data)}.",
                expected=f"the digest in {SEAL}, which it was saved with",
                hint="Restore the file or train again; a changed model never decides.",
            )
        return cls(data.decode(), learner=learner, parent=parent)

    @property
    def digest(self) -> str:
        """The identity of the trees, and of the model that they were grown from."""
        return _digest(self.text.encode(), self.parent)

    @property
    def booster(self) -> Booster:
        """LightGBM's own form of it, to be read only."""
        return self._booster

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """What its target asks of each row of a float64 matrix; NaN is NULL."""
        matrix = self._matrix(rows)
        if len(matrix) == 1 and self._outputs == 1:
            return np.array([self._one.predict(matrix)])
        if not len(matrix):
            return np.zeros((0, self._outputs) if self._outputs > 1 else 0)
        return np.asarray(self._booster.predict(matrix, num_threads=1), dtype=np.float64)

    def _matrix(self, rows: np.ndarray) -> np.ndarray:
        matrix = np.ascontiguousarray(rows, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != self._columns:
            raise DataError(f"The rows have the shape {matrix.shape}.", expected=f"{self._columns} columns")
        return matrix

    @cached_property
    def _one(self) -> RowPredictor:
        return RowPredictor(self.text, self._columns)

    def importances(self) -> np.ndarray:
        """The share of each input in the gain of all splits; all 0 when no tree has a split."""
        gain = np.asarray(self._booster.feature_importance("gain"), dtype=np.float64)
        total = float(gain.sum())
        return gain / total if total > 0 else np.zeros(self._columns)

    def save(self, folder: Path) -> None:
        """Write the text of the model and the digest that it is checked against."""
        data = self.text.encode()
        (folder / FILE).write_bytes(data)
        (folder / SEAL).write_bytes(_seal(data, self.learner, self.parent))


class BoostedTrees(TreesModel):
    """Trees that are added up to log odds, which each tree's splits can be asked about."""

    def contributions(self, rows: np.ndarray) -> np.ndarray:
        """What each input adds to the log odds of each row, and at the end the base: the mean over the training rows.

        Shapley values along the paths of the trees: Lundberg et al. (2020), "From local explanations to global
        understanding with explainable AI for trees". They cost some 150 times as much as a prediction.
        """
        matrix = self._matrix(rows)
        if not len(matrix):
            return np.zeros((0, self._columns + 1))
        found = self._booster.predict(matrix, pred_contrib=True, num_threads=1)
        return np.asarray(found, dtype=np.float64)


def text_of(booster: Booster) -> str:
    """The model up to its best round as text, without the one parameter that speaks of the machine."""
    text = booster.model_to_string()
    return re.sub(r"\[num_threads: \d+\]", "[num_threads: 1]", text)


def open_booster(text: str) -> Booster:
    """LightGBM's own form of a text."""
    import lightgbm

    try:
        return lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise ModelCorrupt(f"LightGBM cannot read the model: {error}.", expected="a model as it was saved") from error


def _digest(data: bytes, parent: str) -> str:
    return digest_bytes(data + parent.encode()) if parent else digest_bytes(data)


def _seal(data: bytes, learner: str, parent: str) -> bytes:
    told = {"parent": parent} if parent else {}
    return json.dumps({"digest": _digest(data, parent), "learner": learner, **told}).encode() + b"\n"


def _parent_in(sealed: bytes) -> str:
    """The parent that a seal names; one that cannot be read names none, and will not be equal to what is sealed."""
    try:
        told = json.loads(sealed)
    except ValueError:
        return ""
    return str(told.get("parent", "")) if isinstance(told, dict) else ""
