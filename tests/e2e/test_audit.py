"""Auditing a system: its log worked out again, a value explained by its events, its features in one catalogue."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.backends.parquet import ParquetTables
from setpoint.backends.segments import FileSegments
from setpoint.cli.main import main
from setpoint.core import times
from setpoint.core.clock import SimulatedClock
from setpoint.core.errors import NameUnknown
from setpoint.data.log.decisions import DECISIONS
from setpoint.serve.log import decode_record, encode_record
from tests.e2e import flights
from tests.e2e.test_live import REQUEST

END = times.time("2013-01-28")
NOON = times.time("2013-01-04T12:00:00Z")
TAKEN = ("counts", "another one is taken")
DEAD = {
    "same": sp.field("carrier").is_null(),
    "late_again_14d": sp.mean(flights.arrivals.arr_delay > 15, by=["origin", "dest"], last="14d"),
    "never": sp.last(flights.weather.visib, by={"dest": "origin"}, last="1d", where=flights.weather.visib > 1000),
}


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of four weeks of history, run as if live, with three features that could go."""
    home = tmp_path_factory.mktemp("replayed")
    opened(home).replay(end=END, sample=0.0)
    return home


def opened(home: Path, moment: int = END) -> sp.Live:
    """The system, with the features that could go, on a clock that stands at a moment."""
    features = {one.name: one.expr for one in flights.declare().features} | DEAD
    declared = flights.declare(
        features={**features, "carrier": sp.owned(sp.field("carrier"), by="ops", note="IATA code")}
    )
    return sp.open_system(declared, root=flights.ROOT, home=str(home), clock=SimulatedClock(moment))


def changed(home: Path, place: int, feature: str, value: float) -> dict[str, Any]:
    """Change the value of a feature in the middle decision of a part of the log; gives that decision."""
    tables = ParquetTables(next((home / "replay").iterdir()) / "tables")
    part = tables.parts(DECISIONS)[place]
    rows = tables.read(DECISIONS, parts=[part])
    middle, name = rows.num_rows // 2, f"feature.{feature}"
    values = rows[name].to_pylist()
    values[middle] = value
    tables.write(DECISIONS, part, rows.set_column(rows.schema.get_field_index(name), name, pa.array(values)))
    return dict(rows.slice(middle, 1).to_pylist()[0])


def middle(home: Path, place: int) -> dict[str, Any]:
    """The middle decision of a part of the log."""
    tables = ParquetTables(next((home / "replay").iterdir()) / "tables")
    rows = tables.read(DECISIONS, parts=[tables.parts(DECISIONS)[place]])
    return dict(rows.slice(rows.num_rows // 2, 1).to_pylist()[0])


def test_everything_that_was_logged_is_what_it_should_be(replayed: Path) -> None:
    """Every feature and every score of a model, in every decision of the log, to the last bit."""
    report = opened(replayed).verify()
    assert report["passed"]
    assert report["decisions"] > 22_000
    rows = {each["feature"]: each["rows"] for each in report["features"]}
    assert {rows[name] for name in rows if name != "score"} == {report["decisions"]}
    assert 0 < rows["score"] < report["decisions"]


def test_a_slice_is_verified_by_time_feature_and_share(replayed: Path) -> None:
    """A day, one feature, a tenth of the decisions."""
    report = opened(replayed).verify(
        since=times.time("2013-01-15"), until=times.time("2013-01-16"), features=["visib"], sample=0.1
    )
    assert [each["feature"] for each in report["features"]] == ["visib"]
    assert 50 < report["decisions"] < 150
    assert "2013-01-15T" in report["from"]
    assert "2013-01-15T" in report["to"]
    with pytest.raises(NameUnknown, match="Did you mean 'visib'"):
        opened(replayed).verify(features=["visb"])


def test_the_event_that_a_wrong_value_lacks_is_named(replayed: Path, tmp_path: Path) -> None:
    """A decision that had lost the newest weather logs the one before: feature, decision and lost event are named."""
    home = tmp_path / "copy"
    shutil.copytree(replayed, home)
    live = opened(home)
    for place in range(5, 25):
        row = middle(home, place)
        shown = live.why(row["decision_id"], feature="visib")
        newest, before = [event for event in shown["tables"].popitem()[1] if event["counts"] in TAKEN][:2]
        assert "the same bits" in shown["story"][1]
        if newest["value"] != before["value"]:
            break
    assert changed(home, place, "visib", before["value"])["feature.visib"] == newest["value"]
    report = live.verify(features=["visib", "hour"])
    assert [(each["feature"], each["mismatches"]) for each in report["features"]] == [("visib", 1), ("hour", 0)]
    difference = report["differences"][0]
    assert (difference["decision"], difference["logged"]) == (row["decision_id"], before["value"])
    assert (difference["recomputed"], difference["event"]["id"]) == (newest["value"], newest["id"])
    assert "without weather" in difference["because"]
    assert newest in difference["behind"]


def test_the_command_says_so_by_its_status(replayed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 where every bit is the same, 1 where one is not, and the same words for people and programs."""
    project = tmp_path / "flights"
    assert main(["new", "flights", str(project)]) == 0
    shutil.copy(Path(flights.__file__), project / "flights.py")
    text = (
        (project / "flights.py")
        .read_text()
        .replace('if __name__ == "__main__"', "system = declare()\nif __name__ == 'no'")
    )
    (project / "flights.py").write_text(text)
    home = tmp_path / "home"
    flights.open_live(home).replay(end=times.time("2013-01-09"), sample=0.0)
    words = [str(project), "--home", str(home)]
    capsys.readouterr()
    assert main(["verify", *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["mismatches"], told["passed"]) == (0, True)
    row = changed(home, 3, "visib", 77.0)
    assert main(["verify", *words, "--feature", "visib"]) == 1
    said = capsys.readouterr().out
    assert "1 differ" in said
    assert row["key"] in said
    assert "logged 77.0" in said
    assert main(["why", row["key"], *words, "--feature", "visib"]) == 0
    said = capsys.readouterr().out
    assert "Events behind last(weather.visib" in said
    assert "NOT the same" in said


@pytest.fixture(scope="module")
def lying(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a live system that logged a value which is not the one its features give, once in four decisions."""
    home = tmp_path_factory.mktemp("lying")
    with opened(home, NOON).session() as session:
        for number in range(3):
            session.decide({**REQUEST, "flight_id": f"f{number}"})
    log = FileSegments(home / "live" / "log")
    record = decode_record(next(iter(log.read()))[1])
    lie = {**record.features, "left_late_2h": 0.987}
    wrong = replace(record, decision_id="d_wrong", fields={**record.fields, "flight_id": "wrong"}, features=lie)
    log.append(encode_record(wrong))
    log.close()
    return home


def test_a_live_system_verifies_itself_at_every_tick(lying: Path, tmp_path: Path) -> None:
    """The rate of mismatches is in its status, and one that is not zero opens an incident that names the feature."""
    home = tmp_path / "copy"
    shutil.copytree(lying, home)
    with opened(home, NOON + times.DAY).session() as session:
        told = session.status()["sections"]
    values = 4 * (len(DEAD) + 6)
    assert told["consistency"]["worked out again"] == "4 decisions of 1 ticks"
    assert told["consistency"]["mismatches"] == f"1 of {values} values"
    assert told["consistency"]["mismatch rate"] == 1 / values
    assert "left_late_2h of wrong" in told["consistency"]["newest difference"]
    assert [text for text in told["incidents"].values() if "mismatch" in text] == [
        "page: left_late_2h: mismatch (serving)"
    ]


def test_what_online_logs_is_verified_before_any_tick(lying: Path) -> None:
    """Decisions that are only in the log so far are worked out again with the positions that they had seen."""
    report = opened(lying, NOON + times.HOUR).verify()
    assert (report["decisions"], report["mismatches"]) == (4, 1)
    assert report["differences"][0]["decision"] == "d_wrong"


def test_one_value_is_explained_by_its_events(lying: Path) -> None:
    """Of a decision that was taken a moment ago: the tree of the expression, and each event with its verdict."""
    live = opened(lying, NOON + times.HOUR)
    shown = live.why("f1", feature="late_route_14d")
    assert shown["kind"] == "feature late_route_14d of the decision on f1"
    expression, events = shown["tables"].values()
    assert expression[0]["part"].startswith("mean((arrivals.arr_delay > 15), by=[origin, dest]")
    assert {"counts", "before the window"} >= {event["counts"] for event in events}
    assert [event["at"] for event in events] == sorted([event["at"] for event in events], reverse=True)
    assert "the same bits" in shown["story"][1]
    assert "rows count" in shown["story"][2]
    plain = live.why("f1")
    saw = {row["feature"]: row for row in plain["tables"]["What it saw"]}
    assert saw["late_route_14d"]["events"] > 10
    assert saw["late_route_14d"]["newest event"] < "2013-01-04T12:00:00Z"
    assert saw["carrier"]["events"] is None
    assert "every feature is what it was" in plain["story"][-1]
    assert "left_late_2h would be another" in live.why("d_wrong")["story"][-1]
    with pytest.raises(NameUnknown, match="late_route_14d"):
        live.why("f1", feature="late_route_14")


def test_the_catalogue_says_who_uses_a_feature_and_which_could_go(replayed: Path) -> None:
    """Owner, version, users, coverage, freshness and importance; constant, empty and copied features are proposed."""
    live = opened(replayed)
    shown = live.catalogue()
    found = {each["name"]: each for each in shown["features"]}
    assert (found["carrier"]["owner"], found["carrier"]["note"]) == ("ops", "IATA code")
    assert found["carrier"]["used_by"][0] == "system flights"
    assert any(user.startswith("model ") for user in found["visib"]["used_by"])
    assert (found["visib"]["sources"], found["visib"]["age"], found["visib"]["limit"]) == (["weather"], "1h", "4h")
    assert found["visib"]["coverage"] > 0.99
    assert found["hour"]["distinct"] > 100
    assert sum(each["importance"] for each in found.values()) == pytest.approx(1.0)
    because = {each["feature"]: each["because"] for each in shown["proposed"]}
    assert because["same"].startswith("it is always 0.0 in the newest")
    assert because["never"].startswith("it has no value in the newest")
    assert because["late_again_14d"].startswith("it has the values of late_route_14d")
    assert "left_late_2h" not in because


def test_the_catalogue_of_a_new_project_tells_what_is_declared(tmp_path: Path) -> None:
    """Nothing has run: what is not known is None, and nothing is proposed for removal."""
    shown = opened(tmp_path).catalogue()
    assert (shown["counts"]["features"], shown["proposed"]) == (9, [])
    assert {each["coverage"] for each in shown["features"]} == {None}
    assert shown["features"][0]["version"] == opened(tmp_path).plan.versions["carrier"]


def test_changing_a_definition_changes_catalogue_computation_and_verification_together(tmp_path: Path) -> None:
    """Another window: another version in the catalogue and other values online; what the old one logged is left out."""
    with opened(tmp_path, NOON).session() as session:
        session.decide({**REQUEST, "flight_id": "before"})
    changed = flights.declare(
        features={one.name: one.expr for one in flights.declare().features}
        | {"late_route_14d": sp.mean(flights.arrivals.arr_delay > 15, by=["origin", "dest"], last="7d")}
        | {"dewp": sp.last(flights.weather.dewp, by="origin", last="6h")}
    )
    live = sp.open_system(changed, root=flights.ROOT, home=str(tmp_path), clock=SimulatedClock(NOON + times.HOUR))
    with live.session() as session:
        session.decide({**REQUEST, "flight_id": "after"})
    report = live.verify()
    rows = {each["feature"]: each["rows"] for each in report["features"]}
    assert report["passed"]
    assert (rows["late_route_14d"], rows["visib"]) == (1, 2)
    versions = {each["name"]: each["version"] for each in live.catalogue()["features"]}
    assert versions["late_route_14d"] != opened(tmp_path).plan.versions["late_route_14d"]
    assert versions["visib"] == opened(tmp_path).plan.versions["visib"]
    assert "another version" in live.why("before", feature="late_route_14d")["story"][1]
    assert "the same bits" in live.why("after", feature="late_route_14d")["story"][1]
    assert "not logged: the decision was taken before" in live.why("before", feature="dewp")["story"][1]
    assert "the same bits" in live.why("after", feature="dewp")["story"][1]


def test_a_feature_older_than_its_own_limit_opens_an_incident(tmp_path: Path) -> None:
    """The weather is known an hour late: as fresh as usual, but not for a feature that says half an hour."""
    declared = flights.declare(freshness={"visib": "30m"})

    def session_at(moment: int) -> sp.Live:
        return sp.open_system(declared, root=flights.ROOT, home=str(tmp_path), clock=SimulatedClock(moment))

    with session_at(NOON).session() as session:
        session.decide(REQUEST)
    with session_at(NOON + times.DAY).session() as session:
        told = session.status()["sections"]
    assert list(told["incidents"].values()) == ["page: visib: stale (weather)"]
    assert told["freshness"]["visib (weather)"] == "STALE: at most 30m, declared"
    assert told["freshness"]["arrivals"].endswith("old; no limit yet")
