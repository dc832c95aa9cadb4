"""The commands on the shipped example, as a newcomer types them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

SETPOINT = [sys.executable, "-m", "setpoint.cli.main"]


def run(*words: str, expect: int = 0) -> str:
    """What a command prints, after it ended with the expected status."""
    done = subprocess.run([*SETPOINT, *words], capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


def told(*words: str, expect: int = 0) -> dict[str, Any]:
    """The JSON document that a command prints with --json."""
    document: dict[str, Any] = json.loads(run(*words, "--json", expect=expect))
    return document


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The example as a project of its own."""
    folder = tmp_path_factory.mktemp("project") / "flights"
    run("new", "flights", str(folder))
    return str(folder)


@pytest.fixture(scope="module")
def replayed(project: str) -> dict[str, Any]:
    """The results of replaying its first seven weeks."""
    return told("replay", project, "--end", "2013-02-18", "--sample", "0.002")


def test_new_writes_one_file_that_a_person_would_show(tmp_path: Path) -> None:
    """One declaration of some eighty lines, and its data; a folder that is in use is left alone."""
    folder = tmp_path / "flights"
    run("new", "flights", str(folder))
    assert len((folder / "flights.py").read_text().splitlines()) < 90
    assert sorted(path.name for path in folder.iterdir()) == ["data", "flights.py"]
    run("new", "flights", str(folder), expect=2)


def test_new_refuses_a_package_that_an_example_does_not_need(tmp_path: Path) -> None:
    """Where an example brings its own data, --from is misuse: nothing is written, and the error says why."""
    words = ["new", "flights", str(tmp_path / "flights"), "--from", str(tmp_path)]
    done = subprocess.run([*SETPOINT, *words], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, (tmp_path / "flights").exists()) == (2, False)
    assert "but it brings its own" in done.stderr


def test_check_names_what_it_set_aside(project: str) -> None:
    """The one absurd wind speed of 2013 is in quarantine with its reason, and every flight is accounted for."""
    report = told("check", project)
    assert report["passed"]
    assert [(row["source"], row["rule"]) for row in report["quarantine"]] == [("weather", "range")]
    assert report["labels"] == {"unknown": 0, "known": 327_346, "void": 9_430, "censored": 0}


def test_plan_shows_reasons_and_what_an_edit_changes(project: str) -> None:
    """Each choice has its reason; after an edit the plan says what runs again."""
    first = told("plan", project)
    assert all(choice["reason"] for choice in first["choices"])
    file = Path(project) / "flights.py"
    before = file.read_text()
    file.write_text(
        before.replace('made_up_1d=sp.mean(made_up, by=[], last="1d")', 'made_up_1d=sp.mean(made_up, by=[], last="2d")')
    )
    try:
        changes = told("plan", project)["changes"]
    finally:
        file.write_text(before)
    assert [change["what"] for change in changes] == ["feature made_up_1d"]
    assert {"training set", "model", "gate", "its monitors"} <= set(changes[0]["runs_again"])


def test_replay_writes_a_report_and_ends_with_a_summary(replayed: dict[str, Any]) -> None:
    """The summary has every figure that a program compares, and the report is one file."""
    assert set(replayed["summary"]) == {
        "decisions", "matured", "void", "auc_time_split", "auc", "auc_frozen", "business", "ece", "alarms",
        "retrainings", "promotions", "rollbacks", "online_offline_mismatches", "cpu_seconds", "peak_rss_mb", "digest",
    }  # fmt: skip
    assert replayed["summary"]["online_offline_mismatches"] == 0
    assert replayed["summary"]["promotions"] == 1
    assert "<svg" in Path(replayed["report"]).read_text()


def test_status_and_why_explain_a_replay(project: str, replayed: dict[str, Any]) -> None:
    """The loop on one screen, and a model explained down to the digests of the sources it learned from."""
    model = replayed["models"][0]["digest"]
    assert told("status", project)["sections"]["model"]["deciding"] == model[:12]
    shown = told("why", model[:10], project)
    assert shown["kind"] == "model"
    assert any(link["what"] == "source" for link in shown["tables"]["Made from"])
    assert "passed the gate" in run("why", model[:10], project)
    saw = {
        row["feature"]: row["value"]
        for row in told("why", replayed["last_decision"]["key"], project)["tables"]["What it saw"]
    }
    assert saw["carrier"] in replayed["last_decision"]["key"]
    run("why", "nothing-is-called-so", project, expect=2)


def test_an_error_is_words_or_json_and_status_2(tmp_path: Path) -> None:
    """A missing declaration says what to do, to people and to programs."""
    error = told("plan", str(tmp_path), expect=2)["error"]
    assert error["code"] == "nothing-yet"
    assert "setpoint new flights" in error["hint"]


@pytest.mark.parametrize(
    ("line", "words"),
    [("1 / 0", "ZeroDivisionError: division by zero. Line 2 of it raises."), ("open('nowhere')", "FileNotFoundError")],
)
def test_a_declaration_that_cannot_be_run_is_an_error_with_its_line(tmp_path: Path, line: str, words: str) -> None:
    """Whatever the file raises; one beside it that is no UTF-8 is passed over."""
    (tmp_path / "old.py").write_bytes(b"# caf\xe9\n")
    (tmp_path / "system.py").write_text(f"import setpoint as sp\n{line}\nsystem = sp.System()\n")
    error = told("check", str(tmp_path), expect=2)["error"]
    assert error["code"] == "declaration-invalid"
    assert words in error["problem"]


def test_serve_goes_on_from_the_replay_and_decides_over_http(project: str, replayed: dict[str, Any]) -> None:
    """One command answers decisions by the model that the replay promoted; each is there for `why` afterwards."""
    command = [*SETPOINT, "serve", project, "--port", "0", "--clock", "2013-02-17T12:00:00Z"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            said = server.stdout.readline() + server.stdout.readline()
            found = re.search(r"(http://[\d.:]+/v1/flights/decide).*--json '(.*)'", said, re.DOTALL)
            assert found, said
            request = urllib.request.Request(
                found[1], data=found[2].encode(), headers={"content-type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=20) as answer:
                decision = json.loads(answer.read())
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)
    assert server.returncode == 0
    assert decision["model"] == replayed["models"][0]["digest"]
    assert decision["degraded"] == ""
    assert 0 < decision["score"] < 1
