"""`setpoint runs` over a replayed system: listed, one in full, two side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from setpoint.backends.parquet import ParquetTables
from setpoint.cli import main, verbs
from setpoint.core import times
from setpoint.measure.metrics import METRICS
from tests.e2e import flights

END = times.time("2013-02-14")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a replay of six weeks has trained, and then the live system two days after its newest training."""
    folder = tmp_path_factory.mktemp("runs")
    with flights.open_live(folder) as live:
        live.replay(end=END, sample=0.0)
        live.train(as_of=times.time(live.runs()["runs"][0]["at"]) + 2 * times.DAY)
    return folder


def runs(home: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of the command on the replayed system."""
    monkeypatch.setattr(verbs, "_open", lambda _: flights.open_live(home))
    return main.main(["runs", *words])


def listed(home: Path) -> Sequence[dict[str, Any]]:
    """The runs of the replay."""
    found: list[dict[str, Any]] = flights.open_live(home).runs()["runs"]
    return found


def test_every_training_is_listed_newest_first(home: Path) -> None:
    """With what its model does, the goal's metric in its interval, and what it cost."""
    found = listed(home)
    assert len(found) >= 2
    assert [each["at"] for each in found] == sorted((each["at"] for each in found), reverse=True)
    assert "decides" in {each["does"] for each in found}
    for each in found:
        assert each["low"] < each["estimate"] < each["high"]
        assert each["cpu_seconds"] > 0
    assert found[0]["workspace"] == "live"
    assert all(each["workspace"].startswith("replay ") for each in found[1:])
    since = times.time(found[0]["at"])
    assert [each["run"] for each in flights.open_live(home).runs(since=since)["runs"]] == [found[0]["run"]]
    passed = flights.open_live(home).runs(passed=True)["runs"]
    assert passed == [each for each in found if each["passed"]]


def test_a_run_has_everything_it_was_made_from_and_cost(home: Path) -> None:
    """No field is empty, and the steps add up to the whole."""
    found = flights.open_live(home).run(listed(home)[-1]["run"][:12])
    steps = {each["step"]: each["cpu_seconds"] for each in found["steps"]}
    assert {"training set", "split and encode", "leak audit", "search", "refit", "judge", "register"} <= steps.keys()
    assert sum(steps.values()) == pytest.approx(found["cpu_seconds"], abs=0.01)
    assert (
        found["curve"] is None
        or min(found["curve"]["values"]) == found["curve"]["values"][found["curve"]["best_round"] - 1]
    )
    assert found["environment"]["packages"]["numpy"] == np.__version__
    assert found["hardware"]["cores"] >= 1
    assert found["declaration"] == flights.declare().digest
    assert set(found["inputs"]) == {"plan", "snapshot", "training_set", "recipe"}


def test_two_runs_are_compared_on_the_rows_that_judged_both(home: Path) -> None:
    """The difference of the log losses, worked out again from the rows kept; what differs is data, not declaration."""
    newer, older = listed(home)[:2]
    live = flights.open_live(home)
    found = live.compare_runs([older["model"][:10], newer["run"]])
    assert {"declaration", "environment", "hardware"} <= set(found["same"])
    assert {"snapshot", "training set"} <= {each["name"] for each in found["differs"]}
    folders = live.workspaces.finished()[-1], live.workspaces.live.home
    first, second = (
        {row["key"]: row for row in ParquetTables(folder / "tables").read("judged", parts=[one["run"]]).to_pylist()}
        for folder, one in zip(folders, (older, newer), strict=True)
    )
    shared = [key for key in first if key in second and first[key]["y"] == second[key]["y"]]
    assert found["judged"][0]["rows"] == len(shared) > 100
    y = np.array([first[key]["y"] for key in shared])
    losses = [
        METRICS["log_loss"].function(y, np.array([of[key]["p"] for key in shared]), np.ones(y.size))
        for of in (first, second)
    ]
    told = next(each for each in found["metrics"] if each["metric"] == "log_loss")["differences"][0]
    assert told["estimate"] == pytest.approx(losses[1] - losses[0], abs=1e-12)
    assert told["n"] == len(shared)


def test_the_command_lists_shows_and_compares(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people and as one document; a name that nothing has is misuse."""
    newer, older = listed(home)[:2]
    assert runs(home, monkeypatch) == 0
    assert newer["run"][:12] in capsys.readouterr().out
    assert runs(home, monkeypatch, newer["run"], str(home)) == 0
    told = capsys.readouterr().out
    assert all(title in told for title in ("Metrics", "Recipe", "Cost", "Made from", "cores"))
    assert runs(home, monkeypatch, older["run"], newer["run"]) == 0
    told = capsys.readouterr().out
    assert "the same: declaration" in told
    assert f"{newer['run'][:12]} against {older['run'][:12]}" in told
    assert runs(home, monkeypatch, older["run"], newer["run"], "--json") == 0
    assert json.loads(capsys.readouterr().out)["runs"][1]["run"] == newer["run"]
    assert runs(home, monkeypatch, "run_nothing", "--json") == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "name-unknown"


def test_runs_are_found_tagged_named_and_archived(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tag is found by a condition, an alias names a run, what decides is not archived, and what is comes back."""
    live = flights.open_live(home)
    found = listed(home)
    needed = next(each for each in found if each["does"] == "decides")
    assert runs(home, monkeypatch, needed["run"], "--tag", "easter", "--alias", "best", "--by", "ann", "--json") == 0
    assert json.loads(capsys.readouterr().out)["aliases"] == ["best"]
    tagged = live.runs(where="tag = easter and auc > 0.5")["runs"]
    assert {each["model"] for each in tagged} == {needed["model"]}
    assert live.runs(where="tag = winter")["runs"] == []
    assert live.run("best")["model"] == needed["model"]
    assert runs(home, monkeypatch, "best", "--archive", "--json") == 2
    assert "it decides" in json.loads(capsys.readouterr().out)["error"]["problem"]
    assert runs(home, monkeypatch, "best", "--untag", "easter", "--unalias", "best") == 0
    assert "nothing else" in capsys.readouterr().out
    free = [each for each in live.runs()["runs"] if not each["does"]]
    for each in free[:1]:
        assert runs(home, monkeypatch, each["run"], "--archive", "--because", "old") == 0
        assert "in the archive" in capsys.readouterr().out
        assert each["run"] not in {other["run"] for other in live.runs()["runs"]}
        assert live.runs(archived=True)["runs"][0]["run"] == found[0]["run"]
        assert live.unarchive(each["run"])["archived"] is False
    assert len(live.runs()["runs"]) == len(found)


def test_what_was_live_is_told_in_two_times(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who decided one after another, at a time, and as one believed before the first promotion."""
    live = flights.open_live(home)
    told = live.live_when()["live"]
    assert told[0]["model"] == "rule"
    assert all(each["since"] <= each["known_since"] for each in told[1:])
    at = times.iso(END)
    assert runs(home, monkeypatch, "--live", "--at", at, "--known-at", "2013-01-01", "--json") == 0
    assert [each["model"] for each in json.loads(capsys.readouterr().out)["live"]] == ["rule"]
    assert runs(home, monkeypatch, "--live") == 0
    assert "the beginning" in capsys.readouterr().out
