"""scikit-learn: regularised linear models as a learner, fitted there and scored by a few lines of numpy.

Logistic regression for two classes; its softmax for several, ridge regression for numbers and a Poisson regression for
counts, on the same design.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from setpoint.backends.asked import check_asked
from setpoint.backends.linear_design import CLIP, Design
from setpoint.backends.sklearn_numbers import solve_classes, solve_counts, solve_ridge
from setpoint.backends.weights import weighted
from setpoint.core.digest import digest
from setpoint.core.errors import DataError, ModelCorrupt
from setpoint.core.ports import Span
from setpoint.core.target import TWO_CLASSES, Target

FILE = "model.json"
CHUNK = 1 << 16
MOST_LOG = 50.0
"""The logarithm of a count is kept this near to 0: e to its power is a number, above 0."""
DEFAULTS: dict[str, float | int] = {"c": 0.1, "steps": 60}
LOGISTIC, IDENTITY, LOG = "logistic", "identity", "log"
_LINKS = {LOGISTIC: expit, IDENTITY: np.array, LOG: lambda scores: np.exp(np.clip(scores, -MOST_LOG, MOST_LOG))}


@dataclass(frozen=True)
class Numbers:
    """The numeric inputs: which columns, how they are standardised, and their weights; NULL has a weight of its own."""

    columns: tuple[int, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weight: tuple[float, ...]
    null: tuple[float, ...]


@dataclass(frozen=True)
class Levels:
    """One categorical input: its column, the weight of each code, and that of NULL or an unseen code."""

    column: int
    weight: tuple[float, ...]
    null: float


@dataclass(frozen=True)
class LogisticModel:
    """A linear model as a few numbers; terms are added in one order, so a batch equals its rows bitwise.

    `link` says what is made of the sum: a probability, the sum itself, or what is e to its power.
    """

    inputs: int
    intercept: float
    numbers: Numbers
    levels: tuple[Levels, ...]
    link: str = LOGISTIC
    row_exact = True

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The probability of the positive class, or the number, for each row of a float64 matrix; NaN is NULL."""
        matrix = self._matrix(rows)
        parts = [self._score(matrix[start : start + CHUNK]) for start in range(0, len(matrix), CHUNK)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def contributions(self, rows: np.ndarray) -> np.ndarray:
        """What each input adds to the log odds of each row, and at the end the base, the intercept.

        A number adds its weight times its distance from its mean among the training rows, so those of a row of means
        add nothing; a category or a NULL adds its own weight. These are the Shapley values of independent inputs
        (Strumbelj and Kononenko 2014), those of a category up to the mean of its weights, which is in the base.
        """
        matrix, columns, coded = self._matrix(rows), self._table[0], self._table[5]
        terms, found = self._terms(matrix), np.zeros((len(matrix), self.inputs + 1))
        found[:, -1] = self.intercept
        found[:, columns] = terms[:, 1 : 1 + columns.size]
        found[:, coded] = terms[:, 1 + columns.size :]
        return found

    def _matrix(self, rows: np.ndarray) -> np.ndarray:
        matrix = np.asarray(rows, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != self.inputs:
            raise DataError(f"The rows have the shape {matrix.shape}.", expected=f"{self.inputs} columns")
        return matrix

    def importances(self) -> np.ndarray:
        """The share of each input in the sizes of the weights: of standardised numbers, and the spread over levels."""
        size = np.zeros(self.inputs)
        size[list(self.numbers.columns)] = np.abs(self.numbers.weight)
        for level in self.levels:
            size[level.column] = float(np.std([*level.weight, level.null]))
        total = float(size.sum())
        return size / total if total > 0 else size

    def save(self, folder: Path) -> None:
        """Write the numbers and the digest that they are checked against; floats keep their bits."""
        body = self.to_dict()
        (folder / FILE).write_text(json.dumps({**body, "digest": digest(body)}, sort_keys=True, indent=1) + "\n")

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-like data."""
        return {
            "learner": LogisticLearner.name,
            "inputs": self.inputs,
            "intercept": self.intercept,
            "numbers": {name: list(getattr(self.numbers, name)) for name in Numbers.__dataclass_fields__},
            "levels": [
                {"column": level.column, "weight": list(level.weight), "null": level.null} for level in self.levels
            ],
            **({} if self.link == LOGISTIC else {"link": self.link}),
        }

    @cached_property
    def _table(self) -> tuple[np.ndarray, ...]:
        """The numbers as arrays; the weights of all levels lie in one array, each with its NULL at its end."""
        numbers = self.numbers
        flat = [weight for level in self.levels for weight in (*level.weight, level.null)]
        sizes = np.array([len(level.weight) for level in self.levels], dtype=np.int64)
        first = np.cumsum(sizes + 1) - (sizes + 1)
        return (
            np.array(numbers.columns, dtype=np.intp),
            np.array(numbers.mean),
            np.array(numbers.scale),
            np.array(numbers.weight),
            np.array(numbers.null),
            np.array([level.column for level in self.levels], dtype=np.intp),
            sizes,
            first,
            np.array(flat),
        )

    def _score(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(_LINKS[self.link](np.cumsum(self._terms(rows), axis=1)[:, -1]))

    def _terms(self, rows: np.ndarray) -> np.ndarray:
        """What adds up to the log odds of each row: the intercept, then the numbers, then the categories."""
        columns, mean, scale, weight, null, coded, sizes, first, flat = self._table
        terms = np.empty((len(rows), 1 + columns.size + coded.size))
        terms[:, 0] = self.intercept
        values = rows[:, columns]
        standard = np.clip((values - mean) / scale, -CLIP, CLIP)
        terms[:, 1 : 1 + columns.size] = np.where(np.isnan(values), null, standard * weight)
        codes = rows[:, coded]
        known = (codes >= 0) & (codes < sizes)
        terms[:, 1 + columns.size :] = flat[first + np.where(known, codes, sizes).astype(np.int64)]
        return terms


@dataclass(frozen=True)
class SoftmaxModel:
    """A linear score for each class, made probabilities; a batch equals its rows bitwise."""

    classes: tuple[LogisticModel, ...]
    row_exact = True

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The probability of each class for each row of a float64 matrix; NaN is NULL."""
        scores = np.stack([each.predict(rows) for each in self.classes], axis=1)
        sized = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
        return np.asarray(sized / np.cumsum(sized, axis=1)[:, -1:])

    def contributions(self, rows: np.ndarray) -> np.ndarray:
        """What each input adds to the score of each class, and at the end the base: rows x classes x inputs and base.

        Probabilities are the softmax of what they add up to.
        """
        return np.stack([each.contributions(rows) for each in self.classes], axis=1)

    def importances(self) -> np.ndarray:
        """The mean over the classes of the share of each input in the sizes of their weights."""
        return np.asarray(np.mean([each.importances() for each in self.classes], axis=0))

    def save(self, folder: Path) -> None:
        """Write the numbers of every class and the digest that they are checked against."""
        body = {"learner": LogisticLearner.name, "classes": [each.to_dict() for each in self.classes]}
        (folder / FILE).write_text(json.dumps({**body, "digest": digest(body)}, sort_keys=True, indent=1) + "\n")


class LogisticLearner:
    """Logistic regression on one-hot categories, standardised numbers and missing flags, all fitted on its rows."""

    name = "logistic"
    losses: tuple[str, ...] = ("log_loss",)
    kinds: tuple[str, ...] = ("binary", "multiclass", "regression", "count")

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        """The one recipe: a mild ridge penalty, which matters little here; `rounds` bounds the steps of the solver.

        >>> LogisticLearner().recipes(rounds=60)
        [{'c': 0.1, 'steps': 60}]
        """
        return [{**DEFAULTS, "steps": min(int(DEFAULTS["steps"]), rounds)}]

    def space(self) -> dict[str, Span]:
        """The weight of the data against the penalty."""
        return {"c": Span(0.001, 10.0, log=True)}

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
    ) -> tuple[LogisticModel | SoftmaxModel, dict[str, Any]]:
        """A trained model; the solver has no randomness and stops by itself, so seed and validation change nothing."""
        del seed, validation, validation_weight, names
        check_asked(self.name, recipe, known=DEFAULTS, target=target.kind, targets=self.kinds)
        settings = {**DEFAULTS, **recipe}
        known = weighted(rows, labels, weight)
        design = Design.of(known.rows, categories, weight=known.weight)
        columns = design.sparse(known.rows)
        if target.kind == "multiclass":
            found = solve_classes(columns, known.labels, settings, classes=target.classes, weight=known.weight)
            return SoftmaxModel(tuple(linear_model(design, *each, link=IDENTITY) for each in found)), dict(settings)
        if target.kind == "regression":
            solved = solve_ridge(columns, known.labels, settings, weight=known.weight)
            return linear_model(design, *solved, link=IDENTITY), dict(settings)
        if target.kind == "count":
            solved = solve_counts(columns, known.labels, settings, weight=known.weight)
            return linear_model(design, *solved, link=LOG), dict(settings)
        intercept, weights = _solve(columns, known.labels > 0, settings, weight=known.weight)
        return linear_model(design, intercept, weights), dict(settings)

    def load(self, folder: Path) -> LogisticModel | SoftmaxModel:
        """The model saved in a folder; raises ModelCorrupt when its content is not the saved one."""
        try:
            body = json.loads((folder / FILE).read_text())
            sealed = body.pop("digest")
            check_seal(body, sealed)
            if "classes" in body:
                return SoftmaxModel(tuple(_model_of(part) for part in body["classes"]))
            return _model_of(body)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelCorrupt(
                f"The model in {folder.name} cannot be read: {error}.",
                expected=f"{FILE} as it was saved",
                hint="Restore the file or train again; a changed model never decides.",
            ) from error


def _model_of(body: Mapping[str, Any]) -> LogisticModel:
    """The model that `to_dict` told."""
    return LogisticModel(
        inputs=body["inputs"],
        intercept=body["intercept"],
        numbers=Numbers(**{name: tuple(body["numbers"][name]) for name in Numbers.__dataclass_fields__}),
        levels=tuple(Levels(part["column"], tuple(part["weight"]), part["null"]) for part in body["levels"]),
        link=body.get("link", LOGISTIC),
    )


def check_seal(body: Mapping[str, Any], sealed: str) -> None:
    """Raises ValueError where a model's content is not what it was saved with."""
    if digest(body) != sealed:
        raise ValueError(f"its content has the digest {digest(body)}, not {sealed}")


def linear_model(design: Design, intercept: float, weights: np.ndarray, *, link: str = LOGISTIC) -> LogisticModel:
    """The model that these weights of a design make."""
    count, flags = len(design.numbers), len(design.flagged)
    null = dict(zip(design.flagged, weights[count : count + flags].tolist(), strict=True))
    numbers = Numbers(
        columns=design.numbers,
        mean=tuple(design.mean.tolist()),
        scale=tuple(design.scale.tolist()),
        weight=tuple(weights[:count].tolist()),
        null=tuple(null.get(column, 0.0) for column in design.numbers),
    )
    levels, start = [], count + flags
    for column, size in design.levels:
        levels.append(Levels(column, tuple(weights[start : start + size].tolist()), 0.0))
        start += size
    return LogisticModel(design.inputs, intercept, numbers, tuple(levels), link)


def _solve(
    design: Any, positive: np.ndarray, settings: Mapping[str, Any], *, weight: np.ndarray | None
) -> tuple[float, np.ndarray]:
    """Intercept and weights of the columns; with one class only, the smoothed rate alone."""
    if positive.all() or not positive.any():
        n = float(positive.size if weight is None else weight.sum())
        rate = ((n if positive.all() else 0.0) + 0.5) / (n + 1)
        return float(np.log(rate / (1 - rate))), np.zeros(design.shape[1])
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    solver = LogisticRegression(C=settings["c"], max_iter=int(settings["steps"]), tol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the steps are the budget
        solver.fit(design, positive, sample_weight=weight)
    return float(solver.intercept_[0]), np.asarray(solver.coef_[0], dtype=np.float64)
