"""A new feature over a year of decisions by one command, while others are taken."""

from __future__ import annotations

import json
import shutil
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import setpoint as sp
from setpoint.cli.main import main
from setpoint.core import times
from setpoint.core.clock import SimulatedClock
from setpoint.core.errors import Busy, NothingYet
from setpoint.data.log.decisions import DECISIONS, SCORES, plan_sources, positions_known
from setpoint.features.reader import FeatureReader
from setpoint.features.verify import differing
from setpoint.history import requests_of
from setpoint.loop import LoopState
from setpoint.rollout.advance import ReleaseState
from setpoint.rollout.outcomes import kept_columns
from setpoint.serve.batch import decide_many
from setpoint.serve.snapshot import Serving
from setpoint.system.folders import Folders
from setpoint.watch.consistency import record_definitions
from tests.e2e import flights
from tests.e2e.test_live import REQUEST

NOON = times.time("2014-01-03T12:00:00Z")
OLD = {
    "carrier": sp.field("carrier"),
    "late_1d": sp.mean(flights.arrivals.arr_delay > 15, by="dest", last="1d"),
}
NEW = {
    "late_30d": sp.mean(flights.arrivals.arr_delay > 15, by=["carrier", "dest"], last="30d"),
    "visib": sp.last(flights.weather.visib, by="origin", last="1d"),
}
FALLBACK = sp.release(sp.shadow("4d"), fallback=sp.rule(sp.feature("late_1d") > 0.3), refresh="14d")


def opened(home: Path, features: dict[str, sp.Expr], moment: int = NOON) -> sp.Live:
    """The system with these features, on a clock that stands at a moment."""
    declared = flights.declare(features=features, release=FALLBACK)
    return sp.open_system(declared, root=flights.ROOT, home=str(home), clock=SimulatedClock(moment))


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a live system that has decided on every flight of a year, by the rule, with the old features."""
    home = tmp_path_factory.mktemp("year")
    live = opened(home, OLD)
    plan, rows = live.plan, live.rows
    asked = requests_of(plan, rows, start=None, end=None)
    positions = positions_known(rows, plan_sources(plan), asked.at)
    features = FeatureReader(plan, rows).read(asked.table, asked.at)
    log = decide_many(asked.table, asked.at, features, Serving(plan), positions=positions)
    folders = Folders(home / "live")
    metadata, tables = folders.open_metadata(live.settings), folders.open_tables()
    month = 30 * times.DAY
    edges = np.searchsorted(asked.at, np.arange(asked.at[0] // month, asked.at[-1] // month + 2) * month)
    for first, last in pairwise(edges.tolist()):
        part = f"{-(-int(asked.at[last - 1]) // plan.tick):010d}"
        tables.write(DECISIONS, part, log.slice(first, last - first))
        tables.write(SCORES, part, log.slice(first, last - first).select(kept_columns(plan, log)))
    tick = NOON // plan.tick
    metadata.put("loop", "flights", LoopState(tick * plan.tick, tick, "", ReleaseState()).to_dict())
    record_definitions(metadata, plan)
    metadata.close()
    return home


def test_a_new_feature_has_a_year_of_history_by_one_command_while_serving_goes_on(year: Path, tmp_path: Path) -> None:
    """The next training set has it for every decision, those taken meanwhile included, as the reader gives it."""
    home = tmp_path / "home"
    shutil.copytree(year, home)
    stop, taken = threading.Event(), []
    with opened(home, OLD).session() as session:

        def decide() -> None:
            while not stop.is_set():
                taken.append(session.decide({**REQUEST, "flight_id": f"live-{len(taken)}"}))

        deciding = threading.Thread(target=decide)
        deciding.start()
        try:
            report = opened(home, OLD | NEW).backfill()
        finally:
            stop.set()
            deciding.join()
    done = {each["feature"]: each["decisions"] for each in report["features"]}
    assert done == {"late_30d": 336_776, "visib": 336_776}
    assert report["state"]["weather"] > 26_000
    assert len(taken) > 10

    live = opened(home, OLD | NEW, NOON + times.DAY)
    with live.session() as session:
        assert session.status()["stuck"] == ""
        decision = session.decide({**REQUEST, "flight_id": "after"})
        examples = session._book.examples(NOON + times.DAY)  # what the next training is given
    assert examples.at.size == 336_776 + len(taken)
    log = live.sql("select count(*) as n from decisions").to_pylist()
    assert log == [{"n": examples.at.size + 1}]
    expected = FeatureReader(live.plan, live.rows).read(examples.fields, examples.at)
    for name, kind in live.plan.features.items():
        assert not differing(examples.features[name], expected[name], kind).any(), name
    assert decision.degraded == "no-model"
    assert live.verify(since=NOON)["passed"]


def test_the_command_goes_on_where_it_stopped(year: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Killed between two parts, it keeps those that are there; two at once are refused."""
    home = tmp_path / "home"
    shutil.copytree(year, home)
    live = opened(home, OLD | NEW)

    def stop(*, done: int, of: int, what: str) -> None:
        if done == 4:
            with pytest.raises(Busy, match="backfill"):
                opened(home, OLD | NEW).backfill()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        live.backfill(progress=stop)
    project = tmp_path / "project"
    assert main(["new", "flights", str(project)]) == 0
    (project / "flights.py").write_text(
        Path(flights.__file__).read_text()
        + "\nfrom tests.e2e.test_backfill import FALLBACK, NEW, OLD\n"
        + "system = declare(features=OLD | NEW, release=FALLBACK)\n"
    )
    capsys.readouterr()
    assert main(["backfill", str(project), "--home", str(home), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {each["feature"] for each in told["features"]} == set(NEW)
    assert {each["decisions"] + each["before"] for each in told["features"]} == {336_776}
    assert all(each["before"] > 80_000 for each in told["features"])


def test_there_is_nothing_to_backfill_before_a_decision(tmp_path: Path) -> None:
    """A system that has not run says what to run."""
    with pytest.raises(NothingYet, match="has not run"):
        opened(tmp_path, OLD).backfill()
