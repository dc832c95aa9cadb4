"""scikit-learn's histogram gradient boosting as a learner; its trees are kept as flat tables that LightGBM reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from setpoint.backends.asked import check_asked
from setpoint.backends.booster import BoostedTrees
from setpoint.backends.tree_text import Tree, constant_tree, model_text
from setpoint.backends.weights import Weighted, weighted
from setpoint.core.ports import Span
from setpoint.core.target import TWO_CLASSES, Target

PATIENCE = 20
"""Rounds without a better loss on the validation rows after which a training stops."""
REFIT = 1.1
"""A refit sees more rows than the fit whose rounds were settled, and takes this many times its rounds."""
CODES = 254
"""Codes that scikit-learn can split as categories; a column with more of them is read as numbers."""
DEFAULTS: dict[str, float | int] = {
    "rounds": 160,
    "learning_rate": 0.1,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 50,
    "l2_regularization": 1.0,
    "max_features": 1.0,
    "max_bins": 255,
}
"""What a recipe may say, and what holds where it does not."""
_PORTFOLIO: tuple[dict[str, float | int], ...] = (
    {"max_features": 0.4, "l2_regularization": 5.0, "max_leaf_nodes": 15},
    {"max_features": 0.5, "learning_rate": 0.06},
    {"max_leaf_nodes": 7, "learning_rate": 0.2},
)


class HistGradientBoostingLearner:
    """Boosted trees of scikit-learn with early stopping on the validation rows given, never on a random part.

    It grows its trees in one thread: with more, its sums come in another order, and the bytes of a model differ.
    """

    name = "hist_gradient_boosting"
    losses: tuple[str, ...] = ("log_loss",)
    kinds: tuple[str, ...] = ("binary", "multiclass", "regression", "quantile", "count")

    def __init__(self, *, directions: Mapping[str, int] | None = None) -> None:
        self._directions = dict(directions or {})

    def directed(self, directions: Mapping[str, int]) -> HistGradientBoostingLearner:
        """The learner whose trees never lower a score as an input of direction 1 rises, nor raise it for -1.

        Several classes, quantiles and medians it learns without: scikit-learn cannot keep to directions for those.
        """
        return HistGradientBoostingLearner(directions=directions)

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        """Three fixed recipes, best guess first, each of at most `rounds` trees.

        >>> HistGradientBoostingLearner().recipes(rounds=100)[0]["rounds"]
        100
        """
        return [{**DEFAULTS, **variant, "rounds": rounds} for variant in _PORTFOLIO]

    def space(self) -> dict[str, Span]:
        """What is worth trying beside the fixed recipes."""
        return {
            "learning_rate": Span(0.02, 0.3, log=True),
            "max_leaf_nodes": Span(4, 255, log=True, whole=True),
            "min_samples_leaf": Span(5, 500, log=True, whole=True),
            "l2_regularization": Span(0.01, 100.0, log=True),
            "max_features": Span(0.3, 1.0),
        }

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
    ) -> tuple[BoostedTrees, dict[str, Any]]:
        """A trained model; with `validation` it keeps its best round, and the recipe says the rounds of a refit.

        Counts are fitted by the Poisson likelihood, quantiles by the pinball loss. The least rows of a leaf are scaled
        down on small data: no leaf needs more than a fiftieth of the rows.
        """
        check_asked(self.name, recipe, known=DEFAULTS, target=target.kind, targets=self.kinds)
        settings, known = {**DEFAULTS, **recipe}, weighted(rows, labels, weight)
        columns, outputs = known.rows.shape[1], target.classes if target.kind == "multiclass" else 1
        alike = _alike(known, target)
        if alike is not None:
            text = model_text(
                alike, columns=columns, names=names, outputs=outputs, objective=_objective(target, outputs)
            )
            return BoostedTrees(text, learner=self.name), dict(settings)
        columns_of = _Columns.of(known.rows, categories)
        newer = None if validation is None else _seen(weighted(*validation, validation_weight), known, target)
        estimator = self._estimator(settings, known, target, columns_of, names, seed=seed, stops=newer is not None)
        _fit_alone(estimator, known, newer, columns_of)
        kept, curve = estimator.n_iter_, {}
        if newer is not None:
            losses = -np.asarray(estimator.validation_score_[1:], dtype=np.float64)
            kept = int(np.argmin(losses)) + 1
            curve = {estimator.loss if isinstance(estimator.loss, str) else target.kind: losses.tolist()}
            settings["rounds"] = int(np.ceil(kept * REFIT))
        trees = _trees(estimator, kept, outputs, known, target, columns_of)
        text = model_text(trees, columns=columns, names=names, outputs=outputs, objective=_objective(target, outputs))
        return BoostedTrees(text, learner=self.name, curve=curve), settings

    def load(self, folder: Path) -> BoostedTrees:
        """The model saved in a folder; raises ModelCorrupt, before parsing it, when its bytes have changed."""
        return BoostedTrees.open(folder, learner=self.name)

    def _estimator(
        self,
        settings: Mapping[str, Any],
        known: Weighted,
        target: Target,
        columns: _Columns,
        names: Sequence[str],
        *,
        seed: int,
        stops: bool,
    ) -> Any:
        """scikit-learn's estimator of a target."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        ways = [self._directions.get(name, 0) for name in names] or [0] * len(columns.order)
        held = [0 if place < columns.coded else ways[column] for place, column in enumerate(columns.order)]
        free = target.kind in ("multiclass", "quantile") or target.robust or not any(held)
        shared = {
            "max_iter": int(settings["rounds"]),
            "learning_rate": settings["learning_rate"],
            "max_leaf_nodes": int(settings["max_leaf_nodes"]),
            "min_samples_leaf": max(2, min(int(settings["min_samples_leaf"]), len(known.rows) // 50)),
            "l2_regularization": settings["l2_regularization"],
            "max_features": settings["max_features"],
            "max_bins": int(settings["max_bins"]),
            "categorical_features": list(range(columns.coded)) or None,
            "monotonic_cst": None if free else held,
            "early_stopping": stops,
            "n_iter_no_change": PATIENCE,
            "tol": 0.0,
            "scoring": "loss",
            "random_state": seed % 2**31,
        }
        if target.kind in ("binary", "multiclass"):
            return HistGradientBoostingClassifier(**shared)
        if target.kind == "quantile":
            return HistGradientBoostingRegressor(loss="quantile", quantile=target.quantile, **shared)
        if target.kind == "count":
            return HistGradientBoostingRegressor(loss="poisson", **shared)
        return HistGradientBoostingRegressor(loss="absolute_error" if target.robust else "squared_error", **shared)


class _Columns(NamedTuple):
    """The columns as scikit-learn is given them: the `coded` ones of codes first, and none that is empty."""

    order: tuple[int, ...]
    coded: int

    @staticmethod
    def of(rows: np.ndarray, categories: Sequence[int]) -> _Columns:
        """The order of the columns of a matrix."""
        filled = np.flatnonzero(~np.isnan(rows).all(axis=0)).tolist()
        coded = [column for column in filled if column in set(categories) and np.nanmax(rows[:, column]) < CODES]
        rest = [column for column in filled if column not in set(coded)]
        return _Columns((*coded, *rest), len(coded))


def _fit_alone(estimator: Any, known: Weighted, newer: Weighted | None, columns: _Columns) -> None:
    """Fit in one thread, so that sums come in one order."""
    from threadpoolctl import threadpool_limits

    order = list(columns.order)
    with threadpool_limits(1, user_api="openmp"):
        if newer is None:
            estimator.fit(known.rows[:, order], known.labels, sample_weight=known.weight)
            return
        both = known.weight is not None or newer.weight is not None
        estimator.fit(
            known.rows[:, order],
            known.labels,
            sample_weight=_or_ones(known) if both else None,
            X_val=newer.rows[:, order],
            y_val=newer.labels,
            sample_weight_val=_or_ones(newer) if both else None,
        )


def _or_ones(known: Weighted) -> np.ndarray:
    return np.ones(len(known.rows)) if known.weight is None else known.weight


def _objective(target: Target, outputs: int) -> str:
    """LightGBM's word for what is made of the sum of the trees."""
    return {
        "binary": "binary sigmoid:1",
        "multiclass": f"multiclass num_class:{outputs}",
        "count": "poisson",
    }.get(target.kind, "regression")


def _alike(known: Weighted, target: Target) -> list[Tree] | None:
    """The trees of a model that has nothing to tell apart: labels of one class, or no event at all."""
    mass = _or_ones(known)
    if target.kind == "binary" and np.ptp(known.labels) == 0:
        rate = (float(mass @ known.labels) + 0.5) / (float(mass.sum()) + 1)
        return [constant_tree(float(np.log(rate / (1 - rate))))]
    if target.kind == "count" and not known.labels.any():
        return [constant_tree(float(np.log(0.5 / (float(mass.sum()) + 1))))]
    if target.kind == "multiclass" and np.ptp(known.labels) == 0:
        return [constant_tree(value) for value in _log_rates(known, target)]
    return None


def _log_rates(known: Weighted, target: Target) -> list[float]:
    """The logarithm of the smoothed rate of each class."""
    mass = np.bincount(known.labels.astype(np.intp), weights=_or_ones(known), minlength=target.classes)
    return [float(each) for each in np.log((mass + 0.5) / (mass.sum() + 0.5 * target.classes))]


def _seen(newer: Weighted, known: Weighted, target: Target) -> Weighted | None:
    """The validation rows that can stop a training: those of classes that it has."""
    if target.kind not in ("binary", "multiclass"):
        return newer
    there = np.isin(newer.labels, np.unique(known.labels))
    if not there.any():
        return None
    return Weighted(newer.rows[there], newer.labels[there], None if newer.weight is None else newer.weight[there])


def _trees(estimator: Any, kept: int, outputs: int, known: Weighted, target: Target, columns: _Columns) -> list[Tree]:
    """The trees of the first rounds by turns of outputs; the start is in those of the first round."""
    codes_of = [] if not columns.coded else estimator._preprocessor.named_transformers_["encoder"].categories_
    levels = [each[~np.isnan(each)].astype(np.int64) for each in codes_of]
    start = np.asarray(estimator._baseline_prediction, dtype=np.float64).ravel()
    if outputs == 1:
        made = [_tree(each[0], columns, levels) for each in estimator._predictors[:kept]]
        return [_raised(made[0], float(start[0])), *made[1:]]
    codes = estimator.classes_.astype(int).tolist()
    absent = _log_rates(known, target)
    floor = float(np.mean(start)) - max(absent[code] for code in codes)
    by_round = []
    for place, each in enumerate(estimator._predictors[:kept]):
        grown = [_tree(tree, columns, levels) for tree in each]
        if len(codes) == 2 and len(grown) == 1:  # scikit-learn gives the log odds of the second class
            half = grown[0]
            grown = [_scaled(half, -0.5), _scaled(half, 0.5)]
            begin = [-start[0] / 2, start[0] / 2]
            floor = -max(absent[code] for code in codes)
        else:
            begin = start.tolist()
        at = dict(zip(codes, range(len(codes)), strict=True))
        for code in range(outputs):
            if code in at:
                tree = grown[at[code]]
                by_round.append(_raised(tree, begin[at[code]]) if place == 0 else tree)
            else:
                by_round.append(constant_tree(floor + absent[code] if place == 0 else 0.0))
    return by_round


def _tree(grown: Any, columns: _Columns, levels: Sequence[np.ndarray]) -> Tree:
    """One tree of scikit-learn as arrays."""
    nodes = grown.nodes
    leaf = nodes["is_leaf"].astype(bool)
    among, there = {}, {}
    for node in np.flatnonzero(nodes["is_categorical"].astype(bool) & ~leaf).tolist():
        codes = levels[nodes["feature_idx"][node]]
        places = _codes(grown.raw_left_cat_bitsets[nodes["bitset_idx"][node]])
        among[node], there[node] = codes[places[places < codes.size]], codes
    return Tree(
        column=np.array(columns.order)[nodes["feature_idx"]],
        threshold=nodes["num_threshold"].astype(np.float64),
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
        nan_left=nodes["missing_go_to_left"].astype(bool),
        gain=nodes["gain"].astype(np.float64),
        rows=nodes["count"].astype(np.float64),
        value=nodes["value"].astype(np.float64),
        among=among,
        known=there,
    )


def _codes(words: np.ndarray) -> np.ndarray:
    """The codes whose bits are set."""
    return np.flatnonzero(np.unpackbits(np.ascontiguousarray(words).view(np.uint8), bitorder="little"))


def _raised(tree: Tree, by: float) -> Tree:
    return Tree(**{**vars(tree), "value": tree.value + by})


def _scaled(tree: Tree, by: float) -> Tree:
    return Tree(**{**vars(tree), "value": tree.value * by})
