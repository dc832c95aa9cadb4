"""`train(ablate=True, curve=True)` from a declaration on files: what was planted is found, and no model changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.cli.main import main
from setpoint.core.errors import NothingYet
from setpoint.core.times import DAY, HOUR, time

START, ROWS, DAYS = time("2026-01-01"), 4000, 120
END = START + (DAYS + 12) * DAY


def write(folder: Path) -> None:
    """Decisions whose truth hangs on `load` and `site`; `noise` says nothing and `again` is `load` once more."""
    rng = np.random.default_rng(3)
    at = np.sort(rng.integers(START, START + DAYS * DAY, ROWS))
    load, noise = rng.normal(size=ROWS), rng.normal(size=ROWS)
    site = np.array(["north", "south"], dtype=object)[rng.integers(0, 2, ROWS)]
    truth = rng.random(ROWS) < 1 / (1 + np.exp(-1.5 * (0.9 * load + np.where(site == "north", 1.0, -0.5))))
    ids = np.array([f"d{number}" for number in range(ROWS)], dtype=object)
    stamps = pa.timestamp("us", tz="UTC")
    seen = {"load": load, "noise": noise, "again": load, "site": site}
    pq.write_table(pa.table({"id": ids, "ts": pa.array(at, stamps), **seen}), folder / "decisions.parquet")
    told = {"id": ids, "ts": pa.array(at + HOUR, stamps), "truth": truth.astype(float)}
    pq.write_table(pa.table(told), folder / "truths.parquet")


DESK = """
import setpoint as sp

decisions = sp.events("decisions", "decisions.parquet", key="id", at="ts")
truths = sp.events("truths", "truths.parquet", at="ts", delay="0s")
system = sp.System(
    "desk",
    decide=sp.decide(decisions, fields=["load", "noise", "again", "site"]),
    features={name: sp.field(name) for name in ("load", "noise", "again", "site")},
    label=sp.label(truths.truth > 0, on="id", within="2d"),
    goal=sp.goal(
        sp.auc(), business="eur", act=sp.act("call"), cost=sp.cost(false_positive=1, false_negative=2), slices=["site"]
    ),
    release=sp.release(sp.shadow("7d"), fallback=sp.rule(sp.field("load") > 1)),
)
"""


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A project folder with a declaration and its files."""
    write(tmp_path)
    (tmp_path / "desk.py").write_text(DESK)
    return tmp_path


def test_what_features_are_worth_is_said_and_no_model_changes(desk: Path) -> None:
    """The copy is dead, noise is not chosen, the text matters, and the digest is that of a training not asked."""
    namespace: dict[str, sp.System] = {}
    exec(DESK, namespace)
    with sp.open_system(namespace["system"], root=desk, home=str(desk / "asked")) as live:
        asked = live.train(as_of=END, ablate=True, curve=True)
    with sp.open_system(namespace["system"], root=desk, home=str(desk / "plain")) as live:
        plain = live.train(as_of=END)
    assert asked["model"] == plain["model"]
    assert not {"ablation", "selection", "learning_curve"} & plain.keys()
    verdicts = {each["feature"]: each["verdict"] for each in asked["selection"]["features"]}
    assert verdicts["again"] == "dead"
    assert verdicts["site"] == "keep"
    assert verdicts["noise"] in ("could be left out", "unsure")
    groups = {each["name"]: each for each in asked["ablation"]["groups"]}
    assert groups["text"]["verdict"] == "matters"
    assert groups["text"]["worse"]["low"] > 0
    assert groups["all that could be left out"]["verdict"] != "matters"
    curve = asked["learning_curve"]
    newest = [each for each in curve["points"] if each["which"] == "newest"]
    assert newest[-1]["loss"]["estimate"] < newest[0]["loss"]["estimate"]
    assert curve["advice"] in ("more data", "more model", "neither")


def test_the_command_prints_features_groups_and_advice(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`setpoint train --ablate --curve` prints its tables after the gate's, and draws them with --report."""
    page = desk / "training.html"
    main(["train", str(desk), "--as-of", "2026-05-13", "--ablate", "--curve", "--report", str(page)])
    assert all(f'id="{name}"' in page.read_text() for name in ("needed", "groups", "learning"))
    shown = capsys.readouterr().out
    assert "could be left out" in shown
    assert "without groups of features" in shown
    assert 'leave_out=["again"' in shown.replace("\n", " ")
    assert "advice:" in shown


def test_a_feature_that_is_left_out_is_logged_and_no_model_reads_it(desk: Path) -> None:
    """The plan says which and why, `--ablate` asks about the others, and decisions still carry it."""
    namespace: dict[str, sp.System] = {}
    said = 'leave_out={"again": "it is load", "noise": "never chosen"},'
    exec(DESK.replace("    release=", f"    {said}\n    release="), namespace)
    with sp.open_system(namespace["system"], root=desk) as live:
        choices = {each["name"]: each["reason"] for each in live.show_plan()["choices"]}
        assert (choices["left out: again"], choices["left out: noise"]) == ("it is load", "never chosen")
        report = live.train(as_of=END, ablate=True)
        assert report["passed"]
        assert [each["feature"] for each in report["selection"]["features"]] == ["load", "site"]
        assert {each["feature"] for each in report["goes_by"]["inputs"]} == {"load", "site"}
        replayed = live.replay(sample=0.05, end=START + 45 * DAY)
    logged = [pq.read_table(path) for path in Path(replayed["folder"]).rglob("decisions/*.parquet")]
    assert replayed["summary"]["promotions"] >= 1
    assert replayed["summary"]["online_offline_mismatches"] == 0
    assert sum(part["feature.noise"].drop_null().length() for part in logged) == replayed["summary"]["decisions"]


@pytest.mark.parametrize("asked", ["curve", "ablate"])
def test_with_too_few_rows_a_study_is_refused_and_nothing_is_trained(desk: Path, asked: str) -> None:
    """With how many there are and how many it takes, as of a time at which a model alone could be trained."""
    namespace: dict[str, sp.System] = {}
    exec(DESK.replace('"2d"', '"6d"'), namespace)
    with sp.open_system(namespace["system"], root=desk) as live:
        with pytest.raises(NothingYet):
            live.train(as_of=START + 42 * DAY, **{asked: True})
        assert live.runs()["runs"] == []
        assert live.train(as_of=START + 42 * DAY)["model"]
