"""Checks of the rows that a model is about to learn from: what no learner can make up for, and what tells it nothing.

not-finite          an infinite input, a label that is no number, a weight that is none or negative
one-label           every row has the same label
constant-input      an input with one value in every row
duplicated-input    an input that equals another in every row
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from setpoint.core.digest import digest_bytes
from setpoint.learn.findings import FAULT, SUSPICION, Finding
from setpoint.measure.rows import Array

GLANCE = 512
"""Rows by which two columns are told apart before all of them are compared."""
SPARE = "It costs and tells nothing: leave it out, unless it will differ later."


def check_finite(rows: Array, y: Array, weight: Array, *, names: Sequence[str]) -> tuple[Finding, ...]:
    """Inputs, labels and weights that are no numbers; NaN is NULL in an input, and nowhere else.

    >>> [f.evidence for f in check_finite(np.array([[np.inf], [0.0]]), np.eye(2)[0], np.ones(2), names=["x"])]
    ["Input 'x' is infinite in 1 of 2 rows."]
    """
    found = []
    for j in np.flatnonzero(np.isinf(rows).any(axis=0)).tolist():
        many = int(np.isinf(rows[:, j]).sum())
        evidence = f"Input {names[j]!r} is infinite in {many} of {len(rows)} rows."
        found.append(Finding("not-finite", FAULT, names[j], evidence, "Does it divide by zero? Make it NULL there."))
    bad = int((~np.isfinite(np.reshape(y, (len(y), -1)))).any(axis=1).sum())
    if bad:
        evidence = f"{bad} of {len(y)} labels are no numbers."
        found.append(Finding("not-finite", FAULT, "", evidence, "A row without a label trains nothing: leave it out."))
    bad = int((~np.isfinite(weight) | (weight < 0)).sum())
    if bad:
        evidence = f"{bad} of {len(weight)} weights are negative or no numbers."
        found.append(Finding("not-finite", FAULT, "", evidence, "A weight says how often a row counts: 0 or more."))
    if not bad and len(y) and (y == y[0]).all():
        evidence = f"All {len(y)} rows have the label {y[0]}."
        found.append(Finding("one-label", FAULT, "", evidence, "There is nothing to tell apart: take more rows."))
    return tuple(found)


def check_inputs(rows: Array, *, names: Sequence[str]) -> tuple[Finding, ...]:
    """Inputs that are the same in every row, and inputs that equal another one.

    >>> rows = np.array([[1.0, 2.0, 2.0, 5.0], [3.0, 4.0, 4.0, 5.0]])
    >>> [(f.kind, f.feature) for f in check_inputs(rows, names=["a", "b", "c", "d"])]
    [('constant-input', 'd'), ('duplicated-input', 'c')]
    """
    constant, first = same_everywhere(rows), firsts(rows)
    found = [
        Finding(
            "constant-input",
            SUSPICION,
            names[j],
            f"Input {names[j]!r} is {'NULL' if np.isnan(rows[0, j]) else f'{rows[0, j]:g}'} in every training row.",
            SPARE,
        )
        for j in np.flatnonzero(constant).tolist()
    ]
    for j in np.flatnonzero(~constant & (first < np.arange(first.size))).tolist():
        evidence = f"Input {names[j]!r} equals {names[first[j]]!r} in every training row."
        found.append(Finding("duplicated-input", SUSPICION, names[j], evidence, SPARE))
    return tuple(found)


def same_everywhere(rows: Array) -> np.ndarray:
    """Which columns have one value in every row, or none.

    >>> same_everywhere(np.array([[1.0, np.nan, 3.0], [1.0, np.nan, 4.0]]))
    array([ True,  True, False])
    """
    if len(rows) == 0:
        return np.ones(rows.shape[1], dtype=bool)
    return np.asarray([_equal(rows[:, j], rows[0, j]) for j in range(rows.shape[1])], dtype=bool)


def firsts(rows: Array) -> np.ndarray:
    """For each column the first one that equals it: itself, where none before it does.

    >>> firsts(np.array([[1.0, 2.0, 1.0]])).tolist()
    [0, 1, 0]
    """
    found: list[int] = []
    seen: dict[str, list[int]] = {}
    for j in range(rows.shape[1]):
        alike = seen.setdefault(digest_bytes((rows[:GLANCE, j] + 0.0).tobytes()), [])
        equal = (i for i in alike if np.array_equal(rows[:, i], rows[:, j], equal_nan=True))
        found.append(next(equal, j))
        if found[-1] == j:
            alike.append(j)
    return np.array(found, dtype=np.intp)


def _equal(column: Array, value: float) -> bool:
    if np.isnan(value):
        return bool(np.isnan(column).all())
    return bool(column[-1] == value and (column == value).all())
