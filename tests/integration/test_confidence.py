"""Sets and intervals from the declaration to the gate, the card and the decision; whether they hold on later data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.console.report import render
from setpoint.core.errors import DeclarationError, NameUnknown
from setpoint.learn.scorer import load_scorer
from setpoint.serve.batch import decide_many
from setpoint.serve.decide import judge
from setpoint.serve.route import choose_route
from setpoint.serve.runner import Runner
from setpoint.serve.snapshot import Serving
from setpoint.system.backends import open_learners
from tests.integration.test_goal_kinds import CASES, END, Case, open_case

PROMISED = {
    case.kind: case for case in CASES if case.kind in ("binary", "multiclass", "regression", "quantile", "count")
}


def promising(kind: str, *, by: str | None = "site", **more: Any) -> Case:
    """A case that promises nine of ten, and must cover at least 85 %."""
    case = PROMISED[kind]
    parts = {**case.parts, "confidence": sp.conformal(0.9, by=by), "must": [sp.coverage() >= 0.85], **more}
    return replace(case, parts=parts)


@pytest.mark.parametrize("kind", list(PROMISED))
def test_what_is_promised_is_judged_for_every_kind_that_can_promise(kind: str, tmp_path: Path) -> None:
    """On rows newer than those calibrated on: the guardrail holds, and so does the promise in each group."""
    with open_case(promising(kind), tmp_path) as live:
        report = live.train(as_of=END)
    rail = report["guardrails"][0]
    assert rail["name"] == "coverage() >= 0.85"
    assert rail["verdict"] == "holds", report
    assert 0.86 < rail["value"] < 0.94 or kind in ("binary", "count")
    assert any("later rows are covered, 90% promised" in line for line in report["confidence"])
    assert "## Confidence" in report["card"]


def test_a_decision_says_its_set_and_whom_to_ask(tmp_path: Path) -> None:
    """Handing over is judged by what it saves on the held-out rows."""
    case = promising("binary", abstain=sp.abstain(cost=0.4))
    with open_case(case, tmp_path) as live:
        report = live.train(as_of=END)
    assert report["passed"], report["reasons"]
    assert any(line.startswith("handing over") for line in report["confidence"])


def test_classes_are_handed_over_by_what_missing_them_costs(tmp_path: Path) -> None:
    """Asking is worth more the more the classes cost to miss."""
    with open_case(promising("multiclass", abstain=sp.abstain(cost=0.5)), tmp_path) as live:
        report = live.train(as_of=END)
    told = next(line for line in report["confidence"] if line.startswith("handing over"))
    assert "saves 0." in told


def test_goals_that_can_promise_nothing_are_refused_when_they_are_declared(tmp_path: Path) -> None:
    """One error each: the kind, the cost, the rule, the name."""
    cases = {case.kind: case for case in CASES}
    for kind in ("multilabel", "ranking", "survival"):
        case = replace(cases[kind], parts={**cases[kind].parts, "confidence": sp.conformal()})
        with pytest.raises(DeclarationError, match="nothing is promised of"):
            open_case(case, tmp_path)
    with pytest.raises(DeclarationError, match="no cost says when a person is worth asking"):
        open_case(promising("regression", abstain=sp.abstain(cost=1)), tmp_path)
    with pytest.raises(DeclarationError, match="takes none"):
        open_case(promising("multiclass", abstain=sp.abstain(cost=1, to="rule")), tmp_path)
    with pytest.raises(NameUnknown, match="nowhere"):
        open_case(promising("binary", by="nowhere"), tmp_path)


def test_a_replay_says_by_month_whether_sets_hold_and_hands_decisions_over(tmp_path: Path) -> None:
    """The log has sets and who was asked; a decision by the online path says the same; the report draws it."""
    case = promising("binary", abstain=sp.abstain(cost=0.35), must=[sp.auc() >= 0.6])
    with open_case(case, tmp_path) as live:
        results = live.replay(fresh=True)
        asked = live.sql("SELECT acted, score, threshold FROM decisions WHERE abstained AND model <> 'rule'")
        sets = live.sql("SELECT prediction_set, count(*) AS n FROM decisions GROUP BY 1").to_pylist()
        why = live.why(results["last_decision"]["key"])
    assert results["parity"]["mismatches"] == 0
    assert asked.num_rows > 20
    assert not any(asked["acted"].to_pylist())
    assert {"false", "true", "false true"} <= {each["prediction_set"] for each in sets}
    assert results["confidence"]
    assert {month["verdict"] for month in results["confidence"]} <= {"holds", "not enough evidence"}
    assert "Does the promise hold?" in (render(results))
    assert any("promised" in line for line in why["story"])


def test_what_the_rule_takes_over_is_the_rules_decision(tmp_path: Path) -> None:
    """With its score, and the reason that the model was not sure enough."""
    case = promising("binary", abstain=sp.abstain(cost=0.35, to="rule"), must=[sp.auc() >= 0.6])
    with open_case(case, tmp_path) as live:
        live.replay(fresh=True)
        handed = live.sql("SELECT DISTINCT model, degraded, prediction_set FROM decisions WHERE abstained").to_pylist()
    assert handed == [{"model": "rule", "degraded": "unsure", "prediction_set": None}]


@pytest.mark.parametrize("to", ["person", "rule"])
def test_a_decision_online_says_what_the_same_one_says_in_a_batch(to: str, tmp_path: Path) -> None:
    """Set, handing over and action of requests decided one by one, read back from the log."""
    case = promising("binary", abstain=sp.abstain(cost=0.3, to=to), must=[sp.auc() >= 0.6])
    with open_case(case, tmp_path) as live:
        live.replay(fresh=True)
        choices = {choice["name"]: choice["value"] for choice in live.show_plan()["choices"]}
        plan = live.plan
    scorer = load_scorer(min(tmp_path.rglob("scorer.json")).parent, open_learners(1))
    serving, runner = Serving(plan, scorer), Runner()
    requests = pq.read_table(tmp_path / "decisions.parquet").slice(0, 300)
    features, at = requests.select(["load", "noise", "site"]), np.arange(300)
    many = decide_many(requests, at, features, serving).to_pylist()
    for fields, seen, row in zip(requests.to_pylist(), features.to_pylist(), many, strict=True):
        alone = judge(serving, choose_route(serving), fields, seen, at=0, began=0, runner=runner)
        told = (alone.acted, alone.model, alone.degraded, alone.prediction_set, alone.abstained, alone.threshold)
        names = ("acted", "model", "degraded", "prediction_set", "abstained", "threshold")
        assert told == tuple(row[name] for name in names)
    runner.close()
    assert {row["abstained"] for row in many} == {True, False}
    assert choices["confidence"] == "90% of outcomes, for each site"
    assert choices["handed over"] == f"to the {to} where deciding is expected to cost more than 0.3"
