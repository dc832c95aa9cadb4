"""Trees that another library grew, as text that LightGBM reads: flat tables, scored and explained by its C code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

_NAN_GOES, _LEFT, _CATEGORY = 2 << 2, 2, 1
"""LightGBM's marks of a split: NaN goes its own way, that way is left, and the split is by category."""
_MOST = float(np.finfo(np.float64).max)
_WORD = 32


@dataclass(frozen=True)
class Tree:
    """One tree as arrays by node, the root first; `left` and `right` are nodes, -1 for both where a node is a leaf.

    A row goes left where its `column` is at most `threshold`, or where it is one of the codes in `among`, by node; a
    NaN goes left where `nan_left` says so, and so does a code in neither `among` nor `known`. `gain` is what a split
    is worth, `rows` how many training rows came by, `value` what leaves say.
    """

    column: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    nan_left: np.ndarray
    gain: np.ndarray
    rows: np.ndarray
    value: np.ndarray
    among: dict[int, np.ndarray] = field(default_factory=dict)
    known: dict[int, np.ndarray] = field(default_factory=dict)


def model_text(
    trees: Sequence[Tree],
    *,
    columns: int,
    names: Sequence[str],
    outputs: int = 1,
    objective: str = "",
    mean: bool = False,
) -> str:
    """The text of a model that adds up its trees, or takes their mean; of several outputs they come by turns.

    >>> leaf = constant_tree(0.25)
    >>> "leaf_value=0.25" in model_text([leaf], columns=2, names=())
    True
    """
    named = list(names) or [f"Column_{j}" for j in range(columns)]
    head = [
        "tree",
        "version=v4",
        f"num_class={outputs}",
        f"num_tree_per_iteration={outputs}",
        "label_index=0",
        f"max_feature_idx={columns - 1}",
        *([f"objective={objective}"] if objective else []),
        *(["average_output"] if mean else []),
        f"feature_names={' '.join(name.replace(' ', '_') for name in named)}",
        f"feature_infos={' '.join(['[-1:1]'] * columns)}",
        "",
    ]
    body = [line for place, tree in enumerate(trees) for line in _lines(place, tree)]
    tail = ["end of trees", "", "feature_importances:", "", "parameters:", "end of parameters", ""]
    return "\n".join([*head, *body, *tail]) + "\npandas_categorical:null\n"


def constant_tree(value: float) -> Tree:
    """A tree that says the same of every row.

    >>> constant_tree(1.5).value
    array([1.5])
    """
    none, zero = np.array([-1]), np.zeros(1)
    return Tree(np.zeros(1, int), zero, none, none, np.zeros(1, bool), zero, np.ones(1), np.array([value]))


def as_float64(threshold: np.ndarray) -> np.ndarray:
    """Thresholds that float64 values are at most exactly when the values rounded to float32 are at most the given ones.

    >>> as_float64(np.array([0.5]))[0] > 0.5, np.float32(as_float64(np.array([0.5]))[0]) <= 0.5
    (np.True_, np.True_)
    """
    limited = np.clip(threshold, -_MOST, _MOST)
    with np.errstate(over="ignore"):
        near = np.clip(limited, np.finfo(np.float32).min, np.finfo(np.float32).max).astype(np.float32)
    near = np.where(near.astype(np.float64) > limited, np.nextafter(near, np.float32(-np.inf)), near)
    above = np.nextafter(near, np.float32(np.finfo(np.float32).max))
    middle = (near.astype(np.float64) + above.astype(np.float64)) / 2
    within = np.where(middle.astype(np.float32) == near, middle, np.nextafter(middle, -np.inf))
    return np.asarray(np.where(np.abs(limited) >= float(np.finfo(np.float32).max), limited, within))


def _lines(place: int, tree: Tree) -> list[str]:
    """One tree; LightGBM numbers splits and leaves each from 0, and tells leaves among children by ~number."""
    split = tree.left >= 0
    count = int((~split).sum())
    if count == 1:
        return [f"Tree={place}", "num_leaves=1", "num_cat=0", f"leaf_value={_number(tree.value[0])}", "shrinkage=1", ""]
    number = np.where(split, np.cumsum(split) - 1, ~(np.cumsum(~split) - 1))
    inner, leaves = np.flatnonzero(split), np.flatnonzero(~split)
    left, right = number[tree.left[inner]], number[tree.right[inner]]
    decision = _NAN_GOES | np.where(tree.nan_left[inner], _LEFT, 0)
    threshold = [_number(value) for value in np.clip(tree.threshold[inner], -_MOST, _MOST)]
    words: list[int] = []
    bounds = [0]
    for at, node in enumerate(inner.tolist()):
        if node not in tree.among:
            continue
        codes = tree.among[node]
        if tree.nan_left[node]:  # LightGBM sends NaN and strange codes right, so what goes right changes places
            codes = np.setdiff1d(tree.known[node], codes)
            left[at], right[at] = right[at], left[at]
        decision[at] = _NAN_GOES | _CATEGORY
        threshold[at] = str(len(bounds) - 1)
        words += _bits(codes)
        bounds.append(len(words))
    categories = ["cat_boundaries=" + _joined(bounds), "cat_threshold=" + _joined(words)] if words else []
    return [
        f"Tree={place}",
        f"num_leaves={count}",
        f"num_cat={len(bounds) - 1}",
        "split_feature=" + _joined(tree.column[inner].tolist()),
        "split_gain=" + " ".join(f"{max(value, 0.0):.6g}" for value in tree.gain[inner].tolist()),
        "threshold=" + " ".join(threshold),
        "decision_type=" + _joined(decision.tolist()),
        "left_child=" + _joined(left.tolist()),
        "right_child=" + _joined(right.tolist()),
        "leaf_value=" + " ".join(_number(value) for value in tree.value[leaves]),
        "leaf_count=" + _joined(tree.rows[leaves].astype(np.int64).tolist()),
        "internal_count=" + _joined(tree.rows[inner].astype(np.int64).tolist()),
        *categories,
        "is_linear=0",
        "shrinkage=1",
        "",
    ]


def _bits(codes: np.ndarray) -> list[int]:
    """Codes as bits of words of 32, at least one word."""
    words = np.zeros(int(codes.max(initial=0)) // _WORD + 1, dtype=np.uint64)
    np.bitwise_or.at(words, codes.astype(np.int64) // _WORD, np.uint64(1) << (codes.astype(np.uint64) % _WORD))
    return [int(word) for word in words]


def _number(value: float) -> str:
    return repr(float(value))


def _joined(values: Sequence[object]) -> str:
    return " ".join(map(str, values))
