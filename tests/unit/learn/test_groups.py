"""Groups of rows by a field or feature."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from setpoint.learn.groups import MOST, groups_of
from setpoint.learn.sides import Examples


def grouped(values: pa.Array) -> list[str]:
    """The groups of a column's rows."""
    n = len(values)
    return [
        str(name) for name in groups_of(Examples(pa.table({"x": values}), pa.table({}), np.zeros(n), np.zeros(n)), "x")
    ]


def test_texts_and_small_numbers_group_by_value() -> None:
    """NULL is a group of its own."""
    assert grouped(pa.array(["b", "a", None])) == ["b", "a", "(none)"]
    assert grouped(pa.array([1.0, 2.5, None])) == ["1", "2.5", "(none)"]
    assert grouped(pa.array([True, False, None])) == ["true", "false", "(none)"]
    assert grouped(pa.array([3, 4, 3])) == ["3", "4", "3"]


def test_rare_levels_share_a_group() -> None:
    """The commonest stay apart, and equally rare ones go by name."""
    names = [f"v{i:02d}" for i in range(MOST + 5)]
    found = grouped(pa.array(names + names[:3]))
    assert found.count("(other)") == 5
    assert found[: MOST + 5] == [*names[:MOST], *["(other)"] * 5]


def test_many_numbers_group_by_quarters() -> None:
    """Each quarter of the rows is a group that says where it begins and ends."""
    found = grouped(pa.array([*np.arange(100.0), None]))
    assert [found.count(name) for name in dict.fromkeys(found)] == [25, 25, 25, 25, 1]
    assert list(dict.fromkeys(found)) == ["below 25", "25 to 50", "50 to 75", "from 75", "(none)"]


def test_times_group_by_quarters() -> None:
    """A time is a number of microseconds."""
    found = grouped(pa.array(range(0, 10**6, 10**4), pa.timestamp("us", tz="UTC")))
    assert len(set(found)) == 4


def test_a_field_comes_before_a_feature_of_its_name() -> None:
    """What the caller said is what is sliced by."""
    rows = Examples(pa.table({"x": ["feature"]}), pa.table({"x": ["field"]}), np.zeros(1), np.zeros(1))
    assert groups_of(rows, "x").tolist() == ["field"]
