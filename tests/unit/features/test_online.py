"""Features of one decision: feeding, reading, and what is refused."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.backends.memory_state import MemoryState
from setpoint.backends.sqlite_state import SqliteState
from setpoint.core.errors import DataError, NameUnknown, RequestInvalid
from setpoint.core.times import DAY
from setpoint.features.online import OnlineFeatures
from setpoint.features.online_keys import spelled
from tests.properties.worlds import World, big_world, rows_table
from tests.unit.features.small import BUYS, buy, buys, plan_of

FEATURES = {"n": sp.count(buys, by="user"), "recent": sp.sum(buys.price, by="user", last="1d")}


@pytest.fixture(scope="module")
def world() -> World:
    """A log of some hundred rows."""
    return big_world(seed=2, rows=300, decisions=10, late=0.2)


def test_rows_delivered_again_count_once() -> None:
    """A batch that overlaps what was fed adds only what is new, and says how much that was."""
    online = OnlineFeatures(plan_of(**FEATURES), MemoryState())
    rows = rows_table(BUYS, [buy(at) for at in range(10)])
    assert [online.feed("buys", rows.slice(0, 6)), online.feed("buys", rows.slice(3, 5))] == [6, 2]
    assert [online.feed("buys", rows), online.feed("buys", rows), online.feed("buys", rows.slice(0, 0))] == [2, 0, 0]
    assert online.read({"ask": "a", "user": "u"}, 100) == {"n": 10.0, "recent": 10.0}


def test_positions_say_what_was_taken_in() -> None:
    """Before the first row a source stands at -1; only sources that features read have a position."""
    online = OnlineFeatures(plan_of(**FEATURES), MemoryState())
    assert online.positions() == {"buys": -1}
    online.feed("buys", rows_table(BUYS, [buy(1), buy(2)]))
    assert online.positions() == {"buys": 1}
    assert online.see({"ask": "a", "user": "u"}, 5).positions == {"buys": 1}


def test_a_source_no_feature_reads_is_passed_over() -> None:
    """The loop may feed every source; one that the plan does not have is an error."""
    online = OnlineFeatures(plan_of(**FEATURES), MemoryState())
    assert online.feed("ends", rows_table(BUYS, [buy(1)])) == 0
    with pytest.raises(NameUnknown, match="'buys'"):
        online.feed("buy", rows_table(BUYS, []))


def test_another_definition_begins_anew() -> None:
    """Rows kept for other features are never read as rows of these, and stay where they are for those."""
    state, rows = MemoryState(), rows_table(BUYS, [buy(1, 5.0)])
    OnlineFeatures(plan_of(**FEATURES), state).feed("buys", rows)
    changed = OnlineFeatures(plan_of(**FEATURES, high=sp.max(buys.price, by="user")), state)
    assert changed.positions() == {"buys": -1}
    assert changed.feed("buys", rows) == 1
    assert changed.read({"ask": "a", "user": "u"}, 9) == {"n": 1.0, "recent": 5.0, "high": 5.0}
    same = OnlineFeatures(plan_of(**FEATURES), state)
    assert same.positions() == {"buys": 0}
    assert same.read({"ask": "a", "user": "u"}, 9) == {"n": 1.0, "recent": 5.0}


def test_the_order_of_features_is_no_other_definition() -> None:
    """Features that are declared in another order find what was kept for them."""
    state, rows = MemoryState(), rows_table(BUYS, [buy(1, 5.0)])
    OnlineFeatures(plan_of(**FEATURES), state).feed("buys", rows)
    turned = OnlineFeatures(plan_of(**dict(reversed(FEATURES.items()))), state)
    assert turned.read({"ask": "a", "user": "u"}, 9) == {"n": 1.0, "recent": 5.0}


def test_a_late_row_reaches_its_window() -> None:
    """A row of days ago that becomes known now is folded where it happened."""
    online = OnlineFeatures(plan_of(**FEATURES), MemoryState())
    rows = rows_table(BUYS, [buy(5 * DAY, 1.0), buy(5 * DAY + 1, 4.0, known_at=6 * DAY - 9), buy(9 * DAY, 2.0)])
    ask, found = {"ask": "a", "user": "u"}, []
    for place, at in enumerate((5 * DAY + 10, 6 * DAY, 9 * DAY + 1)):
        online.feed("buys", rows.slice(place, 1))
        found.append(online.read(ask, at)["recent"])
    assert found == [1.0, 5.0, 2.0]
    assert online.read(ask, 9 * DAY + 1)["n"] == 3.0


def test_a_row_that_is_ahead_of_its_time_waits() -> None:
    """A row is seen from after it happens on, also when it was known before."""
    online = OnlineFeatures(plan_of(**FEATURES), MemoryState())
    online.feed("buys", rows_table(BUYS, [buy(50, 1.0, known_at=10), buy(30, 2.0, known_at=20)]))
    found = [online.read({"ask": "a", "user": "u"}, at)["recent"] for at in (30, 31, 50, 51)]
    assert found == [0.0, 2.0, 2.0, 3.0]


def test_no_decision_is_of_a_past_that_the_state_has_left() -> None:
    """A request of an earlier time is one of when the newest row became known."""
    online = OnlineFeatures(plan_of(**FEATURES), MemoryState())
    online.feed("buys", rows_table(BUYS, [buy(5, 1.0, known_at=40), buy(7, 2.0, known_at=60)]))
    assert [online.see({"ask": "a", "user": "u"}, at).at for at in (50, 60, 61)] == [60, 60, 61]
    assert online.read({"ask": "a", "user": "u"}, 6) == {"n": 2.0, "recent": 3.0}


def test_missing_rows_are_an_error() -> None:
    """A batch that does not go on where the last one ended is refused, and so is one with a hole."""
    online = OnlineFeatures(plan_of(**FEATURES), MemoryState())
    rows = rows_table(BUYS, [buy(at) for at in range(10)])
    online.feed("buys", rows.slice(0, 3))
    with pytest.raises(DataError, match="from position 4, but was taken in up to 2"):
        online.feed("buys", rows.slice(4, 3))
    with pytest.raises(DataError, match="missing after position 4"):
        online.feed("buys", pa.concat_tables([rows.slice(3, 2), rows.slice(6, 2)]))
    assert online.positions() == {"buys": 2}


def test_an_online_state_outlives_its_reader(world: World, tmp_path: Any) -> None:
    """Opened again, the state goes on where it stood."""
    url = f"sqlite:///{tmp_path}/online.db"
    first = SqliteState(url)
    before = OnlineFeatures(world.plan, first)
    for source, rows in world.rows.items():
        before.feed(source, rows)
    wanted = before.see_many(world.fields, 10**15)
    first.close()
    second = SqliteState(url)
    after = OnlineFeatures(world.plan, second)
    assert [after.feed(source, rows) for source, rows in world.rows.items()] == [0, 0, 0]
    assert str(after.see_many(world.fields, 10**15)) == str(wanted)
    second.close()


def test_a_decision_rests_on_one_moment_of_the_sources() -> None:
    """While another thread feeds, no decision mixes groups from before and after a batch."""
    plan = plan_of(mine=sp.count(buys, by="user"), all=sp.count(buys, by=[]))
    online = OnlineFeatures(plan, MemoryState())
    rows = rows_table(BUYS, [buy(at) for at in range(600)])
    mixed: list[dict[str, Any]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen = online.see({"ask": "a", "user": "u"}, 10_000)
            if len({seen.values["mine"], seen.values["all"], seen.positions["buys"] + 1.0}) != 1:
                mixed.append(seen.values)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for start in range(0, 600, 3):
        online.feed("buys", rows.slice(start, 3))
    done.set()
    watcher.join()
    assert mixed == []
    assert online.read({"ask": "a", "user": "u"}, 10_000) == {"mine": 600.0, "all": 600.0}


def test_keys_no_decision_needs_are_let_go() -> None:
    """Compaction drops what lies behind all windows, whole keys too; a fold over all time keeps everything."""
    rows = rows_table(BUYS, [buy(day * DAY, user=f"u{day}") for day in range(10)])
    bounded = OnlineFeatures(plan_of(recent=FEATURES["recent"]), MemoryState())
    endless = OnlineFeatures(plan_of(n=FEATURES["n"]), MemoryState())
    for online in (bounded, endless):
        online.feed("buys", rows)
    at = 9 * DAY + 1
    assert (bounded.compact(at), bounded.compact(at), endless.compact(at)) == (8, 0, 0)
    assert [bounded.read({"ask": "a", "user": f"u{day}"}, at)["recent"] for day in (7, 8, 9)] == [0.0, 1.0, 1.0]
    assert endless.read({"ask": "a", "user": "u0"}, at) == {"n": 1.0}


def test_what_is_forgotten_is_fed_again() -> None:
    """Forgetting a source takes its features back to before its first row."""
    online = OnlineFeatures(plan_of(**FEATURES), MemoryState())
    rows = rows_table(BUYS, [buy(at) for at in range(5)])
    online.feed("buys", rows)
    assert online.forget("buys") == 1
    assert (online.positions(), online.feed("buys", rows)) == ({"buys": -1}, 5)
    with pytest.raises(NameUnknown, match="'ends'"):
        online.forget("ends")


def test_a_state_that_was_lost_is_fed_again_texts_included() -> None:
    """A state that comes back empty, as a server without persistence does, is filled by those who filled it before."""
    plan, state = plan_of(shop=sp.last(buys.shop, by="user")), MemoryState()
    online = OnlineFeatures(plan, state)
    rows = rows_table(BUYS, [buy(at, shop=f"s{at}") for at in range(5)])
    for _ in range(2):
        assert online.feed("buys", rows) == 5
        assert OnlineFeatures(plan, state).read({"ask": "a", "user": "u"}, 9) == {"shop": "s4"}
        for name in [*state.marks(), "text"]:
            state.forget(name)


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"ask": "a"}, "user"), ({"ask": "a", "user": 5}, "user"), ({"ask": 1.5, "user": "u"}, "ask")],
)
def test_a_request_that_cannot_be_read_names_its_field(fields: dict[str, Any], field: str) -> None:
    """A field that is missing or of another kind is refused before anything is read."""
    with pytest.raises(RequestInvalid) as raised:
        OnlineFeatures(plan_of(**FEATURES), MemoryState()).read(fields, 5)
    assert raised.value.field == field


@pytest.mark.parametrize("born", [5, np.int64(5), "1970-01-01T00:00:00.000005Z", datetime.fromtimestamp(5e-6, UTC)])
def test_a_time_may_come_in_any_form_that_names_its_zone(world: World, born: Any) -> None:
    """Microseconds, ISO 8601 and a datetime are one moment."""
    online = OnlineFeatures(world.plan, MemoryState())
    online.feed("buys", world.rows["buys"])
    fields = {**world.fields[0], "shop": "a"}
    wanted = online.read({**fields, "born": 5}, world.at[-1])["pair_max"]
    assert str(online.read({**fields, "born": born}, world.at[-1])["pair_max"]) == str(wanted)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (("UA", 1), '["UA",1]'),
        ((1.0,), "[1]"),
        ((-0.0,), "[0]"),
        ((2.5,), "[2.5]"),
        ((True,), "[1]"),
        (("1",), '["1"]'),
        ((), "[]"),
        (("a", None), None),
        ((float("nan"),), None),
        ((float("inf"),), None),
        ((2**53 + 1,), "[9007199254740993]"),
        (('"],["', "é\x00"), '["\\"],[\\"","\\u00e9\\u0000"]'),
    ],
)
def test_a_key_has_one_spelling(key: tuple[Any, ...], text: str | None) -> None:
    """Equal keys are spelled alike, unequal ones differently, and NULL is no key."""
    assert spelled(*key) == text


def test_a_large_first_batch_is_taken_in_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many rows are applied at once changes nothing that is read."""
    whole, parts = (OnlineFeatures(world.plan, MemoryState()) for _ in range(2))
    for source, rows in world.rows.items():
        whole.feed(source, rows)
    monkeypatch.setattr("setpoint.features.online_feed.BATCH", 7)
    for source, rows in world.rows.items():
        assert parts.feed(source, rows) == rows.num_rows
    assert str(parts.see_many(world.fields, 10**15)) == str(whole.see_many(world.fields, 10**15))
