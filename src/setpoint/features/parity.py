"""Whether two ways of reading features gave the same bits."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from setpoint.core.errors import DataError


@dataclass(frozen=True)
class Mismatch:
    """One value of a feature that differs: the row of the decision, and what each way gave."""

    row: int
    feature: str
    offline: float | str | None
    online: float | str | None

    def to_dict(self) -> dict[str, Any]:
        """The mismatch as JSON-like data: a number that is no JSON, such as NaN, as text."""
        return {
            "row": self.row,
            "feature": self.feature,
            "offline": _shown(self.offline),
            "online": _shown(self.online),
        }


def compare(offline: pa.Table, online: Sequence[Mapping[str, Any]]) -> list[Mismatch]:
    """The values that differ between features read offline and the same decisions' read online, row by row.

    Numbers are equal when their 64 bits are, so 0.0 differs from -0.0; every NaN equals every other. Raises DataError
    when the two do not speak of the same decisions and features.

    >>> compare(pa.table({"n": [1.0, float("nan")]}), [{"n": 1.0}, {"n": float("nan")}])
    []
    >>> compare(pa.table({"n": [0.1 + 0.2]}), [{"n": 0.3}])
    [Mismatch(row=0, feature='n', offline=0.30000000000000004, online=0.3)]
    """
    if offline.num_rows != len(online):
        raise DataError(
            f"{offline.num_rows} decisions were read offline and {len(online)} online.", expected="the same decisions"
        )
    for row, values in enumerate(online):
        if set(values) != set(offline.column_names):
            strays = sorted(set(values) ^ set(offline.column_names))
            raise DataError(f"Decision {row} was read with other features: {', '.join(strays)}.", expected="the same")
    found = []
    for name in offline.column_names:
        for row, left in enumerate(offline.column(name).to_pylist()):
            right = online[row][name]
            if _bits(left) != _bits(right):
                found.append(Mismatch(row, name, left, right))
    return sorted(found, key=lambda one: one.row)


def _bits(value: Any) -> tuple[str, bytes]:
    """What makes a value the same as another."""
    if value is None:
        return ("null", b"")
    if isinstance(value, str):
        return ("text", value.encode())
    number = float(value)
    return ("number", b"nan" if math.isnan(number) else struct.pack("<d", number))


def _shown(value: float | str | None) -> float | str | None:
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value
