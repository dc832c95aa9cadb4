"""Checks of a learner by small trainings on planted labels, before any model of it is fitted in earnest.

Labels that follow the inputs by construction have to be learned; labels that follow nothing must teach nothing. Which
fault a learner has shows in which of these fails:

not-deterministic   the same training twice gives two models: state is left over, or a seed is not used
changes-its-rows    a training changed the rows or labels that it was given
scores-not-finite   a score is no number, beyond its bounds, or not one for each row
mixes-rows          the score of a row depends on the rows beside it
scores-by-chance    the same rows scored twice differ
cannot-learn        planted labels of a small batch are not learned
ignores-input       labels that follow one input alone are not learned: that input is dead
ignores-weights     rows of weight zero are learned from
wrong-start         inputs that tell nothing give another mean than that of the labels
worse-than-chance   of labels that follow nothing, a model claims more than there is to know
sees-validation     of labels that follow nothing, those of the validation rows are known

The idea of overfitting one small batch and of checking the loss at the start is Karpathy (2019), "A Recipe for Training
Neural Networks"; shuffled labels are Ojala and Garriga (2010), "Permutation Tests for Studying Classifier Performance".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from setpoint.core.ports import Learner, Model
from setpoint.core.rng import seed_for
from setpoint.learn.findings import FAULT, Finding
from setpoint.learn.preflight_model import check_scores
from setpoint.learn.preflight_rows import firsts, same_everywhere
from setpoint.learn.preflight_task import Task
from setpoint.measure.rows import Array

ROWS, ROUNDS, TOGETHER = 600, 20, 8
"""Rows and rounds of a small training, and how many inputs its planted labels follow at once."""
LEARNED = 0.85
"""A planted problem is learned if its loss is below this share of the prior's on the rows learned from."""
OFF = 0.2
"""By how many standard deviations of the labels the mean score may differ from that of labels that follow nothing."""
CLAIMED = 1.5
"""How many times the prior's loss a model may have on new rows of labels that follow nothing."""
RARE = 0.02
"""An input that differs in fewer rows than this share is too rare to plant labels by."""
QUANTILE = 4.9
"""Standard errors that chance exceeds once in a million."""


@dataclass
class Probe:
    """A learner at its small trainings: a batch of rows, new rows beside it, and how many trainings there were."""

    learner: Learner
    rows: Array
    newer: Array
    names: Sequence[str]
    categories: Sequence[int]
    task: Task
    seed: int
    fits: int = 0
    findings: list[Finding] = field(default_factory=list)

    def fit(
        self,
        rows: Array,
        y: Array,
        *,
        weight: Array | None = None,
        validation: tuple[Array, Array] | None = None,
    ) -> Model:
        """A small training."""
        self.fits += 1
        model, _ = self.learner.fit(
            self.learner.recipes(rounds=ROUNDS)[0],
            rows,
            y,
            categories=self.categories,
            seed=seed_for(self.seed, "preflight", "fit"),
            weight=weight,
            validation=validation,
            names=self.names,
        )
        return model

    def fault(self, kind: str, evidence: str, hint: str, *, feature: str = "") -> None:
        """Write down that the learner does not work."""
        self.findings.append(Finding(kind, FAULT, feature, f"Learner {self.learner.name!r} {evidence}", hint))

    def skill(self, model: Model, rows: Array, y: Array) -> float:
        """The loss of a model's scores as a share of the prior's: 0 is perfect, 1 is none."""
        weight = np.ones(len(y))
        return self.task.mean(y, model.predict(rows), weight) / self.task.of_prior(y, weight)


def check_learner(
    learner: Learner,
    rows: Array,
    *,
    names: Sequence[str],
    categories: Sequence[int],
    task: Task,
    seed: int,
) -> tuple[tuple[Finding, ...], int]:
    """What a learner does wrong on a sample of the rows that it will learn from; and how many small fits that took."""
    rng = np.random.default_rng(seed_for(seed, "preflight", "rows"))
    drawn = rng.permutation(len(rows))[: 2 * ROWS]
    half = drawn.size // 2
    batch, newer = np.array(rows[drawn[:half]]), np.array(rows[drawn[half:]])
    probe = Probe(learner, batch, newer, names, categories, task, seed)
    coded = set(categories)
    signals = np.column_stack([signal_of(batch[:, j], coded=j in coded) for j in range(batch.shape[1])])
    differing = np.minimum((signals > 0).mean(axis=0), (signals < 0).mean(axis=0)) >= RARE
    asked = np.flatnonzero(differing & ~same_everywhere(batch) & (firsts(batch) == np.arange(batch.shape[1])))
    if asked.size == 0 or half < ROWS // 10:
        return (), 0
    signs = rng.choice([-1.0, 1.0], asked.size)
    groups = [slice(start, start + TOGETHER) for start in range(0, asked.size, TOGETHER)]
    planted = [np.asarray(task.plant(signals[:, asked[part]] @ signs[part])) for part in groups]
    first = _check_batch(probe, planted[0])
    if first is not None:
        _check_inputs(probe, first, planted, [asked[part] for part in groups], signals, rng)
        _check_weights(probe, planted[0])
    if all(each.kind != "scores-not-finite" for each in probe.findings):
        _check_nothing(probe, rng.permutation(task.plant(rng.exponential(size=half))), rng)
    return tuple(probe.findings), probe.fits


def signal_of(column: Array, *, coded: bool) -> Array:
    """What planted labels follow of an input: the centred rank of a number, NULL lowest; the commonest code or another.

    >>> signal_of(np.array([5.0, np.nan, 9.0]), coded=False).tolist()
    [0.0, -0.5, 0.5]
    """
    if coded:
        known = column[~np.isnan(column)]
        values, counts = np.unique(known, return_counts=True)
        return np.where(column == (values[np.argmax(counts)] if known.size else 0.0), 0.5, -0.5)
    filled = np.where(np.isnan(column), -np.inf, column)
    _, place = np.unique(filled, return_inverse=True)
    below = np.searchsorted(np.sort(filled), filled, side="left") + np.searchsorted(np.sort(filled), filled, "right")
    if place.max() == 0:
        return np.zeros(column.size)
    rank = below / 2.0
    return np.asarray((rank - (rank.min() + rank.max()) / 2) / (rank.max() - rank.min()))


def _check_batch(probe: Probe, y: Array) -> Model | None:
    """The model of one small batch, learned twice alike, with sound scores; None where it has learned nothing."""
    rows, labels = probe.rows.copy(), y.copy()
    model, again = probe.fit(rows, labels), probe.fit(probe.rows.copy(), y.copy())
    if not (np.array_equal(rows, probe.rows, equal_nan=True) and np.array_equal(labels, y)):
        probe.fault("changes-its-rows", "changes the rows that it is given.", "Work on a copy of rows and labels.")
    unsound = check_scores(model, probe.rows, task=probe.task, who=f"Learner {probe.learner.name!r}")
    probe.findings.extend(unsound)
    if any(each.kind == "scores-not-finite" for each in unsound):
        return None
    if not unsound and not np.array_equal(model.predict(probe.rows), again.predict(probe.rows)):
        probe.fault(
            "not-deterministic",
            "gives another model when it is trained again with the same seed on the same rows.",
            "Use the seed, and start every training from nothing.",
        )
    share = probe.skill(model, probe.rows, y)
    if not share < LEARNED:
        probe.fault(
            "cannot-learn",
            f"does not learn labels that follow its inputs: on the {len(y)} rows themselves its loss is {share:.2f} of "
            "that of knowing nothing.",
            "Are labels and rows in the same order, the learning rate in proportion, the inputs scaled?",
        )
        return None
    return model


def _check_inputs(
    probe: Probe, first: Model, planted: list[Array], groups: list[np.ndarray], signals: Array, rng: np.random.Generator
) -> None:
    """Inputs that a model goes by where labels follow them; each that seems not to be is asked for alone."""
    for at, (y, group) in enumerate(zip(planted, groups, strict=True)):
        model = first if at == 0 else probe.fit(probe.rows, y)
        for j in group.tolist():
            if not _goes_by(model, probe.rows, j, rng):
                _check_alone(probe, j, signals[:, j], rng)


def _check_alone(probe: Probe, j: int, signal: Array, rng: np.random.Generator) -> None:
    """Labels that follow one input, with all others in random order."""
    rows = probe.rows.copy()
    for other in range(rows.shape[1]):
        if other != j:
            rows[:, other] = rng.permutation(rows[:, other])
    if _goes_by(probe.fit(rows, probe.task.plant(signal)), rows, j, rng):
        return
    name = probe.names[j]
    probe.fault(
        "ignores-input",
        f"does not go by {name!r}, even where the labels follow nothing else.",
        "Is the input lost on its way into the model, or left out of what is trained?",
        feature=name,
    )


def _goes_by(model: Model, rows: Array, j: int, rng: np.random.Generator) -> bool:
    """Whether a score changes when an input is put into another order."""
    changed = rows.copy()
    changed[:, j] = rng.permutation(rows[:, j])
    return not np.allclose(model.predict(rows), model.predict(changed), rtol=0, atol=1e-9)


def _check_weights(probe: Probe, y: Array) -> None:
    """Every row stands there twice, the second time with another's label and without weight."""
    rows, labels = np.repeat(probe.rows, 2, axis=0), np.repeat(y, 2, axis=0)
    labels[1::2] = np.max(y) + np.min(y) - y
    weight = np.tile([1.0, 0.0], len(y))
    share = probe.skill(probe.fit(rows, labels, weight=weight), probe.rows, y)
    if not share < LEARNED:
        probe.fault(
            "ignores-weights",
            f"learns from rows of weight zero: where they contradict the others, its loss is {share:.2f} of that of "
            "knowing nothing.",
            "Hand the weights on to what trains.",
        )


def _check_nothing(probe: Probe, y: Array, rng: np.random.Generator) -> None:
    """Labels that follow nothing: the mean has to be right, little may be claimed, and nothing known of new rows."""
    task, later = probe.task, rng.permutation(y)[: len(probe.newer)]
    if len(later) < len(probe.newer):
        later = np.concatenate([later, y[: len(probe.newer) - len(later)]])
    model = probe.fit(probe.rows, y, validation=(probe.newer, later))
    off = np.abs(np.mean(model.predict(probe.rows), axis=0) - np.mean(y, axis=0)) / np.maximum(np.std(y, axis=0), 1e-12)
    if np.max(off) > OFF:
        probe.fault(
            "wrong-start",
            f"has a mean score {float(np.max(off)):.2f} standard deviations from that of labels that follow nothing.",
            "Start from the mean of the labels; is a link such as the softmax applied twice?",
        )
    expected = np.broadcast_to(task.prior(y, np.ones(len(y))), np.shape(later))
    losses, nothing = task.losses(later, model.predict(probe.newer)), task.losses(later, expected)
    if np.mean(losses) > CLAIMED * np.mean(nothing):
        probe.fault(
            "worse-than-chance",
            f"claims what it cannot know: of labels that follow nothing its loss is {np.mean(losses):.2f} on new rows, "
            f"that of knowing nothing {np.mean(nothing):.2f}.",
            "Is the learning rate too high, or the penalty of large weights lost?",
        )
    gained = nothing - losses
    if np.mean(gained) > QUANTILE * np.std(gained) / np.sqrt(len(gained)) > 0:
        probe.fault(
            "sees-validation",
            "knows labels of the validation rows that follow nothing.",
            "Validation rows stop a training; they must not train.",
        )
