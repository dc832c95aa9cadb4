"""Checks of a trained model: are its scores sound, each its own row's, and better than knowing nothing?"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from setpoint.core.ports import Model
from setpoint.learn.findings import FAULT, SUSPICION, Finding
from setpoint.learn.preflight_task import Task
from setpoint.measure.rows import Array

ALONE, BATCH = 12, 256
"""Rows that are scored alone, and the batch that they are compared with."""
CLOSE = 1e-6
"""How far the score of a row may depend on its batch where a model does not promise the same bits."""
WORSE = 1.02
"""How many times the prior's loss a model may have on the rows that it learned from."""
QUANTILE = 3.0
"""Standard errors by which a model has to be worse than the prior on newer rows."""


def check_scores(model: Model, rows: Array, *, task: Task, who: str = "The model") -> tuple[Finding, ...]:
    """Scores that are no numbers, differ from one time to the next, or depend on the rows beside theirs."""
    batch = np.ascontiguousarray(rows[:: max(1, -(-len(rows) // BATCH))])
    scores = np.asarray(model.predict(batch))
    if len(scores) != len(batch):
        evidence = f"{who} gives {len(scores)} scores for {len(batch)} rows."
        return (_fault("scores-not-finite", evidence, "It has to give one for each row."),)
    bad = ~(np.isfinite(scores) & (scores >= task.least) & (scores <= task.most))
    if bad.any():
        null = np.isnan(batch).any(axis=1) & bad.reshape(len(batch), -1).any(axis=1)
        return (
            _fault(
                "scores-not-finite",
                f"{who}: {int(bad.sum())} of {bad.size} scores are no numbers or beyond their bounds"
                + (f", {int(null.sum())} of them of rows with a NULL." if null.any() else "."),
                "Can it take a NULL (NaN)? Did its training diverge?",
            ),
        )
    again = np.asarray(model.predict(batch))
    if not np.array_equal(scores, again):
        return (
            _fault(
                "scores-by-chance",
                f"{who}: the same rows scored twice differ by up to {np.max(np.abs(scores - again)):.2g}.",
                "Is something random, such as dropout, still switched on?",
            ),
        )
    places = np.linspace(0, len(batch) - 1, min(ALONE, len(batch))).astype(int)
    alone = np.concatenate([model.predict(batch[i : i + 1]) for i in places])
    turned = np.asarray(model.predict(np.ascontiguousarray(batch[::-1])))[::-1]
    apart = max(float(np.max(np.abs(alone - scores[places]))), float(np.max(np.abs(turned - scores))))
    if apart > (0.0 if model.row_exact else CLOSE):
        return (
            _fault(
                "mixes-rows",
                f"{who}: the score of a row depends on the rows beside it, by up to {apart:.2g}.",
                "Is something normalised over the batch, or reshaped across its rows?",
            ),
        )
    return ()


def check_fit(predicted: Array, y: Array, weight: Array, *, task: Task, strict: bool = True) -> tuple[Finding, ...]:
    """A model that on the very rows that it learned from is worse than knowing nothing: its training diverged.

    Without `strict` that is a suspicion: for rows that were balanced or added to.

    >>> from setpoint.learn.preflight_task import BINARY
    >>> y = np.array([1.0, 0.0, 0.0, 0.0])
    >>> [f.kind for f in check_fit(1 - y, y, np.ones(4), task=BINARY)], check_fit(y, y, np.ones(4), task=BINARY)
    (['diverged'], ())
    """
    ours, prior = task.mean(y, predicted, weight), task.of_prior(y, weight)
    if np.isfinite(ours) and ours <= WORSE * prior:
        return ()
    evidence = f"On the rows that it learned from the model's loss is {ours:.4g}, that of knowing nothing {prior:.4g}."
    hint = "Is the learning rate too high, or an input not scaled?"
    return (Finding("diverged", FAULT if strict else SUSPICION, "", evidence, hint),)


def check_newer(
    predicted: Array, y: Array, weight: Array, *, prior: Array, days: Array, task: Task
) -> tuple[Finding, ...]:
    """A model that is worse than knowing nothing on newer rows, by three standard errors, clustered by day.

    >>> from setpoint.learn.preflight_task import BINARY
    >>> y, ones = np.array([1.0, 0.0, 0.0, 0.0]), np.ones(4)
    >>> [f.kind for f in check_newer(1 - y, y, ones, prior=np.array(0.25), days=np.arange(4), task=BINARY)]
    ['worse-than-prior']
    """
    expected = np.broadcast_to(prior, (len(y), *np.shape(prior)))
    lost = weight * (task.losses(y, predicted) - task.losses(y, expected))
    _, place = np.unique(days, return_inverse=True)
    mean = lost.sum() / weight.sum()
    by_day = np.bincount(place, weights=lost - mean * weight)
    error = float(np.sqrt((by_day**2).sum()) / weight.sum())
    if not mean > QUANTILE * error:
        return ()
    evidence = f"On the validation rows the model's loss is {mean:.4g} (standard error {error:.2g}) above the prior's."
    hint = "What it learned does not hold on newer rows: what changed between them?"
    return (Finding("worse-than-prior", SUSPICION, "", evidence, hint),)


def _fault(kind: str, evidence: str, hint: str) -> Finding:
    return Finding(kind, FAULT, "", evidence, hint)


@runtime_checkable
class Unkept(Protocol):
    """A model that says why it cannot be kept; empty where it can. It can be judged, never released."""

    unkept: str


def check_kept(model: Model) -> tuple[Finding, ...]:
    """A model that cannot be kept without pickle may be judged, and never released."""
    if not isinstance(model, Unkept) or not model.unkept:
        return ()
    hint = "It was judged all the same. Take an estimator of scikit-learn itself, or a learner of Setpoint's."
    return (_fault("not-kept", f"The model to release cannot be saved without pickle: {model.unkept}.", hint),)
