"""Features of one decision, read from blobs that were kept up to date as events became known: what `serve` reads.

Events are fed in the order in which they became known. Under every key that features fold them by, the state keeps what
windows need of them and no more (see `state`). A decision reads the blobs of its keys and finishes its folds from them.
Nothing here reads the sources' tables, and only the last step of a fold is shared with the offline kernel: their
agreement, bit for bit, is tested and watched (`parity`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from setpoint.core.errors import NameUnknown
from setpoint.core.ports import OnlineState
from setpoint.declare.plan import Plan
from setpoint.features.needs import arounds, everything
from setpoint.features.online_feed import Feeder, Log
from setpoint.features.online_fill import Progress, compact, fill
from setpoint.features.online_groups import groups_of, position_of
from setpoint.features.online_read import Reader
from setpoint.features.online_seen import Seen, SeenMany, Value


class OnlineFeatures:
    """Feeds events into a state and reads the features of a plan from it.

    Any number of threads and processes may feed and read. What is kept belongs to the definitions: a source whose
    features change is kept anew beside the old, fed from its beginning. `history` gives a source's rows up to a
    position; it is asked when a row is taken back.

    >>> import setpoint as sp
    >>> from setpoint.backends.memory_state import MemoryState
    >>> from setpoint.declare.plan import Profile, make_plan
    >>> sales = sp.events("sales", "sales.csv", id="sale", at="ts", delay="0s")
    >>> visits = sp.events("visits", "visits.csv", key="visit", at="ts")
    >>> system = sp.System(
    ...     "shop",
    ...     decide=sp.decide(visits, fields=["user"]),
    ...     features=dict(spent=sp.sum(sales.price, by="user", decimals=2)),
    ...     label=sp.label(sales.price > 5, on="visit", within="1d"),
    ...     goal=sp.goal(sp.auc(), business="eur", act=sp.act("a"), cost=sp.cost(false_positive=1, false_negative=1)),
    ...     release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("user") == "u")),
    ... )
    >>> kinds = {"user": "text", "visit": "text", "ts": "time"}
    >>> sold = {**kinds, "sale": "text", "price": "number"}
    >>> plan = make_plan(system, {"sales": sold, "visits": kinds}, Profile({}, 1.0))
    >>> rows = pa.table({
    ...     "user": ["u", "u"], "price": [1.5, 2.5], "__at": [1, 2], "__known_at": [1, 2], "__id": ["a", "b"],
    ...     "__position": [0, 1],
    ... })  # fmt: skip
    >>> online = OnlineFeatures(plan, MemoryState())
    >>> online.feed("sales", rows)
    2
    >>> online.feed("sales", rows)  # the same batch again
    0
    >>> online.read({"visit": "v", "user": "u"}, at=9), online.positions()
    ({'spent': 4.0}, {'sales': 1})
    """

    def __init__(self, plan: Plan, state: OnlineState, *, history: Log | None = None) -> None:
        self._plan, self._state = plan, state
        around = [fold for one in arounds(plan) for fold in (one.edges, one.of)]
        self._sources = groups_of(plan, [*everything(plan), *around])
        self._feeders = {name: Feeder(source, state, history) for name, source in self._sources.items()}
        self.reader = Reader(plan, state, self._sources)

    def feed(self, source: str, rows: pa.Table) -> int:
        """Take in rows of a source as they became known; gives how many were new.

        Rows already taken in are passed over, so that a batch may come again. A source that no feature reads is
        passed over too. Raises NameUnknown for one that the plan does not have, DataError where rows are missing
        between what was taken in and these.
        """
        if source not in self._plan.system.sources:
            raise NameUnknown("source", source, self._plan.system.sources, where="The plan")
        return self._feeders[source].feed(rows) if source in self._feeders else 0

    def read(self, fields: Mapping[str, Any], at: int) -> dict[str, Value]:
        """The features of a decision with these request fields at this time.

        A number that is NULL is NaN, a text None. Raises RequestInvalid for a field that is missing or of another
        kind.
        """
        return self.see(fields, at).values

    def see(self, fields: Mapping[str, Any], at: int) -> Seen:
        """The features of a decision, with the positions of the sources that they rest on: all of one moment.

        Its time is `at`, or when the newest event became known where that is later: no decision is taken in a past
        that the state has left. Raises NothingYet while a feature is still being filled.
        """
        return self.reader.see_one(fields, at)

    def see_many(self, requests: Sequence[Mapping[str, Any]], at: int) -> SeenMany:
        """What `see` gives of each request, all of one moment, feature by feature."""
        return self.reader.see(requests, at)

    def backfill(self, source: str, rows: pa.Table, *, progress: Progress | None = None) -> int:
        """Fill what features of a source have no state yet, from all its rows; gives how many there were.

        Others may feed and read what is there meanwhile. Raises Busy when somebody else begins to fill the same.
        """
        if source not in self._plan.system.sources:
            raise NameUnknown("source", source, self._plan.system.sources, where="The plan")
        if source not in self._sources:
            return 0
        return fill(self._sources[source], self._state, rows, progress)

    def compact(self, at: int) -> int:
        """Let go of what no decision from this time on needs; gives how many keys went. No value changes.

        Decisions of an earlier time are of this time from then on.
        """
        return sum(compact(source, self._state, at) for source in self._sources.values())

    def forget(self, source: str) -> int:
        """Drop what is kept of a source, so that it is fed again from its beginning; gives how many keys went."""
        if source not in self._sources:
            raise NameUnknown("source", source, self._sources, where="What features read")
        return sum(self._state.forget(name) for name in self._sources[source].names)

    def positions(self) -> dict[str, int]:
        """The position up to which each source that features read was taken in; -1 before its first row."""
        marks, found = iter(self.reader.marks()), {}
        for name, source in self._sources.items():
            found[name] = min(position_of(next(marks)) for _ in source.groups)
        return found
