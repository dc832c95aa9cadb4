"""Snorkel's LabelModel; Apache-2.0 licence. python labels_snorkel.py JOBS RESULTS [unbalanced]."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
from label_bench.jobs import run
from snorkel.labeling.model import LabelModel


def label(votes: npt.NDArray[np.int8], job: dict[str, Any]) -> npt.NDArray[np.float64]:
    """Fit for 500 epochs, as its tutorials do, with the balance unless told otherwise, and predict all rows."""
    balance = None if sys.argv[3:] == ["unbalanced"] else job["balance"]
    model = LabelModel(cardinality=len(job["balance"]), verbose=False)
    model.fit(votes, n_epochs=500, seed=job["seed"], class_balance=balance, progress_bar=False)
    return model.predict_proba(votes)


if __name__ == "__main__":
    run(label)
