"""The contract of a source: what each column holds. Inferred from the first rows, then stated and held."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.digest import digest
from setpoint.core.errors import DataError, DeclarationError, NameUnknown
from setpoint.data.casting import cast, guess_kind
from setpoint.data.files.read import ANY_KIND, RAW_COLUMNS, WRITTEN
from setpoint.data.rows import kind_of_type
from setpoint.declare.contract import REFUSE_ABOVE, RowRule, StatedContract
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME
from setpoint.declare.source import TABLE, SourceInfo

FEW = 50
"""A text column with at most so many different values has them listed in its contract."""

FACTS = ("nullable", "low", "high", "allowed")


@dataclass(frozen=True)
class ColumnContract:
    """What a column holds. Its kind always binds; of the other facts only those named in `stated`.

    `low` and `high` are for numbers, and for times in microseconds; `allowed` for texts. A text that is `json` is JSON,
    whether it was delivered as a text or as an object or list.
    """

    kind: str
    nullable: bool = True
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] | None = None
    stated: tuple[str, ...] = ()
    json: bool = False

    def binds(self, fact: str) -> bool:
        """Whether a row that contradicts this fact is quarantined."""
        return fact in self.stated

    def to_dict(self) -> dict[str, Any]:
        """The column's contract as JSON-like data."""
        found = {
            "kind": self.kind,
            "nullable": self.nullable,
            "low": self.low,
            "high": self.high,
            "allowed": None if self.allowed is None else list(self.allowed),
            "stated": list(self.stated),
        }
        return {**found, "json": True} if self.json else found


@dataclass(frozen=True)
class Contract:
    """What the rows of a source must be: the declared roles of its columns, and what each column holds."""

    info: SourceInfo
    columns: Mapping[str, ColumnContract]
    refuse_above: float = REFUSE_ABOVE
    rules: tuple[RowRule, ...] = ()

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of each column."""
        return {name: column.kind for name, column in self.columns.items()}

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that no row may lack, since they say which row it is."""
        named = (self.info.id, *self.info.keys, self.info.version)
        return tuple(name for name in dict.fromkeys(named) if name is not None)

    @property
    def digest(self) -> str:
        """The identity of the contract."""
        return digest(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The contract as JSON-like data."""
        found = {
            "source": self.info.to_dict(),
            "columns": {name: column.to_dict() for name, column in self.columns.items()},
            "refuse_above": self.refuse_above,
        }
        return {**found, "rules": [rule.to_dict() for rule in self.rules]} if self.rules else found

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Contract:
        """The contract that `to_dict` gave, without its rules: those are the declaration's."""
        columns = {}
        for name, column in data["columns"].items():
            allowed = column["allowed"]
            columns[name] = ColumnContract(
                kind=column["kind"],
                nullable=column["nullable"],
                low=column["low"],
                high=column["high"],
                allowed=None if allowed is None else tuple(allowed),
                stated=tuple(column["stated"]),
                json=column.get("json", False),
            )
        return Contract(SourceInfo.from_dict(data["source"]), columns, data["refuse_above"])

    def with_rules(self, stated: StatedContract | None) -> Contract:
        """The contract with the rules that the declaration states of its source."""
        if stated is None:
            return self
        return replace(self, rules=stated.row_rules, refuse_above=stated.refuse_above)

    def state(
        self,
        column: str,
        *,
        nullable: bool | None = None,
        low: float | None = None,
        high: float | None = None,
        allowed: Sequence[str] | None = None,
    ) -> Contract:
        """The contract with these facts of a column binding: rows that contradict them are quarantined."""
        if column not in self.columns:
            raise NameUnknown("column", column, self.columns, where=f"The contract of {self.info.name!r}")
        known = self.columns[column]
        given = {
            "nullable": nullable,
            "low": low,
            "high": high,
            "allowed": None if allowed is None else tuple(allowed),
        }
        facts = {name: value for name, value in given.items() if value is not None}
        for name in facts:
            fits = {"nullable": True, "allowed": known.kind == TEXT}.get(name, known.kind in (NUMBER, TIME))
            if not fits:
                raise DeclarationError(f"{name}= is stated of {column!r}, a {known.kind} column.")
        stated = tuple(name for name in FACTS if name in facts or name in known.stated)
        changed: Any = {**facts, "stated": stated}
        return replace(self, columns={**self.columns, column: replace(known, **changed)})


def infer_contract(info: SourceInfo, raw: pa.Table, *, json: Collection[str] = ()) -> Contract:
    """The contract that these rows keep: kinds and what the declaration expects bind, other facts tell what was seen.

    `json` names the columns into which paths are followed: they are texts, whatever they are in the file. Another
    column whose type no expression can read (a list, bytes) is left out, and so is one that the source does not
    declare when it declares its columns; a column of blobs is the texts of their digests. Raises NameUnknown when a
    declared column is not there and DataError when the times of rows are something else.
    """
    names, blobs = [name for name in raw.column_names if name not in RAW_COLUMNS], dict(info.blobs)
    roles = {role: getattr(info, role) for role in ("id", "at", "known_at", "version", "retracted")}
    for name in (*info.keys, *roles.values(), *(info.columns or ()), *blobs):
        if name is not None and name not in names:
            raise NameUnknown("column", name, names, where=f"The file of source {info.name!r}")
    moments = {name: _role(info, role) for role, name in roles.items() if role in ("at", "known_at") and name}
    columns = {}
    for name in names:
        if info.columns is not None and name not in info.columns:
            continue
        column = raw[name]
        if name in blobs:
            columns[name] = ColumnContract(TEXT, nullable=column.null_count > 0)
            continue
        kind = kind_of_type(column.type)
        if name in json and kind in (None, TEXT):
            columns[name] = ColumnContract(TEXT, nullable=column.null_count > 0, json=True)
            continue
        if kind is None:
            continue
        if name in moments:
            _must_be_times(info, moments[name], column)
            kind = TIME
        elif kind == TEXT:
            written = (raw.schema.field(name).metadata or {}).get(WRITTEN)
            kind = TEXT if written is None else guess_kind(column, time_only=written != ANY_KIND)
        if name == info.version and kind not in (NUMBER, TIME):
            raise _wrong_role(info, "version", column, "numbers or times, so that one is higher than another")
        if name == info.retracted:
            kind = _must_be_truths(info, column, kind)
        columns[name] = _facts(column, kind)
    contract = Contract(info, columns)
    for name, values in info.expect:
        low, high = values if len(values) == 2 and not isinstance(values[0], str) else (None, None)
        if low is None:
            contract = contract.state(name, allowed=[str(value) for value in values])
        else:
            contract = contract.state(name, low=float(low), high=float(high or 0.0))
    return contract


def _role(info: SourceInfo, role: str) -> str:
    return "valid_from" if role == "at" and info.kind == TABLE else role


def _must_be_times(info: SourceInfo, role: str, column: pa.ChunkedArray) -> None:
    """Refuses a column of times that holds none; single bad rows are left to the check of the rows."""
    if kind_of_type(column.type) not in (TIME, TEXT) and column.null_count < len(column):
        raise _wrong_role(info, role, column, 'times with a zone, such as "2013-07-01T06:00:00Z"')


def _must_be_truths(info: SourceInfo, column: pa.ChunkedArray, kind: str) -> str:
    """The kind of the column that takes rows back: truth values, also written as texts, or nothing at all."""
    read = cast(column, BOOL)
    if kind != BOOL and read.wrong is not None and read.wrong.any():
        raise _wrong_role(info, "retracted", column, "true or false")
    return BOOL


def _wrong_role(info: SourceInfo, role: str, column: pa.ChunkedArray, expected: str) -> DataError:
    value = column.drop_null()[0].as_py()
    return DataError(
        f"Source {info.name!r} declares {role}={getattr(info, 'at' if role == 'valid_from' else role)!r}, "
        f"which holds {value!r} ({column.type}).",
        expected=expected,
    )


def _facts(column: pa.ChunkedArray, kind: str) -> ColumnContract:
    nullable, fractions, ends = False, False, list[float]()
    few = kind == TEXT and _few(column)
    distinct = pa.array([], pa.string())
    for chunk in column.chunks:
        values = cast(chunk, kind).values
        nullable |= values.null_count > 0
        if few:
            distinct = pc.unique(pa.concat_arrays([distinct, pc.unique(values)]))
            few = len(distinct) <= FEW + 1
        elif kind in (NUMBER, TIME):
            numbers = values.cast(pa.int64()) if kind == TIME else values
            if pa.types.is_floating(numbers.type):
                fractions = True
                numbers = numbers.filter(pc.is_finite(numbers))
            found = pc.min_max(numbers).as_py()
            ends += [end for end in (found["min"], found["max"]) if end is not None]
    if kind == TEXT:
        return ColumnContract(kind, nullable, allowed=tuple(sorted(distinct.drop_null().to_pylist())) if few else None)
    if kind in (NUMBER, TIME) and ends:
        low, high = [float(end) if fractions else end for end in (min(ends), max(ends))]
        return ColumnContract(kind, nullable, low=low, high=high)
    return ColumnContract(kind, nullable)


def _few(column: pa.ChunkedArray) -> bool:
    """Whether a text column may have few values; its first ones answer for most columns that have many."""
    head = cast(column.slice(0, 10 * FEW), TEXT).values
    return len(pc.unique(head)) <= FEW
