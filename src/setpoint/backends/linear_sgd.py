"""The linear models of scikit-learn's learner, fitted a few rows at a time, so that newer rows can be told to them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, softmax

from setpoint.backends.asked import check_asked
from setpoint.backends.linear_design import Design
from setpoint.backends.sklearn import (
    IDENTITY,
    LOG,
    LOGISTIC,
    MOST_LOG,
    LogisticModel,
    SoftmaxModel,
    check_seal,
    linear_model,
)
from setpoint.backends.weights import Weighted, weighted
from setpoint.core.digest import digest
from setpoint.core.errors import DataError, ModelCorrupt, NameUnknown
from setpoint.core.ports import Descent, Model, Span
from setpoint.core.rng import seed_for
from setpoint.core.target import TWO_CLASSES, Target

FILE = "model.json"
DEFAULTS: dict[str, float | int] = {"rate": 0.2, "epochs": 10, "batch": 32, "ridge": 0.001}
LINKS = {"binary": LOGISTIC, "multiclass": IDENTITY, "regression": IDENTITY, "count": LOG}
WAY = "continue"
TINY = 1e-8


class Weights(NamedTuple):
    """What steps move: weights (a row for each output, the intercept last) and the squares of all steps so far.

    Numbers are learned as distances from `center` in `scale`.
    """

    value: np.ndarray
    squares: np.ndarray
    center: float
    scale: float


@dataclass(frozen=True)
class SgdModel:
    """A linear model with what it takes to go on training it; scored as the linear models of scikit-learn's learner."""

    design: Design
    kind: str
    weights: Weights = field(repr=False)
    parent: str = ""
    row_exact = True

    @cached_property
    def _linear(self) -> LogisticModel | SoftmaxModel:
        kept, link = self.weights, LINKS[self.kind]
        if self.kind == "multiclass":
            return SoftmaxModel(tuple(linear_model(self.design, each[-1], each[:-1], link=link) for each in kept.value))
        intercept = kept.center + kept.scale * float(kept.value[0, -1])
        return linear_model(self.design, intercept, kept.scale * kept.value[0, :-1], link=link)

    @property
    def digest(self) -> str:
        """The identity of the weights, and of the model that they went on from."""
        return digest(self._body())

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """What its target asks of each row of a float64 matrix; NaN is NULL."""
        return self._linear.predict(rows)

    def contributions(self, rows: np.ndarray) -> np.ndarray:
        """What each input adds to the score of each row, and at the end the base."""
        return self._linear.contributions(rows)

    def importances(self) -> np.ndarray:
        """The share of each input in the sizes of the weights."""
        return self._linear.importances()

    def save(self, folder: Path) -> None:
        """Write the numbers and the digest that they are checked against; floats keep their bits."""
        body = self._body()
        (folder / FILE).write_text(json.dumps({**body, "digest": digest(body)}, sort_keys=True, indent=1) + "\n")

    def _body(self) -> dict[str, Any]:
        kept = self.weights
        return {
            "learner": SgdLearner.name,
            "kind": self.kind,
            "design": self.design.to_dict(),
            "value": kept.value.tolist(),
            "squares": kept.squares.tolist(),
            "center": kept.center,
            "scale": kept.scale,
            "parent": self.parent,
        }


class SgdLearner:
    """Linear models fitted by stochastic gradient descent, each weight with steps of its own length (AdaGrad).

    Duchi, Hazan and Singer (2011), "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization".
    """

    name = "sgd"
    losses: tuple[str, ...] = ("log_loss",)
    kinds: tuple[str, ...] = tuple(LINKS)

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        """The one recipe; `rounds` bounds how often it goes through the rows.

        >>> SgdLearner().recipes(rounds=4)[0]["epochs"]
        4
        """
        return [{**DEFAULTS, "epochs": min(int(DEFAULTS["epochs"]), rounds)}]

    def space(self) -> dict[str, Span]:
        """How long steps are, and how they are held back."""
        return {"rate": Span(0.02, 1.0, log=True), "ridge": Span(0.00001, 0.1, log=True)}

    def fit(
        self,
        recipe: Mapping[str, Any],
        rows: np.ndarray,
        labels: np.ndarray,
        *,
        categories: Sequence[int],
        seed: int,
        weight: np.ndarray | None = None,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        validation_weight: np.ndarray | None = None,
        names: Sequence[str] = (),
        target: Target = TWO_CLASSES,
    ) -> tuple[SgdModel, dict[str, Any]]:
        """A trained model; it goes through the rows a fixed number of times, so validation changes nothing."""
        del validation, validation_weight, names
        check_asked(self.name, recipe, known=DEFAULTS, target=target.kind, targets=self.kinds)
        settings, known = {**DEFAULTS, **recipe}, weighted(rows, labels, weight)
        design = Design.of(known.rows, categories, weight=known.weight)
        start = _start(known, target, design.width)
        found = _descend(start, design, known, target, settings, epochs=int(settings["epochs"]), seed=seed)
        return SgdModel(design, target.kind, found), dict(settings)

    def ways(self, recipe: Mapping[str, Any], *, target: Target = TWO_CLASSES) -> tuple[str, ...]:
        """It goes on where it stopped."""
        del recipe, target
        return (WAY,)

    def update(
        self,
        parent: Model,
        recipe: Mapping[str, Any],
        rows: np.ndarray,
        labels: np.ndarray,
        *,
        way: str,
        categories: Sequence[int],
        seed: int,
        weight: np.ndarray | None = None,
        names: Sequence[str] = (),
        target: Target = TWO_CLASSES,
    ) -> SgdModel:
        """The parent, taken through the newer rows once, with its own scales and the columns that it knows."""
        del categories, names
        if way != WAY:
            raise NameUnknown("way to update", way, (WAY,), where=f"The learner {self.name!r}")
        assert isinstance(parent, SgdModel), "a model of this learner"
        settings, known = {**DEFAULTS, **recipe}, weighted(rows, labels, weight)
        found = _descend(parent.weights, parent.design, known, target, settings, epochs=1, seed=seed)
        return SgdModel(parent.design, parent.kind, found, parent.digest)

    def descent(self, model: Model) -> Descent:
        """The digest of its weights, and of those that they went on from."""
        assert isinstance(model, SgdModel), "a model of this learner"
        return Descent(model.digest, model.parent)

    def load(self, folder: Path) -> SgdModel:
        """The model saved in a folder; raises ModelCorrupt when its content is not the saved one."""
        try:
            body = json.loads((folder / FILE).read_text())
            sealed = body.pop("digest")
            check_seal(body, sealed)
            kept = Weights(np.array(body["value"]), np.array(body["squares"]), body["center"], body["scale"])
            return SgdModel(Design.from_dict(body["design"]), body["kind"], kept, body["parent"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelCorrupt(
                f"The model in {folder.name} cannot be read: {error}.",
                expected=f"{FILE} as it was saved",
                hint="Restore the file or train again; a changed model never decides.",
            ) from error


def _start(known: Weighted, target: Target, width: int) -> Weights:
    """The best answer that is the same for every row: the intercept, and no other weight."""
    y, mass = known.labels, np.ones(known.labels.size) if known.weight is None else known.weight
    outputs, center, scale = 1, 0.0, 1.0
    if target.kind == "multiclass":
        outputs = target.classes
        rates = np.bincount(y.astype(np.intp), weights=mass, minlength=outputs) + 0.5
        first = np.log(rates / rates.sum())
    elif target.kind == "binary":
        rate = (float(mass @ y) + 0.5) / (float(mass.sum()) + 1)
        first = np.array([np.log(rate / (1 - rate))])
    elif target.kind == "count":
        first = np.array([np.log((float(mass @ y) + 0.5) / (float(mass.sum()) + 1))])
    else:
        center = float(np.average(y, weights=mass))
        scale = float(np.sqrt(np.average((y - center) ** 2, weights=mass))) or 1.0
        first = np.zeros(1)
    value = np.zeros((outputs, width + 1))
    value[:, -1] = first
    return Weights(value, np.zeros_like(value), center, scale)


def _descend(
    start: Weights,
    design: Design,
    known: Weighted,
    target: Target,
    settings: Mapping[str, Any],
    *,
    epochs: int,
    seed: int,
) -> Weights:
    """The weights after going through the rows so often, in an order of its own each time."""
    from scipy.sparse import csr_matrix, hstack

    rows = len(known.rows)
    columns = hstack([design.sparse(known.rows), csr_matrix(np.ones((rows, 1)))], format="csr")
    labels = _labels(known.labels, target, start)
    mass = np.ones(rows) if known.weight is None else known.weight / known.weight.mean()
    value, squares = start.value.copy(), start.squares.copy()
    held = np.full(value.shape[1], float(settings["ridge"]))
    held[-1] = 0.0
    rng, batch, rate = np.random.default_rng(seed_for(seed, "sgd")), int(settings["batch"]), float(settings["rate"])
    for _ in range(epochs):
        order = rng.permutation(rows)
        shuffled, asked, counts = columns[order], labels[order], mass[order]
        for first in range(0, rows, batch):
            some = shuffled[first : first + batch]
            off = (_answer(some @ value.T, target.kind) - asked[first : first + batch]) * counts[
                first : first + batch, None
            ]
            gradient = (some.T @ off).T / some.shape[0] + held * value
            squares += gradient * gradient
            value -= rate * gradient / (np.sqrt(squares) + TINY)
    if not np.isfinite(value).all():
        raise DataError(
            f"The weights of the learner {SgdLearner.name!r} are not finite after {rows} rows.",
            expected="labels and weights of ordinary size",
        )
    return Weights(value, squares, start.center, start.scale)


def _labels(labels: np.ndarray, target: Target, start: Weights) -> np.ndarray:
    """What each output is asked to be: rows x outputs."""
    if target.kind == "multiclass":
        return np.eye(target.classes)[labels.astype(np.intp)]
    return ((labels - start.center) / start.scale)[:, None]


def _answer(scores: np.ndarray, kind: str) -> np.ndarray:
    """What the outputs say; its distance from the labels is the gradient of the loss by the scores."""
    if kind == "multiclass":
        return np.asarray(softmax(scores, axis=1))
    if kind == "binary":
        return np.asarray(expit(scores))
    return np.exp(np.clip(scores, -MOST_LOG, MOST_LOG)) if kind == "count" else scores
