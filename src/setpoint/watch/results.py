"""What a period of life amounted to: quality by month and week, calibration, slices, how labels matured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.records import RULE
from setpoint.core.times import DAY, HOUR, WEEK, iso
from setpoint.data.log.decisions import score_column
from setpoint.data.rows import kinds
from setpoint.declare.plan import Plan
from setpoint.labels.join import KNOWN, VOID
from setpoint.measure.bootstrap import interval
from setpoint.measure.calibration import ece, reliability
from setpoint.measure.metrics import METRICS, auc
from setpoint.watch.coverage import coverage_since, covered_of

MATURITY_HOURS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 36, 48, 72, 168, 720)
MONDAY = 4 * DAY
"""The first Monday: weeks begin there."""
LEAST = 30
"""Fewest positives and negatives for a quality figure to be worth showing."""


@dataclass(frozen=True)
class Outcomes:
    """Mature decisions as arrays, in order of time. `score` is what was served, `frozen` what the first model says."""

    table: pa.Table
    at: np.ndarray
    known: np.ndarray
    void: np.ndarray
    y: np.ndarray
    score: np.ndarray
    acted: np.ndarray
    by_model: np.ndarray
    frozen: np.ndarray
    value: np.ndarray

    def where(self, mask: np.ndarray) -> Outcomes:
        """Those for which the mask holds."""
        return Outcomes(
            self.table.filter(pa.array(mask)),
            *[
                getattr(self, name)[mask]
                for name in ("at", "known", "void", "y", "score", "acted", "by_model", "frozen", "value")
            ],
        )


def outcomes_of(matured: pa.Table, value: np.ndarray, *, frozen: str | None) -> Outcomes:
    """The outcomes of settled decisions; `value` is what each was worth in the business unit."""
    state = matured["state"].to_numpy()
    column = None if frozen is None else score_column(frozen)
    there = column is not None and column in matured.column_names
    other = matured[column].to_numpy(zero_copy_only=False) if there else np.full(matured.num_rows, math.nan)
    by_model = pc.not_equal(matured["model"], RULE).to_numpy(zero_copy_only=False).astype(bool)
    return Outcomes(
        matured,
        matured["at"].to_numpy(),
        state == KNOWN,
        state == VOID,
        matured["value"].to_numpy(zero_copy_only=False),
        matured["score"].to_numpy(),
        matured["acted"].to_numpy(zero_copy_only=False).astype(bool),
        by_model,
        other.astype(np.float64),
        value,
    )


def month_of(at: np.ndarray) -> np.ndarray:
    """The calendar month (UTC) of each time; hours that reach into one more month count as the one before.

    A year of local days ends some hours into January, and a month of a few hours would only mislead.

    >>> month_of(np.array([0, 32 * DAY - 1]))
    array(['1970-01', '1970-01'], dtype='datetime64[M]')
    """
    names = (at // DAY).astype("datetime64[D]").astype("datetime64[M]")
    last = names.max()
    begins = int(last.astype("datetime64[D]").astype(np.int64)) * DAY
    if at.max() - begins < DAY and names.min() < last:
        names = np.minimum(names, last - 1)
    return names


def months(outcomes: Outcomes, *, seed: int) -> list[dict[str, Any]]:
    """Quality by calendar month (UTC) of the decision."""
    names = month_of(outcomes.at)
    found = []
    for month in np.unique(names):
        part = outcomes.where(names == month)
        models = [str(model) for model in pc.unique(part.table["model"]).to_pylist()]
        found.append(
            {
                "month": str(month),
                "decisions": part.at.size,
                "known": int(part.known.sum()),
                "void": int(part.void.sum()),
                "unknown": int(part.at.size - part.known.sum() - part.void.sum()),
                "degraded": int((~part.by_model).sum()),
                "acted": _share(part.acted),
                "champion": ", ".join(dict.fromkeys(model[:8] for model in models)),
                **_quality(part, seed=seed),
            }
        )
    return found


def coverage_by_month(matured: pa.Table, level: float) -> list[dict[str, Any]]:
    """By calendar month (UTC) of the decision, whether sets held as many outcomes as promised."""
    at, _, _ = covered_of(matured)
    found = []
    for month in np.unique(at.astype("datetime64[us]").astype("datetime64[M]")) if at.size else ():
        start, end = (int(edge.astype("datetime64[us]").astype(np.int64)) for edge in (month, month + 1))
        check = coverage_since(matured, level=level, start=start, end=end)
        assert check is not None
        found.append({"month": str(month), **check.to_dict()})
    return found


def weeks(outcomes: Outcomes, *, seed: int) -> list[dict[str, Any]]:
    """Quality by week of the decision, weeks beginning on Monday."""
    number = (outcomes.at - MONDAY) // WEEK
    found = []
    for week in np.unique(number):
        part = outcomes.where(number == week)
        found.append(
            {
                "week": iso(int(week) * WEEK + MONDAY)[:10],
                "decisions": part.at.size,
                **_quality(part, seed=seed),
            }
        )
    return found


def calibration(outcomes: Outcomes) -> list[dict[str, Any]]:
    """The table of the reliability diagram of what a model served."""
    part = outcomes.where(outcomes.known & outcomes.by_model)
    if not _enough(part.y):
        return []
    return [
        {"mean_score": bin_.mean_p, "rate": bin_.rate, "low": bin_.low, "high": bin_.high, "n": bin_.n}
        for bin_ in reliability(part.y, part.score)
    ]


def slices(outcomes: Outcomes, plan: Plan, *, seed: int) -> list[dict[str, Any]]:
    """The metric of what a model served on each declared slice that has enough labels, worst first."""
    part = outcomes.where(outcomes.known & outcomes.by_model)
    found = []
    for name, values in slice_columns(part.table, plan.system.goal.slices):
        for value in pc.unique(values).to_pylist():
            mask = pc.equal(values, value).to_numpy(zero_copy_only=False) if value is not None else None
            inside = part.where(np.asarray(mask, dtype=bool)) if mask is not None else None
            if inside is None or not _enough(inside.y):
                continue
            shown = interval("auc", inside.y, inside.score, cluster=inside.at // DAY, seed=seed)
            found.append(
                {
                    "slice": name,
                    "value": str(value),
                    "n": inside.at.size,
                    "auc": _number(shown.estimate),
                    "low": _number(shown.low),
                    "high": _number(shown.high),
                    "base_rate": float(inside.y.mean()),
                }
            )
    return sorted(found, key=lambda each: (each["auc"], each["slice"], each["value"]))


def maturity(matured: pa.Table) -> list[dict[str, Any]]:
    """The share of decisions whose label is settled by an age: how late labels come."""
    waited = matured["settled_at"].to_numpy() - matured["at"].to_numpy()
    last = int(waited.max()) if waited.size else 0
    ages = [hours for hours in MATURITY_HOURS if hours * HOUR < last] + (
        [math.ceil(last / HOUR)] if waited.size else []
    )
    return [{"hours": hours, "share": float((waited <= hours * HOUR).mean())} for hours in ages]


def overall(outcomes: Outcomes) -> dict[str, Any]:
    """The figures of the whole period: of the rows a model decided, and the frozen model on the same rows."""
    part = outcomes.where(outcomes.known & outcomes.by_model)
    both = part.where(~np.isnan(part.frozen))
    enough = _enough(both.y)
    return {
        "auc": auc(both.y, both.score) if enough else None,
        "auc_frozen": auc(both.y, both.frozen) if enough else None,
        "business": _per_1000(outcomes),
        "ece": ece(part.y, part.score) if _enough(part.y) else None,
    }


def period(outcomes: Outcomes, *, seed: int) -> dict[str, Any]:
    """The metrics of what a model served, each with its interval by days."""
    part = outcomes.where(outcomes.known & outcomes.by_model)
    if not _enough(part.y):
        return {}
    found: dict[str, Any] = {"n": part.at.size}
    for name in ("auc", "average_precision", "log_loss", "brier", "ece"):
        shown = interval(name, part.y, part.score, cluster=part.at // DAY, seed=seed)
        found |= {name: _number(shown.estimate), f"{name}_low": _number(shown.low), f"{name}_high": _number(shown.high)}
    return found


def _quality(part: Outcomes, *, seed: int) -> dict[str, Any]:
    known = part.where(part.known)
    found: dict[str, Any] = {
        "coverage": _share(part.known | part.void),
        "base_rate": _share(known.y > 0),
        "auc": None,
        "auc_low": None,
        "auc_high": None,
        "auc_frozen": None,
        "log_loss": None,
        "ece": None,
        "business": _per_1000(part),
    }
    if not _enough(known.y):
        return found
    shown = interval("auc", known.y, known.score, cluster=known.at // DAY, seed=seed)
    found |= {"auc": _number(shown.estimate), "auc_low": _number(shown.low), "auc_high": _number(shown.high)}
    frozen = known.where(~np.isnan(known.frozen))
    if _enough(frozen.y):
        found["auc_frozen"] = auc(frozen.y, frozen.frozen)
    served = known.where(known.by_model)
    if _enough(served.y):
        spec = METRICS["log_loss"]
        found["log_loss"] = _number(float(spec.function(served.y, served.score)))
        found["ece"] = ece(served.y, served.score)
    return found


def slice_columns(table: pa.Table, names: Sequence[str]) -> Iterator[tuple[str, pa.Array]]:
    """The declared slices whose column is a text or a truth value, with their columns."""
    for name in names:
        for prefix in ("field.", "feature."):
            column = prefix + name
            if column in table.column_names and kinds(table.select([column]))[column] in ("text", "bool"):
                yield name, table[column]
                break


def _enough(y: np.ndarray) -> bool:
    positives = int((y > 0).sum())
    return min(positives, y.size - positives) >= LEAST


def _share(mask: np.ndarray) -> float | None:
    return float(mask.mean()) if mask.size else None


def _per_1000(part: Outcomes) -> float | None:
    known = part.value[part.known]
    return 1000 * float(known.mean()) if known.size else None


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
