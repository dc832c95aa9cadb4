"""Any estimator of scikit-learn as a learner: given by its import path, and kept through skops where that can be."""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from setpoint.backends.asked import check_asked
from setpoint.backends.linear_design import Design
from setpoint.backends.skops_file import from_bytes, strange_types, to_bytes
from setpoint.backends.weights import Weighted, weighted
from setpoint.core.digest import digest, digest_bytes
from setpoint.core.errors import DataError, ModelCorrupt, WrongType
from setpoint.core.rng import seed_for
from setpoint.core.target import TWO_CLASSES, Target

FILE, BODY = "estimator.skops", "model.json"
KNOWN = ("import", "parameters")
"""What a recipe may say."""
CLASSES = ("binary", "multiclass")
CHUNK, PROBED, MOST = 8192, 256, 20
"""Rows that are scored at a time, those among which importances are measured, and how often at most a row is repeated
for an estimator that knows no weights."""


@dataclass(frozen=True)
class EstimatorModel:
    """A fitted estimator, with the design of its columns; probabilities are kept off 0 and 1 by `floor`."""

    estimator: Any = field(repr=False)
    design: Design
    target: str
    classes: int
    floor: float
    shares: tuple[float, ...]
    recipe: Mapping[str, Any]
    data: bytes = field(repr=False)
    unkept: str = ""
    row_exact = False

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """What its target asks of each row of a float64 matrix; NaN is NULL."""
        matrix = np.ascontiguousarray(rows, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != self.design.inputs:
            raise DataError(f"The rows have the shape {matrix.shape}.", expected=f"{self.design.inputs} columns")
        parts = [self._score(matrix[start : start + CHUNK]) for start in range(0, len(matrix), CHUNK)]
        return np.concatenate(parts) if parts else np.zeros((0, self.classes) if self.target == "multiclass" else 0)

    def _score(self, rows: np.ndarray) -> np.ndarray:
        columns = self.design.dense(rows)
        if self.target not in CLASSES:
            found = np.asarray(self.estimator.predict(columns), dtype=np.float64)
            return np.maximum(found, self.floor) if self.target == "count" else found
        told = np.asarray(self.estimator.predict_proba(columns), dtype=np.float64)
        there = np.asarray(self.estimator.classes_).astype(np.intp)
        chance = np.zeros((len(rows), self.classes))
        chance[:, there] = told
        if self.target == "binary":
            return np.clip(chance[:, 1], self.floor, 1 - self.floor)
        chance = np.maximum(chance, self.floor)
        return np.asarray(chance / chance.sum(axis=1, keepdims=True))

    def importances(self) -> np.ndarray:
        """How far predictions move when an input's values are dealt out anew, as shares."""
        return np.array(self.shares)

    def save(self, folder: Path) -> None:
        """Write what skops made of the estimator, and the design with the digest that both are checked against.

        Of one that cannot be kept, only why.
        """
        body = {
            "learner": EstimatorLearner.name,
            "design": self.design.to_dict(),
            "target": self.target,
            "classes": self.classes,
            "floor": self.floor,
            "shares": list(self.shares),
            "recipe": dict(self.recipe),
            "estimator": digest_bytes(self.data),
            **({"unkept": self.unkept} if self.unkept else {}),
        }
        (folder / BODY).write_text(json.dumps({**body, "digest": digest(body)}, sort_keys=True, indent=1) + "\n")
        if not self.unkept:
            (folder / FILE).write_bytes(self.data)


class EstimatorLearner:
    """Estimators by import path and parameters; which one stands in the recipe, so that one learner loads them all.

    They get what a linear model gets: standardised numbers, flags of NULLs, one column for each category. Whatever they
    draw at random is drawn by the seed, and they are fitted in one thread.
    """

    name = "estimator"
    losses: tuple[str, ...] = ("log_loss",)
    kinds: tuple[str, ...] = ("binary", "multiclass", "regression", "count")

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        """None of its own: an estimator is tried where a system names it.

        >>> EstimatorLearner().recipes(rounds=60)
        []
        """
        del rounds
        return []

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
    ) -> tuple[EstimatorModel, dict[str, Any]]:
        """A trained model; what an estimator holds back to stop by is its own matter, so validation changes nothing.

        Raises WrongType for an estimator that does not give what the target asks for.
        """
        del validation, validation_weight, names
        check_asked(self.name, recipe, known=KNOWN, target=target.kind, targets=self.kinds)
        known = weighted(rows, labels, weight)
        design = Design.of(known.rows, categories, weight=known.weight)
        chosen = _seeded(_build(recipe), seed)
        _check_can(chosen, target, str(recipe["import"]))
        estimator = _fitted(chosen, design.dense(known.rows), known, target)
        mass = float(len(known.rows) if known.weight is None else known.weight.sum())
        data, unkept = _kept(estimator)
        model = EstimatorModel(
            estimator,
            design,
            target.kind,
            target.classes,
            0.5 / (mass + 1),
            (),
            {"import": recipe["import"], "parameters": dict(recipe.get("parameters", {}))},
            data,
            unkept,
        )
        shares = _shares(model, known.rows, seed)
        return EstimatorModel(**{**vars(model), "shares": shares}), dict(model.recipe)

    def load(self, folder: Path) -> EstimatorModel:
        """The model saved in a folder.

        Raises ModelCorrupt when its content is not the saved one, holds types that are not scikit-learn's, or was never
        kept.
        """
        try:
            body = json.loads((folder / BODY).read_text())
            sealed = body.pop("digest")
            _need(digest(body) == sealed, f"its content has the digest {digest(body)}, not {sealed}")
            _need("unkept" not in body, f"it was never kept: {body.get('unkept')}")
            data = (folder / FILE).read_bytes()
            _need(digest_bytes(data) == body["estimator"], f"{FILE} has the digest {digest_bytes(data)}")
            return EstimatorModel(
                from_bytes(data),
                Design.from_dict(body["design"]),
                body["target"],
                int(body["classes"]),
                float(body["floor"]),
                tuple(body["shares"]),
                body["recipe"],
                data,
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelCorrupt(
                f"The model in {folder.name} cannot be read: {error}.",
                expected=f"{BODY} and {FILE} as they were saved",
                hint="Restore the files or train again; a changed model never decides.",
            ) from error


def _need(holds: object, problem: str) -> None:
    if not holds:
        raise ValueError(problem)


def _build(told: Mapping[str, Any]) -> Any:
    """The estimator that a recipe tells of."""
    module, _, name = str(told["import"]).partition(":")
    try:
        kind: Any = importlib.import_module(module)
        for part in name.split("."):
            kind = getattr(kind, part)
    except (ImportError, AttributeError) as error:
        raise WrongType(
            f"The estimator {told['import']} cannot be imported: {error}.", expected="an import path, module:Class"
        ) from error
    return kind(**{key: _value(value) for key, value in told.get("parameters", {}).items()})


def _value(told: Any) -> Any:
    """A parameter as the estimator takes it."""
    if isinstance(told, Mapping):
        if set(told) == set(KNOWN):
            return _build(told)
        if set(told) == {"tuple"}:
            return tuple(_value(each) for each in told["tuple"])
        return {key: _value(value) for key, value in told.items()}
    return [_value(each) for each in told] if isinstance(told, list) else told


def _seeded(estimator: Any, seed: int) -> Any:
    """The estimator with a seed wherever it draws and none was given."""
    given = estimator.get_params(deep=True)
    drawn = [name for name, value in given.items() if name.endswith("random_state") and value is None]
    return estimator.set_params(**dict.fromkeys(sorted(drawn), seed % 2**31)) if drawn else estimator


def _check_can(estimator: Any, target: Target, path: str) -> None:
    from sklearn.base import is_classifier, is_regressor

    if target.kind in CLASSES:
        if not is_classifier(estimator):
            raise WrongType(f"{path} gives no classes.", expected="a classifier, which the goal asks for")
        if not hasattr(estimator, "predict_proba"):
            raise WrongType(
                f"{path} gives no probabilities.",
                expected="an estimator with predict_proba",
                hint="Give it to sklearn.calibration:CalibratedClassifierCV.",
            )
    elif not is_regressor(estimator):
        raise WrongType(f"{path} gives no numbers.", expected="a regressor, which the goal asks for")


def _fitted(estimator: Any, columns: np.ndarray, known: Weighted, target: Target) -> Any:
    """The estimator fitted in one thread; labels of one class are learned as that class."""
    from sklearn.dummy import DummyClassifier
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    labels = known.labels.astype(np.int64) if target.kind in CLASSES else known.labels
    if target.kind in CLASSES and np.ptp(labels) == 0:
        return DummyClassifier(strategy="prior").fit(columns, labels)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the estimator's own steps are the budget
        if known.weight is None:
            return estimator.fit(columns, labels)
        name = _weight_name(estimator)
        if name:
            return estimator.fit(columns, labels, **{name: known.weight})
        times = known.weight.astype(np.int64)
        if (times != known.weight).any() or times.max() > MOST:
            raise DataError(
                f"{type(estimator).__name__} takes no weights, and rows weigh up to {known.weight.max():g}.",
                expected=f"whole weights up to {MOST}, by which rows are repeated",
                hint="Try an estimator whose fit has sample_weight.",
            )
        return estimator.fit(np.repeat(columns, times, axis=0), np.repeat(labels, times))


def _weight_name(estimator: Any) -> str:
    """How an estimator is told weights; empty where it takes none."""
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import has_fit_parameter

    if isinstance(estimator, Pipeline):
        last, final = estimator.steps[-1]
        inner = _weight_name(final)
        return f"{last}__{inner}" if inner else ""
    return "sample_weight" if has_fit_parameter(estimator, "sample_weight") else ""


def _kept(estimator: Any) -> tuple[bytes, str]:
    """The estimator as bytes, and why it cannot be kept where it cannot."""
    from skops.io.exceptions import UnsupportedTypeException

    try:
        data = to_bytes(estimator)
    except (UnsupportedTypeException, TypeError, ValueError) as error:
        return b"", f"skops cannot write it: {error}"
    strange = strange_types(data)
    return (b"", f"it holds {', '.join(strange)}, which is not scikit-learn's") if strange else (data, "")


def _shares(model: EstimatorModel, rows: np.ndarray, seed: int) -> tuple[float, ...]:
    """How far predictions of some rows move when each input is dealt out anew, as shares."""
    rng = np.random.default_rng(seed_for(seed, "estimator importances"))
    some = rows[rng.permutation(len(rows))[:PROBED]]
    usual, moved = model.predict(some), np.zeros(rows.shape[1])
    for column in range(rows.shape[1]):
        dealt = some.copy()
        dealt[:, column] = rng.permutation(dealt[:, column])
        moved[column] = float(np.abs(model.predict(dealt) - usual).mean())
    total = float(moved.sum())
    return tuple((moved / total if total > 0 else moved).tolist())
