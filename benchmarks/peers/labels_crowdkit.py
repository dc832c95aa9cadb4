"""crowd-kit's DawidSkene, abstentions left out; Apache-2.0 licence. python labels_crowdkit.py JOBS RESULTS."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from crowdkit.aggregation import DawidSkene
from label_bench.jobs import run


def label(votes: npt.NDArray[np.int8], job: dict[str, Any]) -> npt.NDArray[np.float64]:
    """A hundred rounds of EM at most; rows without votes get the balance."""
    task, worker = np.nonzero(votes >= 0)
    said = pd.DataFrame({"task": task, "worker": worker, "label": votes[task, worker]})
    told = DawidSkene(n_iter=100).fit_predict_proba(said)
    found = np.tile(np.array(job["balance"]), (votes.shape[0], 1))
    found[told.index.to_numpy()] = told.reindex(columns=range(len(job["balance"])), fill_value=0.0).to_numpy()
    return found


if __name__ == "__main__":
    run(label)
