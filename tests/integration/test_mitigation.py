"""A planted bias from files to the gate: refused as it is, and what mitigation makes of it, at which price."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.api.app import App
from setpoint.console.train_report import render_training
from setpoint.core.errors import DeclarationError
from setpoint.core.times import DAY, time
from tests.unit.api.client import call

START = time("2026-01-01")
ROWS, DAYS = 6000, 80


def clinic(folder: Path, *, tall: bool = False, **goal: Any) -> sp.Live:
    """A clinic that offers help, opened: of women who need it the score of the referral says half as much.

    With `tall` the model also reads how tall they are.
    """
    rng = np.random.default_rng(0)
    at = np.sort(rng.integers(START, START + DAYS * DAY, ROWS))
    sex = rng.choice(["f", "m"], ROWS)
    need = rng.normal(size=ROWS)
    ill = rng.random(ROWS) < 1 / (1 + np.exp(1.0 - 2.0 * need))
    height = np.where(sex == "f", 165.0, 179.0) + rng.normal(0, 6, ROWS)
    said = np.where(sex == "f", need - 0.8, need)
    ids = pa.array([f"p{number}" for number in range(ROWS)])
    times = pa.array(at, pa.timestamp("us", tz="UTC"))
    pq.write_table(
        pa.table({"visit_id": ids, "ts": times, "said": said, "sex": sex, "height": height}), folder / "visits.parquet"
    )
    pq.write_table(pa.table({"visit_id": ids, "ts": times, "ill": ill}), folder / "findings.parquet")
    visits = sp.events("visits", "visits.parquet", key="visit_id", at="ts")
    findings = sp.events("findings", "findings.parquet", id="visit_id", at="ts", delay="1h")
    system = sp.System(
        "clinic",
        decide=sp.decide(visits, fields=["said", "sex", "height"] if tall else ["said", "sex"]),
        features={"said": sp.field("said"), **({"height": sp.field("height")} if tall else {})},
        label=sp.label(findings.ill, on="visit_id", within="1d"),
        goal=sp.goal(
            sp.auc(),
            business="eur",
            act=sp.act("help"),
            cost=sp.cost(false_positive=1, false_negative=2),
            protect=["sex"],
            must=[sp.gap(sp.recall(), by="sex") <= 0.15],
            **goal,
        ),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("said") > 3)),
    )
    return sp.open_system(system, root=folder)


def test_a_planted_bias_is_refused_and_thresholds_by_group_make_it_pass(tmp_path: Path) -> None:
    """The gate names the gap; with a threshold for each group it passes, and says what that costs."""
    plain, fair = tmp_path / "plain", tmp_path / "fair"
    plain.mkdir()
    fair.mkdir()
    with clinic(plain) as live:
        refused = live.train(as_of=START + (DAYS + 2) * DAY)
    with clinic(fair, mitigate=sp.group_thresholds("recall", by="sex")) as live:
        passed = live.train(as_of=START + (DAYS + 2) * DAY)
    assert not refused["passed"]
    assert any("gap(recall(), by='sex')" in reason for reason in refused["reasons"])
    assert "mitigated" not in refused
    assert passed["passed"], passed["reasons"]
    found = passed["mitigated"]
    assert found["before"]["estimate"] > 0.15 > found["after"]["high"]
    assert found["words"] in passed["card"]
    assert {name for name, _ in found["shifts"]} == {"f", "m"}
    assert found["points"][-1]["within"] is None
    shown = render_training(passed)
    assert "What a smaller gap costs" in shown
    assert "as declared costs say" in shown
    assert "What a smaller gap costs" not in render_training(refused)


def test_thresholds_by_group_decide_in_replay_and_over_http(tmp_path: Path) -> None:
    """One threshold for each sex in the log of a replay, whose online path agrees; a server answers by the same."""
    with clinic(tmp_path, mitigate=sp.group_thresholds("recall", by="sex")) as live:
        found = live.replay(end=START + 64 * DAY, sample=0.05)
        assert found["parity"]["sampled"] > 100
        assert found["parity"]["mismatches"] == 0
        log = live.sql(
            "SELECT field_sex AS sex, min(threshold) AS low, max(threshold) AS high, "
            "bool_and(acted = (score >= threshold)) AS kept FROM decisions WHERE model <> 'rule' GROUP BY 1"
        ).to_pylist()
        by_sex = {row["sex"]: row["low"] for row in log}
        assert all(row["low"] == row["high"] and row["kept"] for row in log)
        assert by_sex["f"] < by_sex["m"] - 0.05
        with live.session() as session:
            app = App({"clinic": session})
            for number, said in enumerate(np.linspace(-2, 2, 9).tolist()):
                for sex in ("f", "m"):
                    body = {"visit_id": f"{sex}{number}", "said": said, "sex": sex}
                    answer = call(app, "POST", "/v1/clinic/decide", body).json
                    assert answer["model"] != "rule"
                    assert answer["acted"] == (answer["score"] >= by_sex[sex])


def test_reweighing_says_what_it_did(tmp_path: Path) -> None:
    """It changes how the model is fitted and nothing when deciding; whether that suffices is for the gate to say."""
    with clinic(tmp_path, mitigate=sp.reweighing(by="sex")) as live:
        report = live.train(as_of=START + (DAYS + 2) * DAY)
    assert report["mitigated"]["asked"] == {"method": "reweighing", "by": "sex"}
    assert report["mitigated"]["shifts"] == []
    assert report["mitigated"]["words"] in report["card"]


def test_a_reduction_makes_a_smaller_gap_without_going_by_groups(tmp_path: Path) -> None:
    """The model that keeps the limit on the validation rows is taken, and all that were tried draw the trade-off."""
    with clinic(tmp_path, tall=True, mitigate=sp.reductions("selection_rate", by="sex", within=0.03)) as live:
        report = live.train(as_of=START + (DAYS + 2) * DAY)
    found = report["mitigated"]
    assert found["rate"] == "selection_rate"
    assert found["before"]["estimate"] > found["after"]["estimate"] + 0.03
    assert found["shifts"] == []
    assert len(found["points"]) > 5
    assert found["points"][-1]["within"] is None
    assert found["words"] in report["card"]
    assert "What a smaller gap costs" in render_training(report)


def test_a_reduction_is_the_only_one_to_say_how_a_model_is_fitted(tmp_path: Path) -> None:
    """Beside a method for a rare class it is refused where it is declared."""
    with pytest.raises(DeclarationError, match="both say how a model is fitted"):
        clinic(tmp_path, mitigate=sp.reductions("recall", by="sex"), imbalance=sp.imbalance("class_weight"))
    with pytest.raises(DeclarationError, match="reductions\\('precision'\\)"):
        sp.reductions("precision", by="sex")


@pytest.mark.parametrize("metric", [sp.rmse()])
def test_goals_without_an_action_have_nothing_to_mitigate(metric: Any) -> None:
    """They are refused where they are declared."""
    shops = sp.events("shops", "s.parquet", key="shop", at="ts")
    sales = sp.events("sales", "n.parquet", at="ts", delay="0s")
    with pytest.raises(DeclarationError, match="mitigate="):
        sp.System(
            "sales",
            decide=sp.decide(shops, fields=["size"]),
            features={"size": sp.field("size")},
            label=sp.label(sales.n, on="shop", within="1d"),
            goal=sp.goal(metric, mitigate=sp.reweighing(by="size")),
            release=sp.release(sp.shadow("1d"), fallback=sp.rule(0)),
        )


def test_a_training_says_what_to_use(tmp_path: Path) -> None:
    """A model of one feature is hardly worth more than the rates of that feature: not yet, and how many labels more."""
    with clinic(tmp_path) as live:
        report = live.train(as_of=START + (DAYS + 2) * DAY)
    assert report["use"]["verdict"] == "not yet"
    assert "'best single feature'" in report["use"]["reason"]
    assert report["use"]["more_labels"] > 1000
    assert report["use"]["reason"] in report["card"]
