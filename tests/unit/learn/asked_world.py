"""The small world to train in, of whose decisions people were asked about some: by lot, and by what they cannot see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import setpoint as sp
from setpoint.data.labels import AT_RANDOM, KNOWN, NATURAL, PICKED, VOID, Acquired
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.features.training_set import TrainingSet
from tests.unit.learn.world import COLUMNS, make_examples, make_system

DAYS = 120


def asked_plan(*, random: float = 0.2, **changes: Any) -> Plan:
    """The plan of the shop, whose decisions people label and whose source brings no label of those without an event."""
    bare = make_system(**changes)
    frauds = bare.sources["frauds"]
    system = sp.System(
        bare.name,
        decide=bare.decide,
        features={feature.name: feature.expr for feature in bare.features},
        label=sp.label(frauds.loss > 0, on="checkout_id", within="2d", absent="void"),
        goal=bare.goal,
        release=bare.release,
        hand=sp.hand(["fraud", "fine"], random=random),
    )
    plan = make_plan(system, COLUMNS, Profile(dict.fromkeys(COLUMNS, 1000), 100.0))
    return replace(plan, trials=2, rounds=20, minimum_rows=50)


def truth(n: int = 12_000, *, seed: int = 0) -> TrainingSet:
    """The decisions, each with its true label."""
    found = make_examples(n, days=DAYS, seed=seed)
    y = np.random.default_rng(seed + 1).random(n) < np.nan_to_num(found.features["total"].to_numpy()) / 400
    labels = replace(found.labels, state=np.full(n, KNOWN, np.int8), value=y.astype(float), mature=np.ones(n, bool))
    return replace(found, labels=replace(labels, acquired=None))


def asked(
    known: TrainingSet, *, random: int, picked: int = 0, natural: int = 0, seed: int = 0
) -> tuple[TrainingSet, np.ndarray]:
    """The decisions with the labels that people gave, and which nobody was asked about.

    What was picked goes by something that the features do not have, and that frauds have more of.
    """
    n, rng = known.at.size, np.random.default_rng(seed)
    order = rng.permutation(n)
    drawn, own = order[:random], order[random : random + natural]
    rest = order[random + natural :]
    hidden = known.labels.value[rest] * 1.5 + rng.normal(size=rest.size)
    chosen = rest[np.argsort(-hidden)[: 3 * picked : 3]]
    how = np.full(n, NATURAL, dtype=np.int8)
    how[drawn], how[chosen] = AT_RANDOM, PICKED
    chance = np.where(how == AT_RANDOM, random / n, np.where(how == PICKED, 0.0, 1.0))
    told = np.isin(np.arange(n), np.concatenate([drawn, own, chosen]))
    state = np.where(told, KNOWN, VOID).astype(np.int8)
    value = np.where(told, known.labels.value, np.nan)
    judged = np.where(how == PICKED, VOID, state).astype(np.int8)
    acquired = Acquired(how, chance, judged, np.where(judged == KNOWN, value, np.nan))
    labels = replace(known.labels, state=state, value=value, acquired=acquired)
    return replace(known, labels=labels), np.setdiff1d(np.arange(n), np.flatnonzero(told))
