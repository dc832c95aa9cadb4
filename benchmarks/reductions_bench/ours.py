"""Our reduction on the built-in logistic learner: ours.py FILE LIMIT."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
from common.costs import peak_mb, spent, tell

import setpoint as sp
from setpoint.backends.sklearn import LogisticLearner
from setpoint.core.times import DAY
from setpoint.data.splits import Split
from setpoint.learn.calibrate import calibrate
from setpoint.learn.recipe import Fitted, Recipe
from setpoint.learn.reductions import rates_of, reduce_gap
from setpoint.learn.sides import Examples, Sides

with np.load(sys.argv[1]) as file:
    x, y, group, ends = (file[name] for name in ("x", "y", "group", "ends"))
train, validation, held_out = (np.arange(first, last) for first, last in zip([0, *ends[:-1]], ends, strict=True))
at = np.arange(y.size) * (100 * DAY) // y.size
sides = Sides(
    Examples(pa.table({}), pa.table({"group": group}), y, at),
    np.arange(y.size),
    Split(train, validation, held_out, int(at[validation[0]]), int(at[held_out[0]]), 0),
)
GOAL = sp.goal(sp.auc(), business="eur", act=sp.act("take"), cost=sp.cost(false_positive=1, false_negative=1))
ASKED = sp.reductions("selection_rate", by="group", within=float(sys.argv[2]))
LEARNER = LogisticLearner()
RECIPE = Recipe(LEARNER.name, LEARNER.recipes(rounds=60)[0])


def fit(sides: Sides) -> Fitted:
    """A model of the rows that are given."""
    given = sides.given
    model, settled = LEARNER.fit(
        RECIPE.parameters,
        x[train],
        given.y,
        categories=(),
        seed=0,
        weight=given.weight,
        validation=(x[validation], y[validation]),
        names=(),
    )
    return Fitted(RECIPE, Recipe(LEARNER.name, settled), model, model.predict(x[validation]))


plain = fit(sides)
held, before = peak_mb(), spent()
found = reduce_gap(
    GOAL,
    ASKED,
    sides,
    plain,
    fit=fit,
    calibrate=lambda fitted: calibrate(sides.validation, fitted.validated),
    older=lambda fitted: fitted.model.predict(x[train]),
)
cost, peak = spent() - before, peak_mb() - held
assert found.reduced is not None
taken = next(one for one in found.reduced.tried if one.multipliers == found.reduced.multipliers)
facts = {}
for name, one in (("plain", found.reduced.tried[0]), ("fair", taken)):
    rows = replace(sides.held_out)
    acted = one.calibration.map.apply(one.model.predict(x[held_out])) >= 0.5
    rates = rates_of(ASKED, rows, acted)
    facts[name] = [float(np.mean(acted != (y[held_out] > 0))), max(rates.values()) - min(rates.values())]
tell(cpu=cost, peak=peak, **facts)
