"""What was told of decisions becomes their label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.labels.hand_labels import HandLabel, told_rows
from setpoint.labels.join import KNOWN, UNKNOWN, Labels
from setpoint.labels.told import with_told

KEYS = pa.array(["a", "b", "c"])


def unknown() -> Labels:
    """Three decisions of which nothing is known."""
    return Labels(np.full(3, UNKNOWN, np.int8), np.full(3, np.nan), np.full(3, -1, np.int64), np.ones(3, bool), {})


def told(*rows: tuple[str, float | None, int, int | None]) -> pa.Table:
    """Told outcomes: key, value, known_at, version."""
    keys, values, known, versions = zip(*rows, strict=True)
    return pa.table(
        {
            "key": pa.array(keys),
            "value": pa.array(values, pa.float64()),
            "at": pa.array(known, pa.int64()),
            "known_at": pa.array(known, pa.int64()),
            "version": pa.array(versions, pa.int64()),
        }
    )


def values(table: pa.Table, as_of: int) -> list[Any]:
    """The value of each decision's label; None where nothing is known."""
    found = with_told(unknown(), KEYS, table, as_of=as_of)
    return [value if state == KNOWN else None for state, value in zip(found.state, found.value, strict=True)]


def test_the_last_version_that_was_known_by_then_is_the_label() -> None:
    """A later version changes later training sets, and no earlier one."""
    table = told(("a", 1.0, 10, 1), ("a", 0.0, 20, 2))
    assert [values(table, as_of)[0] for as_of in (5, 10, 19, 20, 99)] == [None, 1.0, 1.0, 0.0, 0.0]


def test_a_version_without_a_value_takes_the_label_back() -> None:
    """Where annotators came to disagree, nothing is told any more."""
    table = told(("a", 1.0, 10, 1), ("a", None, 20, 2))
    assert [values(table, as_of)[0] for as_of in (10, 20)] == [1.0, None]


def test_what_was_told_once_and_for_all_stands_before_the_labels_of_hand() -> None:
    """An outcome that the product observed outweighs a judgement, from the time when it was told."""
    table = told(("a", 1.0, 10, 1), ("a", 0.0, 15, None), ("a", 1.0, 20, 2))
    assert [values(table, as_of)[0] for as_of in (10, 15, 20)] == [1.0, 0.0, 0.0]


def test_rows_without_versions_are_as_they_always_were() -> None:
    """Of outcomes that were told the first one stands."""
    table = told(("a", 1.0, 10, None), ("b", 0.0, 12, None)).drop_columns(["version"])
    assert values(table, 99) == [1.0, 0.0, None]


def test_labels_of_hand_find_their_decisions_by_key() -> None:
    """A label of an item that is no decision's key tells nothing; keys may be numbers."""
    labels = [HandLabel(item, 1, value, 1.0, "majority", 3, 4, ()) for item, value in (("7", "fine"), ("x", "fraud"))]
    rows = told_rows(labels, pa.array([7, 8]), positive="fraud")
    assert rows.select(["key", "value", "known_at", "version"]).to_pydict() == {
        "key": [7],
        "value": [0.0],
        "known_at": [4],
        "version": [1],
    }
