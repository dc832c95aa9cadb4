"""Samples that train and judge for all decisions, and selections that are told of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import setpoint as sp
from setpoint.declare.sample import Sampling
from setpoint.features.training_set import TrainingSet
from setpoint.learn.drawn import check_selection, draw_decisions
from setpoint.learn.sides import mature_rows
from setpoint.measure.metrics import auc, brier
from tests.unit.learn.world import make_examples, make_system


def drawn(examples: TrainingSet, sample: Sampling | None, *, seed: int = 0) -> Any:
    """The sample of a system that declares nothing else."""
    system: Any = SimpleNamespace(sample=sample)
    return draw_decisions(system, examples, seed=seed)


def test_without_a_sample_nothing_changes() -> None:
    """Nor where there are no more decisions than it would draw."""
    examples = make_examples(600)
    assert drawn(examples, None).examples is examples
    assert drawn(examples, sp.simple(10_000)).examples is examples
    assert drawn(examples, sp.simple(10_000)).lineage is None


def test_each_country_has_as_many_rows_and_counts_as_before() -> None:
    """Strata of one size, whose weights give each country the share that it had."""
    examples = make_examples(6000)
    found = drawn(examples, sp.stratified(700, by="country", allocation="equal"))
    before, after = mature_rows(examples)[0], mature_rows(found.examples)[0]
    counts = {level: int(sum(after.features["country"].to_numpy() == level)) for level in ("at", "ch", "fr")}
    assert set(counts.values()) == {100}
    assert after.weight.mean() == pytest.approx(1.0)
    for level in ("at", "fr"):
        share = np.average(after.features["country"].to_numpy() == level, weights=after.weight)
        assert share == pytest.approx(np.mean(before.features["country"].to_numpy() == level), abs=1e-9)
    assert found.lineage == {
        "kind": "stratified",
        "n": 700,
        "by": ["country"],
        "allocation": "equal",
        "of": before.y.size,
        "rows": 700,
    }


def test_metrics_of_a_sample_are_those_of_all_decisions() -> None:
    """Of 60 samples drawn by the total, the weighted mean is that of all; without weights it is far off."""
    examples = make_examples(6000)
    everyone = mature_rows(examples)[0]
    total = everyone.features["total"].to_numpy()
    scores = 1 / (1 + np.exp(-(total - 100) / 60))
    truth = {"auc": auc(everyone.y, scores), "brier": brier(everyone.y, scores)}
    weighted, plain = [], []
    for seed in range(60):
        rows = mature_rows(drawn(examples, sp.pps(600, by="total"), seed=seed).examples)[0]
        p = 1 / (1 + np.exp(-(rows.features["total"].to_numpy() - 100) / 60))
        weighted.append((auc(rows.y, p, weight=rows.weight), brier(rows.y, p, weight=rows.weight)))
        plain.append((auc(rows.y, p), brier(rows.y, p)))
    error = np.std(weighted, axis=0) / np.sqrt(60)
    expected = np.array([truth["auc"], truth["brier"]])
    assert (np.abs(np.mean(weighted, axis=0) - expected) < 3.5 * error).all()
    assert np.abs(np.mean(plain, axis=0) - expected)[1] > 10 * error[1]


def test_decisions_without_a_known_label_stay() -> None:
    """For label programs, and for labels that are still to come."""
    examples = make_examples(3000)
    weight = drawn(examples, sp.simple(500)).examples.weight
    assert (weight[~examples.usable] == 1).all()
    assert int((weight[examples.usable] > 0).sum()) == 500
    assert np.array_equal(weight, drawn(examples, sp.simple(500)).examples.weight)
    assert not np.array_equal(weight, drawn(examples, sp.simple(500), seed=1).examples.weight)


def test_a_selection_against_known_margins_is_told_of() -> None:
    """A country that is a fifth of the population and a tenth of the decisions; shares that fit are silent."""
    rows = mature_rows(make_examples(6000))[0]
    seen = {str(level): float(np.mean(rows.features["country"].to_numpy() == level)) for level in ("at", "be", "ch")}
    fits = {**seen, "others": 1 - sum(seen.values())}
    names = np.where(
        np.isin(rows.features["country"].to_numpy().astype(str), list(seen)), rows.features["country"], "others"
    )
    table = rows.features.set_column(0, "country", [names.astype(str).tolist()])
    rows = type(rows)(table, rows.fields.drop_columns("country"), rows.y, rows.at, rows.outcome, rows.weight)
    assert check_selection(make_system(protect={"country": fits}).goal, rows) == ()
    assert check_selection(make_system(protect=["country"]).goal, rows) == ()
    off = {"at": seen["at"] - 0.1, "be": seen["be"] + 0.1, "ch": seen["ch"], "others": fits["others"]}
    (finding,) = check_selection(make_system(protect={"country": off}).goal, rows)
    assert (finding.kind, finding.blocks, finding.feature) == ("selection-bias", False, "country")
    assert "of the population" in finding.evidence
