"""The decision record: what every decision leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FIELD = "field."
FEATURE = "feature."
POSITION = "position."
"""Prefixes in the columns of the decision log: of request fields, feature values, and positions of sources."""

LOG_COLUMNS = (
    "decision_id",
    "key",
    "at",
    "score",
    "acted",
    "threshold",
    "model",
    "arm",
    "propensity",
    "degraded",
    "definitions",
)
"""The columns of the decision log that every system has; then fields, features and positions, with their prefixes."""

PREDICTION, ANSWER = "prediction", "answer"
"""Columns of the decision log of a goal that takes no action: the numbers it predicts, where they are several, and the
class or labels that it answers."""

PREDICTION_SET, ABSTAINED = "prediction_set", "abstained"
"""Columns of the decision log of a goal that says how sure it is, or hands decisions over."""

RULE = "rule"
"""The name of the model when the fallback rule decided."""


@dataclass(frozen=True)
class DecisionRecord:
    """One decision and what it saw.

    `at` is its time in microseconds; `model` the digest of the model, or "rule"; `propensity` the probability with
    which this arm was taken; `degraded` says why the model did not decide ("" when it did); `positions` the position
    of each source's log that the features had seen; `definitions` names the versions of the features it was taken with
    ("" in a record from before there were any); `prediction_set` which of "false" and "true" the label is promised to
    be, `abstained` whether the decision was handed over; `prediction` holds the numbers that were predicted where they
    are several: `score` is the greatest of them.
    """

    decision_id: str
    system: str
    key: str
    at: int
    fields: Mapping[str, Any]
    features: Mapping[str, Any]
    score: float
    acted: bool
    action: str
    threshold: float
    model: str
    arm: str
    propensity: float
    degraded: str
    positions: Mapping[str, int]
    latency_us: int
    definitions: str = ""
    prediction_set: str | None = None
    abstained: bool = False
    prediction: tuple[float, ...] = ()
