"""What was told to a source: one record of its log for each call, with the good rows and those that were set aside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from setpoint.core.errors import DataError
from setpoint.core.ports import Segments
from setpoint.data.arrays import UTC_MICROSECONDS
from setpoint.data.contracts.contract import Contract
from setpoint.data.rows import AT, ID, KNOWN_AT
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME


class Aside(msgspec.Struct, frozen=True, array_like=True):
    """A row that was set aside: its number in the call, the rule that it breaks, why, and what it held, as JSON."""

    row: int
    rule: str
    reason: str
    held: str

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON-like data, without what it held."""
        return {"row": self.row, "rule": self.rule, "reason": self.reason}


class Mended(msgspec.Struct, frozen=True, array_like=True):
    """What became of a row that was set aside and was told again: the lineage of the row that stands for it now.

    `ask` is who asked for what, as one text; `of` the quarantined row, `row` its number in this call; `became` is
    "admitted", or "set aside" with the rule and the reason in the call's `aside`; `changed` has, by column, what the
    row held before and what it holds now.
    """

    ask: str
    of: str
    act: str
    by: str
    why: str
    row: int
    became: str
    changed: dict[str, tuple[Any, Any]]


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """One call: when it was received, the columns of its good rows, when they happened, their ids, and the others.

    `mended` says of which rows of the quarantine its rows are, where they came from there.
    """

    known_at: int
    columns: dict[str, list[Any]]
    at: list[int]
    ids: list[str]
    aside: list[Aside]
    mended: list[Mended] = []


class Ask(msgspec.Struct, frozen=True):
    """A row of the quarantine to take in again, as it is now; `rule` is the one that it broke.

    `changed` has, by column, what the quarantined row held and what this one holds.
    """

    ask: str
    of: str
    act: str
    by: str
    why: str
    row: dict[str, Any]
    changed: dict[str, tuple[Any, Any]]
    rule: str

    def is_as_before(self, aside: Aside) -> bool:
        """Whether a row that was set aside again breaks the same rule with the same values as it did before."""
        return not self.changed and aside.rule == self.rule


ADMITTED, AGAIN = "admitted", "set aside"
"""What may become of a row of the quarantine that is told again."""


def mended(ask: Ask, row: int, *, admitted: bool) -> Mended:
    """What became of a row that was asked for, the one of this number in its call."""
    became = ADMITTED if admitted else AGAIN
    return Mended(ask.ask, ask.of, ask.act, ask.by, ask.why, row, became, dict(ask.changed))


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Batch)
_TYPES = {TEXT: pa.string(), BOOL: pa.bool_()}


def encode_batch(rows: pa.Table, known_at: int, aside: Sequence[Aside], mended: Sequence[Mended] = ()) -> bytes:
    """A record with these rows (their own columns, `__at` and `__id`), and those set aside; times in microseconds."""
    columns = {name: _numbers(rows[name]).to_pylist() for name in rows.column_names if not name.startswith("__")}
    at, ids = rows[AT].to_pylist(), rows[ID].to_pylist()
    return _encoder.encode(Batch(known_at, columns, at, ids, list(aside), list(mended)))


def decode_batch(data: bytes) -> Batch:
    """What `encode_batch` wrote; raises DataError for any other bytes."""
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise DataError(f"These {len(data)} bytes are no events ({error}).", expected="MessagePack") from error


def read_batches(log: Segments) -> list[Batch]:
    """All that a log says was told, in order."""
    return [decode_batch(data) for _, data in log.read()]


def rows_of(batches: Sequence[Batch], contract: Contract) -> pa.Table:
    """The good rows of calls, in their order, with the columns of a contract: those that it did not have are empty.

    >>> from setpoint.data.contracts.contract import infer_contract
    >>> from setpoint.declare.source import events, info
    >>> sales = info(events("sales", "s.csv", at="ts", delay="0s"))
    >>> raw = pa.table({"ts": pa.array([5], pa.timestamp("us", tz="UTC")), "price": [1]})
    >>> batch = Batch(9, {"price": [2, 2.5], "ts": [7, 8]}, [7, 8], ["a", "b"], [])
    >>> rows_of([batch], infer_contract(sales, raw)).select(["price", "__known_at"]).to_pydict()
    {'price': [2.0, 2.5], '__known_at': [9, 9]}
    """
    counts = [len(batch.ids) for batch in batches]
    columns: dict[str, pa.Array] = {}
    for name, column in contract.columns.items():
        values: list[Any] = []
        for batch, count in zip(batches, counts, strict=True):
            values += batch.columns.get(name) or [None] * count
        columns[name] = _column(values, column.kind)
    known_at = np.repeat(np.array([batch.known_at for batch in batches], dtype=np.int64), counts)
    columns[AT] = pa.array([at for batch in batches for at in batch.at], pa.int64())
    columns[KNOWN_AT] = pa.array(known_at)
    columns[ID] = pa.array([one for batch in batches for one in batch.ids], pa.string())
    return pa.table(columns)


def _numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column


def _column(values: list[Any], kind: str) -> pa.Array:
    if kind == NUMBER:
        whole = all(value is None or isinstance(value, int) for value in values)
        if whole:
            return pa.array(values, pa.int64())
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if kind == TIME:
        return pa.array(values, pa.int64()).cast(UTC_MICROSECONDS)
    return pa.array(values, _TYPES[kind])
