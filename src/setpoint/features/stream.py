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
    """What gives the rows of a source up to and with a position, as `OnlineFeatures(history=...)` asks for them."""

    def read(source: str, position: int) -> pa.Table:
        return events.read(source, after=-1, until=NEVER).slice(0, position + 1)

    return read
