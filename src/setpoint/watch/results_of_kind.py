"""What a period of life amounted to, for goals that take no action: the goal's metric of what was predicted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.records import PREDICTION, RULE
from setpoint.core.times import WEEK, iso
from setpoint.data.log.decisions import features_of, fields_of, score_column
from setpoint.data.log.predictions import no_predictions, predictions_of, usable
from setpoint.declare.plan import Plan
from setpoint.labels.join import KNOWN, VOID
from setpoint.learn.kinds.choose import kind_of_plan
from setpoint.learn.scored import Bench, Scored
from setpoint.learn.sides import Examples
from setpoint.watch.results import LEAST, MONDAY, month_of, slice_columns

DRAWS = 200


@dataclass(frozen=True)
class Predicted:
    """Mature decisions in order of time: their labels, what was served, and what the first model says of them.

    `value` is what each was worth in the business unit.
    """

    plan: Plan
    table: pa.Table
    at: np.ndarray
    known: np.ndarray
    void: np.ndarray
    by_model: np.ndarray
    served: np.ndarray
    frozen: np.ndarray
    value: np.ndarray
    seed: int

    def where(self, mask: np.ndarray) -> Predicted:
        """Those for which the mask holds."""
        arrays = ("at", "known", "void", "by_model", "served", "frozen", "value")
        kept = {name: getattr(self, name)[mask] for name in arrays}
        return Predicted(plan=self.plan, table=self.table.filter(pa.array(mask)), seed=self.seed, **kept)

    @property
    def rows(self) -> Examples:
        """The decisions as rows that predictions are judged on."""
        y = self.table["value"].to_numpy()
        return Examples(features_of(self.table), fields_of(self.table), y, self.at)

    def metric(self, *, frozen: bool = False, level: float = 0.95) -> dict[str, float | None]:
        """The goal's metric of what was served, with its interval by days; of the first model with `frozen`.

        Nothing where fewer than 30 labels are known of decisions that were predicted.
        """
        predicted = self.frozen if frozen else self.served
        kept = np.flatnonzero(self.known & usable(self.plan.prediction, predicted))
        if kept.size < LEAST:
            return dict.fromkeys(("metric", "low", "high"))
        rows, made = self.rows.take(kept), predicted[kept]
        bench = Bench(rows, DRAWS, self.seed, kind=kind_of_plan(self.plan))
        scored = Scored("served", made, np.zeros(kept.size, dtype=bool), np.full(kept.size, math.nan))
        found = bench.interval(self.plan.system.goal.metric, scored, level=level)
        return {"metric": _number(found.estimate), "low": _number(found.low), "high": _number(found.high)}


def predicted_of(plan: Plan, matured: pa.Table, value: np.ndarray, *, frozen: str | None, seed: int) -> Predicted:
    """The outcomes of settled decisions; `value` is what each was worth in the business unit."""
    form, state = plan.prediction, matured["state"].to_numpy()
    column = "" if frozen is None else score_column(frozen)
    there = column in matured.column_names
    return Predicted(
        plan,
        matured,
        matured["at"].to_numpy(),
        state == KNOWN,
        state == VOID,
        np.asarray(pc.not_equal(matured["model"], RULE).to_numpy(zero_copy_only=False), dtype=bool),
        predictions_of(form, matured[PREDICTION if form.names else "score"]),
        predictions_of(form, matured[column]) if there else no_predictions(form, matured.num_rows),
        value,
        seed,
    )


def months_of_kind(outcomes: Predicted) -> list[dict[str, Any]]:
    """Quality by calendar month (UTC) of the decision."""
    names, found = month_of(outcomes.at), []
    for month in np.unique(names):
        part = outcomes.where(names == month)
        models = [str(model)[:8] for model in pc.unique(part.table["model"]).to_pylist()]
        found.append(
            {
                "month": str(month),
                "decisions": part.at.size,
                "known": int(part.known.sum()),
                "void": int(part.void.sum()),
                "unknown": int(part.at.size - part.known.sum() - part.void.sum()),
                "degraded": int((~part.by_model).sum()),
                "champion": ", ".join(dict.fromkeys(models)),
                **_quality(part),
            }
        )
    return found


def weeks_of_kind(outcomes: Predicted) -> list[dict[str, Any]]:
    """Quality by week of the decision, weeks beginning on Monday."""
    number, found = (outcomes.at - MONDAY) // WEEK, []
    for week in np.unique(number):
        part = outcomes.where(number == week)
        told = {"week": iso(int(week) * WEEK + MONDAY)[:10], "decisions": part.at.size}
        found.append({**told, **_quality(part)})
    return found


def slices_of_kind(outcomes: Predicted) -> list[dict[str, Any]]:
    """The metric of what a model served on each declared slice that has enough labels, worst first."""
    metric, found = outcomes.plan.system.goal.metric, []
    part = outcomes.where(outcomes.known & outcomes.by_model)
    for name, values in slice_columns(part.table, outcomes.plan.system.goal.slices):
        for value in pc.unique(values).drop_null().to_pylist():
            inside = part.where(np.asarray(pc.fill_null(pc.equal(values, value), False), dtype=bool))
            shown = inside.metric()
            if shown["metric"] is not None:
                found.append({"slice": name, "value": str(value), "n": inside.at.size, **shown})
    return sorted(found, key=lambda each: (each["metric"] * (1 if metric.greater_is_better else -1), str(each)))


def overall_of_kind(outcomes: Predicted) -> dict[str, Any]:
    """The figures of the whole period: of the rows that a model decided, and the first model on the same rows."""
    both = outcomes.where(outcomes.by_model & usable(outcomes.plan.prediction, outcomes.frozen))
    return {
        "metric": both.metric()["metric"],
        "metric_frozen": both.metric(frozen=True)["metric"],
        "business": _per_1000(outcomes),
    }


def period_of_kind(outcomes: Predicted) -> dict[str, Any]:
    """The goal's metric of what a model served, with its interval by days."""
    part = outcomes.where(outcomes.known & outcomes.by_model)
    shown = part.metric()
    return {} if shown["metric"] is None else {"n": part.at.size, **_named(shown)}


def _quality(part: Predicted) -> dict[str, Any]:
    settled = part.known | part.void
    return {
        "coverage": float(settled.mean()) if settled.size else None,
        **_named(part.metric()),
        "metric_frozen": part.metric(frozen=True)["metric"],
        "business": _per_1000(part),
    }


def _named(shown: Mapping[str, float | None]) -> dict[str, float | None]:
    return {"metric": shown["metric"], "metric_low": shown["low"], "metric_high": shown["high"]}


def _per_1000(part: Predicted) -> float | None:
    """What 1000 decisions were worth; None where errors have no cost."""
    known = part.value[part.known]
    return 1000 * float(known.mean()) if known.size and part.plan.system.goal.errors is not None else None


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
