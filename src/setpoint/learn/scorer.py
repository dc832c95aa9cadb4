"""The scorer: everything that turns features into a decision's score and threshold, as one file set with one digest."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.core.errors import NameUnknown
from setpoint.core.ports import Learner, Model
from setpoint.declare.goal_kind import BINARY
from setpoint.learn.confidence import Confidence, Sure
from setpoint.learn.encode import Encoder
from setpoint.learn.explain_rows import (
    Contributions,
    contributions,
    contributions_of_all,
    reasons_of,
    sampled_contributions,
    sampled_of_all,
)
from setpoint.learn.kinds.composed import load_model
from setpoint.learn.kinds.maps import Map, map_from_dict
from setpoint.learn.threshold import Threshold
from setpoint.measure.calibrators import CalibrationMap
from setpoint.registry.models import check_files, seal

BODY, MODEL = "scorer.json", "model"
ENDS = ("the lower end", "the upper end")
"""What the two predictions of an interval are called."""


@dataclass(frozen=True)
class Parent:
    """The model that another was updated from, in which way, and how often its weights have been since a training."""

    model: str
    way: str
    updates: int

    def to_dict(self) -> dict[str, Any]:
        """The parent as JSON-like data."""
        return {"model": self.model, "way": self.way, "updates": self.updates}


@dataclass(frozen=True)
class Scorer:
    """An encoder, a model, a calibration and a threshold. `trained` is the time of its first and last training row.

    `learner` names who can load the model. A score is a calibrated probability, or what else the `kind` of goal asks
    for: a number for each row, or a row of them. `confidence` says how sure it is, where the goal asks. `parent` is the
    model that its weights were updated from; None where they were trained anew.
    """

    encoder: Encoder
    model: Model
    calibration: Map
    threshold: Threshold
    learner: str
    trained: tuple[int, int]
    kind: str = BINARY
    confidence: Confidence | None = None
    parent: Parent | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features it reads, in order."""
        return self.encoder.names

    @property
    def row_exact(self) -> bool:
        """Whether the score of a row is the same bits alone and in any batch."""
        return bool(self.model.row_exact)

    def score(self, features: pa.Table) -> np.ndarray:
        """The probability of each row, or what else the kind of goal asks for."""
        return self.calibration.apply(self.model.predict(self.encoder.matrix(features)))

    def score_row(self, values: Mapping[str, Any]) -> float:
        """The score of one row of feature values: `score` of a batch of one, where that is one number.

        Of several numbers the greatest.
        """
        found = self.model.predict(self.encoder.row(values))
        if isinstance(self.calibration, CalibrationMap):
            return self.calibration.apply_one(float(found[0]))
        return float(self.calibration.apply(found).max())

    def predict_row(self, values: Mapping[str, Any]) -> tuple[float, ...]:
        """The numbers that are predicted of one row of feature values: `score` of a batch of one."""
        found = self.calibration.apply(self.model.predict(self.encoder.row(values)))
        return tuple(np.asarray(found, dtype=np.float64).reshape(-1).tolist())

    def sure(self, scores: np.ndarray, *, features: pa.Table, fields: pa.Table) -> Sure | None:
        """How sure the scores of rows are, and which of them others decide; None where nothing was asked for."""
        if self.confidence is None:
            return None
        return self.confidence.sure(scores, self.threshold, features=features, fields=fields)

    def sure_one(
        self, score: float, *, features: Mapping[str, Any], fields: Mapping[str, Any]
    ) -> tuple[str | None, bool]:
        """`sure` of a batch of one."""
        if self.confidence is None:
            return None, False
        return self.confidence.sure_one(score, self.threshold, features=features, fields=fields)

    def explain(self, features: pa.Table) -> Contributions | None:
        """What each feature adds to the score of each row, before calibration; None for a model that does not say.

        None too where a row has several predictions: `explain_outputs` tells those of one row.
        """
        found = contributions_of_all(self.model, self.encoder.matrix(features), self.inputs)
        return found[0] if found is not None and len(found) == 1 else None

    def explain_row(
        self, values: Mapping[str, Any], *, background: pa.Table | None = None, seed: int = 0
    ) -> dict[str, Any] | None:
        """Why one row of feature values has its score, as JSON-like data.

        A model that does not say is asked about the row between those of `background`; without any it gives None.
        """
        if not isinstance(self.calibration, CalibrationMap) or self.kind != BINARY:
            return None
        row = self.encoder.row(values)
        found = contributions(self.model, row, self.inputs)
        if found is None and background is not None and background.num_rows > 1:
            others = self.encoder.matrix(background)
            found = sampled_contributions(self.model, row, self.inputs, background=others, seed=seed)
        return None if found is None else reasons_of(found, values, calibration=self.calibration)

    def explain_outputs(
        self,
        values: Mapping[str, Any],
        *,
        names: Sequence[str] = (),
        background: pa.Table | None = None,
        seed: int = 0,
    ) -> list[dict[str, Any]] | None:
        """Why one row has each of its predictions, of a goal of any kind, before calibration, as JSON-like data.

        `names` are those of the classes or labels; one prediction has none, an interval has its ends. A model that does
        not say is asked about the row between those of `background`; without any it gives None.
        """
        row = self.encoder.row(values)
        found = contributions_of_all(self.model, row, self.inputs)
        if found is None and background is not None and background.num_rows > 1:
            others = self.encoder.matrix(background)
            found = sampled_of_all(self.model, row, self.inputs, background=others, seed=seed)
        if found is None:
            return None
        told = names if len(names) == len(found) else ENDS if len(found) == len(ENDS) else ("",)
        score = np.asarray(self.calibration.apply(self.model.predict(row))).reshape(-1)
        return [
            {"output": name, "score": float(made), **reasons_of(each, values, calibration=None)}
            for name, made, each in zip(told, score, found, strict=True)
        ]

    def save(self, folder: Path) -> str:
        """Write the files into a folder, made if it is not there; gives the digest they have from now on."""
        inside = folder / MODEL
        inside.mkdir(parents=True, exist_ok=True)
        self.model.save(inside)
        (folder / BODY).write_text(json.dumps(self._body(), sort_keys=True, indent=1, allow_nan=False) + "\n")
        return seal(folder)

    @property
    def digest(self) -> str:
        """The identity of its files; the same training gives the same one."""
        return self._files[0]

    @property
    def size_mb(self) -> float:
        """The size of its files in megabytes (of 1,000,000 bytes)."""
        return self._files[1] / 1e6

    @cached_property
    def _files(self) -> tuple[str, int]:
        with tempfile.TemporaryDirectory() as folder:
            found = self.save(Path(folder))
            return found, sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())

    def _body(self) -> dict[str, Any]:
        return {
            "learner": self.learner,
            "encoder": self.encoder.to_dict(),
            "calibration": self.calibration.to_dict(),
            "threshold": self.threshold.to_dict(),
            "trained": list(self.trained),
            **({} if self.kind == BINARY else {"kind": self.kind}),
            **({} if self.confidence is None else {"confidence": self.confidence.to_dict()}),
            **({} if self.parent is None else {"parent": self.parent.to_dict()}),
        }


def load_scorer(folder: Path, learners: Mapping[str, Learner], *, expected: str | None = None) -> Scorer:
    """The scorer saved in a folder, its bytes checked before any of them is read as a model.

    Raises ModelCorrupt when a file is missing, added or changed, or when the digest is not `expected`; NameUnknown
    when its learner is not among `learners`.
    """
    check_files(folder, expected=expected)
    body = json.loads((folder / BODY).read_text())
    name = body["learner"]
    if name not in learners:
        raise NameUnknown("learner", name, learners, where=f"The model {folder.name}")
    return Scorer(
        encoder=Encoder.from_dict(body["encoder"]),
        model=load_model(folder / MODEL, learners[name]),
        calibration=map_from_dict(body["calibration"]),
        threshold=Threshold.from_dict(body["threshold"]),
        learner=name,
        trained=(int(body["trained"][0]), int(body["trained"][1])),
        kind=body.get("kind", BINARY),
        confidence=Confidence.from_dict(body["confidence"]) if "confidence" in body else None,
        parent=Parent(**body["parent"]) if "parent" in body else None,
    )
