"""The log of one source: its rows, each at the position that it has for good, and what is announced for later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.identity import codes_of, find_repeats, identified_by
from setpoint.data.ingest.ingest import in_order
from setpoint.data.ingest.sorted_runs import are_sorted
from setpoint.data.log.growing import Growing, Numbers, Places
from setpoint.data.rows import AT, ENDS, ID, KNOWN_AT, POSITION, ends_by, times_of
from setpoint.data.versions import is_versioned, unfold, versions_of
from setpoint.declare.source import EVENTS, SourceInfo

Ints = npt.NDArray[np.int64]

_ORDER = [(KNOWN_AT, "ascending"), (AT, "ascending"), (ID, "ascending")]


@dataclass(frozen=True)
class Admitted:
    """What of some deliveries is new to a log.

    `prior` are the places of the earlier deliveries of the same identities, `repeated` counts those that were there
    before, `clashes` says of others (by their place) what they contradict.
    """

    rows: pa.Table
    prior: Ints
    repeated: int
    clashes: Mapping[int, str]


@dataclass(frozen=True)
class Added:
    """The positions of the rows that deliveries brought, from `first` to `last`, and how many changed nothing."""

    first: int
    last: int
    superseded: int


class SourceLog:
    """A source's log, from its deliveries: rows with their own columns, `__at`, `__known_at` and `__id`, in any order.

    Those known by `until` are in the log, the others enter it when `advance` is told that their time has come. `told`
    says that some of the deliveries were told to the system, so that the same may have come twice.

    >>> from setpoint.declare.source import events, info
    >>> sales = info(events("sales", "s.csv", id="n", at="ts", delay="0s"))
    >>> log = SourceLog(sales, pa.table({"n": ["a", "b"], AT: [5, 9], KNOWN_AT: [5, 9], ID: ["a", "b"]}), until=6)
    >>> fresh = pa.table({"n": ["c", "a"], AT: [3, 5], KNOWN_AT: [7, 7], ID: ["c", "a"]})
    >>> log.extend(log.admit(fresh))
    Added(first=1, last=1, superseded=0)
    >>> log.advance(20)
    >>> log.since(0, 20).select(["n", "__position"]).to_pylist()
    [{'n': 'c', '__position': 1}, {'n': 'b', '__position': 2}]
    """

    def __init__(self, info: SourceInfo, deliveries: pa.Table, *, until: int, told: bool = False) -> None:
        self.info, self.clashes = info, 0
        self._told, self._versioned = told, is_versioned(info)
        deliveries = _sorted(deliveries)
        if told and identified_by(info):
            found = admit(info, deliveries, deliveries.slice(0, 0))
            deliveries, self.clashes = found.rows, len(found.clashes)
        cut = int(np.searchsorted(times_of(deliveries, KNOWN_AT), until, side="right"))
        first, self._pending = deliveries.slice(0, cut), deliveries.slice(cut)
        self.last = int(first[KNOWN_AT][-1].as_py()) if cut else -(2**62)
        self._index: Places | None = None
        if not self._versioned:
            self._deliveries = self._rows = Growing(in_order(first))
            return
        self._deliveries = Growing(first)
        done = unfold(info, first)
        self._place, self._ends = Numbers(done.place), Numbers(times_of(done.rows, ENDS))
        self._rows = Growing(done.rows.drop_columns([ENDS]))

    @property
    def rows(self) -> int:
        """How many rows the log has: the position of the next one."""
        return self._rows.rows

    def advance(self, until: int) -> None:
        """Let in what was announced for a time up to this one."""
        cut = int(np.searchsorted(times_of(self._pending, KNOWN_AT), until, side="right"))
        if not cut:
            return
        due, self._pending = self._pending.slice(0, cut), self._pending.slice(cut)
        if self._told or self._versioned:
            admitted = self.admit(due)
            self.clashes += len(admitted.clashes)
            self.extend(admitted)
        else:
            self._add(in_order(due, start=self.rows), due)

    def moment(self, now: int) -> int:
        """The time at which what is told now becomes known: after all that is in the log, and at nothing else's."""
        self.advance(now)
        moment = max(now, self.last + 1)
        while self._pending.num_rows and self._pending[KNOWN_AT][0].as_py() <= moment:
            self.advance(moment)
            moment = self.last + 1
        return moment

    def admit(self, fresh: pa.Table) -> Admitted:
        """What of deliveries, each there once, that become known after all in the log is new; nothing is changed."""
        none = Admitted(fresh, np.zeros(0, dtype=np.int64), 0, {})
        if not identified_by(self.info):
            return none
        if self._index is None:
            self._index = Places()
            self._index.add(_ids(self._deliveries.table()), 0)
        places = self._index.find(_ids(fresh))
        if not places.size:
            return none
        prior = self._deliveries.take(places).select(fresh.column_names)
        same = pc.is_in(prior[ID], value_set=_ids(fresh)).to_numpy()
        return admit(self.info, fresh, prior.filter(pa.array(same)), places[same])

    def extend(self, admitted: Admitted) -> Added:
        """Take in what was admitted."""
        self._told = True
        fresh, start = admitted.rows, self.rows
        if not self._versioned:
            self._add(in_order(fresh, start=start), fresh)
            return Added(start, self.rows - 1, 0)
        fresh = _sorted(fresh)
        prior = self._deliveries.take(admitted.prior).select(fresh.column_names)
        both = pa.concat_tables([prior, fresh], promote_options="permissive")
        done = unfold(self.info, both, fresh=prior.num_rows, start=start)
        self._ends.put(self._place.all[admitted.prior[done.ended]], done.ends)
        self._ends.append(times_of(done.rows, ENDS))
        self._place.append(done.place)
        self._add(done.rows.drop_columns([ENDS]), fresh)
        return Added(start, self.rows - 1, done.superseded)

    def take(self, fresh: pa.Table, now: int) -> None:
        """Take in new deliveries of the source itself: those known by now at once, what it announces in its time."""
        cut = pc.less_equal(fresh[KNOWN_AT], now)
        self.extend(self.admit(fresh.filter(cut)))
        later = fresh.filter(pc.invert(cut))
        if later.num_rows:
            self._pending = _sorted(pa.concat_tables([self._pending, later], promote_options="permissive"))

    def since(self, after: int, until: int) -> pa.Table:
        """The rows beyond a position that were known by a time; what came after it ends none of them."""
        first = max(0, after + 1)
        tail = self._rows.since(first)
        tail = tail.slice(0, int(np.searchsorted(times_of(tail, KNOWN_AT), until, side="right")))
        if not self._versioned:
            return tail
        return tail.append_column(ENDS, ends_by(self._ends.all[first : first + tail.num_rows], first + tail.num_rows))

    def table(self) -> pa.Table:
        """All rows of the log as they stand now."""
        if not self._versioned:
            return self._rows.table()
        return self._rows.table().append_column(ENDS, pa.array(self._ends.all.copy()))

    def _add(self, rows: pa.Table, deliveries: pa.Table) -> None:
        if deliveries.num_rows:
            self.last = max(self.last, int(times_of(deliveries, KNOWN_AT).max()))
        if self._index is not None:
            self._index.add(_ids(deliveries if self._versioned else rows), self._deliveries.rows)
        if self._versioned:
            self._deliveries.append(deliveries)
        self._rows.append(rows)


@dataclass(frozen=True)
class Compared:
    """What some deliveries say beside earlier ones: which are new (`fresh`), and which earlier ones they repeat.

    `clashes` says of others (by their place) what they contradict.
    """

    fresh: npt.NDArray[np.bool_]
    again: Ints
    clashes: Mapping[int, str]


def compare(info: SourceInfo, prior: pa.Table, rows: pa.Table) -> Compared:
    """Deliveries of a source whose rows have identities beside earlier ones of it; among themselves, too."""
    both = pa.concat_tables([prior, rows], promote_options="permissive").combine_chunks()
    columns = {name: both[name].combine_chunks() for name in both.column_names if name != POSITION}
    codes = [codes_of(columns[ID])]
    if info.kind != EVENTS and info.at is not None:
        codes.append(times_of(both, AT))
    version = versions_of(info, columns, both.num_rows)
    if version is not None:
        codes.append(version)
    one = codes[0] if len(codes) == 1 else codes_of(pa.array(codes[0]), *codes[1:])
    skipped = (KNOWN_AT, AT, ID) if info.known_at in (None, info.at) else (KNOWN_AT, AT, ID, info.known_at)
    payload = {name: column for name, column in columns.items() if name not in skipped}
    first = prior.num_rows
    # Whatever is said of when they became known: what was there before comes first.
    order = np.r_[np.full(first, -(2**63)), times_of(rows, KNOWN_AT)]
    found = find_repeats(np.arange(both.num_rows), one, order, payload)
    named = [name for name in (*identified_by(info), info.version) if name is not None]
    clashes = {}
    for row, head, column in zip(found.other.tolist(), found.first.tolist(), found.column, strict=True):
        shown = " and ".join(f"{name} {shown_value(columns[name][row])}" for name in named)
        clashes[row - first] = (
            f"{shown} came before, where {column} is {shown_value(columns[column][head])}; "
            f"here it is {shown_value(columns[column][row])}"
        )
    fresh = np.ones(both.num_rows, dtype=bool)
    fresh[found.same] = fresh[found.other] = False
    return Compared(fresh[first:], found.before[found.before < first], clashes)


def admit(info: SourceInfo, rows: pa.Table, prior: pa.Table, places: Ints | None = None) -> Admitted:
    """Those of the deliveries that neither repeat nor contradict an earlier one, or one that was there before."""
    found = compare(info, prior, rows)
    kept = rows if found.fresh.all() else rows.filter(pa.array(found.fresh))
    repeated = rows.num_rows - kept.num_rows - len(found.clashes)
    return Admitted(kept, np.zeros(0, dtype=np.int64) if places is None else places, repeated, found.clashes)


def _sorted(rows: pa.Table) -> pa.Table:
    return rows if are_sorted(rows) else rows.take(pc.sort_indices(rows.select([KNOWN_AT, AT, ID]), sort_keys=_ORDER))


def _ids(rows: pa.Table) -> pa.Array:
    return rows[ID].combine_chunks()


def shown_value(value: pa.Scalar) -> str:
    """A value as messages show it."""
    plain: Any = value.as_py()
    if plain is None:
        return "empty"
    return plain.isoformat().replace("+00:00", "Z") if isinstance(plain, datetime) else repr(plain)
