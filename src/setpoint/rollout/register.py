"""Registering a candidate: its files, its document, its run, what it was made from, and what monitors compare with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.core.ports import Metadata, Tables
from setpoint.data.log.predictions import greatest
from setpoint.declare.plan import Plan
from setpoint.features.training_set import TrainingSet
from setpoint.learn.curve import curve_of
from setpoint.learn.judged import SET as JUDGED
from setpoint.learn.kinds.choose import kind_of_plan
from setpoint.learn.kinds.expected import Expected, expect
from setpoint.learn.sides import Examples
from setpoint.learn.train import Candidate
from setpoint.registry import lineage, models, runs
from setpoint.registry.bases import told_bases
from setpoint.registry.cost import Cost
from setpoint.registry.forecast import Forecast, forecast
from setpoint.registry.probes import keep_probe
from setpoint.watch.reference import Reference, make_reference

REFERENCE_ROWS = 50_000
"""About how many training rows, evenly over their time, monitors compare with: more tell no more of a distribution."""


def register(
    metadata: Metadata,
    tables: Tables,
    folder: Path,
    plan: Plan,
    candidate: Candidate,
    examples: TrainingSet,
    *,
    sources: Mapping[str, str],
    edges_from: Reference | None,
    now: int,
    cost: Cost,
    user_code: Mapping[str, Any],
) -> None:
    """Store a candidate. `sources` are the digests of the rows it learned from, `cost` what its steps took.

    `edges_from` is the reference of the model before: its bins are kept, so that days before and after compare.
    """
    body = {**candidate.to_dict(), "system": plan.system.name, "trained_at": now}
    if not plan.system.goal.acts:
        body["expected"] = _expected(plan, candidate, examples).to_dict()
    if plan.bases:
        body["bases"] = told_bases(plan.bases)
    models.put(folder, metadata, model=candidate.digest, save=candidate.scorer.save, body=body)
    lineage.put_inputs(
        metadata,
        training_set=examples.digest,
        snapshot=examples.snapshot_digest,
        as_of=now,
        sources=sources,
        plan=plan.digest,
        rows=int(examples.at.size),
    )
    asked = examples.labels.acquired is not None
    usable = np.flatnonzero(examples.labels.mature if asked else examples.usable)  # what was picked stands for nothing
    usable = usable[:: 1 + usable.size // REFERENCE_ROWS]
    seen = examples.features.take(pa.array(usable))
    predicted = candidate.scorer.score(seen)
    keep_probe(tables, candidate.digest, seen, predicted)
    reference = make_reference(seen, greatest(predicted), examples.at[usable], edges_from=edges_from)
    metadata.put("reference", candidate.digest, reference.to_dict())
    metadata.put(runs.DECLARED, plan.system.digest, plan.system.to_dict())
    cost("register")
    expected = forecast(metadata.find(runs.NOUN, system=plan.system.name), candidate.counts["usable"])
    run = run_of(plan, candidate, examples, now=now, cost=cost, user_code=user_code, expected=expected)
    if candidate.judged is not None:
        tables.write(JUDGED, run.id, candidate.judged)
    runs.put(metadata, run)


def _expected(plan: Plan, candidate: Candidate, examples: TrainingSet) -> Expected:
    """What the model is expected to lose, by the rows that judged it."""
    places, judged = pa.array(candidate.held_out), candidate.judged
    assert judged is not None, "a goal of a kind keeps the rows that judge it"
    at, y = (judged[name].to_numpy() for name in ("at", "y"))
    rows = Examples(examples.features.take(places), examples.fields.take(places), y, at)
    return expect(kind_of_plan(plan), rows, candidate.scores)


def run_of(
    plan: Plan,
    candidate: Candidate,
    examples: TrainingSet,
    *,
    now: int,
    cost: Cost,
    user_code: Mapping[str, Any],
    expected: Forecast | None,
) -> runs.Run:
    """The run of a training, with what it cost; of a retraining also what it was `expected` to, by earlier runs."""
    told, again = candidate.to_dict(), all(step.step != "search" for step in cost.steps)
    return runs.Run(
        system=plan.system.name,
        model=candidate.digest,
        at=now,
        seed=candidate.seed,
        inputs={
            "plan": plan.digest,
            "snapshot": examples.snapshot_digest,
            "training_set": examples.digest,
            "recipe": candidate.recipe.digest,
        },
        parameters=told["settled"],
        metrics=told["report"]["metrics"],
        cpu_seconds=cost.cpu_seconds,
        peak_mb=cost.peak_mb,
        declaration=plan.system.digest,
        user_code=user_code,
        curve=curve_of(candidate.procedure.model),
        steps=cost.to_dict(),
        rows=candidate.counts["usable"],
        tried=0 if again else len(candidate.trials),
        forecast=expected.to_dict() if expected is not None and again else None,
    )


def load_reference(metadata: Metadata, model: str) -> Reference:
    """What the monitors compare with while this model is the champion."""
    found = metadata.get("reference", model)
    assert found is not None, "a model is registered together with its reference"
    return Reference.from_dict(found)
