"""Faults: which rows of a batch break which rule, and words for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from setpoint.data.arrays import Mask
from setpoint.data.files.raw import shown
from setpoint.data.files.read import ROW


@dataclass(frozen=True)
class Fault:
    """One rule that some rows break, and words for each of them."""

    rule: str
    rows: Mask
    explain: Callable[[int], str]

    def but(self, rows: Mask) -> Fault:
        """The same fault without these rows."""
        return replace(self, rows=self.rows & ~rows)


@dataclass(frozen=True)
class Violations:
    """Which rows of a batch break its contract; `first` is the number of a row's first fault, -1 for none."""

    faults: tuple[Fault, ...]
    first: npt.NDArray[np.int32]

    @staticmethod
    def of(faults: Iterable[Fault], size: int) -> Violations:
        """The violations of a batch of so many rows, of which a row's first fault in this order counts."""
        kept = tuple(fault for fault in faults if fault.rows.any())
        first = np.full(size, -1, dtype=np.int32)
        for number, fault in enumerate(kept):
            rows = np.flatnonzero(fault.rows)
            first[rows[first[rows] < 0]] = number
        return Violations(kept, first)

    @property
    def bad(self) -> Mask:
        """True for each row that breaks a rule."""
        return np.asarray(self.first >= 0)

    def counts(self) -> dict[str, int]:
        """How many rows each rule set aside, the most frequent first."""
        found: dict[str, int] = {}
        told = np.bincount(self.first + 1, minlength=len(self.faults) + 1)[1:].tolist()
        for fault, rows in zip(self.faults, told, strict=True):
            if rows:
                found[fault.rule] = found.get(fault.rule, 0) + rows
        return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))

    def rule(self, row: int) -> str:
        """The rule that a bad row breaks."""
        return self.faults[int(self.first[row])].rule

    def reason(self, row: int) -> str:
        """Why a bad row breaks it."""
        return self.faults[int(self.first[row])].explain(row)


def says(raw: pa.Table, words: str) -> Callable[[int], str]:
    """Words that are the same for each row."""
    return lambda row: f"row {number(raw, row)}: {words}"


def says_values(raw: pa.Table, names: Sequence[str], expected: str) -> Callable[[int], str]:
    """Words with what a row has in these columns, and what it should have."""

    def explain(row: int) -> str:
        told = " and ".join(f"{name} is {show(raw, name, row)}" for name in names)
        return f"row {number(raw, row)}: {told}; expected {expected}"

    return explain


def number(raw: pa.Table, row: int) -> int:
    """The number of a row in its file; without one, its place counted from 1."""
    return int(raw[ROW][row].as_py()) if ROW in raw.column_names else row + 1


def show(raw: pa.Table, name: str, row: int) -> str:
    """A value of a row as messages show it."""
    value = raw[name][row].as_py()
    if value is None:
        return "empty"
    if isinstance(value, (bytes, str)):
        return shown(value)
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else repr(value)
