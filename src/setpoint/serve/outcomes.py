"""Outcomes that no source brings: told by the product's own code, kept in a log, and read as rows for labels."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core import times
from setpoint.core.errors import DataError, OutcomeConflict, RequestInvalid, WrongType, did_you_mean
from setpoint.core.ids import derived
from setpoint.core.ports import Clock, Segments
from setpoint.declare.goal_kind import MULTICLASS, MULTILABEL
from setpoint.declare.prediction import PROBABILITY, Form
from setpoint.labels.told import OUTCOME
from setpoint.serve.request import GREATEST, encodable, shown

FIELDS = ("decision", "key", "value", "at")
"""What an outcome may say: of which decision, or of which key; its value; and when it happened."""


@dataclass(frozen=True)
class Outcome:
    """The truth of one decision, or of every decision on one key. `known_at` is when it was told.

    `value` is a number, 1 or 0, the place of a class, or the set of labels as bits; `said` names classes and labels.
    """

    id: str
    system: str
    decision: str
    key: str
    value: float
    at: int
    known_at: int
    said: str | tuple[str, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The outcome as JSON-like data."""
        return {
            "id": self.id,
            "decision": self.decision or None,
            "key": self.key or None,
            "value": self.value if self.said is None else self.said,
            "at": times.iso(self.at),
            "known_at": times.iso(self.known_at),
        }


class Outcomes:
    """The outcomes of a system, in a log of their own. One that was acknowledged survives kill -9.

    Telling one again changes nothing, so it may be sent until it is acknowledged.
    """

    def __init__(self, system: str, log: Segments, form: Form = PROBABILITY) -> None:
        self._system, self._log, self._form = system, log, form
        self._lock = threading.Lock()
        self._by_id: dict[str, Outcome] = {}
        for _, data in log.read():
            outcome = _decode(data)
            if outcome.system == system:
                self._by_id.setdefault(outcome.id, outcome)

    def tell(self, told: Mapping[str, Any], *, clock: Clock) -> tuple[Outcome, bool]:
        """The outcome as recorded, and whether it is new.

        `told` holds `decision` or `key`, a `value` (a number or truth value, a class, or a list of labels) and, if it
        did not happen just now, `at`.
        Raises RequestInvalid for anything else, OutcomeConflict when another value was recorded for the same decision
        or key, and LogUnavailable when it cannot be written.
        """
        now = clock.now()
        outcome = _read(told, self._system, now, self._form)
        with self._lock:
            before = self._by_id.get(outcome.id)
            if before is None:
                self._log.append(_encoder.encode(outcome))
                self._by_id[outcome.id] = outcome
                return outcome, True
        if before.value != outcome.value or ("at" in told and before.at != outcome.at):
            raise OutcomeConflict(
                f"The outcome of {outcome.decision or outcome.key!r} was told before:"
                f" {before.value:g} at {times.iso(before.at)}, and now {outcome.value:g} at {times.iso(outcome.at)}.",
                field="value" if before.value != outcome.value else "at",
                expected="the same again, or nothing",
            )
        return before, False

    def rows(self, decisions: pa.Table) -> pa.Table:
        """The outcomes as they are told of decisions, in the order in which they became known.

        `decisions` are rows of the decision log: an outcome that names a decision is given that decision's key, and
        one whose decision is not among them is left out.
        """
        with self._lock:
            told = list(self._by_id.values())
        return outcome_rows(told, decisions)


def outcome_rows(told: Iterable[Outcome], decisions: pa.Table) -> pa.Table:
    """Outcomes as they are told of decisions, those left out that name a decision which is not among these."""
    told = sorted(told, key=lambda one: one.known_at)
    named = pa.array([one.decision or None for one in told], pa.string())
    place = pc.index_in(named, decisions["decision_id"].combine_chunks(), skip_nulls=True)
    keys = pc.cast(decisions["key"].combine_chunks(), pa.string()).take(place)
    rows = pa.table(
        {
            "id": pa.array([one.id for one in told], pa.string()),
            "by": pa.array([OUTCOME] * len(told), pa.string()),
            "key": pc.coalesce(keys, pa.array([one.key or None for one in told], pa.string())),
            "decision": named,
            "value": pa.array([one.value for one in told], pa.float64()),
            "version": pa.array([1] * len(told), pa.int64()),
            "at": pa.array([one.at for one in told], pa.int64()),
            "known_at": pa.array([one.known_at for one in told], pa.int64()),
        }
    )
    return rows.filter(pc.is_valid(rows["key"]))


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Outcome)


def _decode(data: bytes) -> Outcome:
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise DataError(f"These {len(data)} bytes are no outcome ({error}).", expected="MessagePack") from error


def _read(told: Mapping[str, Any], system: str, now: int, form: Form) -> Outcome:
    if not isinstance(told, Mapping):
        raise RequestInvalid(f"The outcome is {shown(told)}.", expected=f"an object with {', '.join(FIELDS)}")
    for name in told:
        if name not in FIELDS:
            raise RequestInvalid(
                f"An outcome has no field {shown(name)}.",
                field=str(name),
                expected=f"only {', '.join(FIELDS)}",
                hint=did_you_mean(str(name), FIELDS),
            )
    if ("decision" in told) == ("key" in told):
        raise RequestInvalid(
            "The outcome names both a decision and a key." if "key" in told else "The outcome names no decision.",
            field="decision",
            expected="the id of a decision, or the key of what was decided on",
        )
    decision, key = _name(told, "decision"), _name(told, "key")
    value, said = _value(told.get("value"), form)
    at = _moment(told["at"]) if "at" in told else now
    if at > now:
        raise RequestInvalid(
            f"The outcome happened at {times.iso(at)}, which is still to come.",
            field="at",
            expected=f"a time up to now, {times.iso(now)}",
        )
    return Outcome(derived("o", system, decision, key), system, decision, key, value, at, now, said)


def _value(value: object, form: Form) -> tuple[float, str | tuple[str, ...] | None]:
    """The value as a number, and what was said where that was names."""
    if form.kind == MULTICLASS:
        return float(form.names.index(_known(value, form))), str(value)
    if form.kind == MULTILABEL:
        if not isinstance(value, (list, tuple)):
            raise RequestInvalid(f"The value is {shown(value)}.", field="value", expected="a list of labels")
        chosen = {_known(each, form) for each in value}
        said = tuple(name for name in form.names if name in chosen)
        return float(sum(2 ** form.names.index(name) for name in said)), said
    if not isinstance(value, (bool, int, float)) or not abs(value) <= GREATEST:
        raise RequestInvalid(
            f"The value is {shown(value)}.", field="value", expected="a number within 64 bits, true or false"
        )
    return float(value), None


def _known(value: object, form: Form) -> str:
    if isinstance(value, str) and value in form.names:
        return value
    raise RequestInvalid(
        f"The value is {shown(value)}.",
        field="value",
        expected=f"one of {', '.join(form.names)}",
        hint=did_you_mean(str(value), form.names),
    )


def _name(told: Mapping[str, Any], field: str) -> str:
    value = told.get(field, "")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or (field in told and not value) or not encodable(value):
        raise RequestInvalid(f"The {field} is {shown(value)}.", field=field, expected="a text")
    return value


def _moment(value: object) -> int:
    expected = 'a time with its zone, such as "2013-07-01T06:00:00Z"'
    if not isinstance(value, (str, datetime)):
        raise RequestInvalid(f"The field 'at' is {shown(value)}.", field="at", expected=expected)
    try:
        return times.time(value)
    except (WrongType, ValueError, OverflowError) as error:
        hint = getattr(error, "hint", None)
        raise RequestInvalid(f"The field 'at' is {shown(value)}.", field="at", expected=expected, hint=hint) from None
