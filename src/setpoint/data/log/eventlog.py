"""The log of a live system's sources: what was taken in from them, and what was told to the system since.

A source's rows are in the order in which they became known, so each has one position for good: an event that is told
becomes known when the log received it. What a source announced for later (its `known_at` is still to come) enters the
log when that time comes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.core.errors import NameUnknown, RequestInvalid
from setpoint.core.ports import Clock, Segments
from setpoint.core.times import iso
from setpoint.data.contracts.check import check
from setpoint.data.contracts.contract import Contract
from setpoint.data.contracts.refuse import refuse_broken, refuse_unfit
from setpoint.data.contracts.rules import Around, Having
from setpoint.data.files.objects import read_objects, written
from setpoint.data.ingest.ingest import delivered
from setpoint.data.ingest.quarantine import SCHEMA
from setpoint.data.log.key_index import KeyIndex
from setpoint.data.log.sourcelog import Added, SourceLog
from setpoint.data.log.told import ADMITTED, Aside, Ask, Batch, Mended, decode_batch, encode_batch, mended, rows_of
from setpoint.declare.contract import References
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME
from setpoint.declare.source import SourceInfo

MOST_EVENTS = 100_000
"""The most events of one call."""

LEAST_SHARED = 20
"""Of fewer events in one call none is refused for the others: a share of so few says nothing of whoever sends them."""

_DOES_NOT_FIT = "does-not-fit"

Unfit = Callable[[str, pa.Table], Mapping[int, str]]
"""Says which rows of a source cannot be taken in, by their places, and why."""


Keep = Callable[[SourceInfo, pa.Table, pa.Table], None]
"""Keeps the blobs of rows as they came that are named by good ones."""


@dataclass(frozen=True)
class Origin:
    """Where a source's log begins: what is declared, its contract, what it delivered, and what was told by now."""

    info: SourceInfo
    contract: Contract
    deliveries: pa.Table
    told: Sequence[Batch] = ()


@dataclass(frozen=True)
class Receipt:
    """What became of told events: `first` to `last` are the positions of the rows that they brought, if any.

    `repeated` were there before; `superseded` are versions older than what is known, and retractions of what is not
    there; `skipped` have not happened yet; of `quarantined` each says why. `left_out` are fields that the source does
    not have.
    """

    source: str
    known_at: int
    accepted: int
    first: int | None
    last: int | None
    repeated: int
    superseded: int
    skipped: int
    quarantined: tuple[Aside, ...]
    left_out: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The receipt as JSON-like data."""
        return {
            "source": self.source,
            "known_at": iso(self.known_at),
            "accepted": self.accepted,
            "positions": None if self.first is None else [self.first, self.last],
            "repeated": self.repeated,
            "superseded": self.superseded,
            "skipped": self.skipped,
            "quarantined": [aside.to_dict() for aside in self.quarantined],
            "left_out": dict(self.left_out),
        }


class EventLog:
    """The Events port of a live system, and where it is told of more; safe to share between threads.

    `logs` are those of the sources that events may be told to. An event that was accepted is in its log, on its way to
    the disk, before `append` returns, so kill -9 loses none; opened again from the same deliveries and records, it
    gives the same rows at the same positions.
    """

    def __init__(
        self,
        origins: Mapping[str, Origin],
        logs: Mapping[str, Segments],
        *,
        clock: Clock,
        unfit: Unfit | None = None,
        keep: Keep | None = None,
    ) -> None:
        self._origins, self._logs, self._clock = dict(origins), dict(logs), clock
        self._unfit, self._keep = unfit, keep
        self._lock = threading.RLock()
        self._indexes: dict[tuple[str, tuple[str, ...]], KeyIndex] = {}
        self._aside: dict[str, list[Aside]] = {}
        self._mended: dict[str, dict[str, Mended]] = {}
        self._position = {name: len(origin.told) - 1 for name, origin in self._origins.items()}
        self._sources = {name: self._open(name, origin) for name, origin in self._origins.items()}
        self.tables: Mapping[str, pa.Table] = _Tables(self)

    def sources(self) -> Sequence[str]:
        """The names of the sources."""
        return tuple(self._sources)

    def read(self, source: str, *, after: int, until: int) -> pa.Table:
        """A source's rows beyond a position that were known by a time; raises NameUnknown for another source.

        However late that time is, what is announced for after now is not known yet.
        """
        with self._lock:
            log = self._of(source)
            log.advance(min(until, self._clock.now()))
            return log.since(after, until)

    def table(self, source: str) -> pa.Table:
        """All rows of a source that are known now."""
        with self._lock:
            log = self._of(source)
            log.advance(self._clock.now())
            return log.table()

    def append(self, source: str, events: Sequence[Any]) -> Receipt:
        """Take in events as they were told, now, and say what became of each.

        One that breaks the source's contract is set aside in the log, with its reason. Raises NameUnknown for a source
        that there is not, RequestInvalid for one that takes no events, and, having taken in nothing, BatchRefused where
        more of at least LEAST_SHARED events break the contract than it allows of a batch, and LogUnavailable when they
        cannot be written.
        """
        return self._take(source, events, ())

    def mend(self, source: str, asks: Sequence[Ask]) -> list[Mended]:
        """Take in rows of the quarantine again, now, under the contract; what became of each, in their order.

        One record of the log has the rows and where they came from, so both are there or neither. What was asked and
        done before is not done again, and what breaks the same rule with the same values leaves nothing new behind.
        Raises like `append`.
        """
        with self._lock:
            self._of(source)
            done = self._mended[source]
            fresh = [ask for ask in asks if not _is_done(done.get(ask.of), ask)]
            told = {ask.of: ask for ask in fresh}
            if told:
                self._take(source, [ask.row for ask in told.values()], list(told.values()))
            return [done.get(ask.of) or mended(ask, 0, admitted=False) for ask in asks]

    def _take(self, source: str, events: Sequence[Any], asks: Sequence[Ask]) -> Receipt:
        with self._lock:
            log, contract = self._of(source), self._origins[source].contract
            info = contract.info
            _refuse(info, events, takes=source in self._logs)
            read = read_objects(events, {name: column.kind for name, column in contract.columns.items()})
            raw = read.table
            moment = log.moment(self._clock.now())
            checked = check(replace(contract, refuse_above=1.0), raw, received_at=moment, around=self._around(source))
            bad = np.flatnonzero(checked.violations.bad).tolist()
            reasons = {row: (checked.violations.rule(row), checked.violations.reason(row)) for row in bad}
            usable = np.flatnonzero(~(checked.violations.bad | checked.skipped | checked.repeated))
            good, wrong = self._fitting(source, delivered(info, checked))
            if not asks and len(events) >= LEAST_SHARED:
                due = len(events) - int(checked.skipped.sum())
                refuse_broken(contract, checked.violations, due=due, hint="Mend the events and tell them again")
                refuse_unfit(source, _DOES_NOT_FIT, wrong, of=usable.size, refuse_above=contract.refuse_above)
            if self._keep is not None:
                self._keep(info, raw, good)
            reasons |= _reasons(_DOES_NOT_FIT, usable, wrong)
            admitted = log.admit(good)
            clash = "conflicting-id" if info.id else "duplicate-key"
            reasons |= _reasons(clash, np.delete(usable, list(wrong)), admitted.clashes)
            aside = [Aside(row + 1, *reasons[row], written(events[row])) for row in sorted(reasons)]
            marks = [mended(ask, row + 1, admitted=row not in reasons) for row, ask in enumerate(asks)]
            if asks:
                same = {each.row for each in aside if asks[each.row - 1].is_as_before(each)}
                aside = [each for each in aside if each.row not in same]
                marks = [mark for mark in marks if mark.row not in same and not checked.skipped[mark.row - 1]]
            added = Added(0, -1, 0)
            if admitted.rows.num_rows or aside or marks:
                record = encode_batch(admitted.rows, moment, aside, marks)
                self._position[source] = self._logs[source].append(record)
                self._aside[source] += aside
                self._mended[source].update({mark.of: mark for mark in marks})
                added = log.extend(admitted)
            changed = added.last >= added.first
            return Receipt(
                source=source,
                known_at=moment,
                accepted=admitted.rows.num_rows,
                first=added.first if changed else None,
                last=added.last if changed else None,
                repeated=admitted.repeated + int(checked.repeated.sum()),
                superseded=added.superseded,
                skipped=int(checked.skipped.sum()),
                quarantined=tuple(aside),
                left_out=dict.fromkeys(read.unknown, _unknown(info)),
            )

    def take(self, source: str, bring: Callable[[int], pa.Table]) -> int:
        """Take in what is new in a source itself, such as one that could not be reached when the log was opened.

        `bring` is given the time from which that is known and gives the new deliveries. Gives how many there are.
        """
        with self._lock:
            log = self._of(source)
            moment = log.moment(self._clock.now())
            fresh, _ = self._fitting(source, bring(moment))
            if fresh.num_rows:
                log.take(fresh, moment)
            return int(fresh.num_rows)

    def follow(self) -> bool:
        """Take in what another process was told since; False where it came too late to be put in its place."""
        with self._lock:
            for name, records in self._logs.items():
                log, origin = self._sources[name], self._origins[name]
                for position, data in records.read(after=self._position[name]):
                    batch = decode_batch(data)
                    if batch.known_at <= log.last:
                        return False
                    log.advance(batch.known_at)
                    rows, _ = self._fitting(name, rows_of([batch], origin.contract))
                    log.extend(log.admit(rows))
                    self._aside[name] += batch.aside
                    self._mended[name].update({mark.of: mark for mark in batch.mended})
                    self._position[name] = position
        return True

    def schemas(self) -> dict[str, dict[str, Any]]:
        """What an event of each source that takes them may hold, as JSON Schema (draft 2020-12)."""
        return {name: event_schema(self._origins[name].contract) for name in self._logs}

    def quarantined(self, source: str) -> pa.Table:
        """The events of a source that were set aside, in the columns of the quarantine."""
        with self._lock:
            self._of(source)
            return aside_table(self._aside[source])

    def _around(self, source: str) -> Around:
        """What the rules of a source look at: its rows that stand, and those of the sources that they refer to."""
        contract = self._origins[source].contract
        if not contract.rules:
            return Around()

        def having(name: str, *, standing: bool) -> Having:
            def found(names: Sequence[str], values: Sequence[pa.Array]) -> pa.Table:
                index = self._indexes.setdefault((name, tuple(names)), KeyIndex(names))
                table = self.table(name)
                return index.standing(table, values) if standing else index.having(table, values)

            return found

        others = [rule.target.name for rule in contract.rules if isinstance(rule, References)]
        return Around({name: having(name, standing=False) for name in others}, having(source, standing=True))

    def _of(self, source: str) -> SourceLog:
        if source not in self._sources:
            raise NameUnknown("source", source, self._sources, where="The system")
        return self._sources[source]

    def _open(self, name: str, origin: Origin) -> SourceLog:
        self._aside[name] = [aside for batch in origin.told for aside in batch.aside]
        self._mended[name] = {mark.of: mark for batch in origin.told for mark in batch.mended}
        last = max((batch.known_at for batch in origin.told), default=0)
        told = [rows_of(origin.told, origin.contract)] if any(batch.ids for batch in origin.told) else []
        deliveries, _ = self._fitting(name, pa.concat_tables([origin.deliveries, *told], promote_options="permissive"))
        return SourceLog(origin.info, deliveries, until=max(self._clock.now(), last), told=bool(told))

    def _fitting(self, source: str, rows: pa.Table) -> tuple[pa.Table, Mapping[int, str]]:
        """The rows that can be taken in, and why others cannot."""
        wrong = {} if self._unfit is None else self._unfit(source, rows)
        if not wrong:
            return rows, {}
        keep = np.ones(rows.num_rows, dtype=bool)
        keep[list(wrong)] = False
        return rows.filter(pa.array(keep)), wrong


class _Tables(Mapping[str, pa.Table]):
    """The rows of each source as they are when they are asked for."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def __getitem__(self, source: str) -> pa.Table:
        return self._log.table(source)

    def __iter__(self) -> Iterator[str]:
        return iter(self._log.sources())

    def __len__(self) -> int:
        return len(self._log.sources())


def event_schema(contract: Contract) -> dict[str, Any]:
    """The fields of an event, as JSON Schema: those that say which row it is, and when it happened, are required."""
    info = contract.info
    properties: dict[str, Any] = {}
    for name, column in contract.columns.items():
        shape: dict[str, Any] = {"type": [_JSON[column.kind], "null"]}
        if column.kind == TIME:
            shape["format"] = "date-time"
        if column.json:
            shape = {"type": ["string", "object", "array", "null"]}
        properties[name] = shape
    required = [
        *contract.required,
        *([info.at] if info.at and info.retracted is None and info.null_at != "skip" else []),
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": info.name,
        "type": "object",
        "properties": properties,
        "required": list(dict.fromkeys(required)),
    }


_JSON = {NUMBER: "number", TEXT: "string", BOOL: "boolean", TIME: "string"}


def aside_table(asides: Sequence[Aside]) -> pa.Table:
    """Events that were set aside, in the columns of the quarantine; they have no file."""
    columns = [
        pa.nulls(len(asides), pa.string()),
        pa.array([aside.row for aside in asides], pa.int64()),
        *[pa.array([getattr(aside, name) for aside in asides], pa.string()) for name in ("rule", "reason", "held")],
    ]
    return pa.table(columns, schema=SCHEMA)


def _is_done(before: Mended | None, ask: Ask) -> bool:
    """Whether a row of the quarantine was admitted before, or exactly this was asked of it."""
    return before is not None and (before.became == ADMITTED or before.ask == ask.ask)


def _refuse(info: SourceInfo, events: Sequence[Any], *, takes: bool) -> None:
    if not takes or info.at is None:
        raise RequestInvalid(f"The source {info.name!r} takes no events.", expected="one with times, of a live system")
    if not 0 < len(events) <= MOST_EVENTS:
        raise RequestInvalid(f"There are {len(events)} events.", expected=f"one, or at most {MOST_EVENTS}")


def _unknown(info: SourceInfo) -> str:
    return "not in the contract" if info.columns is None else "not among the columns that the source declares"


def _reasons(rule: str, rows: np.ndarray, words: Mapping[int, str]) -> dict[int, tuple[str, str]]:
    """Rule and reason by row, from words by place among the usable rows."""
    return {int(rows[place]): (rule, f"row {int(rows[place]) + 1}: {reason}") for place, reason in words.items()}
