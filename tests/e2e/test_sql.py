"""Questions in SQL about decisions, while they are taken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.core import times
from setpoint.core.clock import SimulatedClock
from setpoint.core.errors import MissingExtra, NothingYet, QueryInvalid
from tests.e2e import flights
from tests.e2e.test_live import NOON, REQUEST
from tests.e2e.writer import START, asked, record

PROJECT = Path(__file__).resolve().parents[2]
WRITTEN = 5_000


def at_moment(home: Path, moment: int) -> sp.Live:
    """The system opened on a clock that stands at a moment."""
    return sp.open_system(flights.declare(), root=flights.ROOT, home=str(home), clock=SimulatedClock(moment))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a live system with two ticks: five decisions in the tables, and one that no tick has taken up."""
    home = tmp_path_factory.mktemp("recorded")
    for day, names in enumerate(["abc", "de", "f"]):
        with at_moment(home, NOON + day * times.DAY).session() as session:
            for name in names:
                session.decide({**REQUEST, "flight_id": name})
    return home


@pytest.fixture
def home(recorded: Path, tmp_path: Path) -> Path:
    """Its own copy for each test."""
    return Path(shutil.copytree(recorded, tmp_path / "home"))


def truths() -> dict[str, tuple[datetime | None, bool | None]]:
    """When each flight landed, and whether it was late: read from the file and by nothing of ours."""
    table = pq.read_table(flights.ROOT / flights.FILE, columns=["flight_id", "landed_at", "arr_delay"]).to_pylist()
    return {
        row["flight_id"]: (row["landed_at"], None if row["arr_delay"] is None else row["arr_delay"] > 15)
        for row in table
    }


def joined(count: int, landed: dict[str, tuple[datetime | None, bool | None]]) -> list[tuple[Any, ...]]:
    """The first decisions of the writer with their labels, joined one by one."""
    keys, rows = asked(), []
    for number in range(count):
        key = keys[number % len(keys)]
        told, (at, late) = record(number, key), landed[key]
        fits = at is not None and START + number <= times.time(at) <= START + number + 2 * times.DAY
        state, value = ("known", float(late)) if fits and late is not None else ("void", None)
        seen = (told.score, told.acted, told.features["left_late_2h"], number)
        rows.append((told.decision_id, key, *seen, state, value))
    return rows


def test_sql_over_live_decisions_equals_the_offline_join(home: Path) -> None:
    """While a process writes 1,000 decisions a second, each answer is the offline join of all written before it."""
    live, landed = at_moment(home, NOON + 6 * times.DAY), truths()
    with live.session() as session:  # what was decided before is in the tables, and a tick is committed
        assert session.status()["stuck"] == ""
    question = """
        select decision_id, key, score, acted, feature_left_late_2h, position_weather, state, value
        from outcomes where model = 'rule' and decision_id like 'd\\_______' escape '\\' order by decided_at
    """
    command = [sys.executable, "-m", "tests.e2e.writer", str(home / "live" / "log"), str(WRITTEN)]
    seen = [0]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as writer:
        while seen[-1] < WRITTEN:
            done = writer.poll() is not None
            rows = [tuple(row.values()) for row in live.sql(question).to_pylist()]
            assert rows == joined(len(rows), landed)
            assert len(rows) >= seen[-1]
            seen.append(len(rows))
            assert len(rows) == WRITTEN or not done
        assert writer.stdout is not None
        rate = float(writer.stdout.read())
    assert len({count for count in seen if 0 < count < WRITTEN}) >= 3
    assert rate >= 950
    states = {row[6] for row in rows}
    assert states == {"known", "void"}


def test_decisions_of_ticks_and_newer_ones_are_each_there_once(home: Path) -> None:
    """What a tick moved into the tables is not read from the log again, and what it did not move is."""
    answer = at_moment(home, NOON + 2 * times.DAY).sql("select key from decisions order by key")
    assert "".join(answer["key"].to_pylist()) == "abcdef"
    scores = at_moment(home, NOON + 2 * times.DAY).sql("select count(*) as n from scores")
    assert scores.to_pylist() == [{"n": 5}]


def test_sources_are_there_by_name(home: Path) -> None:
    """A decision is joined to what its weather was."""
    answer = at_moment(home, NOON).sql(
        "select d.key, max_by(w.visib, w.__at) as visib from decisions d join weather w on w.origin = d.field_origin"
        " and w.__known_at <= d.decided_at where d.key = 'a' group by 1"
    )
    assert answer.to_pylist() == [{"key": "a", "visib": 10.0}]


def test_a_query_changes_nothing_and_reads_no_file(home: Path) -> None:
    """It is one SELECT over what it is given."""
    live = at_moment(home, NOON)
    for query in ("delete from decisions", "select * from read_text('/etc/hostname')"):
        with pytest.raises(QueryInvalid, match="one SELECT"):
            live.sql(query)


def test_a_system_that_has_not_run_cannot_be_asked(tmp_path: Path) -> None:
    """There is nothing to ask about yet."""
    with pytest.raises(NothingYet, match="has not run"):
        at_moment(tmp_path, NOON).sql("select 1")


def test_without_the_extra_its_name_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB is installed by those who ask."""
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MissingExtra, match=r"setpoint\[sql\]"):
        at_moment(home, NOON).sql("select 1")
