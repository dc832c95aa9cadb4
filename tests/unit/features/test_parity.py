"""Comparing two ways of reading features."""

from __future__ import annotations

import math
import struct

import pyarrow as pa
import pytest

from setpoint.core.errors import DataError
from setpoint.features.parity import Mismatch, compare

QUIET_NAN = struct.unpack("<d", b"\x01\x00\x00\x00\x00\x00\xf8\xff")[0]


@pytest.mark.parametrize(
    ("left", "right"), [(1.0, 1.0), (math.nan, QUIET_NAN), ("a", "a"), (None, None), (5e-324, 5e-324)]
)
def test_equal_values_do_not_differ(left: float | str | None, right: float | str | None) -> None:
    """Every NaN is the same NULL."""
    assert compare(pa.table({"f": [left]}), [{"f": right}]) == []


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (0.0, -0.0),
        (0.1 + 0.2, 0.3),
        (1.0, math.nan),
        (math.nan, 1.0),
        ("a", None),
        (None, ""),
        ("1", 1.0),
        (5e-324, 0.0),
    ],
)
def test_one_bit_is_a_difference(left: float | str | None, right: float | str | None) -> None:
    """What differs is told with its row, its feature and both values."""
    table = pa.table({"other": [1.0, 2.0], "f": [left, left]})
    found = compare(table, [{"other": 1.0, "f": left}, {"f": right, "other": 2.0}])
    assert [(one.row, one.feature) for one in found] == [(1, "f")]
    assert str(found[0].online) == str(right)


@pytest.mark.parametrize("online", [[], [{"f": 1.0}, {"f": 1.0}], [{"g": 1.0}], [{"f": 1.0, "g": 1.0}], [{}]])
def test_other_decisions_or_features_cannot_be_compared(online: list[dict[str, float]]) -> None:
    """A decision or feature that only one side has is an error of the caller, not silence."""
    with pytest.raises(DataError):
        compare(pa.table({"f": [1.0]}), online)


def test_a_mismatch_is_json() -> None:
    """NaN and infinity are told as text."""
    assert Mismatch(3, "f", math.nan, 0.5).to_dict() == {"row": 3, "feature": "f", "offline": "nan", "online": 0.5}
