"""How far the threshold of each group is from the one that costs give, where a goal asks for thresholds by group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import NameUnknown


@dataclass(frozen=True)
class GroupShifts:
    """What is added to the threshold of each group by a request field; None stands for rows without a value.

    A group that is not named, such as one too small to tell, keeps the threshold as it is.
    """

    by: str
    shifts: tuple[tuple[str | None, float], ...]

    @cached_property
    def _by_name(self) -> Mapping[str | None, float]:
        return dict(self.shifts)

    def of(self, fields: pa.Table | None) -> np.ndarray:
        """What is added to the threshold of each row.

        >>> GroupShifts("sex", (("f", -0.1),)).of(pa.table({"sex": ["m", "f", None]}))
        array([ 0. , -0.1,  0. ])
        """
        if fields is None or self.by not in fields.column_names:
            known = [] if fields is None else fields.column_names
            raise NameUnknown("request field", self.by, known, where="The rows")
        names = spelled(fields[self.by])
        place = pc.fill_null(pc.index_in(names, value_set=pa.array(self._names, pa.string())), -1)
        found = np.array([*(self._by_name[name] for name in self._names), 0.0])[place.to_numpy()]
        return np.where(names.is_null().to_numpy(), self._by_name.get(None, 0.0), found)

    def of_one(self, fields: Mapping[str, Any]) -> float:
        """What is added to the threshold of one request: `of` of a batch of one."""
        value = fields.get(self.by)
        if value is None or value != value:  # noqa: PLR0124 (NaN)
            return self._by_name.get(None, 0.0)
        return self._by_name.get(spell_one(value), 0.0)

    @property
    def _names(self) -> list[str]:
        return [name for name, _ in self.shifts if name is not None]

    def to_dict(self) -> dict[str, Any]:
        """The shifts as JSON-like data."""
        return {"by": self.by, "shifts": [list(pair) for pair in self.shifts]}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> GroupShifts:
        """The shifts that `to_dict` wrote.

        >>> GroupShifts.from_dict(GroupShifts("sex", (("f", -0.1),)).to_dict()).shifts
        (('f', -0.1),)
        """
        return GroupShifts(data["by"], tuple((name, float(shift)) for name, shift in data["shifts"]))


def spelled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The group of each row by a request field, as text: numbers as short as they can be, NULL and NaN as NULL.

    >>> spelled(pa.chunked_array([[1.0, None, 2.5]])).to_pylist(), spelled(pa.chunked_array([[True]])).to_pylist()
    (['1', None, '2.5'], ['true'])
    """
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        distinct, codes = np.unique(values, return_inverse=True)
        words = pa.array([None if np.isnan(value) else spell_one(float(value)) for value in distinct], pa.string())
        return pa.chunked_array([words.take(pa.array(codes))])
    return column.cast(pa.string())


def spell_one(value: Any) -> str:
    """The group of one request: `spelled` of a batch of one.

    >>> spell_one("f"), spell_one(True), spell_one(2)
    ('f', 'true', '2')
    """
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, int | float | np.number) else str(value)
