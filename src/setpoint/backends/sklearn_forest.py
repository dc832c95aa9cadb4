"""scikit-learn's random forests and extra trees as learners; their trees are kept as tables that LightGBM reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from setpoint.backends.asked import check_asked
from setpoint.backends.booster import TreesModel
from setpoint.backends.tree_text import Tree, as_float64, constant_tree, model_text
from setpoint.backends.weights import Weighted, weighted
from setpoint.core.ports import Span
from setpoint.core.target import TWO_CLASSES, Target

DEFAULTS: dict[str, float | int] = {"trees": 100, "min_samples_leaf": 10, "max_features": 0.4, "smooth": 1.0}
"""What a recipe may say, and what holds where it does not.

`smooth` rows of the mean of all are added to each leaf, so that no probability is 0 or 1 and no count 0.
"""
_PORTFOLIO: tuple[dict[str, float | int], ...] = (
    {},
    {"min_samples_leaf": 3, "max_features": 0.3},
    {"min_samples_leaf": 30},
)


class ForestLearner:
    """A forest of scikit-learn: the mean of trees, each grown on its own draw; nothing stops it early.

    Categories are read in the order of their mean label, or for several classes of the first principal component of
    their rates: Wright and König (2019), "Splitting on categorical predictors in random forests". A leaf that a
    category or NULL was never seen by sends it where more rows went.
    """

    name = ""
    losses: tuple[str, ...] = ("log_loss",)
    kinds: tuple[str, ...] = ("binary", "multiclass", "regression", "count")

    def __init__(self, *, threads: int = 1) -> None:
        self._threads = threads

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        """Three fixed recipes, best guess first, each of at most `rounds` trees.

        >>> RandomForestLearner().recipes(rounds=60)[0]
        {'trees': 60, 'min_samples_leaf': 10, 'max_features': 0.4, 'smooth': 1.0}
        """
        return [{**DEFAULTS, **variant, "trees": min(int(DEFAULTS["trees"]), rounds)} for variant in _PORTFOLIO]

    def space(self) -> dict[str, Span]:
        """How deep trees grow, and how much each split sees."""
        return {"min_samples_leaf": Span(1, 200, log=True, whole=True), "max_features": Span(0.1, 1.0)}

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
    ) -> tuple[TreesModel, dict[str, Any]]:
        """A trained model; no more trees make it worse, so validation changes nothing. Medians are learned as means."""
        del validation, validation_weight
        check_asked(self.name, recipe, known=DEFAULTS, target=target.kind, targets=self.kinds)
        settings, known = {**DEFAULTS, **recipe}, weighted(rows, labels, weight)
        outputs = target.classes if target.kind == "multiclass" else 1
        base = _base(known, target)
        if np.ptp(known.labels) == 0:
            trees = [constant_tree(value) for value in base]
        else:
            orders = {column: _order(known, column, target) for column in sorted(categories)}
            forest = self._estimator(settings, known, target, seed=seed)
            forest.fit(_ordered(known.rows, orders), known.labels, sample_weight=known.weight)
            trees = _trees(forest, orders, base, target, smooth=float(settings["smooth"]))
        text = model_text(trees, columns=known.rows.shape[1], names=names, outputs=outputs, mean=True)
        return TreesModel(text, learner=self.name), settings

    def load(self, folder: Path) -> TreesModel:
        """The model saved in a folder; raises ModelCorrupt, before parsing it, when its bytes have changed."""
        return TreesModel.open(folder, learner=self.name)

    def _estimator(self, settings: Mapping[str, Any], known: Weighted, target: Target, *, seed: int) -> Any:
        """scikit-learn's estimator of a target."""
        import sklearn.ensemble

        rows, mass = len(known.rows), len(known.rows) if known.weight is None else float(known.weight.sum())
        leaf = min(int(settings["min_samples_leaf"]), mass // 50)  # of the rows that these stand for
        classifies = target.kind in ("binary", "multiclass")
        chosen = getattr(sklearn.ensemble, self._class + ("Classifier" if classifies else "Regressor"))
        return chosen(
            n_estimators=int(settings["trees"]),
            min_samples_leaf=max(1, round(leaf * rows / mass)),
            max_features=float(settings["max_features"]),
            n_jobs=self._threads,
            random_state=seed % 2**31,
            **({"criterion": "poisson"} if target.kind == "count" else {}),
        )

    _class = ""


class RandomForestLearner(ForestLearner):
    """Breiman (2001), "Random Forests": each tree on rows drawn with replacement, the best split of some inputs."""

    name = "random_forest"
    _class = "RandomForest"


class ExtraTreesLearner(ForestLearner):
    """Geurts, Ernst and Wehenkel (2006), "Extremely randomized trees": all rows, the best of splits at random."""

    name = "extra_trees"
    _class = "ExtraTrees"


def _base(known: Weighted, target: Target) -> np.ndarray:
    """The mean of all rows, which leaves are drawn to: of each class, or the one number."""
    mass = np.ones(len(known.rows)) if known.weight is None else known.weight
    if target.kind == "multiclass":
        found = np.bincount(known.labels.astype(np.intp), weights=mass, minlength=target.classes)
        return np.asarray((found + 0.5) / (mass.sum() + 0.5 * target.classes))
    mean = float(np.average(known.labels, weights=mass))
    total = float(mass.sum())
    if target.kind == "binary":
        return np.array([(mean * total + 0.5) / (total + 1)])
    return np.array([(mean * total + 0.5) / (total + 1) if target.kind == "count" and mean == 0 else mean])


def _order(known: Weighted, column: int, target: Target) -> np.ndarray:
    """The place of each code among the codes, lowest mean label first."""
    codes = known.rows[:, column]
    there = ~np.isnan(codes)
    of, mass = codes[there].astype(np.intp), (np.ones(len(codes)) if known.weight is None else known.weight)[there]
    size = int(of.max(initial=-1)) + 1
    total = np.bincount(of, weights=mass, minlength=size)
    y = known.labels[there]
    if target.kind == "multiclass":
        parts = [np.bincount(of, weights=mass * (y == each), minlength=size) for each in range(target.classes)]
        rates = np.stack(parts, axis=1) / np.maximum(total, 1e-12)[:, None]
        middle = rates - np.average(rates, axis=0, weights=total) if total.any() else rates
        _, vectors = np.linalg.eigh((middle * total[:, None]).T @ middle)
        axis = vectors[:, -1] * (1.0 if vectors[np.abs(vectors[:, -1]).argmax(), -1] > 0 else -1.0)
        score = middle @ axis
    else:
        score = np.bincount(of, weights=mass * y, minlength=size) / np.maximum(total, 1e-12)
    place = np.empty(size, dtype=np.float64)
    place[np.lexsort((np.arange(size), score))] = np.arange(size)
    place[total == 0] = np.nan
    return place


def _ordered(rows: np.ndarray, orders: Mapping[int, np.ndarray]) -> np.ndarray:
    """The rows with codes in the place of their order, as scikit-learn reads them."""
    found = rows.astype(np.float32)
    for column, places in orders.items():
        codes = rows[:, column]
        there = ~np.isnan(codes)
        found[there, column] = places[codes[there].astype(np.intp)]
    return found


def _trees(
    forest: Any, orders: Mapping[int, np.ndarray], base: np.ndarray, target: Target, *, smooth: float
) -> list[Tree]:
    """The trees by turns of outputs."""
    classes = forest.classes_.astype(int).tolist() if hasattr(forest, "classes_") else []
    found = []
    for each in forest.estimators_:
        grown = each.tree_
        split, mass = grown.children_left >= 0, grown.weighted_n_node_samples
        impure = mass * grown.impurity
        left, right = grown.children_left, grown.children_right
        gain = np.where(split, impure - impure[left] - impure[right], 0.0)
        among, known = {}, {}
        for node in np.flatnonzero(split & np.isin(grown.feature, list(orders))).tolist():
            places = orders[int(grown.feature[node])]
            among[node] = np.flatnonzero(places <= grown.threshold[node])
            known[node] = np.flatnonzero(~np.isnan(places))
        shape = {
            "column": grown.feature.astype(np.int64),
            "threshold": as_float64(grown.threshold),
            "left": np.asarray(left, dtype=np.int64),
            "right": np.asarray(right, dtype=np.int64),
            "nan_left": grown.missing_go_to_left.astype(bool),
            "gain": gain,
            "rows": grown.n_node_samples.astype(np.float64),
            "among": among,
            "known": known,
        }
        said = grown.value[:, 0, :]
        for output in range(base.size):
            if target.kind in ("regression", "count"):
                value = said[:, 0]
            else:
                code = output if target.kind == "multiclass" else 1
                value = said[:, classes.index(code)] if code in classes else np.zeros(len(said))
            drawn = (value * mass + smooth * base[output]) / (mass + smooth)
            found.append(Tree(value=value if target.kind == "regression" else drawn, **shape))
    return found
