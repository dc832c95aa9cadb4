"""The decisions that a declared sample leaves to train and to judge with, and whether they stand for the population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.core.rng import seed_for
from setpoint.data.rows import AT
from setpoint.data.samples.chosen import convenience
from setpoint.data.samples.draw import draw
from setpoint.declare.declaration import System
from setpoint.declare.goal import Goal
from setpoint.declare.sample import Sampling
from setpoint.features.training_set import TrainingSet
from setpoint.learn.findings import SUSPICION, Finding
from setpoint.learn.groups import groups_of
from setpoint.learn.sides import Examples
from setpoint.measure.selection import selection_bias

LEAST_GAP = 0.03
"""A group whose share is off by less is no finding."""


@dataclass(frozen=True)
class Drawn:
    """A training set in which the decisions of a sample count for those left out; `lineage` says how it was drawn."""

    examples: TrainingSet
    lineage: Mapping[str, Any] | None = None


def draw_decisions(system: System, examples: TrainingSet, *, seed: int) -> Drawn:
    """The training set with the declared sample of its decisions with a mature, known label; all where none is.

    What is sampled by are request fields and features. A decision counts for as many as it stands for, so that models,
    metrics and intervals are those of all; weights are scaled to a mean of 1, and the rest have none. Decisions without
    a known label stay, for what is made of them. A sample that somebody chose draws nothing: see `learn/raked.py`.
    """
    places = np.flatnonzero(examples.usable)
    if not isinstance(system.sample, Sampling) or places.size <= system.sample.n:
        return Drawn(examples)
    index = pa.array(places)
    columns = {AT: pa.array(examples.at[places])}
    for table in (examples.features, examples.fields):
        columns |= {name: table[name].take(index) for name in table.column_names}
    sample = draw(system.sample, pa.table(columns), seed=seed_for(seed, "sample"))
    weight = np.ones(examples.at.size)
    weight[places] = 0.0
    weight[places[sample.index]] = sample.weight * (len(sample) / sample.weight.sum())
    given = np.ones(examples.at.size) if examples.weight is None else examples.weight
    return Drawn(
        examples.weigh(given * weight), {**system.sample.to_dict(), "of": int(places.size), "rows": len(sample)}
    )


def check_selection(goal: Goal, rows: Examples) -> tuple[Finding, ...]:
    """Protected attributes whose groups have other shares among the rows than in the population, where that is known.

    The test of Rao and Scott (1981), as if the rows had been drawn one by one; see `measure.selection`.
    """
    found = []
    for each in goal.protect:
        if not each.margins:
            continue
        groups = groups_of(rows, each.name)
        sample = convenience(np.arange(rows.y.size), rows.y.size, judged_by="what could be learned from")
        sample = replace(sample, weight=rows.weight)
        bias = selection_bias(
            sample, {each.name: groups.tolist()}, {each.name: dict(each.margins)}, values=rows.y, least=LEAST_GAP
        )
        if bias.found:
            worst = bias.worst
            evidence = (
                f"{worst.level} of {each.name} is {worst.sample:.1%} of the decisions that train and judge, and "
                f"{worst.population:.1%} of the population."
            )
            hint = "Metrics hold for these decisions, not for the population: sample by group, or rake the weights."
            found.append(Finding("selection-bias", SUSPICION, each.name, evidence, hint))
    return tuple(found)
