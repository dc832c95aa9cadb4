"""Online states against the laws of their port, and what is each backend's own."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from setpoint.backends.memory_state import MemoryState
from setpoint.backends.sqlite_state import SqliteState
from setpoint.conformance.state import DurableStateLaws, OnlineStateLaws
from setpoint.core.errors import Busy, SettingInvalid, StateUnavailable
from setpoint.core.ports import Mark


class TestMemoryState(OnlineStateLaws):
    def opened(self, folder: Path) -> MemoryState:
        return MemoryState("memory://")


class TestSqliteStateInMemory(OnlineStateLaws):
    def opened(self, folder: Path) -> SqliteState:
        return SqliteState("sqlite://")


class TestSqliteState(DurableStateLaws):
    code = """
from setpoint.backends.sqlite_state import SqliteState
opened = lambda folder: SqliteState(f"sqlite:///{folder}/online.db")
"""

    def opened(self, folder: Path) -> SqliteState:
        return SqliteState(f"sqlite:///{folder}/online.db")


@pytest.mark.parametrize("bad", ["", "memory", "memory://x", "sqlite://"])
def test_a_url_that_is_not_memory_is_refused_by_the_state_in_memory(bad: str) -> None:
    """The message shows the one URL there is."""
    with pytest.raises(SettingInvalid, match="memory://"):
        MemoryState(bad)


@pytest.mark.parametrize("bad", ["", "redis://host", "online.db", "sqlite:///"])
def test_a_url_of_another_store_is_refused_by_sqlite(bad: str) -> None:
    """The message shows how a URL of SQLite is written."""
    with pytest.raises(SettingInvalid, match="sqlite:///"):
        SqliteState(bad)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """It is named and left as it is."""
    (tmp_path / "online.db").write_bytes(b"this is a letter, not a database" * 200)
    with pytest.raises(SettingInvalid, match="not a database"):
        SqliteState(f"sqlite:///{tmp_path}/online.db")
    assert (tmp_path / "online.db").read_bytes() == b"this is a letter, not a database" * 200


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    """Tables of others are left as they are, whatever version they carry."""
    with contextlib.closing(sqlite3.connect(tmp_path / "online.db")) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.execute("PRAGMA user_version = 1")
    with pytest.raises(SettingInvalid, match="something else"):
        SqliteState(f"sqlite:///{tmp_path}/online.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "online.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


@pytest.mark.parametrize("version", [0, 99])
def test_a_state_of_another_version_is_refused(tmp_path: Path, version: int) -> None:
    """Setpoint does not touch what it cannot understand, and says that the log has it all."""
    SqliteState(f"sqlite:///{tmp_path}/online.db").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "online.db")) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(SettingInvalid, match=f"version {version}.*built again from the log"):
        SqliteState(f"sqlite:///{tmp_path}/online.db")


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    """The state's folder is its own business."""
    state = SqliteState(f"sqlite:///{tmp_path}/a/b/online.db")
    assert state.marks() == {}
    state.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Where a file stands in the way there is no state."""
    (tmp_path / "a").write_text("a file")
    with pytest.raises(SettingInvalid, match="cannot be used"):
        SqliteState(f"sqlite:///{tmp_path}/a/online.db")


def test_a_call_that_fails_half_way_applies_nothing(tmp_path: Path) -> None:
    """When one blob of a call cannot be stored, none of the others is there and the mark stays."""
    state = SqliteState(f"sqlite:///{tmp_path}/online.db")
    with pytest.raises(StateUnavailable, match="failed"):
        state.apply({"g": (None, Mark(0, 0))}, [("g", "k", b"fine"), ("g", "l", 7.5j)])  # type: ignore[list-item]
    assert state.read(["g"], [("g", "k")]) == ([None], [None])
    assert state.apply({"g": (None, Mark(0, 0))}, [("g", "k", b"fine")])
    state.close()


def test_a_writer_that_waits_too_long_says_so(tmp_path: Path) -> None:
    """Another process holds the right to write; what is there can be read all the same."""
    state = SqliteState(f"sqlite:///{tmp_path}/online.db", patience=0.05)
    assert state.apply({"g": (None, Mark(0, 0))}, [("g", "k", b"x")])
    with contextlib.closing(sqlite3.connect(tmp_path / "online.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy, match="Another process"):
            state.apply({"g": (Mark(0, 0), Mark(1, 1))}, [])
        assert state.read(["g"], [("g", "k")]) == ([Mark(0, 0)], [b"x"])
    assert state.apply({"g": (Mark(0, 0), Mark(1, 1))}, [])
    state.close()


def test_a_state_that_was_closed_says_that_it_failed(tmp_path: Path) -> None:
    """Neither reading nor writing comes to nothing silently."""
    state = SqliteState(f"sqlite:///{tmp_path}/online.db")
    state.close()
    with pytest.raises(StateUnavailable, match="failed"):
        state.read(["g"], [])
    with pytest.raises(StateUnavailable, match="failed"):
        state.apply({"g": (None, Mark(0, 0))}, [])
