"""A LightGBM model that newer rows are told to: its leaves moved, or trees added to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, softmax

from setpoint.backends.booster import open_booster, text_of
from setpoint.backends.lightgbm_targets import Arranged
from setpoint.core.target import Target

if TYPE_CHECKING:
    from lightgbm import Booster

DECAY = 0.9
"""How much of a leaf's value stays when newer rows are told to it."""
STEEPER = 0.7
"""LightGBM takes the curvature of a count's loss at a score that is so much higher."""


def refit_leaves(text: str, known: Arranged, target: Target, *, rate: float, ridge: float) -> str:
    """The same trees, each leaf's value moved a tenth of the way to what newer rows ask for, tree after tree.

    This is what LightGBM calls `refit`, which may end the process (4.7 on trees with categories), and takes 0 for what
    no newer row says. Here a leaf that none falls into keeps its value. And what all rows begin with, which is in the
    leaves of the first tree, is no part of what is moved: of numbers around 500 it would take a tenth away. `rate` is
    the share of its answer that a tree adds, `ridge` the penalty of a leaf's value.
    """
    booster = open_booster(text)
    values, outputs = _values(booster), booster.num_model_per_iteration()
    start = np.array([_middle(booster, tree) for tree in range(outputs)])
    there = np.asarray(booster.predict(known.rows, pred_leaf=True, num_threads=1), dtype=np.intp)
    there = there.reshape(len(known.rows), len(values))
    weight = np.ones(len(known.rows)) if known.weight is None else known.weight
    scores = np.tile(start, (len(known.rows), 1))
    for tree, kept in enumerate(values):
        output, begins = tree % outputs, start[tree] if tree < outputs else 0.0
        if output == 0:
            slopes = _slopes(scores, known.labels, target)
        old, leaf = kept - begins, there[:, tree]
        if slopes is None:
            asked = _quantiles(known.labels - scores[:, 0], leaf, weight, target, size=kept.size)
        else:
            pull, curve = (np.bincount(leaf, weight * each[:, output], kept.size) for each in slopes)
            asked = -pull / np.maximum(curve + ridge, 1e-12)
        reached = np.bincount(leaf, minlength=kept.size) > 0
        moved = np.where(reached, DECAY * old + (1 - DECAY) * rate * asked, old)
        scores[:, output] += moved[leaf]
        for place in np.flatnonzero(reached).tolist():
            booster.set_leaf_output(tree, place, float(moved[place] + begins))
    return text_of(booster)


def add_trees(
    text: str,
    known: Arranged,
    parameters: Mapping[str, Any],
    rounds: int,
    *,
    names: Sequence[str],
    categories: Sequence[int],
) -> str:
    """The trees of a model, and more of them that were grown on newer rows."""
    import lightgbm

    newer = lightgbm.Dataset(
        known.rows,
        known.labels,
        weight=known.weight,
        group=known.groups,
        params=dict(parameters),
        feature_name=list(names) or "auto",
        categorical_feature=list(categories),
    )
    return text_of(lightgbm.train(dict(parameters), newer, rounds, init_model=open_booster(text)))


def _slopes(scores: np.ndarray, labels: np.ndarray, target: Target) -> tuple[np.ndarray, np.ndarray] | None:
    """The first and second derivatives of the loss by the scores, as LightGBM has them; None for quantiles."""
    if target.kind == "binary":
        chance = expit(scores)
        return chance - labels[:, None], chance * (1 - chance)
    if target.kind == "multiclass":
        chance = softmax(scores, axis=1)
        asked = np.eye(target.classes)[labels.astype(np.intp)]
        return chance - asked, target.classes / (target.classes - 1) * chance * (1 - chance)
    if target.kind == "count":
        return np.exp(scores) - labels[:, None], np.exp(scores + STEEPER)
    if target.kind == "quantile" or target.robust:
        return None
    return scores - labels[:, None], np.ones_like(scores)


def _quantiles(off: np.ndarray, leaf: np.ndarray, weight: np.ndarray, target: Target, *, size: int) -> np.ndarray:
    """The quantile, or the median, of what is missing in each leaf."""
    level, found = target.quantile if target.kind == "quantile" else 0.5, np.zeros(size)
    for place in np.unique(leaf).tolist():
        inside = leaf == place
        found[place] = np.quantile(off[inside], level, weights=weight[inside], method="inverted_cdf")
    return found


def _values(booster: Booster) -> list[np.ndarray]:
    """The values of the leaves of every tree."""
    trees = booster.dump_model()["tree_info"]
    return [
        np.array([booster.get_leaf_output(place, leaf) for leaf in range(tree["num_leaves"])])
        for place, tree in enumerate(trees)
    ]


def _middle(booster: Booster, tree: int) -> float:
    """What a tree says of all the rows that grew it: the mean of its leaves by how many rows they had."""
    leaves = _leaves(booster.dump_model(start_iteration=0, num_iteration=1)["tree_info"][tree]["tree_structure"])
    counts = np.array([max(1, leaf.get("leaf_count", 1)) for leaf in leaves], dtype=np.float64)
    return float(np.average([leaf["leaf_value"] for leaf in leaves], weights=counts))


def _leaves(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "leaf_value" in node:
        return [node]
    return [*_leaves(node["left_child"]), *_leaves(node["right_child"])]
