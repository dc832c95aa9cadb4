"""The rows that models learned from: stored with every model, read back, traced, compared, held and collected."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.backends.delta import DeltaTables
from setpoint.backends.metadata import SqlMetadata
from setpoint.backends.parquet import ParquetTables
from setpoint.cli.main import main
from setpoint.core import times
from setpoint.core.clock import SimulatedClock
from setpoint.core.digest import digest_file
from setpoint.core.errors import NameUnknown, SettingInvalid
from setpoint.data.rows import times_of
from setpoint.data.snapshots.manifest import SNAPSHOTS
from setpoint.registry import models
from tests.e2e import flights
from tests.e2e.test_live import NOON, REQUEST

PROJECT = """
from tests.e2e.flights import declare
system = declare()
"""


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first five weeks were run as if live, and trained more than once."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "shop.py").write_text(PROJECT)
    (folder / "data").symlink_to(flights.ROOT / "data")
    opened(folder).replay(end=times.time("2013-02-06"), sample=0.0)
    return folder


@pytest.fixture
def project(replayed: Path, tmp_path: Path) -> Path:
    """Its own copy for each test."""
    return Path(shutil.copytree(replayed, tmp_path / "project", symlinks=True))


def opened(folder: Path, moment: int = flights.END, **settings: Any) -> sp.Live:
    """The system of a project on a clock that stands at a moment."""
    clock = SimulatedClock(moment)
    return sp.open_system(flights.declare(), root=folder, home=str(folder / ".setpoint"), clock=clock, **settings)


def trained(folder: Path) -> list[dict[str, Any]]:
    """The documents of the models of the project's replay, in order of training."""
    (file,) = (folder / ".setpoint" / "replay").glob("*/metadata.db")
    metadata = SqlMetadata(f"sqlite:///{file}")
    found = models.all_models(metadata)
    metadata.close()
    return found


def parts(folder: Path) -> dict[str, bytes]:
    """The stored blocks, by name."""
    found = (folder / ".setpoint" / "tables" / SNAPSHOTS).glob("*.parquet")
    return {path.name: path.read_bytes() for path in found}


def asked(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """The document that a command prints."""
    assert main([*words[:1], str(folder / "shop.py"), *words[1:], "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_every_model_has_the_rows_that_it_learned_from(replayed: Path) -> None:
    """By its digest, as they were known when it was trained; also by a beginning of the model's own."""
    live, found = opened(replayed), trained(replayed)
    assert len(found) >= 2
    for model in found:
        snapshot = live.snapshot(model["model"][:10])
        assert snapshot.digest == model["snapshot"] == live.snapshot(model["snapshot"]).digest
        assert snapshot.as_of == model["trained_at"]
        assert int(times_of(snapshot.rows["arrivals"], "__known_at")[-1]) <= model["trained_at"]


def test_the_same_id_gives_the_same_bytes_wherever_it_is_made(replayed: Path, tmp_path: Path) -> None:
    """A project that never ran stores the rows of the same time under the same digests, to the byte."""
    (tmp_path / "data").symlink_to(flights.ROOT / "data")
    model = trained(replayed)[-1]
    held = opened(tmp_path).hold("again", which=times.iso(model["trained_at"]))
    assert held["snapshot"] == model["snapshot"]
    again, whole = parts(tmp_path), parts(replayed)
    assert len(again) >= 3
    assert {name: whole[name] for name in again} == again


def test_why_traces_a_model_to_its_files_and_a_file_to_its_models(replayed: Path) -> None:
    """Down from the model over training set, snapshot, source and contract to the files; and back up."""
    first, *_, last = trained(replayed)
    live = opened(replayed)
    links = live.why(last["model"])["tables"]["Made from"]
    assert [link["what"] for link in links[:3]] == ["model", "training set", "snapshot"]
    assert " rows stored in " in links[2]["detail"]
    files = {link["detail"]: link["digest"] for link in links if link["what"] == "file"}
    weather = digest_file(flights.ROOT / "data" / "weather.parquet")
    assert files["data/weather.parquet of weather"] == weather
    contracts = {link["detail"].split()[-2]: link["digest"] for link in links if link["what"] == "contract"}
    assert contracts == {name: contract.digest for name, contract in live.contracts.items()}
    for subject in (weather, "data/weather.parquet", contracts["weather"]):
        used = live.why(subject)["tables"]["Used by"]
        assert {first["model"], last["model"]} <= {link["digest"] for link in used if link["what"] == "model"}
    back = live.why(first["snapshot"])
    assert (back["subject"], back["kind"]) == (first["snapshot"], "snapshot")
    assert [link["digest"] for link in back["tables"]["Used by"] if link["what"] == "model"] == [first["model"]]


def test_two_snapshots_are_compared(replayed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What came between two trainings: rows that were added, none that changed; as text, as JSON and as a report."""
    first, *_, last = trained(replayed)
    found = asked(replayed, capsys, "status", "--diff", first["model"], last["model"])
    live = opened(replayed)
    before, after = live.snapshot(first["model"]), live.snapshot(last["model"])
    for each in found["sources"]:
        name = each["source"]
        assert each["added"] == after.rows[name].num_rows - before.rows[name].num_rows
        assert (each["removed"], each["changed"], each["columns"]) == (0, 0, [])
    weather = next(each for each in found["sources"] if each["source"] == "weather")
    assert len(weather["examples"]) == 5
    assert {"observed_at", "temp"} <= {shift["column"] for shift in weather["shifts"]}
    report = tmp_path / "report.html"
    words = ["status", str(replayed / "shop.py"), "--diff", first["model"], last["model"], "--report", str(report)]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "Values that moved" in told
    assert "weather" in told
    assert "<!doctype html>" in report.read_text()
    assert main(["status", str(replayed / "shop.py"), "--diff", "2013-02-01", "2013-02-01"]) == 0
    assert "the same rows" in capsys.readouterr().out


def test_any_time_can_be_asked_for(replayed: Path) -> None:
    """What is known now, as of a day, and what a stored snapshot knew of it, are the same."""
    live, model = opened(replayed), trained(replayed)[-1]
    day = live.snapshot("2013-01-20T00:00:00Z")
    stored = live.snapshot(model["snapshot"])
    assert {name: rows.num_rows for name, rows in day.rows.items()} == {
        name: int((times_of(rows, "__known_at") <= day.as_of).sum()) for name, rows in stored.rows.items()
    }
    assert live.snapshot("now").as_of == flights.END
    with pytest.raises(NameUnknown, match="no snapshot 'feed'"):
        live.snapshot("feed")


def test_only_what_nothing_needs_is_collected(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows of models and rows that are held stay; what is let go, and what a crash left, goes when it is told to."""
    needed = {model["snapshot"] for model in trained(project)}
    held = asked(project, capsys, "status", "--hold", "audit", "--of", "2013-01-10T00:00:00Z", "--because", "asked")
    tables = ParquetTables(project / ".setpoint" / "tables")
    tables.write(SNAPSHOTS, "left-by-a-crash", pa.table({"n": [1]}))
    listed = asked(project, capsys, "status", "--snapshots")
    assert {each["snapshot"] for each in listed["kept"]} == needed | {held["snapshot"]}
    reasons = " ".join(each["because"] for each in listed["kept"])
    assert "which decides, learned from it" in reasons
    assert "held as 'audit'" in reasons
    assert (listed["snapshots"], listed["parts"], listed["removed"]) == ([], 1, False)
    assert asked(project, capsys, "status", "--let-go", "audit")["snapshot"] == held["snapshot"]
    before = parts(project)
    later = opened(project, flights.END + 9_000 * times.DAY)
    shown = later.collect()
    assert [each["snapshot"] for each in shown["snapshots"]] == [held["snapshot"]]
    assert parts(project) == before
    assert main(["status", str(project / "shop.py"), "--collect"]) == 0
    assert "`setpoint status --collect --sweep` removes them" in capsys.readouterr().out.replace("\n", " ")
    gone = later.collect(sweep=True)
    assert (gone["bytes"], gone["parts"]) == (shown["bytes"], shown["parts"])
    assert shown["bytes"] == sum(map(len, before.values())) - sum(map(len, parts(project).values()))
    for model in trained(project):
        assert later.snapshot(model["model"]).digest == model["snapshot"]


def test_a_live_system_keeps_its_tables_in_delta_lake(tmp_path: Path) -> None:
    """It goes on from a replay whose tables were Parquet; decisions, questions and snapshots are as they were."""
    (tmp_path / "data").symlink_to(flights.ROOT / "data")
    first, url = times.time("2013-01-06"), f"delta://{tmp_path / 'lake'}"
    opened(tmp_path).replay(end=first, sample=0.0)
    before = opened(tmp_path).sql("select count(*) n from decisions").to_pylist()[0]["n"]
    plain = opened(tmp_path).snapshot("2013-01-05T00:00:00Z").digest
    with opened(tmp_path, NOON, tables=url).session() as session:
        session.decide(REQUEST)
    live = opened(tmp_path, NOON + times.DAY, tables=url)
    with live.session():
        asked = live.sql("select count(*) n, count(distinct key) keys from decisions").to_pylist()
    assert asked == [{"n": before + 1, "keys": before + 1}]
    assert DeltaTables(f"{url}/live").read("decisions").num_rows == before + 1
    assert live.why(REQUEST["flight_id"])["kind"] == f"decision on {REQUEST['flight_id']}"
    assert live.hold("lake", which="2013-01-05T00:00:00Z")["snapshot"] == plain
    assert live.snapshot("lake").digest == plain
    assert DeltaTables(f"{url}/project").parts(SNAPSHOTS)
    assert not (tmp_path / ".setpoint" / "tables" / SNAPSHOTS).exists()


def test_tables_at_a_url_that_no_backend_answers_to_are_refused(tmp_path: Path) -> None:
    """The error says what a URL begins with."""
    (tmp_path / "data").symlink_to(flights.ROOT / "data")
    with pytest.raises(SettingInvalid, match='begins with "delta:"'):
        opened(tmp_path, tables="iceberg://x").collect()
