"""Retrainings that also go on from the champion: the better is the candidate, and its weights have a lineage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.cli.main import main
from setpoint.core.errors import DeclarationError, NothingYet
from setpoint.core.times import DAY, HOUR, time
from setpoint.learn.scorer import load_scorer
from setpoint.system.backends import open_learners
from tests.integration.test_goal_kinds import CASES, Case, write

START, ROWS, DAYS = time("2026-01-01"), 6000, 150
END = START + DAYS * DAY

DESK = """
import setpoint as sp

decisions = sp.events("decisions", "decisions.parquet", key="id", at="ts")
truths = sp.events("truths", "truths.parquet", at="ts", delay="0s")
system = sp.System(
    "desk",
    decide=sp.decide(decisions, fields=["load", "weight", "site"]),
    features={name: sp.field(name) for name in ("load", "weight", "site")},
    label=sp.label(truths.truth > 0, on="id", within="2d"),
    goal=sp.goal(sp.auc(), business="eur", act=sp.act("call"), cost=sp.cost(false_positive=1, false_negative=2)),
    release=sp.release(sp.shadow("3d"), fallback=sp.rule(sp.field("load") > 1), refresh="30d", UPDATE),
    learners=["LEARNER"],
    MORE
)
"""


def desk(folder: Path, *, turning: bool, learner: str = "sgd", update: str = "update=True", more: str = "") -> sp.Live:
    """A system on files: what the truth hangs on turns from `load` to `weight` in the time, or stays."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(3)
    at = np.sort(rng.integers(START, END, ROWS))
    angle = 3.0 * (at - START) / (END - START) if turning else np.full(ROWS, 0.7)
    load, weight = rng.normal(size=ROWS), rng.normal(size=ROWS)
    truth = rng.random(ROWS) < 1 / (1 + np.exp(-2 * (np.cos(angle) * load + np.sin(angle) * weight)))
    ids, stamps = np.array([f"d{number}" for number in range(ROWS)], dtype=object), pa.timestamp("us", tz="UTC")
    site = np.where(at < START + 70 * DAY, "north", "south").astype(object)
    seen = {"load": load, "weight": weight, "site": site}
    pq.write_table(pa.table({"id": ids, "ts": pa.array(at, stamps), **seen}), folder / "decisions.parquet")
    told = {"id": ids, "ts": pa.array(at + HOUR, stamps), "truth": truth.astype(float)}
    pq.write_table(pa.table(told), folder / "truths.parquet")
    text = DESK.replace("LEARNER", learner).replace("MORE", more).replace(", UPDATE", f", {update}" if update else "")
    (folder / "desk.py").write_text(text)
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    return sp.open_system(namespace["system"], root=folder)


def test_a_replay_goes_on_from_its_champion_where_the_world_turns(tmp_path: Path) -> None:
    """Retrainings say which of two models they took, and by how much; what was updated kept its parent's encoding."""
    with desk(tmp_path, turning=True) as live:
        first = live.replay(sample=0.0)
    trained = [act for act in first["acts"] if act["act"] == "train"]
    taken = [act["subject"] for act in trained if "updated by" in act["reason"]]
    assert "anew" not in trained[0]["reason"]
    assert all("trained anew: an update" in act["reason"] or act["subject"] in taken for act in trained[1:])
    assert len(taken) >= 2
    folder = next(path for path in tmp_path.rglob("scorer.json") if path.parent.name == taken[-1]).parent
    scorer = load_scorer(folder, open_learners(1), expected=taken[-1])
    assert scorer.parent is not None
    assert scorer.parent.model in {act["subject"] for act in first["acts"] if act["act"] == "promote"}
    assert next(column for column in scorer.encoder.columns if column.name == "site").levels == ("north",)


def test_the_command_updates_the_champion_and_tells_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`train --update` from the terminal; the report and the lineage name the weights it began with."""
    desk(tmp_path, turning=True, update="").close()
    assert main(["train", str(tmp_path), "--as-of", "2026-02-05"]) == 0
    page = tmp_path / "training.html"
    asked = ["train", str(tmp_path), "--as-of", "2026-05-10", "--update", "--report", str(page)]
    main(asked)
    shown = " ".join(capsys.readouterr().out.split())
    assert "updated by" in shown
    assert "updated by" in page.read_text()
    with desk(tmp_path, turning=True, update="") as live:
        newest, oldest = live.runs()["runs"][0]["model"], live.runs()["runs"][-1]["model"]
        links = live.why(newest)["tables"]["Made from"]
    assert [link["digest"] for link in links if link["what"] == "base weights"] == [oldest]


def test_an_update_is_refused_before_any_work_where_there_is_nothing_to_update(tmp_path: Path) -> None:
    """Without a champion, and where rows that a model has learned from may count otherwise later."""
    with desk(tmp_path, turning=False, update="") as live, pytest.raises(NothingYet, match="decides yet"):
        live.train(as_of=END, update=True)
    with pytest.raises(DeclarationError, match=r"has unlabelled=.*newer rows alone"):
        desk(tmp_path, turning=False, more="unlabelled=sp.self_training(),")
    with desk(tmp_path, turning=False, learner="logistic") as live:
        with pytest.raises(DeclarationError, match="the learners logistic goes on"):
            live.train(as_of=END)
        assert live.runs()["runs"] == []


KINDS = [case for case in CASES if case.kind in ("binary", "multilabel", "regression", "survival")]


@pytest.mark.parametrize("case", KINDS, ids=[case.kind for case in KINDS])
def test_goals_of_other_kinds_are_updated_too(case: Case, tmp_path: Path) -> None:
    """`train --update` compares both and says so, in the report, on the card and in the lineage."""
    write(case, tmp_path, shuffled=False, leak=False)
    decisions = sp.events("decisions", "decisions.parquet", key="id", at="ts")
    truths = sp.events("truths", "truths.parquet", at="ts", delay="0s")
    parts = dict(case.parts)
    rule = parts.pop("rule")
    system = sp.System(
        "desk",
        decide=sp.decide(decisions, fields=["load", "noise", "site", "search"]),
        features={name: sp.field(name) for name in ("load", "noise", "site")},
        label=case.label(truths),
        goal=sp.goal(parts.pop("metric"), **parts),
        release=sp.release(sp.shadow("7d"), fallback=rule),
        learners=[sp.learner("lightgbm", rounds=20)],
    )
    with sp.open_system(system, root=tmp_path) as live:
        first = live.train(as_of=time("2026-01-01") + 60 * DAY)
        second = live.train(as_of=time("2026-01-01") + 102 * DAY, update=True)
    assert first["passed"]
    assert "update" not in first
    assert second["update"]["gained"] is not None
    assert second["update"]["reason"] in second["card"]
