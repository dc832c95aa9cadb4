"""Labels that are likely wrong: those that a model of earlier decisions contradicts, for people to look at again.

Every probability comes from a model fitted on labels that were mature before the row was decided (rolling origins), so
that no model judges a label it has learned, or learned from the future of. The oldest rows have no such model and are
not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from setpoint.core.errors import NothingYet
from setpoint.core.ports import Learner
from setpoint.declare.plan import Plan
from setpoint.features.training_set import TrainingSet
from setpoint.learn.encode import encoder_of
from setpoint.learn.fit import refit
from setpoint.learn.recipe import Recipe
from setpoint.learn.sides import mature_rows
from setpoint.measure.confident_learning import confident_joint, two_classes, wrong_labels

ORIGINS = 5
"""Times from which a model is fitted on what was known and scores what came next."""


@dataclass(frozen=True)
class OutOfFold:
    """Rows with a probability of a model that knew only earlier ones; `places` are theirs in the training set.

    `y` are the labels given; `unscored` counts the oldest rows, which no model could score.
    """

    places: np.ndarray
    y: np.ndarray
    p: np.ndarray
    unscored: int


@dataclass(frozen=True)
class LabelError:
    """A label that is likely wrong: what was given, what is suggested, and the probability of that."""

    key: str
    at: int
    given: bool
    suggested: bool
    confidence: float

    @property
    def reason(self) -> str:
        """Why to look at it again, in words."""
        given, suggested = (str(each).lower() for each in (self.given, self.suggested))
        return f"labelled {given}; a model of earlier decisions says {suggested} with probability {self.confidence:.2f}"

    def to_dict(self) -> dict[str, Any]:
        """The error as JSON-like data."""
        return {
            "key": self.key,
            "at": self.at,
            "given": self.given,
            "suggested": self.suggested,
            "confidence": self.confidence,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Review:
    """Labels to look at again, the most doubtful first.

    `judged` labels were looked at and `unscored` ones not. `joint` estimates how many rows of each label given (row:
    false, true) belong to each class (column).
    """

    errors: tuple[LabelError, ...]
    judged: int
    unscored: int
    joint: np.ndarray = field(repr=False)

    @property
    def noise(self) -> tuple[float, float]:
        """The estimated share of wrong labels among those that say false, and among those that say true."""
        totals = np.maximum(self.joint.sum(axis=1), 1)
        return float(self.joint[0, 1] / totals[0]), float(self.joint[1, 0] / totals[1])

    def to_dict(self) -> dict[str, Any]:
        """The review as JSON-like data."""
        return {
            "judged": self.judged,
            "unscored": self.unscored,
            "noise": {"false": self.noise[0], "true": self.noise[1]},
            "errors": [each.to_dict() for each in self.errors],
        }


def review_labels(
    plan: Plan,
    examples: TrainingSet,
    *,
    learners: Mapping[str, Learner],
    recipe: Recipe,
    seed: int,
    origins: int = ORIGINS,
) -> Review:
    """The known labels that are likely wrong, by confident learning on out-of-fold probabilities.

    Raises NothingYet when there are too few labels of both classes to learn from.
    `docs/few-labels.md` has an example.
    """
    found = out_of_fold(plan, examples, learners=learners, recipe=recipe, seed=seed, origins=origins)
    return review_of(examples, found)


def review_of(examples: TrainingSet, found: OutOfFold) -> Review:
    """The labels that these probabilities contradict, the least believed first."""
    given, p = found.y.astype(np.intp), two_classes(found.p)
    wrong = np.flatnonzero(wrong_labels(given, p))
    against = p[wrong, 1 - given[wrong]]
    order = np.lexsort((found.places[wrong], -against))
    errors = [
        LabelError(
            str(examples.keys[int(found.places[row])]),
            int(examples.at[found.places[row]]),
            bool(given[row]),
            not given[row],
            float(p[row, 1 - given[row]]),
        )
        for row in wrong[order]
    ]
    return Review(tuple(errors), found.y.size, found.unscored, confident_joint(given, p))


def out_of_fold(
    plan: Plan,
    examples: TrainingSet,
    *,
    learners: Mapping[str, Learner],
    recipe: Recipe,
    seed: int,
    origins: int = ORIGINS,
) -> OutOfFold:
    """The probability of each known label but the oldest, by models fitted on labels mature before the row's time.

    Rows are cut by time into one stretch more than `origins`; each stretch but the first is scored by a model of all
    rows before it, less those whose label was not mature yet at its start (Tashman 2000, "Out-of-sample tests of
    forecasting accuracy": rolling origins). A stretch without both classes before it is left unscored.
    """
    rows, places = mature_rows(examples)
    starts = [rows.at[part[0]] for part in np.array_split(np.arange(rows.y.size), origins + 1)[1:] if part.size]
    ends = [*starts[1:], np.iinfo(np.int64).max]
    scored = np.full(rows.y.size, np.nan)
    for start, end in zip(starts, ends, strict=True):
        before = rows.take(np.flatnonzero(rows.at + plan.system.label.matures_after <= start))
        stretch = np.flatnonzero((rows.at >= start) & (rows.at < end))
        if stretch.size == 0 or np.unique(before.y).size < 2:
            continue
        encoder = encoder_of(plan, before.features)
        model = refit(learners, encoder, before, settled=recipe, seed=seed)
        scored[stretch] = model.predict(encoder.matrix(rows.take(stretch).features))
    judged = np.flatnonzero(~np.isnan(scored))
    if judged.size == 0:
        raise NothingYet(
            f"No model of earlier decisions can judge the {rows.y.size} known labels.",
            expected="mature labels of both classes before others",
            hint="Wait for labels to mature, or decide on a longer history.",
        )
    return OutOfFold(places[judged], rows.y[judged], scored[judged], rows.y.size - judged.size)
