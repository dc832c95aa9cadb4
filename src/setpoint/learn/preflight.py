"""The pre-flight: does what is about to be trained work at all? Its rows, its learners, and the model that came out.

Rows are checked before every training (`preflight_rows.py`), learners by small trainings on planted labels where one is
looked for (`preflight_probe.py`), a model after every training (`preflight_model.py`). A fault makes a model worthless
and holds it back; a suspicion is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from setpoint.core.errors import DataError
from setpoint.core.ports import Learner, Model, TracedLearner
from setpoint.learn.findings import Finding
from setpoint.learn.preflight_gradients import check_gradients
from setpoint.learn.preflight_model import check_fit, check_kept, check_newer, check_scores
from setpoint.learn.preflight_probe import check_learner
from setpoint.learn.preflight_rows import check_finite, check_inputs
from setpoint.learn.preflight_task import BINARY, Task
from setpoint.learn.recipe import Fitted
from setpoint.learn.sides import Matrices, Sides

CHECKED = 2000
"""Rows of a side by which the loss of a model is compared with that of knowing nothing."""


@dataclass(frozen=True)
class Preflight:
    """What a pre-flight found, the learners that it tried out, and in how many small trainings."""

    findings: tuple[Finding, ...]
    learners: tuple[str, ...] = ()
    fits: int = 0

    @property
    def faults(self) -> tuple[Finding, ...]:
        """Those findings that hold a model back, each once."""
        return tuple(dict.fromkeys(each for each in self.findings if each.blocks))

    def and_of(self, more: Sequence[Finding]) -> Preflight:
        """The same with what was found later."""
        return replace(self, findings=(*self.findings, *more))

    def of_learner(self, name: str) -> Preflight:
        """The same without the faults of learners that the model is none of."""
        others = tuple(f"Learner {each!r}" for each in self.learners if each != name)
        return replace(self, findings=tuple(each for each in self.findings if not each.evidence.startswith(others)))

    def to_dict(self) -> dict[str, Any]:
        """The pre-flight as JSON-like data."""
        return {
            "learners": list(self.learners),
            "fits": self.fits,
            "findings": [finding.to_dict() for finding in dict.fromkeys(self.findings)],
        }


def preflight(
    matrices: Matrices, sides: Sides, learners: Mapping[str, Learner], *, seed: int, task: Task = BINARY
) -> Preflight:
    """What is wrong with the rows that are about to train a model, and with these learners on them.

    Raises DataError, before anything is trained, for labels, weights or inputs that are no numbers.
    """
    given, encoder = sides.given, matrices.encoder
    broken = check_finite(matrices.given, given.y, given.weight, names=encoder.names)
    if broken:
        raise DataError(
            " ".join(each.evidence for each in broken), expected="rows that can be learned from", hint=broken[0].hint
        )
    findings, fits = list(check_inputs(matrices.given, names=encoder.names)), 0
    for learner in learners.values():
        found, count = check_learner(
            learner, matrices.given, names=encoder.names, categories=encoder.categories, task=task, seed=seed
        )
        findings += found
        fits += count
        if isinstance(learner, TracedLearner):
            findings += check_gradients(learner, matrices.given, categories=encoder.categories, task=task, seed=seed)
    return Preflight(tuple(findings), tuple(learners), fits)


def check_fitted(fitted: Fitted, matrices: Matrices, sides: Sides, *, task: Task = BINARY) -> tuple[Finding, ...]:
    """What is wrong with a model that was fitted on the training side."""
    unsound = check_scores(fitted.model, matrices.validation, task=task)
    if unsound:
        return unsound
    older, newer = sides.train, sides.validation
    step = slice(None, None, max(1, len(older.y) // CHECKED))
    seen = fitted.model.predict(matrices.train[step])
    plainly = fitted.balance is None and sides.fitting is None and sides.picked == 0
    if fitted.balance is not None:
        seen = fitted.balance.correction.apply(seen)
    prior = task.prior(older.y, older.weight)
    return (
        *check_fit(seen, older.y[step], older.weight[step], task=task, strict=plainly),
        *check_newer(fitted.probabilities, newer.y, newer.weight, prior=prior, days=newer.days, task=task),
    )


def check_released(model: Model, matrices: Matrices, *, task: Task = BINARY) -> tuple[Finding, ...]:
    """What is wrong with the scores of the model that would be released, on the newest rows."""
    return (*check_scores(model, matrices.held_out, task=task, who="The model to release"), *check_kept(model))
