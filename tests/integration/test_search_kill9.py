"""A training that is killed with SIGKILL in the middle of its search goes on where it was, by other processes too."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import setpoint as sp
from setpoint.core.times import iso
from tests.integration.test_goal_kinds import CASES, END, write

KINDS = ("multiclass", "quantile", "ranking", "survival")
PROJECT = """
import setpoint as sp

system = sp.System(
    "desk",
    decide=sp.decide(sp.events("decisions", "decisions.parquet", key="id", at="ts"), fields=["load", "site", "noise"]),
    features={name: sp.field(name) for name in ("load", "site", "noise")},
    label=sp.label(sp.events("truths", "truths.parquet", at="ts", delay="0s").truth > 0, on="id", within="2d"),
    goal=sp.goal(
        sp.log_loss(),
        business="eur",
        act=sp.act("call"),
        cost=sp.cost(false_positive=1, false_negative=2),
        search=sp.search(trials=TRIALS, folds=2),
    ),
    release=sp.release(sp.shadow("7d"), fallback=sp.rule(sp.field("load") > 1)),
    learners=["logistic", "sgd"],
)
"""


def project(folder: Path, *, trials: int) -> Path:
    """A project whose goal declares a search."""
    folder.mkdir()
    write(next(case for case in CASES if case.kind == "binary"), folder, shuffled=False, leak=False)
    (folder / "desk.py").write_text(PROJECT.replace("TRIALS", str(trials)))
    return folder


def train(folder: Path, *, search: bool = False) -> dict[str, Any]:
    """What a training in this process finds."""
    named: dict[str, Any] = {}
    exec((folder / "desk.py").read_text(), named)
    with sp.open_system(named["system"], root=folder) as live:
        return live.train(as_of=END, search=search)


def finished(folder: Path) -> dict[str, int]:
    """The trials that are kept, and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob(".setpoint/live/search/trials/*.parquet")}


def test_finished_trials_are_not_repeated_and_the_model_is_the_same(tmp_path: Path) -> None:
    """The same bytes as a search that nobody disturbed; the files of what was finished before are not touched again."""
    killed = project(tmp_path / "killed", trials=24)
    command = [sys.executable, "-m", "setpoint.cli.main", "train", str(killed), "--as-of", iso(END)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while len(finished(killed)) < 7 and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    before = finished(killed)
    assert process.returncode == -signal.SIGKILL
    assert 7 <= len(before) < 24
    again = subprocess.run([*command, "--processes", "2"], capture_output=True, text=True, check=False)
    assert again.returncode in (0, 1), again.stderr
    after = finished(killed)
    assert len(after) > len(before)
    assert {name: after[name] for name in before} == before
    undisturbed = train(project(tmp_path / "undisturbed", trials=24))
    assert undisturbed["model"][:12] in again.stdout
    assert len(undisturbed["trials"]) == len(after)
    assert undisturbed["search"]["folds"] == 2


@pytest.mark.parametrize("case", [case for case in CASES if case.kind in KINDS], ids=lambda case: case.kind)
def test_every_kind_of_goal_is_searched(case: Any, tmp_path: Path) -> None:
    """Beyond the fixed recipes, on two stretches of time, by the kind's own metric; the gate judges what won."""
    write(case, tmp_path, shuffled=False, leak=False)
    parts = dict(case.parts)
    rule = parts.pop("rule")
    system = sp.System(
        "desk",
        decide=sp.decide(
            sp.events("decisions", "decisions.parquet", key="id", at="ts"), fields=["load", "site", "search"]
        ),
        features={name: sp.field(name) for name in ("load", "site")},
        label=case.label(sp.events("truths", "truths.parquet", at="ts", delay="0s")),
        goal=sp.goal(parts.pop("metric"), **parts, search=sp.search(trials=9, rounds=15, folds=2)),
        release=sp.release(sp.shadow("7d"), fallback=rule),
    )
    with sp.open_system(system, root=tmp_path) as live:
        report = live.train(as_of=END)
        shown = live.run(live.runs()["runs"][0]["run"])
    assert report["passed"], report["reasons"]
    assert len(report["trials"]) == report["search"]["tried"] == 9
    assert shown["trials"] == report["trials"]
    assert shown["search"] == report["search"]


def test_a_system_that_has_a_recipe_searches_on_request(tmp_path: Path) -> None:
    """A later training refits what the first one found, until it is asked to search; then that is refitted."""
    folder = project(tmp_path / "desk", trials=3)
    first = train(folder)
    text = (folder / "desk.py").read_text()
    (folder / "desk.py").write_text(text.replace("trials=3", "trials=9"))
    refitted, searched = train(folder), train(folder, search=True)
    assert [len(each["trials"]) for each in (first, refitted, searched)] == [3, 0, 9]
    assert refitted["recipe"] == first["recipe"]
    assert train(folder)["recipe"] == (searched if searched["passed"] else first)["recipe"]
