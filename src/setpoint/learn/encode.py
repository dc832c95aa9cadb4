"""Features as a matrix of numbers, by vocabularies that are frozen when a model is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.digest import digest
from setpoint.core.errors import NameUnknown, WrongType
from setpoint.data.arrays import to_array
from setpoint.declare.expr import Call, Literal
from setpoint.declare.kinds import BOOL, NUMBER, TEXT
from setpoint.declare.plan import Plan

_NAN = float("nan")
LEVELS = 254
"""Most levels that a text keeps; rarer ones count as unseen, so that a code fits in a byte beside NULL."""


@dataclass(frozen=True)
class Column:
    """One feature of a model: a number (or truth value, 1.0 or 0.0), or a text with its levels, commonest first.

    A number is told as its distance from `center` in units of `unit`. Where `unseen` is a level, it is the last, and
    stands for every text that is none of the others.
    """

    name: str
    kind: str
    levels: tuple[str, ...] = ()
    center: float = 0.0
    unit: float = 1.0
    unseen: str | None = None

    @property
    def scaled(self) -> bool:
        """Whether its numbers are told otherwise than they are."""
        return self.center != 0.0 or self.unit != 1.0

    @property
    def other(self) -> float:
        """The code of a text that is none of the levels."""
        return _NAN if self.unseen is None else float(len(self.levels) - 1)

    @cached_property
    def codes(self) -> dict[str, float]:
        """The code of each level."""
        return {level: float(code) for code, level in enumerate(self.levels)}


@dataclass(frozen=True)
class Encoder:
    """The columns of a model's matrix. A NULL is NaN; a level that training did not see too, unless one is declared."""

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
            if column.scaled:
                found[:, j] = (found[:, j] - column.center) / column.unit
        return found

    def row(self, values: Mapping[str, Any]) -> np.ndarray:
        """One row as a matrix; a number may be None or NaN, a text None.

        >>> fit_encoder(pa.table({"x": [1.0]}), {"x": "number"}).row({"x": None})
        array([[nan]])
        """
        try:
            found = [values[name] if code is None else code(values[name]) for name, code in self._lookups]
        except KeyError as error:
            raise NameUnknown("feature", str(error.args[0]), values, where="The row") from None
        return np.array([found], dtype=np.float64)

    @cached_property
    def _lookups(self) -> list[tuple[str, Callable[[Any], float] | None]]:
        return [(column.name, _one(column)) for column in self.columns]

    def to_dict(self) -> dict[str, Any]:
        """The encoding as JSON-like data."""
        return {"columns": [_to_dict(column) for column in self.columns]}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Encoder:
        """The encoding that `to_dict` wrote.

        >>> Encoder.from_dict(Encoder((Column("x", "number"),)).to_dict()).names
        ('x',)
        """
        return Encoder(tuple(Column(**{**part, "levels": tuple(part["levels"])}) for part in data["columns"]))


def encoder_of(plan: Plan, features: pa.Table) -> Encoder:
    """The encoding of the features that models read, fitted on these rows of them: the training side, and no other."""
    fitted = {feature.name: feature.expr for feature in plan.inputs}
    return fit_encoder(features, plan.read, transforms={n: e for n, e in fitted.items() if isinstance(e, Call)})


def fit_encoder(
    features: pa.Table, kinds: Mapping[str, str], *, levels: int = LEVELS, transforms: Mapping[str, Call] | None = None
) -> Encoder:
    """The encoding of these features: `kinds` gives each one's kind, in the order of the matrix.

    A text keeps its `levels` commonest levels, equally common ones by name. `transforms` names the features that are
    declared as `standardised` or as a `vocabulary`.

    >>> fit_encoder(pa.table({"x": ["b", "a", "b"]}), {"x": "text"}).columns[0].levels
    ('b', 'a')
    """
    transforms = transforms or {}
    columns = []
    for name, kind in kinds.items():
        if name not in features.column_names:
            raise NameUnknown("feature", name, features.column_names, where="The table of features")
        if kind not in (NUMBER, BOOL, TEXT):
            raise WrongType(f"Feature {name!r} is a {kind}.", expected="a number, text or truth value")
        declared = transforms.get(name)
        if declared is not None and declared.function == "standardised":
            columns.append(Column(name, kind, (), *_scale(to_array(features[name], NUMBER))))
        elif declared is not None and declared.function == "vocabulary":
            columns.append(_vocabulary(name, features[name], declared))
        else:
            columns.append(Column(name, kind, _commonest(features[name], levels) if kind == TEXT else ()))
    return Encoder(tuple(columns))


def _scale(values: np.ndarray) -> tuple[float, float]:
    """The mean and the sample standard deviation, from exact sums; 0 and 1 where there is none."""
    filled = values[~np.isnan(values)]
    if not filled.size:
        return 0.0, 1.0
    middle = math.fsum(filled.tolist()) / filled.size
    spread = math.fsum(((filled - middle) ** 2).tolist())
    unit = math.sqrt(spread / (filled.size - 1)) if filled.size > 1 else 0.0
    return middle, unit if unit > 0.0 else 1.0


def _vocabulary(name: str, values: pa.ChunkedArray, declared: Call) -> Column:
    most, unseen = [part.value for part in declared.arguments[1:] if isinstance(part, Literal)]
    assert isinstance(most, int), "the declaration has checked it"
    assert isinstance(unseen, str), "the declaration has checked it"
    known = [level for level in _commonest(values, most + 1) if level != unseen][:most]
    return Column(name, TEXT, (*known, unseen), unseen=unseen)


def _one(column: Column) -> Callable[[Any], float] | None:
    """How one value of a feature becomes a number; None where it is one."""
    if column.kind == TEXT:
        codes, other = column.codes, column.other
        return lambda value: _NAN if value is None else codes.get(value, other)
    if column.scaled:
        center, unit = column.center, column.unit
        return lambda value: _NAN if value is None else (value - center) / unit
    return None


def _to_dict(column: Column) -> dict[str, Any]:
    """A column as JSON-like data, without what it does not use."""
    found: dict[str, Any] = {"name": column.name, "kind": column.kind, "levels": list(column.levels)}
    if column.scaled:
        found |= {"center": column.center, "unit": column.unit}
    return found if column.unseen is None else {**found, "unseen": column.unseen}


def _commonest(values: pa.ChunkedArray, levels: int) -> tuple[str, ...]:
    counted = pc.value_counts(values.drop_null().cast(pa.string()).combine_chunks())
    names, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    ordered = sorted(zip(names, counts, strict=True), key=lambda pair: (-pair[1], pair[0]))
    return tuple(name for name, _ in ordered[:levels])


def _codes(column: Column, values: pa.ChunkedArray) -> np.ndarray:
    """The code of each text, NaN for NULL; for an unseen level too, unless one is declared."""
    known, texts = pa.array(column.levels, pa.string()), values.cast(pa.string())
    found = to_array(pc.index_in(texts, value_set=known).combine_chunks(), NUMBER)
    if column.unseen is None:
        return found
    return np.where(np.isnan(found) & to_array(pc.is_valid(texts), BOOL).astype(bool), column.other, found)
