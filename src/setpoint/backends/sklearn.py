"""scikit-learn: regularised logistic regression as a learner, fitted there and scored by a few lines of numpy."""

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

from setpoint.backends.weights import weighted
from setpoint.core.digest import digest
from setpoint.core.errors import DataError, ModelCorrupt, NameUnknown

FILE = "model.json"
CLIP = 8.0
"""Standardised values are kept this close to 0: one absurd value must not decide a score."""
CHUNK = 1 << 16
DEFAULTS: dict[str, float | int] = {"c": 0.1, "steps": 60}


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
    """A logistic regression as a few numbers; terms are added in one order, so a batch equals its rows bitwise."""

    inputs: int
    intercept: float
    numbers: Numbers
    levels: tuple[Levels, ...]
    row_exact = True

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The probability of the positive class for each row of a float64 matrix; NaN is NULL."""
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
        return np.asarray(expit(np.cumsum(self._terms(rows), axis=1)[:, -1]))

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


class LogisticLearner:
    """Logistic regression on one-hot categories, standardised numbers and missing flags, all fitted on its rows."""

    name = "logistic"
    losses: tuple[str, ...] = ("log_loss",)

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        """The one recipe: a mild ridge penalty, which matters little here; `rounds` bounds the steps of the solver.

        >>> LogisticLearner().recipes(rounds=60)
        [{'c': 0.1, 'steps': 60}]
        """
        return [{**DEFAULTS, "steps": min(int(DEFAULTS["steps"]), rounds)}]

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
    ) -> tuple[LogisticModel, dict[str, Any]]:
        """A trained model; the solver has no randomness and stops by itself, so seed and validation change nothing."""
        del seed, validation, validation_weight, names
        for name in recipe:
            if name not in DEFAULTS:
                raise NameUnknown("parameter", name, DEFAULTS, where="The learner 'logistic'")
        settings = {**DEFAULTS, **recipe}
        known = weighted(rows, labels, weight)
        design = _Design.of(known.rows, categories, weight=known.weight)
        intercept, weights = _solve(design.sparse(known.rows), known.labels > 0, settings, weight=known.weight)
        return design.model(intercept, weights), dict(settings)

    def load(self, folder: Path) -> LogisticModel:
        """The model saved in a folder; raises ModelCorrupt when its content is not the saved one."""
        try:
            body = json.loads((folder / FILE).read_text())
            sealed = body.pop("digest")
            _check_seal(body, sealed)
            return LogisticModel(
                inputs=body["inputs"],
                intercept=body["intercept"],
                numbers=Numbers(**{name: tuple(body["numbers"][name]) for name in Numbers.__dataclass_fields__}),
                levels=tuple(Levels(part["column"], tuple(part["weight"]), part["null"]) for part in body["levels"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelCorrupt(
                f"The model in {folder.name} cannot be read: {error}.",
                expected=f"{FILE} as it was saved",
                hint="Restore the file or train again; a changed model never decides.",
            ) from error


def _check_seal(body: Mapping[str, Any], sealed: str) -> None:
    if digest(body) != sealed:
        raise ValueError(f"its content has the digest {digest(body)}, not {sealed}")


@dataclass(frozen=True)
class _Design:
    """The columns of the regression: numbers, flags of those that have NULLs, and one column for each code."""

    inputs: int
    numbers: tuple[int, ...]
    mean: np.ndarray
    scale: np.ndarray
    flagged: tuple[int, ...]
    levels: tuple[tuple[int, int], ...]

    @staticmethod
    def of(rows: np.ndarray, categories: Sequence[int], *, weight: np.ndarray | None = None) -> _Design:
        """The design fitted on these rows."""
        coded = sorted(categories)
        numbers = tuple(j for j in range(rows.shape[1]) if j not in set(coded))
        mean, scale, flagged = np.zeros(len(numbers)), np.ones(len(numbers)), []
        for i, column in enumerate(numbers):
            values = rows[:, column]
            filled = ~np.isnan(values)
            known = values[filled]
            if known.size:
                mean[i], spread = _moments(known, None if weight is None else weight[filled])
                scale[i] = spread if spread > 0 else 1.0
            if known.size < values.size:
                flagged.append(column)
        top = [rows[:, column][~np.isnan(rows[:, column])] for column in coded]
        levels = tuple((column, int(codes.max(initial=-1)) + 1) for column, codes in zip(coded, top, strict=True))
        return _Design(rows.shape[1], numbers, mean, scale, tuple(flagged), levels)

    def sparse(self, rows: np.ndarray) -> Any:
        """The design matrix of rows: a row holds its standardised numbers, its flags and a 1 for each of its codes."""
        from scipy.sparse import csr_matrix, hstack

        values = rows[:, self.numbers]
        standard = np.clip((values - self.mean) / self.scale, -CLIP, CLIP)
        parts = [csr_matrix(np.nan_to_num(standard)), csr_matrix(np.isnan(rows[:, self.flagged]).astype(np.float64))]
        for column, size in self.levels:
            codes = rows[:, column]
            known = np.flatnonzero((codes >= 0) & (codes < size))
            ones = np.ones(known.size)
            parts.append(csr_matrix((ones, (known, codes[known].astype(np.intp))), shape=(len(rows), size)))
        return hstack(parts, format="csr")

    def model(self, intercept: float, weights: np.ndarray) -> LogisticModel:
        """The model that these weights of the design make."""
        count, flags = len(self.numbers), len(self.flagged)
        null = dict(zip(self.flagged, weights[count : count + flags].tolist(), strict=True))
        numbers = Numbers(
            columns=self.numbers,
            mean=tuple(self.mean.tolist()),
            scale=tuple(self.scale.tolist()),
            weight=tuple(weights[:count].tolist()),
            null=tuple(null.get(column, 0.0) for column in self.numbers),
        )
        levels, start = [], count + flags
        for column, size in self.levels:
            levels.append(Levels(column, tuple(weights[start : start + size].tolist()), 0.0))
            start += size
        return LogisticModel(self.inputs, intercept, numbers, tuple(levels))


def _moments(values: np.ndarray, weight: np.ndarray | None) -> tuple[float, float]:
    """The mean and the standard deviation of a column."""
    if weight is None:
        return float(values.mean()), float(values.std())
    mean = float(np.average(values, weights=weight))
    return mean, float(np.sqrt(np.average((values - mean) ** 2, weights=weight)))


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
