"""The gate: what holds, what fails, and what lacks evidence."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.times import DAY
from setpoint.declare.goal import Goal
from setpoint.learn.findings import LEAK, SUSPICION, Finding
from setpoint.learn.gate import FAILS, HOLDS, REPORTED, UNKNOWN, GateReport, judge
from setpoint.learn.scored import Bench, Scored, act_on
from setpoint.learn.sides import Examples
from setpoint.learn.threshold import Costs
from tests.unit.learn.world import START, make_system


def make_goal(**changes: Any) -> Goal:
    """The shop's goal without guardrails or slices."""
    return make_system(
        **{"must": [], "slices": [], "cost": sp.cost(false_positive=1, false_negative=4), **changes}
    ).goal


def make_bench(n: int = 4000, *, days: int = 40, seed: int = 0, country: str = "") -> tuple[Bench, np.ndarray]:
    """Held-out rows, and the probabilities that their outcomes were drawn from."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 3, n)
    y = (rng.random(n) < p).astype(float)
    at = np.sort(START + rng.integers(0, days * DAY, n))
    names = pa.array(rng.choice(["at", "de", "fr"], n) if not country else np.full(n, country))
    rows = Examples(pa.table({"x": p}), pa.table({"country": names}), y, at)
    return Bench(rows, draws=100, seed=0), p


def scored(bench: Bench, p: np.ndarray, *, name: str = "candidate", threshold: float = 0.2) -> Scored:
    """What a model with these scores does at a threshold."""
    n = bench.rows.y.size
    costs = Costs(np.full(n, 1.0), np.full(n, 4.0))
    return act_on(name, p, np.full(n, threshold), y=bench.rows.y, costs=costs)


def report(goal: Goal, bench: Bench, p: np.ndarray, **options: Any) -> GateReport:
    """The report on a model with these scores, against the prior."""
    prior = scored(bench, np.full(p.size, bench.rows.y.mean()), name="prior")
    return judge(goal, bench, scored(bench, p), **{"baselines": [prior], **options})


def test_a_good_model_passes() -> None:
    """Every guardrail holds by its bound and the prior is beaten."""
    bench, p = make_bench()
    goal = make_goal(must=[sp.auc() >= 0.6, sp.ece() <= 0.05, sp.log_loss() <= 0.7, sp.business() >= 0])
    found = report(goal, bench, p)
    assert [part.verdict for part in found.guardrails] == [HOLDS] * 4
    assert found.passed
    assert found.reasons == ()


def test_a_guardrail_that_is_broken_fails() -> None:
    """The model is held back, and the reason states the value and its bound."""
    bench, p = make_bench()
    found = report(make_goal(must=[sp.auc() >= 0.95]), bench, p)
    assert found.guardrails[0].verdict == FAILS
    assert not found.passed
    assert found.reasons[0].startswith("auc() >= 0.95: 0.7")


def test_what_the_data_cannot_settle_blocks_and_says_how_much_more_it_needs() -> None:
    """Few labels are no evidence; that many labels more do settle it."""
    bench, p = make_bench(300, days=30)
    value = bench.value(sp.auc(), scored(bench, p))
    goal = make_goal(must=[sp.auc() >= round(value - 0.02, 3)])
    found = report(goal, bench, p).guardrails[0]
    assert found.verdict == UNKNOWN
    assert found.more_labels is not None
    assert found.more_labels > 300
    assert "more labels" in found.reason
    enough = 300 + found.more_labels
    bigger, p = make_bench(2 * enough, days=max(30, enough // 10), seed=1)
    margin = bigger.value(sp.auc(), scored(bigger, p)) - 0.02
    assert report(make_goal(must=[sp.auc() >= round(margin, 3)]), bigger, p).guardrails[0].verdict == HOLDS


def test_one_day_of_rows_bounds_nothing() -> None:
    """Rows of a day are alike, so a thousand of them are one observation."""
    bench, p = make_bench(1000, days=1)
    found = report(make_goal(must=[sp.brier() <= 0.9]), bench, p)
    assert found.guardrails[0].verdict == UNKNOWN
    assert found.guardrails[0].more_labels is None
    assert "1 day" in found.guardrails[0].reason


def test_bounds_are_wider_for_rows_that_come_in_days() -> None:
    """A model that is right on some days and wrong on others is not shown to be good by many rows of few days."""
    rng = np.random.default_rng(3)
    days = np.repeat(np.arange(12), 300)
    good = rng.random(12) < 0.7
    y = rng.integers(0, 2, days.size).astype(float)
    right = np.where(good[days], 0.9, 0.1)
    p = np.where(rng.random(days.size) < right, y, 1 - y) * 0.8 + 0.1
    at = START + days * DAY
    table = pa.table({"x": p})
    clustered = Bench(Examples(table, table, y, at), 200, 0)
    spread = Bench(Examples(table, table, y, START + np.arange(days.size) * DAY), 200, 0)
    for metric in (sp.accuracy(), sp.auc(), sp.brier()):
        wide = clustered.interval(metric, scored(clustered, p, threshold=0.5))
        narrow = spread.interval(metric, scored(spread, p, threshold=0.5))
        assert wide.estimate == pytest.approx(narrow.estimate)
        assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_a_model_must_be_shown_better_than_the_baselines() -> None:
    """Equal to the prior is held back, however good its calibration."""
    bench, p = make_bench()
    noise = np.random.default_rng(5).permutation(p)
    found = report(make_goal(), bench, noise)
    assert found.baselines[0].blocks
    assert not found.passed
    assert "not shown better" in found.reasons[0]


def test_the_baseline_is_judged_by_the_goals_own_metric() -> None:
    """A model that ranks well but is badly calibrated loses to the prior in log loss, not in AUC."""
    bench, p = make_bench()
    boasting = np.clip(p * 3, 0.001, 0.999)
    assert report(make_goal(metric=sp.auc()), bench, boasting).passed
    found = report(make_goal(metric=sp.log_loss()), bench, boasting)
    assert found.baselines[0].verdict == "inferior"
    assert not found.passed


@pytest.mark.parametrize("metric", [sp.auc(), sp.log_loss(), sp.brier(), sp.accuracy(), sp.business()])
def test_a_worse_challenger_is_held_back_and_an_equal_one_is_not(metric: Any) -> None:
    """The champion is met on the same rows; being shown worse by more than the margin blocks."""
    bench, p = make_bench(8000)
    champion = scored(bench, p, name="champion")
    noisy = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + np.random.default_rng(0).normal(0, 2.5, p.size))))
    worse = judge(make_goal(metric=metric), bench, scored(bench, noisy), baselines=[], champion=champion, margin=0.001)
    equal = judge(make_goal(metric=metric), bench, scored(bench, p), baselines=[], champion=champion, margin=0.001)
    assert worse.champion is not None
    assert worse.champion.verdict == "inferior"
    assert worse.champion.blocks
    assert not worse.passed
    assert equal.passed


def test_losing_less_than_the_margin_does_not_block() -> None:
    """A newer model may be shown to be worse by a little, if the declaration's margin allows it."""
    bench, p = make_bench(20_000)
    champion = scored(bench, p, name="champion")
    noisy = np.clip(p + np.random.default_rng(0).normal(0, 0.05, p.size), 0.001, 0.999)
    ours = scored(bench, noisy)
    lost = -bench.difference(sp.auc(), champion, ours).high
    assert lost > 0
    strict = judge(make_goal(), bench, ours, baselines=[], champion=champion, margin=lost / 2)
    lenient = judge(make_goal(), bench, ours, baselines=[], champion=champion, margin=lost * 10)
    assert not strict.passed
    assert lenient.passed


def test_a_champion_that_saw_the_held_out_rows_is_stated_and_not_judged() -> None:
    """It is flattered there, so losing to it is no evidence; the report says so."""
    bench, p = make_bench(8000)
    perfect = scored(bench, bench.rows.y * 0.98 + 0.01, name="champion")
    found = judge(
        make_goal(), bench, scored(bench, p), baselines=[], champion=perfect, champion_saw=int(bench.rows.at[-1])
    )
    assert found.champion is not None
    assert found.champion.verdict == "inferior"
    assert not found.champion.blocks
    assert "stated, not judged" in found.champion.reason
    assert found.passed


def test_the_difference_to_the_champion_is_stated_in_the_business_unit_too() -> None:
    """Beside the metric stands what 1000 decisions gain or lose, with an interval."""
    bench, p = make_bench()
    idle = scored(bench, np.zeros(p.size), name="champion")
    found = judge(make_goal(), bench, scored(bench, p), baselines=[], champion=idle)
    assert found.champion is not None
    assert found.champion.value_difference.estimate == pytest.approx(found.value.estimate)
    assert found.champion.value_difference.low > 0


def test_the_value_of_1000_decisions_is_what_was_avoided_minus_what_was_paid() -> None:
    """Four for every positive acted on, one for every negative acted on."""
    bench, p = make_bench()
    y, acted = bench.rows.y, p >= 0.2
    expected = 1000 * (4 * (acted & (y > 0)).sum() - (acted & (y <= 0)).sum()) / y.size
    found = report(make_goal(), bench, p)
    assert found.value.estimate == pytest.approx(expected)
    assert found.value.low < expected < found.value.high


def test_measured_guardrails_are_judged_only_where_a_clock_can_be_trusted() -> None:
    """A replay states times without judging them; the size is a fact and judged always."""
    bench, p = make_bench()
    goal = make_goal(must=[sp.latency(p=99) <= "20ms", sp.size() <= 1.0, sp.cpu_per_1000() <= 0.5])
    slow = {"latency(99)": 50_000.0, "size": 0.5, "cpu_per_1000": 0.1}
    live = report(goal, bench, p, measured=slow)
    replayed = report(goal, bench, p, measured={**slow, "size": 3.0}, judge_measured=False)
    assert [part.verdict for part in live.guardrails] == [FAILS, HOLDS, HOLDS]
    assert "50ms" in live.guardrails[0].reason
    assert [part.verdict for part in replayed.guardrails] == [REPORTED, FAILS, REPORTED]
    assert not replayed.passed


def test_a_measured_guardrail_without_a_measurement_blocks_outside_replay() -> None:
    """Nothing is assumed about what nobody measured."""
    bench, p = make_bench()
    goal = make_goal(must=[sp.latency(p=99) <= "20ms"])
    assert report(goal, bench, p).guardrails[0].verdict == UNKNOWN
    assert not report(goal, bench, p).passed
    assert report(goal, bench, p, judge_measured=False).passed


def test_a_gap_between_groups_is_judged() -> None:
    """A model that is blind in one country fails, one that is fair holds."""
    bench, p = make_bench(9000)
    country = bench.rows.fields["country"].to_numpy(zero_copy_only=False)
    blind = np.where(country == "de", 0.05, p)
    goal = make_goal(must=[sp.gap(sp.recall(), by="country") <= 0.15])
    assert report(goal, bench, p).guardrails[0].verdict == HOLDS
    assert report(goal, bench, blind).guardrails[0].verdict == FAILS


def test_a_gap_without_groups_has_no_value() -> None:
    """It is open, not zero, and the report carries None instead of NaN."""
    bench, p = make_bench(country="at")
    found = report(make_goal(must=[sp.gap(sp.recall(), by="country") <= 0.15]), bench, p)
    assert found.guardrails[0].verdict == UNKNOWN
    assert found.to_dict()["guardrails"][0]["estimate"] is None


def test_recall_at_a_precision_is_judged_by_scores() -> None:
    """It needs no threshold, unlike plain recall, which counts the actions."""
    bench, p = make_bench()
    found = report(make_goal(must=[sp.recall(precision=0.5) >= 0.05, sp.recall() >= 0.05]), bench, p)
    ours = scored(bench, p)
    assert found.guardrails[1].estimate == pytest.approx(ours.acted[bench.rows.y > 0].mean())
    assert found.guardrails[0].estimate != found.guardrails[1].estimate


def test_actions_are_judged_by_the_threshold_of_each_row() -> None:
    """With a cost in the request the threshold differs from row to row, and accuracy follows the actions."""
    bench, p = make_bench()
    threshold = np.linspace(0.05, 0.9, p.size)
    ours = act_on("m", p, threshold, y=bench.rows.y, costs=Costs(np.ones(p.size), np.ones(p.size)))
    assert bench.value(sp.accuracy(), ours) == pytest.approx(((p >= threshold) == (bench.rows.y > 0)).mean())


def test_a_leak_holds_a_model_back_and_a_suspicion_does_not() -> None:
    """Suspicions are for a person to read."""
    bench, p = make_bench()
    leak = Finding("label-copied", LEAK, "x", "Feature 'x' alone reaches AUC 1.000.", "Look.")
    suspicion = Finding("too-good", SUSPICION, "", "AUC 0.997.", "Look.")
    assert report(make_goal(), bench, p, findings=[suspicion]).passed
    found = report(make_goal(), bench, p, findings=[leak, suspicion])
    assert found.reasons == ("Leak: Feature 'x' alone reaches AUC 1.000.",)


def test_a_report_is_json_without_nan() -> None:
    """Also when a metric has no value: a number that does not exist is None."""
    bench, p = make_bench(400, days=1)
    bench = Bench(Examples(bench.rows.features, bench.rows.fields, np.zeros(400), bench.rows.at), 50, 0)
    found = judge(make_goal(must=[sp.auc() >= 0.5], slices=["country"]), bench, scored(bench, p), baselines=[])
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert json.loads(text)["metrics"]["auc"]["estimate"] is None
    assert not found.passed


def test_slices_are_shown_by_the_goals_metric() -> None:
    """Each group with its interval, and a test against the rest."""
    bench, p = make_bench()
    found = report(make_goal(slices=["country"]), bench, p).slices["country"]
    assert [part.group for part in found] == ["at", "de", "fr"]
    assert all(part.interval.low < part.interval.estimate < part.interval.high for part in found)


def test_the_same_rows_give_the_same_report() -> None:
    """Resampling is seeded."""
    bench, p = make_bench()
    goal = make_goal(must=[sp.ece() <= 0.05], slices=["country"])
    assert report(goal, bench, p).to_dict() == report(goal, bench, p).to_dict()
    assert math.isfinite(report(goal, bench, p).metrics["ece"].high)
