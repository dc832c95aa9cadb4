"""The decision log: records as bytes, as rows of a table, and on their way from the segments to the tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from setpoint.core.errors import DataError
from setpoint.core.ports import Segments, Tables
from setpoint.core.records import ABSTAINED, FEATURE, FIELD, POSITION, PREDICTION_SET, DecisionRecord
from setpoint.data.arrays import UTC_MICROSECONDS, Array
from setpoint.data.log.decisions import DECISIONS, plan_sources
from setpoint.data.log.predictions import predicted_columns
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME
from setpoint.declare.plan import Plan
from setpoint.declare.prediction import Form

ARCHIVED_AT_ONCE = 200_000
"""The most records that one call of `archive` moves."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(DecisionRecord)


def encode_record(record: DecisionRecord) -> bytes:
    """The record as MessagePack, every value under its name."""
    return _encoder.encode(record)


def decode_record(data: bytes) -> DecisionRecord:
    """The record that `encode_record` wrote; raises DataError for any other bytes."""
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise DataError(f"These {len(data)} bytes are no decision record ({error}).", expected="MessagePack") from error


def log_table(records: Sequence[DecisionRecord], plan: Plan) -> pa.Table:
    """The records as rows of the decision log, with the columns that `decide_many` gives.

    A field, feature or position that a record does not have, because its plan was another, is NULL. Numbers of a
    field are int64 when all of them are whole, else float64.
    """
    columns: dict[str, pa.Array] = {
        "decision_id": pa.array([record.decision_id for record in records], pa.string()),
        "key": _field_column([record.fields.get(plan.system.decide.key) for record in records], _key_kind(plan)),
        "at": pa.array([record.at for record in records], pa.int64()),
        "score": pa.array([record.score for record in records], pa.float64()),
        "acted": pa.array([record.acted for record in records], pa.bool_()),
        "threshold": pa.array([record.threshold for record in records], pa.float64()),
        "model": pa.array([record.model for record in records], pa.string()),
        "arm": pa.array([record.arm for record in records], pa.string()),
        "propensity": pa.array([record.propensity for record in records], pa.float64()),
        "degraded": pa.array([record.degraded for record in records], pa.string()),
        "definitions": pa.array([record.definitions for record in records], pa.string()),
    }
    columns |= predicted_columns(plan.prediction, _numbers(records, plan.prediction))
    goal = plan.system.goal
    if goal.confidence is not None or goal.abstain is not None:
        columns[PREDICTION_SET] = pa.array([record.prediction_set for record in records], pa.string())
        columns[ABSTAINED] = pa.array([record.abstained for record in records], pa.bool_())
    for name, kind in plan.fields.items():
        columns[FIELD + name] = _field_column([record.fields.get(name) for record in records], kind)
    for name, kind in plan.features.items():
        columns[FEATURE + name] = _feature_column([record.features.get(name) for record in records], kind)
    for name in plan_sources(plan):
        columns[POSITION + name] = pa.array([record.positions.get(name) for record in records], pa.int64())
    return pa.table(columns)


@dataclass(frozen=True)
class Archived:
    """What a call of `archive` moved: rows, the position of the last record, and records seen twice and left out."""

    rows: pa.Table
    position: int
    repeated: int


def take_records(log: Segments, plan: Plan, *, after: int, until: int | None = None) -> Archived:
    """The rows of the records of this system beyond a position, each decision once, in the order of the log.

    `until` is a time: reading stops before the first record decided after it.
    """
    found: dict[str, DecisionRecord] = {}
    position, repeated = after, 0
    for place, data in islice(log.read(after=after), ARCHIVED_AT_ONCE):
        record = decode_record(data)
        if until is not None and record.at > until:
            break
        position = place
        if record.system != plan.system.name:
            continue
        repeated += record.decision_id in found
        found.setdefault(record.decision_id, record)
    return Archived(log_table(list(found.values()), plan), position, repeated)


def archive(log: Segments, tables: Tables, plan: Plan, *, part: str, after: int, until: int | None = None) -> Archived:
    """Move the records beyond a position into one part of the set of decisions, at least once.

    The caller keeps `position` once this returned: after a crash in between, the same `part` and `after` write the
    same rows again in place of the first ones, and newer ones with them, so no decision is lost and none is there
    twice. Nothing is written when there is nothing new.
    """
    taken = take_records(log, plan, after=after, until=until)
    if taken.rows.num_rows:
        tables.write(DECISIONS, part, taken.rows)
    return taken


def _numbers(records: Sequence[DecisionRecord], form: Form) -> Array:
    """The predictions of records; NaN for one that has none of this form."""
    if not form.names:
        return np.array([record.score for record in records], dtype=np.float64)
    nothing = (math.nan,) * form.width
    told = [record.prediction if len(record.prediction) == form.width else nothing for record in records]
    return np.array(told, dtype=np.float64).reshape(-1, form.width)


def _key_kind(plan: Plan) -> str:
    return plan.fields[plan.system.decide.key]


def _field_column(values: list[Any], kind: str) -> pa.Array:
    if kind == NUMBER:
        whole = all(value is None or isinstance(value, int) for value in values)
        return pa.array(values, pa.int64() if whole else pa.float64())
    return pa.array(values, {TEXT: pa.string(), BOOL: pa.bool_(), TIME: UTC_MICROSECONDS}[kind])


def _feature_column(values: list[Any], kind: str) -> pa.Array:
    if kind == TEXT:
        return pa.array(values, pa.string())
    return pa.array([math.nan if value is None else value for value in values], pa.float64())
