"""Rows of the decision log with what came of them: the columns to keep, what errors cost, what acting was worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.records import ABSTAINED, FEATURE, FIELD, PREDICTION, PREDICTION_SET
from setpoint.data.log.decisions import features_of, fields_of, lasts_by, met_by
from setpoint.data.log.predictions import predictions_of, usable
from setpoint.declare.expr import Column, Expr, Field
from setpoint.declare.plan import Plan
from setpoint.labels.join import KNOWN
from setpoint.labels.settle import OUTCOME
from setpoint.learn.kinds.choose import kind_of_plan
from setpoint.learn.kinds.kind import PER
from setpoint.learn.sides import Examples
from setpoint.learn.threshold import Costs, choose_threshold, costs_of

BASE = ("decision_id", "key", "at", "score", "acted", "threshold", "model", "degraded")
"""Columns of the decision log that the loop keeps in memory; costs, slices and the label add theirs."""


def kept_columns(plan: Plan, log: pa.Table) -> list[str]:
    """The columns of the decision log that outcomes are judged by: the base, and what costs and slices read."""
    read = [*plan.system.goal.slices]
    read += [part.name for part in costs_read(plan) if isinstance(part, Field)]
    read += [] if plan.system.goal.query is None else [plan.system.goal.query]
    named = [prefix + name for name in dict.fromkeys(read) for prefix in (FIELD, FEATURE)]
    labelled = [name for name in (met_by(plan), lasts_by(plan)) if name is not None]
    wanted = (*BASE, PREDICTION, PREDICTION_SET, ABSTAINED, *named, *labelled)
    return [name for name in dict.fromkeys(wanted) if name in log.column_names]


def outcome_columns(plan: Plan) -> list[str]:
    """The columns of the label's source that costs read."""
    return list(dict.fromkeys(part.name for part in costs_read(plan) if isinstance(part, Column)))


def actions_of(plan: Plan, log: pa.Table) -> pa.Array:
    """The action of each decision: the goal's, or none ("")."""
    return pc.if_else(log["acted"].combine_chunks(), plan.system.goal.act.name, "")


def labelled_rows(rows: pa.Table) -> Examples:
    """Mature decisions whose label is known, as rows that predictions are judged on."""
    kept = rows.filter(pc.equal(rows["state"], KNOWN))
    return Examples(
        features=features_of(kept),
        fields=fields_of(kept),
        y=kept["value"].to_numpy(),
        at=kept["at"].to_numpy(),
    )


def served(plan: Plan, rows: pa.Table) -> np.ndarray:
    """The predictions that decisions were answered with, (n,) or (n, k)."""
    form = plan.prediction
    return predictions_of(form, rows[PREDICTION if form.names else "score"])


def costs_of_rows(plan: Plan, rows: pa.Table) -> Costs:
    """What the two errors cost on each mature decision; the mean of the known ones where the outcome does not say."""
    known = rows["state"].to_numpy() == KNOWN
    everything = Examples(
        features=features_of(rows),
        fields=fields_of(rows),
        y=np.where(known, rows["value"].to_numpy(zero_copy_only=False), 0.0),
        at=rows["at"].to_numpy(),
        outcome={name: rows[OUTCOME + name].to_numpy(zero_copy_only=False) for name in outcome_columns(plan)},
    )
    threshold = choose_threshold(plan.system.goal, everything.take(np.flatnonzero(known)))
    return costs_of(plan.system.goal, everything, threshold)


def value_of_rows(plan: Plan, rows: pa.Table) -> np.ndarray:
    """What each mature decision gained over never acting, in the goal's business unit; 0 where there is no label.

    Of a goal that takes no action, what its error is worth, less than 0; 0 too where errors have no cost.
    """
    if not plan.system.goal.acts:
        return _value_of_errors(plan, rows)
    known = rows["state"].to_numpy() == KNOWN
    y = np.where(known, rows["value"].to_numpy(zero_copy_only=False), 0.0)
    acted = rows["acted"].to_numpy(zero_copy_only=False).astype(bool)
    return np.where(known, costs_of_rows(plan, rows).value(acted, y), 0.0)


def _value_of_errors(plan: Plan, rows: pa.Table) -> np.ndarray:
    found = np.zeros(rows.num_rows)
    predicted = served(plan, rows)
    known = np.flatnonzero((rows["state"].to_numpy() == KNOWN) & usable(plan.prediction, predicted))
    worth = kind_of_plan(plan).value(labelled_rows(rows.take(pa.array(known))), predicted[known])
    if worth is not None:
        found[known] = worth / PER
    return found


def costs_read(plan: Plan) -> list[Expr]:
    """The two costs of the goal."""
    return [plan.system.goal.cost.false_positive, plan.system.goal.cost.false_negative]


def concat(parts: Sequence[pa.Table]) -> pa.Table:
    """The parts of a ledger as one table; a column that a part lacks is NULL there."""
    return pa.concat_tables(parts, promote_options="default").combine_chunks()
