"""LightGBM: gradient boosted trees as a learner; a model is a Booster, kept as LightGBM's own text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from setpoint.backends.asked import check_asked
from setpoint.backends.booster import BoostedTrees, text_of
from setpoint.backends.lightgbm_losses import focal_gradient, focal_loss, focal_start
from setpoint.backends.lightgbm_targets import Arranged, arrange, kept_codes, objective_of
from setpoint.backends.lightgbm_update import add_trees, refit_leaves
from setpoint.backends.weights import weighted
from setpoint.core.errors import NameUnknown
from setpoint.core.ports import Descent, Model, Span
from setpoint.core.target import TARGETS, TWO_CLASSES, Target

if TYPE_CHECKING:
    from lightgbm import Booster, Dataset

PATIENCE = 20
"""Rounds without a better log loss on the validation rows after which a training stops."""
REFIT = 1.1
"""A refit sees more rows than the fit whose rounds were settled, and takes this many times its rounds."""
MORE = 0.25
"""An update that adds trees adds this share of the rounds of the recipe."""

DEFAULTS: dict[str, float | int] = {
    "rounds": 160,
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    "lambda_l2": 0.0,
    "feature_fraction": 1.0,
    "bagging_fraction": 1.0,
    "path_smooth": 0.0,
    "cat_smooth": 10.0,
    "cat_l2": 10.0,
    "max_bin": 63,
}
"""What a recipe may say, and what holds where it does not."""
FOCAL = "focal_gamma"
"""What a recipe may say besides: the focal loss with this gamma takes the place of the log loss."""

_PORTFOLIO: tuple[dict[str, float | int], ...] = (
    {"learning_rate": 0.15, "lambda_l2": 5.0, "feature_fraction": 0.3, "num_leaves": 15},
    {"learning_rate": 0.15, "lambda_l2": 5.0, "feature_fraction": 0.3},
    {"learning_rate": 0.05, "lambda_l2": 10.0, "feature_fraction": 0.4, "path_smooth": 1.0},
    {"learning_rate": 0.12, "lambda_l2": 20.0, "feature_fraction": 0.5, "num_leaves": 63, "min_data_in_leaf": 200},
    {"learning_rate": 0.2, "feature_fraction": 0.8, "num_leaves": 7},
    {},
)
_FIXED: dict[str, Any] = {
    "deterministic": True,
    "force_row_wise": True,
    "feature_pre_filter": False,
    "bin_construct_sample_cnt": 50_000,
    "verbosity": -1,
}


LightGBMModel = BoostedTrees
"""A model of LightGBM's own, with its text as LightGBM wrote it."""


class LightGBMLearner:
    """Boosted trees with early stopping; the bytes of a model are the same whatever the number of threads."""

    name = "lightgbm"
    losses: tuple[str, ...] = ("log_loss", "focal")
    kinds: tuple[str, ...] = TARGETS

    def __init__(self, *, threads: int = 1, directions: Mapping[str, int] | None = None) -> None:
        self._threads = threads
        self._directions = dict(directions or {})

    def directed(self, directions: Mapping[str, int]) -> LightGBMLearner:
        """The learner whose trees never lower a score as an input of direction 1 rises, nor raise it for -1.

        Quantiles and medians it learns without: LightGBM moves their leaves once a tree is grown.
        """
        return LightGBMLearner(threads=self._threads, directions=directions)

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        """Six fixed recipes, best guess first, each of at most `rounds` trees.

        >>> LightGBMLearner().recipes(rounds=100)[0]["rounds"]
        100
        """
        return [{**DEFAULTS, **variant, "rounds": rounds} for variant in _PORTFOLIO]

    def space(self) -> dict[str, Span]:
        """What is worth trying beside the fixed recipes."""
        return {
            "learning_rate": Span(0.02, 0.3, log=True),
            "num_leaves": Span(4, 255, log=True, whole=True),
            "min_data_in_leaf": Span(5, 500, log=True, whole=True),
            "lambda_l2": Span(0.01, 100.0, log=True),
            "feature_fraction": Span(0.3, 1.0),
            "bagging_fraction": Span(0.5, 1.0),
            "cat_smooth": Span(1.0, 200.0, log=True),
            "max_bin": Span(31, 255, log=True, whole=True),
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
    ) -> tuple[LightGBMModel, dict[str, Any]]:
        """A trained model; with `validation` it keeps its best round, and the recipe says the rounds of a refit.

        The least rows of a leaf are scaled down on small data: no leaf needs more than a fiftieth of the rows. They
        are counted as rows; penalties and all sums of gradients are weighted. See `lightgbm_targets` for what is
        minimised for each target.
        """
        import lightgbm

        check_asked(self.name, recipe, known=[*DEFAULTS, FOCAL], target=target.kind, targets=self.kinds)
        settings = {**DEFAULTS, **recipe}
        rounds, gamma = int(settings.pop("rounds")), settings.pop(FOCAL, None)
        known = arrange(weighted(rows, labels, weight), kept_codes(target.query, weight))
        parameters = self._parameters(settings, known, target=target, seed=seed, names=names)
        start = None if gamma is None else focal_start(known.labels, known.weight, gamma=float(gamma))
        train = lightgbm.Dataset(
            known.rows,
            known.labels,
            weight=known.weight,
            group=known.groups,
            init_score=_all_at(start, known.labels),
            params=parameters,
            feature_name=list(names) or "auto",
            categorical_feature=list(categories),
        )
        newer = None
        if validation is not None:
            later = arrange(weighted(*validation, validation_weight), kept_codes(target.newer_query, validation_weight))
            newer = lightgbm.Dataset(
                later.rows,
                later.labels,
                weight=later.weight,
                group=later.groups,
                init_score=_all_at(start, later.labels),
                params=parameters,
                reference=train,
            )
        told: dict[str, dict[str, list[float]]] = {}
        if start is None:
            booster = _boost(parameters, train, newer, rounds, told=told)
            text = text_of(booster)
        else:
            booster = _boost_focal(parameters, train, newer, rounds, gamma=float(gamma), start=start, told=told)
            text = _with_link(text_of(booster))
        settled = {**DEFAULTS, **recipe}
        if newer is not None:
            settled["rounds"] = int(np.ceil(max(booster.best_iteration, 1) * REFIT))
        return LightGBMModel(text, learner=self.name, curve=next(iter(told.values()), None)), settled

    def ways(self, recipe: Mapping[str, Any], *, target: Target = TWO_CLASSES) -> tuple[str, ...]:
        """Leaves moved, or trees added; trees only for rankings, and where leaves are held to directions.

        >>> LightGBMLearner().ways({}), LightGBMLearner().ways({"focal_gamma": 2.0})
        (('refit', 'continue'), ())
        """
        if recipe.get(FOCAL) is not None:
            return ()
        moves = target.kind != "ranking" and not any(self._directions.values())
        return ("refit", "continue") if moves else ("continue",)

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
    ) -> LightGBMModel:
        """The parent's trees, their leaves moved by a tenth ("refit"), or with a quarter more of them ("continue")."""
        ways = self.ways(recipe, target=target)
        if way not in ways:
            raise NameUnknown("way to update", way, ways, where=f"The learner {self.name!r} for this recipe")
        assert isinstance(parent, LightGBMModel), "a model of this learner"
        settings = {**DEFAULTS, **recipe}
        known = arrange(weighted(rows, labels, weight), kept_codes(target.query, weight))
        if way == "refit":
            rate, ridge = float(settings["learning_rate"]), float(settings["lambda_l2"])
            text = refit_leaves(parent.text, known, target, rate=rate, ridge=ridge)
            return LightGBMModel(text, learner=self.name, parent=parent.digest)
        rounds = max(1, round(MORE * int(settings.pop("rounds"))))
        parameters = self._parameters(settings, known, target=target, seed=seed, names=names)
        text = add_trees(parent.text, known, parameters, rounds, names=names, categories=categories)
        return LightGBMModel(text, learner=self.name, parent=parent.digest)

    def descent(self, model: Model) -> Descent:
        """The digest of its trees, and of those that they came from."""
        assert isinstance(model, LightGBMModel), "a model of this learner"
        return Descent(model.digest, model.parent)

    def _parameters(
        self, settings: Mapping[str, Any], known: Arranged, *, target: Target, seed: int, names: Sequence[str]
    ) -> dict[str, Any]:
        """LightGBM's parameters for these rows and this target."""
        leaf = max(2, min(int(settings["min_data_in_leaf"]), len(known.rows) // 50))
        free = target.kind == "quantile" or target.robust
        held = [0 if free else self._directions.get(name, 0) for name in names]
        return {
            **objective_of(target, known.labels),
            **_FIXED,
            **settings,
            "min_data_in_leaf": leaf,
            "min_data_per_group": leaf,
            "bagging_freq": int(settings["bagging_fraction"] < 1),
            "seed": seed % 2**31,
            "num_threads": self._threads,
            **({"monotone_constraints": held} if any(held) else {}),
        }

    def load(self, folder: Path) -> LightGBMModel:
        """The model saved in a folder; raises ModelCorrupt, before parsing it, when its bytes have changed."""
        return LightGBMModel.open(folder, learner=self.name)


def _boost(
    parameters: Mapping[str, Any],
    train: Dataset,
    newer: Dataset | None,
    rounds: int,
    *,
    told: dict[str, dict[str, list[float]]],
    measure: Callable[[np.ndarray, Any], tuple[str, float, bool]] | None = None,
) -> Booster:
    """The trees of a training, stopped by the newer rows if there are any: then `told` has their loss, each round."""
    import lightgbm

    if newer is None:
        return lightgbm.train(dict(parameters), train, rounds)
    watch: list[Callable[..., Any]] = [lightgbm.early_stopping(PATIENCE, verbose=False)]
    watch.append(lightgbm.record_evaluation(told))
    return lightgbm.train(dict(parameters), train, rounds, valid_sets=[newer], callbacks=watch, feval=measure)


def _boost_focal(
    parameters: Mapping[str, Any],
    train: Dataset,
    newer: Dataset | None,
    rounds: int,
    *,
    gamma: float,
    start: float,
    told: dict[str, dict[str, list[float]]],
) -> Booster:
    """The trees that lower the focal loss from the log odds `start`, which the leaves of the first tree then hold.

    LightGBM starts its own objective in the same way, so with gamma 0 the trees are those of the log loss.
    """

    def objective(odds: np.ndarray, rows: Any) -> tuple[np.ndarray, np.ndarray]:
        gradient, curvature = focal_gradient(odds, rows.get_label(), gamma=gamma)
        weight = rows.get_weight()
        return (gradient, curvature) if weight is None else (gradient * weight, curvature * weight)

    def measure(odds: np.ndarray, rows: Any) -> tuple[str, float, bool]:
        loss = focal_loss(odds, rows.get_label(), gamma=gamma)
        return "focal", float(np.average(loss, weights=rows.get_weight())), False

    settings = {**parameters, "objective": objective, "metric": "None"}
    booster = _boost(settings, train, newer, rounds, told=told, measure=measure)
    for leaf in range(booster.dump_model(num_iteration=1)["tree_info"][0]["num_leaves"]):
        booster.set_leaf_output(0, leaf, booster.get_leaf_output(0, leaf) + start)
    return booster


def _all_at(start: float | None, labels: np.ndarray) -> np.ndarray | None:
    """The log odds from which each row's boosting starts; None: LightGBM's own choice."""
    return None if start is None else np.full(labels.size, start)


def _with_link(text: str) -> str:
    """The text of a model of another objective, which says that its log odds are told as probabilities."""
    return re.sub(r"(?m)^(max_feature_idx=.*)$", r"\1\nobjective=binary sigmoid:1", text, count=1)
