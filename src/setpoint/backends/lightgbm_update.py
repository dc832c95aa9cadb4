"""A LightGBM model that newer rows are told to: its leaves moved, or trees added to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from setpoint.backends.booster import open_booster, text_of
from setpoint.backends.lightgbm_targets import Arranged

if TYPE_CHECKING:
    from lightgbm import Booster

DECAY = 0.9
"""How much of a leaf's value stays when newer rows are told to it."""


def refit_leaves(text: str, known: Arranged) -> str:
    """The same trees, each leaf's value moved a tenth of the way to what newer rows ask for.

    This is LightGBM's `refit`, but for two things. Leaves that no newer row falls into keep their values, where
    LightGBM shrinks them. And what all rows begin with, which is in the leaves of the first tree, is no part of what is
    moved: of numbers around 500 it would take a tenth away.
    """
    booster = open_booster(text)
    outputs = booster.num_model_per_iteration()
    start = [_middle(booster, tree) for tree in range(outputs)]
    for tree, value in enumerate(start):
        _shift(booster, tree, -value)
    before = _values(booster)
    moved = booster.refit(
        known.rows,
        known.labels,
        decay_rate=DECAY,
        weight=known.weight,
        group=known.groups,
        init_score=np.tile(start, (len(known.rows), 1)) if outputs > 1 else np.full(len(known.rows), start[0]),
    )
    there = np.asarray(booster.predict(known.rows, pred_leaf=True, num_threads=1), dtype=np.intp)
    for tree, values in enumerate(before):
        for leaf in np.setdiff1d(np.arange(values.size), there[:, tree]).tolist():
            moved.set_leaf_output(tree, leaf, float(values[leaf]))
    for tree, value in enumerate(start):
        _shift(moved, tree, value)
    return text_of(moved)


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


def _shift(booster: Booster, tree: int, by: float) -> None:
    """Add a number to every leaf of a tree."""
    info = booster.dump_model(start_iteration=0, num_iteration=1)["tree_info"][tree]
    for leaf in range(info["num_leaves"]):
        booster.set_leaf_output(tree, leaf, booster.get_leaf_output(tree, leaf) + by)
