"""Rows that share values: the same as counting them says, however they are found."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from setpoint.data.contracts import duplicates
from setpoint.data.contracts.duplicates import shared_rows


def columns(rng: np.random.Generator, size: int) -> list[pa.Array]:
    """Some columns of any kind: near numbers and far ones, texts, fractions, times, truths, with NULL and without."""
    found = []
    for _ in range(rng.integers(1, 4)):
        reach = int(rng.choice([3, 50, 2**40]))
        whole = rng.integers(-reach, reach, size)
        mask = rng.random(size) < rng.choice([0, 0.2])
        kinds = [
            pa.array(whole, mask=mask),
            pa.array(whole / 4, mask=mask),
            pa.array([str(number) for number in whole.tolist()], mask=mask),
            pa.array(np.abs(whole), pa.timestamp("us", tz="UTC"), mask=mask),
            pa.array(whole < 0, mask=mask),
            pa.array(rng.choice([-(2**63), 2**63 - 1, 0], size)),
        ]
        found.append(kinds[rng.integers(len(kinds))])
    return found


@pytest.mark.parametrize("seed", range(60))
def test_the_rows_are_those_that_counting_finds(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """In blocks of 16 rows as in one, the rows are those whose values a counter saw more than once."""
    monkeypatch.setattr(duplicates, "BLOCK", 16)
    rng = np.random.default_rng(seed)
    given = [column.slice(2) for column in columns(rng, int(rng.integers(2, 90)))]
    values = list(zip(*[column.to_pylist() for column in given], strict=True))
    counts = Counter(values)
    expected = [row for row, value in enumerate(values) if None not in value and counts[value] > 1]
    assert shared_rows(given).tolist() == expected
