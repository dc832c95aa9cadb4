"""Learners that a declaration names, from the file to the gate."""

from __future__ import annotations

from pathlib import Path

import pytest

import setpoint as sp
from tests.integration.test_goal_kinds import CASES, write

CASE = next(case for case in CASES if case.kind == "regression")


@pytest.mark.parametrize("name", ["random_forest", "hist_gradient_boosting", "sklearn.linear_model:Ridge", "mlp"])
def test_a_named_learner_alone_is_tried_and_passes(name: str, tmp_path: Path) -> None:
    """The plan names it, and the gate lets its model pass."""
    if name == "mlp":
        pytest.importorskip("torch")
    write(CASE, tmp_path, shuffled=False, leak=False)
    system = sp.System(
        "desk",
        decide=sp.decide(sp.events("decisions", "decisions.parquet", key="id", at="ts"), fields=["load", "site"]),
        features={each: sp.field(each) for each in ("load", "site")},
        label=CASE.label(sp.events("truths", "truths.parquet", at="ts", delay="0s")),
        goal=sp.goal(sp.mae(), must=[sp.r2() >= 0.2]),
        release=sp.release(sp.shadow("7d"), fallback=CASE.parts["rule"]),
        learners=[sp.learner(name)],
    )
    live = sp.open_system(system, root=tmp_path)
    chosen = {each["name"]: each["value"] for each in live.show_plan()["choices"]}
    assert name in chosen["learners"]
    report = live.train()
    assert report["passed"], report["reasons"]
