"""Every kind of goal, from a declaration on files to the gate: planted signal passes, shuffled labels do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.console.report import write_report
from setpoint.core.errors import DataError, DeclarationError, RequestInvalid
from setpoint.core.times import DAY, HOUR, time
from setpoint.declare.label import Label
from setpoint.learn.scorer import load_scorer
from setpoint.system.backends import open_learners

START = time("2026-01-01")
ROWS, DAYS = 3000, 90
END = START + (DAYS + 12) * DAY
TOPICS = ("price", "delivery", "quality")

Tell = Callable[[np.random.Generator, Mapping[str, np.ndarray]], np.ndarray]
"""Gives the truth of each decision from what is seen of it."""


@dataclass(frozen=True)
class Case:
    """One kind of goal: what is true, and how it is declared."""

    kind: str
    tell: Tell
    label: Callable[[Any], Label]
    parts: Mapping[str, Any] = field(default_factory=dict)


def odds(seen: Mapping[str, np.ndarray]) -> np.ndarray:
    """What the truth hangs on."""
    return np.asarray(0.9 * seen["load"] + np.where(seen["site"] == "north", 1.0, -0.5))


def of_two(rng: np.random.Generator, seen: Mapping[str, np.ndarray]) -> np.ndarray:
    """True or false."""
    return np.asarray((rng.random(ROWS) < 1 / (1 + np.exp(-1.5 * odds(seen)))).astype(float))


def of_classes(rng: np.random.Generator, seen: Mapping[str, np.ndarray]) -> np.ndarray:
    """One of three classes."""
    noise = rng.gumbel(size=(ROWS, 3))
    scores = np.stack([1.5 * odds(seen), np.zeros(ROWS), -1.5 * seen["load"]], axis=1)
    return np.asarray(np.array(TOPICS, dtype=object)[(scores + noise).argmax(axis=1)])


def of_sets(rng: np.random.Generator, seen: Mapping[str, np.ndarray]) -> np.ndarray:
    """A set of classes, as texts joined by a bar."""
    scores = np.stack([odds(seen), -odds(seen), seen["load"]], axis=1)
    has = rng.random((ROWS, 3)) < 1 / (1 + np.exp(-2 * scores))
    return np.array(["|".join(np.array(TOPICS)[row]) for row in has], dtype=object)


def of_numbers(rng: np.random.Generator, seen: Mapping[str, np.ndarray]) -> np.ndarray:
    """A number."""
    return np.round(40 + 10 * odds(seen) + rng.normal(0, 8, ROWS), 2)


def of_counts(rng: np.random.Generator, seen: Mapping[str, np.ndarray]) -> np.ndarray:
    """A count."""
    return rng.poisson(np.exp(0.6 * odds(seen) + 0.5)).astype(float)


def of_relevance(rng: np.random.Generator, seen: Mapping[str, np.ndarray]) -> np.ndarray:
    """0, 1 or 2."""
    return np.digitize(odds(seen) + rng.normal(0, 0.8, ROWS), [0.3, 1.3]).astype(float)


def of_times(rng: np.random.Generator, seen: Mapping[str, np.ndarray]) -> np.ndarray:
    """Days until the event."""
    return np.asarray(rng.exponential(12 * np.exp(-0.9 * odds(seen))))


RULE = sp.rule(sp.field("load"))
CASES = [
    Case(
        "binary",
        of_two,
        lambda truth: sp.label(truth.truth > 0, on="id", within="2d"),
        {
            "metric": sp.auc(),
            "business": "eur",
            "act": sp.act("call"),
            "cost": sp.cost(false_positive=1, false_negative=2),
            "must": [sp.auc() >= 0.6],
            "rule": sp.rule(sp.field("load") > 1),
        },
    ),
    Case(
        "multiclass",
        of_classes,
        lambda truth: sp.label(truth.truth, on="id", within="2d", absent="void", classes=TOPICS),
        {
            "metric": sp.log_loss(),
            "business": "eur",
            "cost": sp.cost(wrong={"price": 3, "delivery": 1, "quality": 1}),
            "must": [sp.accuracy() >= 0.4],
            "rule": sp.rule("delivery"),
        },
    ),
    Case(
        "multilabel",
        of_sets,
        lambda truth: sp.label(truth.truth, on="id", within="2d", classes=TOPICS),
        {"metric": sp.macro_average_precision(), "must": [sp.hamming() <= 0.5], "rule": None},
    ),
    Case(
        "regression",
        of_numbers,
        lambda truth: sp.label(truth.truth, on="id", within="2d", absent="void"),
        {
            "metric": sp.mae(),
            "business": "eur",
            "cost": sp.cost(over=1, under=1),
            "must": [sp.r2() >= 0.2, sp.business() >= -9000],
            "rule": RULE,
        },
    ),
    Case(
        "quantile",
        of_numbers,
        lambda truth: sp.label(truth.truth, on="id", within="2d", absent="void"),
        {"metric": sp.pinball(quantile=0.8), "must": [sp.coverage() >= 0.7], "rule": RULE},
    ),
    Case(
        "count",
        of_counts,
        lambda truth: sp.label(truth.truth, on="id", within="2d"),
        {"metric": sp.poisson_deviance(), "must": [sp.poisson_explained() >= 0.1], "rule": RULE},
    ),
    Case(
        "ranking",
        of_relevance,
        lambda truth: sp.label(truth.truth, on="id", within="2d"),
        {"metric": sp.ndcg(k=5), "query": "search", "must": [sp.mrr() >= 0.5], "rule": None},
    ),
    Case(
        "survival",
        of_times,
        lambda truth: sp.label(truth.truth > 0, on="id", within="10d"),
        {"metric": sp.concordance(), "must": [sp.concordance() >= 0.55], "rule": RULE},
    ),
]
EVERY = pytest.mark.parametrize("case", CASES, ids=[case.kind for case in CASES])


def write(case: Case, folder: Path, *, shuffled: bool, leak: bool) -> None:
    """The files: decisions, eight to a search, and what came of each; with a leak, the noise is the truth."""
    rng = np.random.default_rng(3)
    at = np.sort(rng.integers(START, START + DAYS * DAY, ROWS // 8)).repeat(8) + np.tile(np.arange(8), ROWS // 8)
    seen = {"load": rng.normal(size=ROWS), "noise": rng.normal(size=ROWS)}
    seen["site"] = np.array(["north", "south"], dtype=object)[rng.integers(0, 2, ROWS)]
    truth = case.tell(rng, seen)
    if shuffled:
        truth = rng.permutation(truth)
    if leak:
        seen["noise"] = np.unique(truth, return_inverse=True)[1].astype(float)
    ids = np.array([f"d{number}" for number in range(ROWS)], dtype=object)
    columns = {"id": ids, "ts": pa.array(at, pa.timestamp("us", tz="UTC")), **seen}
    columns["search"] = np.array([f"s{number // 8}" for number in range(ROWS)], dtype=object)
    pq.write_table(pa.table(columns), folder / "decisions.parquet")
    when, rows, told = at + HOUR, np.arange(ROWS), truth
    if case.kind == "survival":
        when, told = at + (truth * DAY).astype(np.int64) + 1, np.ones(ROWS)
    if case.kind == "multilabel":
        rows = np.repeat(rows, [len(str(each).split("|")) if each else 0 for each in truth])
        told = np.array([name for each in truth if each for name in str(each).split("|")], dtype=object)
    outcome = {"id": ids[rows], "ts": pa.array(when[rows], pa.timestamp("us", tz="UTC")), "truth": told}
    pq.write_table(pa.table(outcome), folder / "truths.parquet")


def open_case(case: Case, folder: Path, *, shuffled: bool = False, leak: bool = False) -> sp.Live:
    """The system of a case, opened on its files."""
    folder.mkdir(exist_ok=True)
    write(case, folder, shuffled=shuffled, leak=leak)
    decisions = sp.events("decisions", "decisions.parquet", key="id", at="ts")
    truths = sp.events("truths", "truths.parquet", at="ts", delay="0s")
    parts = dict(case.parts)
    rule = parts.pop("rule")
    system = sp.System(
        "desk",
        decide=sp.decide(decisions, fields=["load", "noise", "site", "search"]),
        features={name: sp.field(name) for name in ("load", "noise", "site")},
        label=case.label(truths),
        goal=sp.goal(parts.pop("metric"), slices=["site"], **parts),
        release=sp.release(sp.shadow("7d"), fallback=rule),
    )
    assert system.kind == case.kind
    return sp.open_system(system, root=folder)


@EVERY
def test_every_kind_passes_from_the_declaration_to_the_gate(case: Case, tmp_path: Path) -> None:
    """Planted signal passes each guardrail and baseline; plan, card and files tell the kind, and the bytes are kept."""
    with open_case(case, tmp_path / "a") as live:
        assert live.check()["labels"]["known"] > 2500
        assert live.worth()["verdict"] == "train"
        choices = {choice["name"]: choice["value"] for choice in live.show_plan()["choices"]}
        assert choices["kind of goal"] == case.kind
        report = live.train(as_of=END)
        assert live.status()["system"] == "desk"
    assert report["passed"], report["reasons"]
    assert report["guardrails"]
    first, *others = report["baselines"]
    assert first["name"] == "random"
    assert {"best single feature"} < {each["name"] for each in others}
    assert all(each["value"] is not None and each["difference"]["low"] is not None for each in report["baselines"])
    assert first["words"] in report["card"]
    assert "unknown: it has no value" not in report["card"]
    with open_case(case, tmp_path / "b") as again:
        assert again.train(as_of=END)["model"] == report["model"]
    folder = next(path for path in (tmp_path / "a").rglob("scorer.json")).parent
    table = pa.table({"load": [0.5, -1.0, None], "noise": [0.0, 2.0, 1.0], "site": ["north", "south", "west"]})
    scorer = load_scorer(folder, open_learners(1), expected=report["model"])
    scores = scorer.score(table)
    alone = np.concatenate([scorer.score(table.slice(place, 1)) for place in range(3)])
    assert len(scores) == 3
    assert np.isfinite(scores).all()
    assert np.array_equal(scores, alone) or not scorer.row_exact


@EVERY
def test_shuffled_labels_are_refused_for_not_being_better_than_a_baseline(case: Case, tmp_path: Path) -> None:
    """Nothing can be learned, and the gate says against what."""
    with open_case(case, tmp_path, shuffled=True) as live:
        report = live.train(as_of=END)
    assert not report["passed"]
    assert any("not shown better" in reason for reason in report["reasons"])


LEAKS = [case for case in CASES if case.kind not in ("multilabel", "multiclass")]


@pytest.mark.parametrize("case", LEAKS, ids=[case.kind for case in LEAKS])
def test_a_feature_that_is_the_truth_is_found(case: Case, tmp_path: Path) -> None:
    """The leak audit sees outcomes of every kind as two classes, and names the feature."""
    with open_case(case, tmp_path, leak=True) as live:
        report = live.train(as_of=END)
    assert any("Feature 'noise' alone reaches AUC" in reason for reason in report["reasons"])


def test_a_ranking_has_no_learning_curve_and_nothing_is_trained_for_it(tmp_path: Path) -> None:
    """It is refused before, with what can be asked instead."""
    case = next(each for each in CASES if each.kind == "ranking")
    with open_case(case, tmp_path) as live:
        with pytest.raises(DataError, match="learning curve of a ranking"):
            live.train(as_of=END, curve=True)
        assert live.runs()["runs"] == []


def erring(case: str, rng: np.random.Generator, seen: Mapping[str, np.ndarray]) -> np.ndarray:
    """Truths that are harder to tell in the north by far."""
    north = seen["site"] == "north"
    if case == "multiclass":
        sure = np.array(TOPICS, dtype=object)[np.digitize(seen["load"], [-0.5, 0.5])]
        return np.where(north & (rng.random(ROWS) < 0.6), rng.permutation(sure), sure)
    if case == "count":
        return rng.poisson(np.exp(seen["load"] + np.where(north, rng.normal(0, 1.2, ROWS), 0))).astype(float)
    return np.asarray(40 + 10 * seen["load"] + rng.normal(0, 1, ROWS) * np.where(north, 30, 5))


UNEVEN = {
    "multiclass": [sp.gap(sp.accuracy(), by="site") <= 0.2, sp.worst_slice(sp.log_loss(), against="others") <= 2],
    "regression": [sp.gap(sp.mae(), by="site") <= 8, sp.worst_slice(sp.mae(), against="others") <= 2],
    "quantile": [
        sp.gap(sp.pinball(quantile=0.8), by="site") <= 3,
        sp.worst_slice(sp.pinball(quantile=0.8), against="others") <= 2,
    ],
    "count": [sp.gap(sp.mae(), by="site") <= 0.8, sp.worst_slice(sp.poisson_deviance(), against="others") <= 2],
}


@pytest.mark.parametrize("kind", UNEVEN)
def test_a_model_that_errs_in_one_group_is_refused_by_gap_and_slice(kind: str, tmp_path: Path) -> None:
    """Both name what they found, and the same limits let a model pass that errs alike everywhere."""
    case = next(each for each in CASES if each.kind == kind)
    parts = {**case.parts, "must": UNEVEN[kind]}
    uneven = replace(case, tell=lambda rng, seen: erring(kind, rng, seen), parts=parts)
    with open_case(uneven, tmp_path / "uneven") as live:
        report = live.train(as_of=END)
    assert [each["verdict"] for each in report["guardrails"]] == ["fails", "fails"]
    assert any(each.startswith("worst_slice") and "site = north" in each for each in report["reasons"])
    with open_case(replace(case, parts=parts), tmp_path / "even") as live:
        even = live.train(as_of=END)
    assert [each["verdict"] for each in even["guardrails"]] == ["holds", "holds"]


@EVERY
def test_every_kind_goes_round_the_whole_loop_in_a_replay(case: Case, tmp_path: Path) -> None:
    """The rule decides, a model takes over, labels settle, a newer one shadows it; by its own metric, twice alike."""
    with open_case(case, tmp_path / "a") as live:
        found = live.replay(sample=0.1)
        assert live.verify()["mismatches"] == 0
        second, first = (live.run(each["run"]) for each in live.runs()["runs"])
        assert live.show_plan()["next_training"]["rows"] == second["rows"]
        write_report(found, tmp_path / "report.html")
    assert (first["forecast"], second["forecast"]["runs"]) == (None, 1)
    acts = [act["act"] for act in found["acts"]]
    assert acts[:2] == ["train", "promote"]
    assert "start_shadow" in acts
    assert {"promote", "hold"} & set(acts[3:])
    summary = found["summary"]
    assert summary["decisions"] == summary["matured"] == ROWS
    assert (found["parity"]["mismatches"], found["incidents"]) == (0, [])
    assert found["parity"]["sampled"] > 50
    key = "auc" if case.kind == "binary" else "metric"
    (learned,), metric = ([each for each in found["months"] if each["month"] == "2026-03"], case.parts["metric"])
    by_rule, sign = found["months"][0][key], 1 if metric.greater_is_better else -1
    assert learned[f"{key}_low"] <= learned[key] <= learned[f"{key}_high"]
    assert by_rule is None or sign * learned[key] > sign * by_rule
    assert found["models"][0]["live_from"]
    name = "AUC" if case.kind == "binary" else str(metric).removesuffix("()")
    assert f"{name} live" in (tmp_path / "report.html").read_text()
    if case.kind != "binary":  # of which other tests say so
        with open_case(case, tmp_path / "b") as again:
            assert again.replay(sample=0)["digest"] == found["digest"]


TOLD: dict[str, Any] = {"binary": True, "multiclass": "delivery", "multilabel": ["price", "quality"], "survival": True}
WRONG: dict[str, Any] = {"multiclass": "tax", "multilabel": ["price", "tax"]}


@EVERY
def test_every_kind_is_served_logged_explained_and_joined(case: Case, tmp_path: Path) -> None:
    """A prediction of the goal's form, in the log as answered; what is told of it in the goal's terms is its label."""
    request = {"id": "new", "load": 0.5, "noise": 0.0, "site": "north", "search": "s1"}
    with open_case(case, tmp_path) as live:
        model = live.train(as_of=END)["model"]
        with live.session() as session:
            decision = session.decide(request, explain=True)
            unseen = session.decide({**request, "id": "unseen", "site": None, "load": None})
            value = TOLD.get(case.kind, 2)
            outcome, new = session.outcome({"decision": decision.id, "value": value})
            if case.kind in WRONG:
                with pytest.raises(RequestInvalid, match="tax"):
                    session.outcome({"decision": unseen.id, "value": WRONG[case.kind]})
            shape = session.shapes()["decision"]
        rows = live.sql("SELECT * FROM decisions ORDER BY key").to_pylist()
        labels = live.sql("SELECT key, value FROM outcomes WHERE state = 'known' AND key = 'new'").to_pylist()
        told = live.why("new")
    assert (decision.model, decision.degraded, decision.arm, new) == (model, "", "champion", True)
    answer = decision.to_dict()
    assert "missing" not in answer["why"] or case.kind == "survival"
    assert [row["key"] for row in rows] == ["new", "unseen"]
    assert [row["score"] for row in rows] == [decision.score, unseen.score]
    assert set(shape) <= set(answer)
    assert outcome.to_dict()["value"] == (tuple(value) if isinstance(value, list) else value)
    if case.kind == "binary":
        return
    assert (rows[0]["acted"], rows[0]["threshold"]) == (False, None)
    assert told["story"][1].startswith("predicted ")
    assert [name for name in told["tables"] if name.startswith("Why ")]
    if isinstance(decision.prediction, dict):
        assert rows[0]["prediction"] == decision.prediction == answer["prediction"]
        assert max(decision.prediction.values()) == decision.score
    else:
        assert answer["prediction"] == decision.score
    if case.kind == "multiclass":
        assert rows[0]["answer"] == decision.answer == "price"
    if case.kind == "multilabel":
        assert tuple(rows[0]["answer"]) == decision.answer == ("price", "quality")
    known = {"multiclass": 1.0, "multilabel": 5.0}.get(case.kind, 2.0)
    assert case.kind == "survival" or [label["value"] for label in labels] == [known]


DOUBTS: dict[str, dict[str, Any]] = {
    "multiclass": {"confidence": sp.conformal(0.9), "abstain": sp.abstain(cost=0.1)},
    "regression": {"confidence": sp.conformal(0.9)},
}


@pytest.mark.parametrize("kind", DOUBTS)
def test_promises_that_decisions_of_a_kind_do_not_say_are_refused_before_any_work(kind: str, tmp_path: Path) -> None:
    """Not left out in silence; the gate judges them all the same."""
    case = next(each for each in CASES if each.kind == kind)
    with open_case(replace(case, parts={**case.parts, **DOUBTS[kind]}), tmp_path) as live:
        with pytest.raises(DeclarationError, match=f"replay takes decisions.*{kind}.*confidence="):
            live.replay()
        with pytest.raises(DeclarationError, match="serve takes decisions"), live.session():
            pass
        live.train(as_of=END)
        assert "confidence" in live.train(as_of=END)


RULED = {
    "multiclass": ({"price": 0.0, "delivery": 1.0, "quality": 0.0}, "delivery"),
    "multilabel": (None, ()),
    "ranking": (None, None),
}


@pytest.mark.parametrize("case", CASES[1:], ids=[case.kind for case in CASES[1:]])
def test_without_a_model_the_rule_stands_in_for_the_prediction(case: Case, tmp_path: Path) -> None:
    """Its number or class; nothing where there is no rule, or what it gives is no prediction; always logged."""
    request = {"id": "new", "load": 0.25, "noise": 0.0, "site": "north", "search": "s1"}
    with open_case(case, tmp_path) as live:
        with live.session() as session:
            decision = session.decide(request)
            strange = session.decide({**request, "id": "strange", "load": -3.0})
        rows = live.sql("SELECT key, model, degraded, score FROM decisions ORDER BY key").to_pylist()
    assert (decision.prediction, decision.answer) == RULED.get(case.kind, (0.25, None))
    assert [(row["model"], row["degraded"]) for row in rows] == [("rule", "no-model")] * 2
    assert (strange.to_dict()["prediction"] is None) == (case.kind in ("multilabel", "ranking", "count", "survival"))
