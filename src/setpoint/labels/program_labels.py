"""Labels of label programs: the story from votes and gold rows to rows a learner can be trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import NothingYet
from setpoint.data.arrays import Mask
from setpoint.declare.programs import Programs
from setpoint.labels.label_model import LabelFit, fit_label_model
from setpoint.labels.label_model_gold import Gold
from setpoint.labels.programs import VoteMatrix
from setpoint.labels.vote_patterns import Floats


def fit_programs(declared: Programs, matrix: VoteMatrix, gold: Gold, *, seed: int = 0) -> LabelFit:
    """The label model of declared programs, which their gold rows choose and judge.

    Raises NothingYet while there are fewer gold rows than declared.
    """
    if gold.rows.size < declared.gold:
        raise NothingYet(
            f"{gold.rows.size} of the {declared.gold} gold rows that label programs need have been looked up.",
            expected="rows whose class somebody looked up, drawn at random",
            hint="Without them nothing says whether the labels are any good.",
        )
    return fit_label_model(
        matrix.votes,
        gold,
        classes=matrix.classes,
        programs=matrix.programs,
        versions=matrix.versions,
        balance=declared.balance,
        metric=declared.metric,
        seed=seed,
    )


@dataclass(frozen=True)
class SoftRows:
    """Rows to train on in place of uncertain labels: a row for each class that it may be, weighted by how likely."""

    index: npt.NDArray[np.int64]
    y: npt.NDArray[np.intp]
    weight: Floats


def soft_rows(probabilities: Floats, without_truth: Mask, *, least: float = 0.01) -> SoftRows:
    """The rows that have no truth of their own as weighted rows; classes less likely than `least` are left out.

    The weights of a row sum to 1. Fitting a loss to them is fitting its expectation (Ratner et al. 2016, "Data
    Programming", noise-aware loss).

    >>> rows = soft_rows(np.array([[0.25, 0.75], [0.999, 0.001], [0.5, 0.5]]), np.array([True, True, False]))
    >>> rows.index.tolist(), rows.y.tolist(), rows.weight.tolist()
    ([0, 0, 1], [0, 1, 0], [0.25, 0.75, 1.0])
    """
    kept = (probabilities >= min(least, 1 / probabilities.shape[1])) & without_truth[:, None]
    index, y = np.nonzero(kept)
    likely = np.where(kept, probabilities, 0.0)
    whole = likely.sum(axis=1)
    return SoftRows(index.astype(np.int64), y.astype(np.intp), likely[index, y] / whole[index])
