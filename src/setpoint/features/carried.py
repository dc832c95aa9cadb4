"""What the rows of a group carry online: under one key, the truths and values that its folds need of each row.

A truth says whether a row counts for a fold: its condition is true and its column is not NULL; or, for the sums of a
condition, that the column is true. A value is an expression as it is, or as the whole numbers that exact sums are of.
All are computed once, when the row is fed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from setpoint.core.digest import digest
from setpoint.data.arrays import Array, Mask, null_mask
from setpoint.data.evaluate import Inputs, evaluate, is_true
from setpoint.declare.expr import Expr, to_dict
from setpoint.declare.kinds import BOOL, TIME
from setpoint.features.finalise import to_scaled
from setpoint.features.needs import Fold, Look
from setpoint.features.packing import Layout, Rows

By = tuple[tuple[str, str], ...]
_SUMS = ("sum", "mean", "std")
NOWHERE: Final = -1
"""The place of a truth or value that a fold does not need."""


@dataclass(frozen=True, eq=False)
class Carried:
    """One truth or value: of `column` in the rows where the condition `where` is true.

    `what` is "counts", "true", "value" or "scaled".
    """

    what: str
    column: Expr | None
    where: Expr | None
    kind: str = BOOL
    decimals: int = 0

    @property
    def name(self) -> str:
        """Its identity: rows that carry equal names carry the same."""
        parts = [None if part is None else to_dict(part) for part in (self.column, self.where)]
        return digest([self.what, *parts, self.kind, self.decimals])


@dataclass(frozen=True, eq=False)
class FoldPlaces:
    """A fold, and the places in a row of what it needs: that a row counts, that it is true, its value."""

    fold: Fold
    counts: int
    true: int
    value: int


class Shape:
    """Everything the rows of a source carry under one key."""

    def __init__(self, by: By, folds: Sequence[Fold], looks: Sequence[Look]) -> None:
        self.by = by
        truths: dict[str, Carried] = {}
        values: dict[str, Carried] = {}

        def place(among: dict[str, Carried], carried: Carried) -> int:
            name = carried.name
            among.setdefault(name, carried)
            return list(among).index(name)

        self.folds = []
        for fold in folds:
            column, where, summed = fold.node.column, fold.node.where, fold.node.kind in _SUMS
            counts, true, value = place(truths, Carried("counts", column, where)), NOWHERE, NOWHERE
            if summed and fold.kind == BOOL:
                true = place(truths, Carried("true", column, where))
            elif summed:
                value = place(values, Carried("scaled", column, None, TIME, fold.decimals))
            elif fold.node.kind != "count":
                value = place(values, Carried("value", column, None, fold.kind))
            self.folds.append(FoldPlaces(fold, counts, true, value))
        self.looks = [(look, place(values, Carried("value", look.node, None, look.kind))) for look in looks]
        self.windows = {fold.window for fold in folds}
        self._truths, self._values = truths, values
        ordered = bool(looks) or any(fold.node.kind == "last" for fold in folds)
        self.layout = Layout(ordered, len(truths), tuple(carried.kind for carried in values.values()))

    @property
    def exprs(self) -> Iterator[Expr]:
        """Every expression that is computed when rows are fed."""
        for carried in [*self._truths.values(), *self._values.values()]:
            yield from (part for part in (carried.column, carried.where) if part is not None)

    def to_dict(self) -> dict[str, Any]:
        """The shape as JSON-like data: equal shapes have equal rows."""
        return {
            "by": [list(pair) for pair in self.by],
            "ordered": self.layout.ordered,
            "truths": list(self._truths),
            "values": list(self._values),
        }

    def rows(self, at: Array, known_at: Array, position: Array, batch: Batch) -> Rows:
        """A batch of the source's rows as rows of this shape."""
        truths = [batch.truth(carried) for carried in self._truths.values()]
        return Rows(at, known_at, position, truths, [batch.value(carried) for carried in self._values.values()])


class Batch:
    """What a batch of rows carries, each expression computed once."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._computed: dict[int, Array] = {}

    def truth(self, carried: Carried) -> Mask:
        """A truth of each row."""
        found = np.ones(self._inputs.size, dtype=np.bool_)
        if carried.where is not None:
            found &= is_true(self._of(carried.where))
        if carried.column is not None:
            column = self._of(carried.column)
            found &= is_true(column) if carried.what == "true" else ~null_mask(column)
        return found

    def value(self, carried: Carried) -> Array:
        """A value of each row."""
        assert carried.column is not None, "a value is of a column"
        values = self._of(carried.column)
        if carried.what == "value":
            return values
        return to_scaled(values, carried.decimals, column=str(carried.column))

    def _of(self, expr: Expr) -> Array:
        if id(expr) not in self._computed:
            self._computed[id(expr)] = evaluate(expr, self._inputs)
        return self._computed[id(expr)]
