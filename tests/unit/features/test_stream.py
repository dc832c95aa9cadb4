"""The stream: from where each source stands to what is known, and filling features that are new."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.backends.memory_state import MemoryState
from setpoint.core.errors import Busy, DataError, NameUnknown, NothingYet
from setpoint.core.ports import Mark
from setpoint.data.log.feed import RowsFeed
from setpoint.data.rows import ENDS, NEVER, SIGN
from setpoint.features.online import OnlineFeatures
from setpoint.features.stream import Stream, log_of
from tests.properties.worlds import rows_table
from tests.unit.features.small import BUYS, buy, buys, plan_of

OLD = {"n": sp.count(buys, by="user"), "recent": sp.sum(buys.price, by="user", last="1d")}
NEW = {**OLD, "everyone": sp.count(buys, by=[])}
ASK = {"ask": "a", "user": "u"}


def rows(count: int) -> pa.Table:
    """So many purchases, one each microsecond."""
    return rows_table(BUYS, [buy(at, 1.0, shop=f"s{at % 3}") for at in range(count)])


def retracted(table: pa.Table, ends: Mapping[int, int]) -> pa.Table:
    """Rows of which some are taken back by others, by their places."""
    size = table.num_rows
    signs = [-1 if place in ends.values() else 1 for place in range(size)]
    table = table.append_column(SIGN, pa.array(signs, pa.int8()))
    return table.append_column(ENDS, pa.array([ends.get(place, NEVER) for place in range(size)], pa.int64()))


def test_a_stream_goes_on_from_where_it_stands() -> None:
    """Each step takes in what became known since, and says how much; nothing new is nothing taken."""
    state, events = MemoryState(), RowsFeed({"buys": rows(10)})
    stream = Stream(OnlineFeatures(plan_of(**OLD), state), events)
    assert [stream.advance(until) for until in (3, 3, 7)] == [{"buys": 4}, {}, {"buys": 4}]
    again = OnlineFeatures(plan_of(**OLD), state)
    assert Stream(again, events).advance(100) == {"buys": 2}
    assert again.read(ASK, 100) == {"n": 10.0, "recent": 10.0}


def test_a_large_source_is_filled_key_by_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was never taken in comes in at once, and gives what batches give."""
    batches, filled = MemoryState(), MemoryState()
    Stream(OnlineFeatures(plan_of(**NEW), batches), RowsFeed({"buys": rows(50)})).advance(100)
    monkeypatch.setattr("setpoint.features.stream.MANY", 10)
    monkeypatch.setattr("setpoint.features.online_fill.CHUNK", 7)
    online = OnlineFeatures(plan_of(**NEW), filled)
    assert Stream(online, RowsFeed({"buys": rows(50)})).advance(100) == {"buys": 50}
    assert filled.marks() == batches.marks()
    names = list(batches.marks())
    for name in names:
        keys = [(name, key) for key in sorted(batches.keys(name))]
        assert sorted(filled.keys(name)) == [key for _, key in keys]
        assert filled.read([], keys) == batches.read([], keys)


def test_features_that_are_not_there_yet_are_named() -> None:
    """While a new feature is filled, a decision that needs it is refused, and one by the old features is taken."""
    state, events = MemoryState(), RowsFeed({"buys": rows(10)})
    old, new = (OnlineFeatures(plan_of(**features), state) for features in (OLD, NEW))
    Stream(old, events).advance(100)
    with pytest.raises(NothingYet, match=r"everyone of source 'buys' is still being filled: at position -1 of 9"):
        new.see({**ASK}, 100)
    assert new.positions() == {"buys": -1}
    assert old.read(ASK, 100)["n"] == 10.0
    told: list[tuple[int, int]] = []

    def progress(*, done: int, of: int) -> None:
        told.append((done, of))

    assert new.backfill("buys", rows(8), progress=progress) == 8
    assert told == [(8, 8)]
    with pytest.raises(NothingYet, match="at position 7 of 9"):
        new.see(ASK, 100)
    assert Stream(new, events).advance(100) == {"buys": 2}
    assert new.positions() == {"buys": 9}
    assert new.read(ASK, 100)["n"] == 10.0
    assert new.backfill("buys", rows(8)) == 0
    assert new.backfill("ends", rows(8)) == 0
    with pytest.raises(NameUnknown, match="'sales'"):
        new.backfill("sales", rows(8))


def test_a_new_feature_catches_up_without_taking_others_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches that a new feature needs from the beginning leave those alone that had them."""
    monkeypatch.setattr("setpoint.features.online_feed.BATCH", 2)
    state, events = MemoryState(), RowsFeed({"buys": rows(10)})
    Stream(OnlineFeatures(plan_of(**OLD), state), events).advance(6)
    new = OnlineFeatures(plan_of(**NEW), state)
    assert Stream(new, events).advance(100) == {"buys": 10}
    assert new.read(ASK, 100) == {"n": 10.0, "recent": 10.0, "everyone": 10.0}
    assert new.positions() == {"buys": 9}


class Interrupted(MemoryState):
    """A state in which somebody else begins to fill while we do."""

    def apply(self, moves: Mapping[str, tuple[Mark | None, Mark]], blobs: Sequence[tuple[str, str, bytes]]) -> bool:
        """Apply, after somebody took over what is being filled."""
        for group, (before, after) in moves.items():
            if group.endswith("~filling") and before == after:
                super().apply({group: (before, Mark(after.position + 1, 0))}, [])
        return super().apply(moves, blobs)


def test_two_cannot_fill_the_same() -> None:
    """Who is overtaken stops with Busy and leaves no mark, so that nothing half filled is ever read."""
    state = Interrupted()
    online = OnlineFeatures(plan_of(**OLD), state)
    with pytest.raises(Busy, match="fills 'buys@"):
        online.backfill("buys", rows(5))
    assert online.positions() == {"buys": -1}
    calm = MemoryState()
    calm._marks, calm._blobs = state._marks, state._blobs
    online = OnlineFeatures(plan_of(**OLD), calm)
    assert online.backfill("buys", rows(5)) == 5
    assert online.read(ASK, 100) == {"n": 5.0, "recent": 5.0}


def test_any_number_may_feed() -> None:
    """Feeders that race take each row in once."""
    state, table = MemoryState(), rows(600)
    together = [OnlineFeatures(plan_of(**NEW), state) for _ in range(4)]

    def work(online: OnlineFeatures) -> None:
        for start in range(0, 600, 20):
            online.feed("buys", table.slice(0, start + 20))

    threads = [threading.Thread(target=work, args=(online,)) for online in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together[0].see(ASK, 1000) == ({"n": 600.0, "recent": 600.0, "everyone": 600.0}, {"buys": 599}, 1000)


def test_a_row_that_is_taken_back_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it comes with the row, in a later batch, or while a new feature lags behind."""
    table = retracted(rows(6), {0: 2, 3: 5})
    for cuts in ([6], [1, 5], [3, 3], [1] * 6):
        online = OnlineFeatures(plan_of(**OLD), MemoryState(), history=log_of(RowsFeed({"buys": table})))
        start = 0
        for cut in cuts:
            online.feed("buys", table.slice(start, cut))
            start += cut
        assert online.read(ASK, 100) == {"n": 2.0, "recent": 2.0}
    monkeypatch.setattr("setpoint.features.online_feed.BATCH", 2)
    for taken in range(6):
        state, log = MemoryState(), log_of(RowsFeed({"buys": table}))
        OnlineFeatures(plan_of(**OLD), state, history=log).feed("buys", table.slice(0, taken))
        new = OnlineFeatures(plan_of(**NEW), state, history=log)
        new.feed("buys", table)
        assert new.read(ASK, 100) == {"n": 2.0, "recent": 2.0, "everyone": 2.0}


def test_taking_back_needs_the_log() -> None:
    """Without a log a retraction of an earlier row is refused; within a batch none is needed."""
    online = OnlineFeatures(plan_of(**OLD), MemoryState())
    table = retracted(rows(3), {0: 2})
    online.feed("buys", table.slice(0, 2))
    with pytest.raises(DataError, match="takes rows back, which needs its log"):
        online.feed("buys", table.slice(2, 1))
    assert online.positions() == {"buys": 1}
    whole = OnlineFeatures(plan_of(**OLD), MemoryState())
    whole.feed("buys", table)
    assert whole.read(ASK, 100) == {"n": 1.0, "recent": 1.0}
