"""Setpoint: a whole production machine learning system from one declaration."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from setpoint.declare.augment import augment, crop_image, mixup, noise, shift_image, substitute
from setpoint.declare.behaviour import (
    must_decide,
    never_falls_when_raised,
    same_if_changed,
    steady_under,
    steady_under_attack,
)
from setpoint.declare.blob_column import blob
from setpoint.declare.confidence import abstain, conformal
from setpoint.declare.contract import contract, fresh, holds, not_null, references, unique, volume
from setpoint.declare.declaration import System, decide
from setpoint.declare.embedding import embedding
from setpoint.declare.ensemble import ensemble
from setpoint.declare.expr import Expr, action, feature, field, now
from setpoint.declare.feature import (
    absolute,
    count,
    distinct,
    first,
    last,
    latest,
    log1p,
    max,
    mean,
    min,
    neighbours,
    quantile,
    rate,
    since,
    std,
    sum,
    top,
    var,
)
from setpoint.declare.functions import (
    ceil,
    coalesce,
    cos,
    exp,
    floor,
    if_else,
    joined,
    log,
    maximum,
    minimum,
    power,
    round,
    sign,
    sin,
    sqrt,
)
from setpoint.declare.goal import (
    accuracy,
    act,
    auc,
    average_precision,
    brier,
    business,
    cost,
    cpu_per_1000,
    ece,
    false_positive_rate,
    gap,
    goal,
    latency,
    log_loss,
    memory,
    precision,
    recall,
    selection_rate,
    size,
    training_cost,
    worst_slice,
)
from setpoint.declare.goal_metrics import (
    bias,
    concordance,
    coverage,
    hamming,
    interval_score,
    macro_average_precision,
    macro_f1,
    mae,
    mape,
    mean_average_precision,
    micro_f1,
    mrr,
    ndcg,
    pinball,
    poisson_deviance,
    poisson_explained,
    r2,
    rmse,
    uno_concordance,
    wape,
)
from setpoint.declare.hand import hand
from setpoint.declare.imbalance import imbalance
from setpoint.declare.label import followed, label, unfollowed
from setpoint.declare.learners import learner
from setpoint.declare.mitigate import group_thresholds, reductions, reweighing
from setpoint.declare.named import owned
from setpoint.declare.programs import label_program, programs
from setpoint.declare.python_feature import python_feature
from setpoint.declare.release import approval, release, rule, shadow
from setpoint.declare.running import running
from setpoint.declare.sample import by_group, by_time, chosen, newest, pps, simple, stratified, weighted
from setpoint.declare.search import search
from setpoint.declare.source import always, events, table
from setpoint.declare.transforms import (
    bucket,
    category,
    clipped,
    cross,
    hashed,
    positional,
    scaled,
    standardised,
    vocabulary,
)
from setpoint.declare.unlabelled import consistency, label_spreading, self_training
from setpoint.declare.window import calendar

if TYPE_CHECKING:
    from setpoint.system import Live, open_system

__all__ = [
    "Expr",
    "Live",
    "System",
    "absolute",
    "abstain",
    "accuracy",
    "act",
    "action",
    "always",
    "approval",
    "auc",
    "augment",
    "average_precision",
    "bias",
    "blob",
    "brier",
    "bucket",
    "business",
    "by_group",
    "by_time",
    "calendar",
    "category",
    "ceil",
    "chosen",
    "clipped",
    "coalesce",
    "concordance",
    "conformal",
    "consistency",
    "contract",
    "cos",
    "cost",
    "count",
    "coverage",
    "cpu_per_1000",
    "crop_image",
    "cross",
    "decide",
    "distinct",
    "ece",
    "embedding",
    "ensemble",
    "events",
    "exp",
    "false_positive_rate",
    "feature",
    "field",
    "first",
    "floor",
    "followed",
    "fresh",
    "gap",
    "goal",
    "group_thresholds",
    "hamming",
    "hand",
    "hashed",
    "holds",
    "if_else",
    "imbalance",
    "interval_score",
    "joined",
    "label",
    "learner",
    "label_program",
    "label_spreading",
    "last",
    "latency",
    "memory",
    "latest",
    "log",
    "log1p",
    "log_loss",
    "macro_average_precision",
    "macro_f1",
    "mae",
    "mape",
    "max",
    "maximum",
    "mean",
    "mean_average_precision",
    "micro_f1",
    "min",
    "minimum",
    "mixup",
    "mrr",
    "ndcg",
    "must_decide",
    "neighbours",
    "never_falls_when_raised",
    "newest",
    "noise",
    "not_null",
    "now",
    "open_system",
    "owned",
    "pinball",
    "poisson_deviance",
    "poisson_explained",
    "positional",
    "power",
    "pps",
    "precision",
    "programs",
    "python_feature",
    "quantile",
    "r2",
    "rate",
    "recall",
    "reductions",
    "references",
    "release",
    "reweighing",
    "running",
    "rmse",
    "round",
    "rule",
    "same_if_changed",
    "scaled",
    "selection_rate",
    "self_training",
    "shadow",
    "shift_image",
    "sign",
    "simple",
    "sin",
    "since",
    "search",
    "size",
    "sqrt",
    "standardised",
    "std",
    "steady_under",
    "steady_under_attack",
    "stratified",
    "substitute",
    "sum",
    "table",
    "top",
    "unfollowed",
    "unique",
    "uno_concordance",
    "var",
    "vocabulary",
    "volume",
    "wape",
    "weighted",
    "training_cost",
    "worst_slice",
]

_OPENED = ("Live", "open_system")
"""What needs engines: loaded when it is first used, so that declaring stays light."""


def __getattr__(name: str) -> Any:
    if name in _OPENED:
        return getattr(import_module("setpoint.system"), name)
    raise AttributeError(f"module 'setpoint' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
