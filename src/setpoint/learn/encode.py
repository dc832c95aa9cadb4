"""Features as a matrix of numbers, by vocabularies that are frozen when a model is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.digest import digest
from setpoint.core.errors import NameUnknown, WrongType
from setpoint.data.arrays import to_array
from setpoint.declare.kinds import BOOL, NUMBER, TEXT

_NAN = float("nan")
LEVELS = 254
"""Most levels that a text keeps; rarer ones count as unseen, so that a code fits in a byte beside NULL."""


@dataclass(frozen=True)
class Column:
    """One feature of a model: a number (or truth value, 1.0 or 0.0), or a text with its levels, commonest first."""

    name: str
    kind: str
    levels: tuple[str, ...] = ()

    @cached_property
    def codes(self) -> dict[str, float]:
        """The code of each level."""
        return {level: float(code) for code, level in enumerate(self.levels)}


@dataclass(frozen=True)
class Encoder:
    """The columns of a model's matrix. A NULL, and a level that training did not see, is NaN."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The features in the order of the matrix."""
        return tuple(column.name for column in self.columns)

    @property
    def categories(self) -> tuple[int, ...]:
        """Which columns of the matrix hold codes."""
        return tuple(j for j, column in enumerate(self.columns) if column.kind == TEXT)

    @property
    def digest(self) -> str:
        """The identity of the encoding."""
        return digest(self.to_dict())

    def matrix(self, features: pa.Table) -> np.ndarray:
        """The rows as a float64 matrix in C order.

        Raises NameUnknown for a table that lacks a feature.

        >>> encoder = fit_encoder(pa.table({"origin": ["JFK", "EWR", "JFK"]}), {"origin": "text"})
        >>> encoder.matrix(pa.table({"origin": ["EWR", "JFK", "ORD", None]})).ravel().tolist()
        [1.0, 0.0, nan, nan]
        """
        found = np.empty((features.num_rows, len(self.columns)))
        for j, column in enumerate(self.columns):
            if column.name not in features.column_names:
                raise NameUnknown("feature", column.name, features.column_names, where="The table of features")
            values = features[column.name]
            found[:, j] = _codes(column, values) if column.kind == TEXT else to_array(values, NUMBER)
        return found

    def row(self, values: Mapping[str, Any]) -> np.ndarray:
        """One row as a matrix; a number may be None or NaN, a text None.

        >>> fit_encoder(pa.table({"x": [1.0]}), {"x": "number"}).row({"x": None})
        array([[nan]])
        """
        try:
            found = [values[name] if codes is None else codes.get(values[name], _NAN) for name, codes in self._lookups]
        except KeyError as error:
            raise NameUnknown("feature", str(error.args[0]), values, where="The row") from None
        return np.array([found], dtype=np.float64)

    @cached_property
    def _lookups(self) -> list[tuple[str, dict[str, float] | None]]:
        return [(column.name, column.codes if column.kind == TEXT else None) for column in self.columns]

    def to_dict(self) -> dict[str, Any]:
        """The encoding as JSON-like data."""
        return {
            "columns": [{"name": part.name, "kind": part.kind, "levels": list(part.levels)} for part in self.columns]
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Encoder:
        """The encoding that `to_dict` wrote.

        >>> Encoder.from_dict(Encoder((Column("x", "number"),)).to_dict()).names
        ('x',)
        """
        return Encoder(tuple(Column(part["name"], part["kind"], tuple(part["levels"])) for part in data["columns"]))


def fit_encoder(features: pa.Table, kinds: Mapping[str, str], *, levels: int = LEVELS) -> Encoder:
    """The encoding of these features: `kinds` gives each one's kind, in the order of the matrix.

    A text keeps its `levels` commonest levels, equally common ones by name.

    >>> fit_encoder(pa.table({"x": ["b", "a", "b"]}), {"x": "text"}).columns[0].levels
    ('b', 'a')
    """
    columns = []
    for name, kind in kinds.items():
        if name not in features.column_names:
            raise NameUnknown("feature", name, features.column_names, where="The table of features")
        if kind not in (NUMBER, BOOL, TEXT):
            raise WrongType(f"Feature {name!r} is a {kind}.", expected="a number, text or truth value")
        columns.append(Column(name, kind, _commonest(features[name], levels) if kind == TEXT else ()))
    return Encoder(tuple(columns))


def _commonest(values: pa.ChunkedArray, levels: int) -> tuple[str, ...]:
    counted = pc.value_counts(values.drop_null().cast(pa.string()).combine_chunks())
    names, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    ordered = sorted(zip(names, counts, strict=True), key=lambda pair: (-pair[1], pair[0]))
    return tuple(name for name, _ in ordered[:levels])


def _codes(column: Column, values: pa.ChunkedArray) -> np.ndarray:
    """The code of each text, NaN for NULL or an unseen level."""
    known = pa.array(column.levels, pa.string())
    place = pc.index_in(values.cast(pa.string()), value_set=known).combine_chunks()
    return to_array(place, NUMBER)
