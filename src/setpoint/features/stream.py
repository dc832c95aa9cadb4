"""The stream: events on their way from the port into the online state, in micro-batches."""

from __future__ import annotations

import pyarrow as pa

from setpoint.core.ports import Events
from setpoint.data.rows import NEVER
from setpoint.features.online import OnlineFeatures
from setpoint.features.online_feed import Log

MANY = 1 << 16
"""From so many rows on a source that was never taken in is filled key by key, and not batch by batch."""


class Stream:
    """Takes events into online features, each source from where it stands.

    A batch and the position behind it are written together, so a stream that is stopped anywhere, even killed, goes on
    without losing or doubling a row. Late, repeated and future-dated rows, and rows taken back, give the features that
    all rows at once would.

    >>> import setpoint as sp
    >>> from setpoint.backends.memory_state import MemoryState
    >>> from setpoint.data.log.feed import RowsFeed
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
    ...     "user": ["u", "u"], "price": [1.5, 2.5], "__at": [1, 2], "__known_at": [1, 7], "__id": ["a", "b"],
    ...     "__position": [0, 1],
    ... })  # fmt: skip
    >>> online = OnlineFeatures(plan, MemoryState())
    >>> stream = Stream(online, RowsFeed({"sales": rows}))
    >>> stream.advance(5), online.read({"visit": "v", "user": "u"}, at=5)
    ({'sales': 1}, {'spent': 1.5})
    >>> stream.advance(8), online.read({"visit": "v", "user": "u"}, at=8)
    ({'sales': 1}, {'spent': 4.0})
    """

    def __init__(self, online: OnlineFeatures, events: Events) -> None:
        self._online, self._events = online, events

    def advance(self, until: int) -> dict[str, int]:
        """Take in what became known by a time; gives how many rows of each source were new."""
        taken = {}
        for source, position in self._online.positions().items():
            rows = self._events.read(source, after=position, until=until)
            if not rows.num_rows:
                continue
            found = self._online.backfill(source, rows) if position < 0 and rows.num_rows >= MANY else 0
            taken[source] = max(found, self._online.feed(source, rows))
        return taken


def log_of(events: Events) -> Log:
    """What gives the rows of a source up to and with a position, as `OnlineFeatures(history=...)` asks for them.

    >>> from setpoint.data.log.feed import RowsFeed
    >>> log_of(RowsFeed({"sales": pa.table({"price": [1, 2, 3], "__known_at": [1, 1, 1]})}))("sales", 1).num_rows
    2
    """

    def read(source: str, position: int) -> pa.Table:
        return events.read(source, after=-1, until=NEVER).slice(0, position + 1)

    return read
