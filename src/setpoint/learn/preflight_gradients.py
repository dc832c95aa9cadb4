"""Checks of a learner that trains by gradients, by one short training of a small batch, seen from within.

loss-at-start    before any training its loss is far above that of knowing nothing: a bad start, or inputs not scaled
cannot-overfit   of one batch, trained again and again, it learns too little: a link twice, a rate too high or too low
no-gradient      a part of it gets no gradient: detached, dead, or left out of what is computed
not-moved        a part of it gets gradients and does not move: it is missing from the optimizer
gradients-kept   a step adds to the gradients of the step before
mixes-rows       the score of a row hangs on the rows beside it

Karpathy (2019), "A Recipe for Training Neural Networks", has the first two and the last.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from setpoint.core.ports import Trace, TracedLearner
from setpoint.core.rng import seed_for
from setpoint.core.target import TWO_CLASSES, Target
from setpoint.learn.findings import FAULT, SUSPICION, Finding
from setpoint.learn.preflight_probe import signal_of
from setpoint.learn.preflight_rows import same_everywhere
from setpoint.learn.preflight_task import Task
from setpoint.measure.rows import Array

ROWS, TOGETHER = 64, 8
"""Rows of the batch, and how many inputs its planted labels follow."""
START = 2.0
"""How many times the prior's loss a network may have before it is trained."""
OVERFIT = 0.35
"""What share of the prior's loss may be left on a batch that was trained on again and again."""
STILL = 1e-6
"""A parameter that has moved by less than this share of its size has not."""
MIXED = 1e-4
"""How far a score may hang on other rows, as a share of how far it hangs on its own."""


def check_gradients(
    learner: TracedLearner,
    rows: Array,
    *,
    categories: Sequence[int],
    task: Task,
    seed: int,
    target: Target = TWO_CLASSES,
) -> tuple[Finding, ...]:
    """What a short training of the learner on planted labels of these rows shows; nothing where no input differs."""
    rng = np.random.default_rng(seed_for(seed, "preflight", "gradients"))
    batch = np.array(rows[rng.permutation(len(rows))[:ROWS]])
    asked = np.flatnonzero(~same_everywhere(batch))[:TOGETHER]
    if asked.size == 0 or len(batch) < ROWS:
        return ()
    coded = set(categories)
    signals = np.column_stack([signal_of(batch[:, j], coded=j in coded) for j in asked])
    y = np.asarray(task.plant(signals @ rng.choice([-1.0, 1.0], asked.size)))
    trace = learner.trace(batch, y, categories=categories, seed=seed_for(seed, "preflight", "trace"), target=target)
    return judge_trace(trace, y, task=task, who=f"Learner {learner.name!r}")


def judge_trace(trace: Trace, y: Array, *, task: Task, who: str) -> tuple[Finding, ...]:
    """What a short training shows to be wrong."""
    found, prior, ones = [], task.of_prior(y, np.ones(len(y))), np.ones(len(y))
    start, end = (task.mean(y, each, ones) / prior if prior > 0 else 0.0 for each in (trace.first, trace.last))
    if not start <= START:
        evidence = f"{who} has {start:.3g} times the loss of knowing nothing before it is trained."
        hint = "Are the first weights too large, or the inputs not scaled? Let it start near 0."
        found.append(Finding("loss-at-start", SUSPICION, "", evidence, hint))
    if not end <= OVERFIT:
        evidence = f"{who} trained on {len(y)} rows again and again has {end:.3g} times the loss of knowing nothing."
        hint = "Is a link applied twice, the learning rate too high or too low, are the labels in order?"
        found.append(Finding("cannot-overfit", FAULT, "", evidence, hint))
    without = [each.name for each in trace.parameters if not each.gradient > 0]
    if without:
        evidence = f"{who}: {_listed(without)} of {len(trace.parameters)} parameters get no gradient."
        hint = "Are they cut off by detach, dead (a ReLU that is never above 0), or not used?"
        found.append(Finding("no-gradient", FAULT, "", evidence, hint))
    still = [each.name for each in trace.parameters if each.gradient > 0 and each.moved <= STILL * max(each.size, 0.01)]
    if still:
        evidence = f"{who}: {_listed(still)} of {len(trace.parameters)} parameters get gradients and do not move."
        hint = "Are they missing from the optimizer, or is the learning rate 0?"
        found.append(Finding("not-moved", FAULT, "", evidence, hint))
    if trace.keeps:
        evidence = f"{who}: a step adds to the gradients that the step before left over."
        found.append(Finding("gradients-kept", FAULT, "", evidence, "Call optimizer.zero_grad() in every step."))
    if not trace.mixing <= MIXED:
        evidence = f"{who}: the score of a row hangs on the rows beside it, {trace.mixing:.2g} times as much as on it."
        hint = "Is something normalised over the batch, or reshaped across its rows?"
        found.append(Finding("mixes-rows", FAULT, "", evidence, hint))
    return tuple(found)


def _listed(names: Sequence[str], most: int = 3) -> str:
    """How many, and the first of their names.

    >>> _listed(["a", "b", "c", "d"])
    '4 (a, b, c and more)'
    """
    return f"{len(names)} ({', '.join(names[:most])}{' and more' if len(names) > most else ''})"
