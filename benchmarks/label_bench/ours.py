"""Ours, in a process of its own: python ours.py JOBS RESULTS fit|choose."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from label_bench.jobs import run
from setpoint.labels.label_model import fit_dawid_skene, fit_label_model
from setpoint.labels.label_model_gold import FOLDS, Gold
from setpoint.labels.label_model_table import LabelModel


def fit(votes: npt.NDArray[np.int8], job: dict[str, Any]) -> npt.NDArray[np.float64]:
    """One model, as the peers fit one: dependence, EM, probabilities of all rows."""
    classes = len(job["balance"])
    rates, dependence = fit_dawid_skene(votes, classes=classes, balance=job["balance"])
    points = rates.points(dependence.influence)
    names = tuple(str(i) for i in range(votes.shape[1]))
    base = np.log(rates.balance)
    return LabelModel("", tuple(range(classes)), names, base, points, 1.0, np.zeros(classes), {}).probabilities(votes)


def choose(votes: npt.NDArray[np.int8], job: dict[str, Any]) -> npt.NDArray[np.float64]:
    """All models, chosen among and judged by gold rows, with a temperature."""
    rows, y = (np.array(column) for column in zip(*job["gold"], strict=True)) if job["gold"] else ([], [])
    classes = len(job["balance"])
    if np.bincount(y, minlength=classes).min() < FOLDS:  # the first call, on a few rows, which is not charged
        y = np.arange(FOLDS * classes) % classes
        rows = np.arange(y.size)
    fit = fit_label_model(
        votes, Gold.of(rows, y), classes=tuple(range(classes)), balance=job["balance"], seed=job["seed"]
    )
    print(f"{job['name']}: {fit.model.method}, refused: {fit.refused}")
    return fit.model.probabilities(votes)


if __name__ == "__main__":
    run({"fit": fit, "choose": choose}[sys.argv[3]])
