"""A few rows with what a model made of them: whoever restores it can prove that it says the same."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from setpoint.core.digest import digest
from setpoint.core.ports import Tables

SET = "probes"
"""The set of tables of probes: a part for each model."""
ROWS = 50
"""The newest rows that are kept."""
PREDICTED = "prediction__"


def keep_probe(tables: Tables, model: str, features: pa.Table, predicted: np.ndarray) -> None:
    """Store the newest rows of features with what the model predicts of them, (n,) or (n, k)."""
    first = max(0, features.num_rows - ROWS)
    told = np.ascontiguousarray(predicted[first:], dtype=np.float64).reshape(features.num_rows - first, -1)
    column = pa.FixedSizeListArray.from_arrays(pa.array(told.reshape(-1)), told.shape[1])
    tables.write(SET, model, features.slice(first).combine_chunks().append_column(PREDICTED, column))


def load_probe(tables: Tables, model: str) -> pa.Table | None:
    """The rows that were kept of a model; None for one from before they were."""
    return tables.read(SET, parts=[model]) if model in tables.parts(SET) else None


def predicted_of(probe: pa.Table) -> np.ndarray:
    """What the model made of the rows of a probe, (n, k).

    >>> column = pa.FixedSizeListArray.from_arrays(pa.array([0.25, 0.75]), 1)
    >>> predicted_of(pa.table({"x": [1, 2], PREDICTED: column})).tolist()
    [[0.25], [0.75]]
    """
    column = probe[PREDICTED].combine_chunks()
    return np.asarray(column.flatten().to_numpy()).reshape(probe.num_rows, -1)


def digest_of(predicted: np.ndarray) -> str:
    """The digest of the bytes of predictions."""
    return digest(np.ascontiguousarray(predicted, dtype=np.float64).reshape(len(predicted), -1).tobytes().hex())
