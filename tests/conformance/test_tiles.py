"""Online states against the laws of their port, and what is SqliteState's own."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from setpoint.backends.sqlite_tiles import MOST_TILE, SqliteState
from setpoint.conformance.tiles import DurableTileStateLaws, MemoryState, TileStateLaws
from setpoint.core.errors import SettingInvalid, WrongType


class TestMemoryState(TileStateLaws):
    def opened(self, folder: Path) -> MemoryState:
        return MemoryState()


class TestSqliteState(DurableTileStateLaws):
    code = """
from setpoint.backends.sqlite_tiles import SqliteState
opened = lambda folder: SqliteState(f"sqlite:///{folder}/online.db")
"""

    def opened(self, folder: Path) -> SqliteState:
        return SqliteState(f"sqlite:///{folder}/online.db")


class TestSqliteStateInMemory(TileStateLaws):
    def opened(self, folder: Path) -> SqliteState:
        return SqliteState("sqlite://")


@pytest.mark.parametrize("bad", ["", "redis://host", "online.db", "sqlite:///"])
def test_a_url_of_another_store_is_refused(bad: str) -> None:
    """Only SQLite is promised; the message shows how its URL is written."""
    with pytest.raises(SettingInvalid, match="sqlite:///"):
        SqliteState(bad)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """It is named and left as it is."""
    (tmp_path / "online.db").write_bytes(b"this is a letter, not a database" * 200)
    with pytest.raises(SettingInvalid, match="not a database"):
        SqliteState(f"sqlite:///{tmp_path}/online.db")
    assert (tmp_path / "online.db").read_bytes().startswith(b"this is a letter")


def test_a_state_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """An older Setpoint does not touch what it cannot understand."""
    connection = sqlite3.connect(tmp_path / "online.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(SettingInvalid, match="version 99"):
        SqliteState(f"sqlite:///{tmp_path}/online.db")


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    """The state's folder is its own business."""
    state = SqliteState(f"sqlite:///{tmp_path}/a/b/online.db")
    assert state.positions() == {}
    state.close()


def test_a_state_that_fails_half_way_applies_nothing(tmp_path: Path) -> None:
    """When one row of a call is refused, none of the others is there and the position stays."""
    state = SqliteState(f"sqlite:///{tmp_path}/online.db")
    with pytest.raises(SettingInvalid, match="cannot be used"):
        state.apply("log", 0, [("g", "k", 0, b"fine"), ("g", "k", 0, None)])  # type: ignore[list-item]
    assert (state.read("g", "k", 0, 0), state.positions()) == (b"", {})
    assert state.apply("log", 0, [("g", "k", 0, b"fine")])
    state.close()


def test_two_states_on_one_file_take_turns(tmp_path: Path) -> None:
    """Writers of two objects wait for each other, and every call is applied once."""
    states = [SqliteState(f"sqlite:///{tmp_path}/online.db") for _ in range(2)]
    threads = [
        threading.Thread(
            target=lambda name, state: [state.apply(name, n, [("g", "k", 0, b"x")]) for n in range(50)],
            args=(f"log{number}", state),
        )
        for number, state in enumerate(states)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(states[0].read("g", "k", 0, 0)) == 100
    for state in states:
        state.close()


def test_a_tile_out_of_range_is_refused(tmp_path: Path) -> None:
    """No time in microseconds has a day beyond it; the call leaves nothing."""
    state = SqliteState(f"sqlite:///{tmp_path}/online.db")
    assert state.apply("log", 0, [("g", "k", -MOST_TILE, b"first"), ("g", "k", MOST_TILE - 1, b"last")])
    assert state.read("g", "k", -(2**62), 2**62) == b"firstlast"
    with pytest.raises(WrongType, match="no tile"):
        state.apply("log", 1, [("g", "new", 0, b"x"), ("g", "new", MOST_TILE, b"x")])
    assert (state.positions(), state.read("g", "new", 0, 0)) == ({"log": 0}, b"")
    state.close()
