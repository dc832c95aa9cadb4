"""Training on decisions whose label's time is not over: what each counts for, so that the young do not bias a model.

Among young decisions positives are too few, since some have not come. Two ways allow for that, both by the share of
positives that is known by a decision's age (the label clock) and a probability that it is positive, such as the score
of a model fitted on older decisions: `importance_weights` gives each row a weight, `expected_targets` says how likely a
row that is not positive yet still becomes one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.data.arrays import Array, Mask
from setpoint.data.labels import KNOWN, UNKNOWN, Labels
from setpoint.declare.label import EXCLUDE, Label
from setpoint.labels.clock import LabelClock
from setpoint.labels.meet import Ints

LEAST_KNOWN = 0.05
"""Decisions so young that fewer of their positives are known are left out: one would weigh more than 20."""


@dataclass(frozen=True)
class TrainingRows:
    """The decisions that train, by their places, with the outcome that each shows and what it counts for."""

    index: npt.NDArray[np.intp]
    y: Array
    weight: Array


def training_rows(
    label: Label,
    labels: Labels,
    at: Ints,
    *,
    as_of: int,
    clock: LabelClock | None = None,
    probability: Array | None = None,
    segments: Array | None = None,
    least: float = LEAST_KNOWN,
) -> TrainingRows:
    """The rows that a label lets train: the mature ones, and where it says so the younger ones, weighted.

    By default a decision whose time is not over never trains, whatever is known of it. With `immature="weighted"` it
    does, with its importance weight; `clock` and `probability` (of each decision, to be positive) are needed then.

    >>> from setpoint.declare.label import label
    >>> from setpoint.declare.source import events
    >>> returns = events("returns", "returns.parquet", at="ts", delay="0s")
    >>> state, value = np.array([1, 1, 0], dtype=np.int8), np.array([1.0, 0.0, np.nan])
    >>> labels = Labels(state, value, np.array([4, 10, 0]), np.array([True, True, False]), {})
    >>> rows = training_rows(label(returns.n > 0, on="order", within="10us"), labels, np.array([0, 0, 8]), as_of=11)
    >>> rows.index.tolist(), rows.y.tolist(), rows.weight.tolist()
    ([0, 1], [1.0, 0.0], [1.0, 1.0])
    """
    index = np.flatnonzero(labels.usable)
    mature = TrainingRows(index, labels.value[index], np.ones(index.size))
    if label.immature == EXCLUDE:
        return mature
    if clock is None or probability is None or probability.size != at.size:
        raise DataError(
            'The label has immature="weighted", but there is no label clock, or no probability of each decision.',
            expected="both",
            hint="Fit a model on the mature decisions first: its scores are the probabilities.",
        )
    possible = (labels.state == KNOWN) | (labels.state == UNKNOWN)
    young = np.flatnonzero(possible & ~labels.mature & (at <= as_of))
    known_by = clock.come_by(as_of - at[young], None if segments is None else segments[young])
    enough = known_by >= least
    young, known_by = young[enough], known_by[enough]
    came = (labels.state[young] == KNOWN) & (labels.value[young] == 1.0)
    weight = importance_weights(came, known_by, probability[young])
    every = np.concatenate([index, young])
    order = np.argsort(every, kind="stable")
    return TrainingRows(
        every[order],
        np.concatenate([mature.y, came.astype(np.float64)])[order],
        np.concatenate([mature.weight, weight])[order],
    )


def importance_weights(came: Mask, known_by: Array, probability: Array) -> Array:
    """What rows count for when those whose positive has not come yet are taken for negative.

    A row that is positive by now counts 1 / G, one that is not (1 - p) / (1 - p G), with p its `probability` and G the
    share of positives `known_by` its age: the ratio of how likely such a row is in the end to how likely it is now. The
    weighted loss is then, on average, that of the final labels, as long as how late a positive comes does not depend on
    more than the segment. Such weights for delayed feedback: Yasui et al. (2020), "A Feedback Shift Correction in
    Predicting Conversion Rates under Delayed Feedback", WWW; Ktena et al. (2019), "Addressing Delayed Feedback for
    Continuous Training with Neural Networks in CTR prediction", RecSys, has those of a stream.

    >>> importance_weights(np.array([True, False]), np.array([0.5, 0.5]), np.array([0.2, 0.2])).round(3).tolist()
    [2.0, 0.889]
    """
    _check(known_by, probability)
    with np.errstate(divide="ignore", invalid="ignore"):
        unseen = np.where(probability * known_by < 1, (1 - probability) / (1 - probability * known_by), 0.0)
        return np.asarray(np.where(came, 1 / known_by, unseen), dtype=np.float64)


def expected_targets(came: Mask, known_by: Array, probability: Array) -> Array:
    """How likely each row is positive in the end: 1 where it is by now, p (1 - G) / (1 - p G) where it is not yet.

    A row that may become positive trains as two, weighted by this and by one minus it; fitted again and again, with the
    model's own scores as `probability`, this is the expectation step of Chapelle (2014), "Modeling Delayed Feedback in
    Display Advertising", KDD.

    >>> expected_targets(np.array([True, False]), np.array([0.5, 0.5]), np.array([0.2, 0.2])).round(3).tolist()
    [1.0, 0.111]
    """
    _check(known_by, probability)
    missing = probability * (1 - known_by)
    with np.errstate(divide="ignore", invalid="ignore"):
        later = np.where(missing > 0, missing / (1 - probability * known_by), 0.0)
    return np.asarray(np.where(came, 1.0, later), dtype=np.float64)


def _check(known_by: Array, probability: Array) -> None:
    for name, values in (("shares of positives known", known_by), ("probabilities", probability)):
        wrong = ~((values >= 0) & (values <= 1))
        if wrong.any():
            raise DataError(f"Among the {name} is {values[wrong][0]}.", expected="numbers from 0 to 1")
