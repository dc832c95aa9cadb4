"""`setpoint label`, as a person types it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from setpoint.cli.main import main
from tests.integration.live_shop import declare, payments, write

DECLARATION = """
import setpoint as sp

orders = sp.events("orders", "orders.parquet", key="order_id", at="ts")
paid = sp.events("payments", "payments.parquet", id="payment_id", at="ts", delay="1m")
frauds = sp.events("frauds", "frauds.parquet", id="order_id", at="ts", delay="0s")
system = sp.System(
    "shop",
    decide=sp.decide(orders, fields=["card"]),
    features={"sum_2d": sp.sum(paid.amount, by="card", last="2d")},
    label=sp.label(frauds.bad, on="order_id", within="2h"),
    goal=sp.goal(sp.auc(), business="eur", act=sp.act("block"), cost=sp.cost(false_positive=1, false_negative=1)),
    release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.feature("sum_2d") > 100)),
    hand=sp.hand(["fraud", "fine"], guidelines="# Look twice", votes=2, repeat=0),
)
"""

TASKS = [
    {
        "data": {"words": "hi", "setpoint_item": "t1"},
        "annotations": [
            {
                "completed_by": {"email": "bob"},
                "created_at": "2026-01-02T00:00:00Z",
                "result": [{"type": "choices", "value": {"choices": ["fraud"]}}],
            }
        ],
    },
    {"data": {"words": "[bold]ho[/]", "setpoint_item": "t2"}, "annotations": []},
]


class Project:
    """The shop as a project in a folder, and what `setpoint label` says of it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(folder / "payments.parquet", payments(10))
        declare(folder, "payments.parquet")
        (folder / "shop.py").write_text(DECLARATION)
        (folder / "tasks.json").write_text(json.dumps(TASKS))
        self.folder, self._capsys = folder, capsys

    def run(self, *words: str, expect: int = 0) -> str:
        """What the command prints, after it ended with this status."""
        code = main(["label", *words, str(self.folder)])
        said = self._capsys.readouterr()
        assert code == expect, said.out + said.err
        return said.out

    def told(self, *words: str, expect: int = 0) -> dict[str, Any]:
        """The JSON document that the command prints."""
        return dict(json.loads(self.run(*words, "--json", expect=expect)))


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    """A project with an empty queue."""
    return Project(tmp_path, capsys)


@pytest.fixture
def queued(project: Project) -> Project:
    """A project with two items, of which one has a vote."""
    assert project.told("--import", str(project.folder / "tasks.json")) == {"items": 2, "votes": 1}
    return project


def test_importing_again_brings_nothing_new(queued: Project) -> None:
    """What is there stays what it is."""
    assert queued.told("--import", str(queued.folder / "tasks.json")) == {"items": 0, "votes": 0}


def test_an_item_is_handed_out_voted_on_and_taken_back(queued: Project) -> None:
    """The whole way of one annotator; when nothing is left the status is 1."""
    assert "[bold]ho[/]" in queued.run("--next", "--as", "bob")
    assert queued.told("--next", "--as", "ann")["item"]["key"] == "t1"
    assert "t1: fine (version 1)" in queued.run("--vote", "t1", "fine", "--as", "ann", "--note", "odd")
    assert "t1: taken back" in queued.run("--undo", "--as", "ann")
    assert queued.told("--vote", "t1", "fraud", "--as", "ann")["vote"]["version"] == 3
    assert "t2: skipped" in queued.run("--skip", "t2", "--as", "ann")
    assert queued.told("--next", "--as", "ann", expect=1) == {"item": None}
    assert queued.told("--undo", "--as", "cy", expect=1) == {"vote": None}


def test_the_state_says_how_far_it_is(queued: Project) -> None:
    """Items, votes, labels and disagreements."""
    queued.run("--vote", "t1", "fine", "--as", "ann")
    assert queued.told() == {
        "system": "shop",
        "items": 2,
        "done": 1,
        "votes": 2,
        "classes": ["fraud", "fine"],
        "votes_wanted": 2,
        "disagreements": ["t1"],
        "labels": 0,
        "annotators": {"ann": 1, "bob": 1},
    }
    assert "1 of 2 items have their 2 votes; 0 labels, 1 disagreements" in queued.run()


def test_a_decision_makes_a_label_with_its_lineage(queued: Project) -> None:
    """Author, time and version of what the label rests on; later votes do not change it."""
    queued.run("--vote", "t1", "fine", "--as", "ann")
    queued.run("--decide", "t1", "fine", "--as", "cy")
    (label,) = queued.told("--consensus")["labels"]
    assert (label["value"], label["confidence"], label["method"], label["version"]) == ("fine", 1.0, "decided", 1)
    assert [(vote["annotator"], vote["version"]) for vote in label["votes"]] == [("cy", 1)]
    assert "decided" in queued.run("--consensus")


def test_agreement_is_shown_with_its_intervals(queued: Project) -> None:
    """Coefficients, pairs and annotators."""
    queued.run("--vote", "t1", "fraud", "--as", "ann")
    told = queued.told("--agreement")
    assert [each["name"] for each in told["overall"]] == ["percent", "fleiss", "alpha-nominal"]
    assert [each["annotator"] for each in told["annotators"]] == ["ann", "bob"]
    assert "the same again" in queued.run("--agreement")


@pytest.mark.parametrize(("form", "name"), [("label-studio", "out.json"), ("csv", "out.csv")])
def test_what_is_exported_can_be_imported_elsewhere(queued: Project, tmp_path: Path, form: str, name: str) -> None:
    """Another project takes the same items and votes from the file."""
    file = str(tmp_path / name)
    queued.run("--vote", "t1", "fine", "--as", "ann")
    assert queued.told("--export", file, "--format", form)["votes"] == 2
    interface = tmp_path / "out.xml"
    assert interface.exists() == (form == "label-studio")
    if interface.exists():
        choices = [each.get("value") for each in ET.parse(interface).iter("Choice")]
        assert choices == ["fraud", "fine"]
    before = queued.told()
    assert queued.told("--import", file, "--home", "elsewhere") == {"items": 2, "votes": 2}
    assert queued.told("--home", "elsewhere") == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--next"], "--as NAME"),
        (["--vote", "t1", "fien", "--as", "ann"], "Did you mean 'fine'"),
        (["--vote", "t9", "fine", "--as", "ann"], "no item 't9'"),
        (["--import", "nowhere.json"], "no file"),
        (["--add", "5"], "has not run yet"),
    ],
)
def test_what_cannot_be_done_is_told(
    queued: Project, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    """Status 2, and what to do."""
    assert main(["label", *words, str(queued.folder)]) == 2
    assert says in " ".join(capsys.readouterr().err.split())


def test_the_page_is_served_alone(queued: Project) -> None:
    """`--page` needs no model and no session; it ends with SIGTERM and says how far it is."""
    command = [sys.executable, "-m", "setpoint.cli.main", "label", "--page", "--port", "0", str(queued.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        with urllib.request.urlopen(url) as page:
            assert b"Look twice" in page.read()
        process.send_signal(signal.SIGTERM)
        assert "0 of 2 items" in process.stdout.read()
    assert process.returncode == 0
