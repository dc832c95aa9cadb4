"""What a model makes of a request, and what would have changed it, from the declaration, for every kind of goal."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import setpoint as sp
from setpoint.console.train_report import render_training
from setpoint.core.errors import DeclarationError, NameUnknown, NothingYet
from tests.integration.test_goal_kinds import CASES, END, EVERY, Case, open_case

BY_KIND = {case.kind: case for case in CASES}
OUTPUTS = {"multiclass": 3, "multilabel": 3}


def changeable(kind: str, changes: Any) -> Case:
    """A case whose features may be changed like that."""
    return replace(BY_KIND[kind], parts={**BY_KIND[kind].parts, "changeable": changes})


@EVERY
def test_a_prediction_of_every_kind_is_explained_by_what_adds_up(case: Case, tmp_path: Path) -> None:
    """Reasons, all other features and the base add up to the last row of the table, for each class or label."""
    with open_case(case, tmp_path) as live:
        model = live.train(as_of=END)["model"]
        told = live.why("d17", model=model[:10])
        with pytest.raises(NothingYet, match="No request is called"):
            live.why("nobody", model=model)
        with pytest.raises(NothingYet, match="No model is called"):
            live.why("d17", model="zz")
    assert case.kind in told["kind"]
    assert told["story"][1].startswith("it predicts")
    assert len(told["tables"]) == OUTPUTS.get(case.kind, 1)
    for rows in told["tables"].values():
        assert sum(row["adds"] for row in rows[:-1]) == pytest.approx(rows[-1]["adds"], abs=1e-9)
        assert rows[0]["code"].split(":")[1] in ("load", "site", "noise")


def test_an_interval_is_explained_by_its_ends(tmp_path: Path) -> None:
    """Each end has its own reasons."""
    case = replace(BY_KIND["quantile"], parts={"metric": sp.interval_score(level=0.8), "must": [], "rule": None})
    case = replace(case, parts={**case.parts, "rule": sp.rule(sp.field("load"))})
    with open_case(case, tmp_path) as live:
        model = live.train(as_of=END)["model"]
        told = live.why("d17", model=model)
    assert [re.sub(r" \(.*", "", name) for name in told["tables"]] == ["Why the lower end", "Why the upper end"]


def test_what_would_have_changed_a_decision_is_told_and_scored_again(tmp_path: Path) -> None:
    """Only by features that may change; and the changed row, sent as a request, is decided otherwise."""
    with open_case(changeable("binary", {"load": "any"}), tmp_path) as live:
        results = live.replay(fresh=True)
        key = results["last_decision"]["key"]
        told = live.why(key, counterfactual=True)
        row = live.sql(f"SELECT * FROM decisions WHERE key = '{key}'").to_pylist()[0]
    changes = told["tables"]["What would have changed it"]
    assert changes[0]["change"].startswith("load ")
    assert (changes[0]["score"] >= row["threshold"]) != row["acted"]
    assert any(line.startswith("it would have been decided otherwise with load") for line in told["story"])


def test_what_would_have_changed_the_class_that_is_answered_is_told(tmp_path: Path) -> None:
    """Of a decision that was taken: the class that costs least is another then; a number decides nothing."""
    request = {"id": "new", "load": -0.3, "noise": 0.0, "site": "south", "search": "s1"}
    with open_case(changeable("multiclass", {"load": "any"}), tmp_path / "a") as live:
        live.train(as_of=END)
        with live.session() as session:
            before = session.decide(request)
            for place in range(60):
                session.decide({**request, "id": f"other{place}", "load": (place - 30) / 12})
            told = live.why("new", counterfactual=True)
            (change, *_) = told["tables"]["What would have changed it"]
            after = session.decide({**request, "id": "after", "load": float(change["change"].split(" ")[-1])})
    assert change["change"].startswith("load ")
    assert before.answer != after.answer
    with open_case(changeable("regression", ["load"]), tmp_path / "b") as live:
        live.train(as_of=END)
        with live.session() as session:
            session.decide(request)
        with pytest.raises(DeclarationError, match="decides nothing that could be changed"):
            live.why("new", counterfactual=True)


def test_it_says_that_nothing_would_have_changed_it(tmp_path: Path) -> None:
    """Noise moves no decision; of a class it is what answer is likeliest that could change."""
    with open_case(changeable("multiclass", ["load"]), tmp_path / "a") as live:
        model = live.train(as_of=END)["model"]
        told = live.why("d17", model=model, counterfactual=True)
    assert told["tables"]["What would have changed it"][0]["change"].startswith("load ")
    with open_case(changeable("binary", {"noise": "any"}), tmp_path / "b") as live:
        results = live.replay(fresh=True)
        found = [
            live.why(key, counterfactual=True)["story"]
            for key in (results["last_decision"]["key"], "d2500", "d2501", "d2502", "d2503")
        ]
    assert any("nothing that can be changed would have changed it" in line for story in found for line in story)


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    """A feature that there is not, a goal that says of nothing that it changes, and one that decides nothing."""
    with pytest.raises(NameUnknown, match="height"):
        open_case(changeable("binary", ["height"]), tmp_path / "a")
    with pytest.raises(DeclarationError, match="'sideways' of 'load'"):
        sp.goal(sp.auc(), changeable={"load": "sideways"})
    with open_case(changeable("regression", ["load"]), tmp_path / "b") as live:
        model = live.train(as_of=END)["model"]
        with pytest.raises(DeclarationError, match="decides nothing that could be changed"):
            live.why("d17", model=model, counterfactual=True)
    with open_case(BY_KIND["multiclass"], tmp_path / "c") as live:
        model = live.train(as_of=END)["model"]
        with pytest.raises(DeclarationError, match="says of no feature that it can be changed"):
            live.why("d17", model=model, counterfactual=True)


@pytest.mark.parametrize("kind", ["regression", "multiclass", "multilabel", "count", "survival"])
def test_a_training_of_every_kind_draws_what_values_do_to_its_predictions(kind: str, tmp_path: Path) -> None:
    """With intervals, for the greatest classes or labels by name; and what is never read is told."""
    with open_case(BY_KIND[kind], tmp_path) as live:
        report = live.train(as_of=END)
    curves = report["goes_by"]["effects"]
    assert {curve["feature"].split(", ")[0] for curve in curves} >= {"load"}
    assert len({curve["feature"] for curve in curves if curve["feature"].startswith("load")}) == OUTPUTS.get(kind, 1)
    for curve in curves:
        assert all(
            low <= effect <= high
            for low, effect, high in zip(*(curve[name] for name in ("low", "effect", "high")), strict=True)
        )
    html = render_training(report)
    assert "What a value does to the score" in html
    assert "effects-chart" in html
