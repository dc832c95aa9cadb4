"""Where a model is weak: slices proposed by the validation rows and judged on the held-out ones, which are newer.

What a model loses on a row is its log loss, its Brier score, or whether its action was wrong; of other kinds of goals
what the kind says, compared with what it loses on the other rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc

from setpoint.core.errors import DeclarationError
from setpoint.data.arrays import to_array
from setpoint.data.rows import kinds
from setpoint.declare.goal import Goal, Metric
from setpoint.declare.kinds import TEXT, TIME
from setpoint.learn.groups import groups_of
from setpoint.learn.kinds.kind import Kind
from setpoint.learn.kinds.row_losses import loss_by_metric, stated_loss
from setpoint.learn.scored import Bench, Scored
from setpoint.learn.sides import Examples
from setpoint.measure.bins import Bins
from setpoint.measure.metrics import log_losses, squared_errors
from setpoint.measure.rows import Mask
from setpoint.measure.weak_slices import Proposal, WeakSlice, WeakSlices, judge_slices, propose_slices

DEPTH = 2
"""Conditions of a slice, unless a guardrail asks for more."""
STATED = Metric("worst_slice", of="log_loss")
"""What every report of two classes states, whatever the guardrails."""
LOSSES = {
    "log_loss": "log loss",
    "brier": "Brier score",
    "accuracy": "share of wrong answers",
    "mae": "absolute error",
    "poisson_deviance": "Poisson deviance",
    "pinball": "pinball loss",
}
NOTHING = Proposal(Bins(()), (), (), 0)

Proposals = Mapping[str, Proposal]
"""The slices proposed, by the metric in words."""


def stated(kind: Kind | None) -> Metric | None:
    """What every report of a kind states of slices; None where no row has a loss of its own.

    >>> str(stated(None))
    'worst_slice(log_loss())'
    """
    if kind is None:
        return STATED
    loss = stated_loss(kind)
    return None if loss is None else Metric("worst_slice", of=loss, against="others")


def propose_weak(goal: Goal, rows: Examples, scored: Scored, *, kind: Kind | None = None) -> Proposals:
    """The slices that these rows propose, for what the goal asks of slices and for what every report states.

    They are rows that no model was fitted on and that none is judged by.
    """
    table, found = table_of(rows), {}
    always = stated(kind)
    asked = [rail.metric for rail in goal.must if rail.metric.name == "worst_slice"]
    for metric in asked if always is None else (always, *asked):
        loss, expected = losses_of(str(metric.of), rows.y, scored, kind=kind)
        by = None if metric.against else expected
        found[_asked(metric)] = propose_slices(table, loss, weight=rows.weight, expected=by, depth=_depth(metric))
    return found


def judge_weak(
    goal: Goal, bench: Bench, scored: Scored, proposals: Proposals, *, metric: Metric, times: float = 1.0
) -> WeakSlices:
    """The slices proposed and those that the goal declares, judged on the held-out rows, rows of a day alike."""
    rows, proposal = bench.rows, proposals.get(_asked(metric), NOTHING)
    loss, expected = losses_of(str(metric.of), rows.y, scored, kind=bench.kind)
    declared: dict[str, Mask] = {}
    for name in goal.slices:
        groups = groups_of(rows, name)
        declared |= {f"{name} = {group}": np.asarray(groups == group) for group in np.unique(groups).tolist()}
    return judge_slices(
        proposal,
        table_of(rows, [column.name for column in proposal.bins.columns]),
        loss,
        cluster=rows.days,
        weight=rows.weight,
        declared=declared,
        expected=expected,
        relative=metric.against is None,
        of=str(metric.of),
        times=times,
    )


def losses_of(
    name: str, y: np.ndarray, scored: Scored, *, kind: Kind | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """What each row loses, and what the model itself expected it to lose, where it says so.

    >>> scored = Scored("m", np.array([0.2, 0.5]), np.array([True, False]), np.zeros(2))
    >>> [part.round(3).tolist() for part in losses_of("brier", np.array([1.0, 0.0]), scored)]
    [[0.64, 0.25], [0.16, 0.25]]
    >>> [part.tolist() for part in losses_of("accuracy", np.array([1.0, 1.0]), scored)]
    [[0.0, 1.0], [0.8, 0.5]]
    """
    if kind is not None:
        loss = loss_by_metric(kind, name)
        if loss is None:
            raise DeclarationError(f"worst_slice({name}) of a goal of kind {kind.name!r}.", expected="its own loss")
        return loss(y, scored.p), None
    p, one = scored.p, np.ones_like(scored.p)
    if name == "accuracy":
        return np.asarray(scored.acted != (y > 0), dtype=np.float64), np.where(scored.acted, 1 - p, p)
    of = {"log_loss": log_losses, "brier": squared_errors}[name]
    return of(y, p), p * of(one, p) + (1 - p) * of(0 * one, p)


def table_of(rows: Examples, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """The features and request fields by which rows can be told apart: these, or all but times and texts that are keys.

    >>> import pyarrow as pa
    >>> table = pa.table({"x": [1.0, 2.0], "id": ["a", "b"], "kind": ["c", "c"]})
    >>> sorted(table_of(Examples(table, table, np.zeros(2), np.zeros(2))))
    ['kind', 'x']
    """
    found = {}
    for part in (rows.features, rows.fields):
        for name, kind in kinds(part).items():
            if name in found or (kind == TIME if names is None else name not in names):
                continue
            if names is None and kind == TEXT and 2 * pc.count_distinct(part[name]).as_py() > part.num_rows:
                continue
            found[name] = to_array(part[name], kind)
    return found


def document_of(slices: WeakSlices) -> dict[str, Any]:
    """The slices as JSON-like data, each with what it is in words."""
    found = slices.to_dict()
    for each, told in zip(slices.slices, found["slices"], strict=True):
        told["words"] = tell_weak(slices, each)
    return found


def tell_weak(slices: WeakSlices, each: WeakSlice) -> str:
    """A slice in one sentence: how much it loses, how sure that is, how large it is, what the model expected."""
    found, name = each.times, LOSSES.get(slices.loss, slices.loss)
    words = f"{each.name}: {name} {_shown(each.loss)} against {_shown(each.others)} of the others"
    if each.expected is not None:
        words += f", while the model expected {_shown(each.expected)}"
    if np.isfinite(found.estimate):
        words += f"; {found.estimate:.3g} times what " + ("was expected" if slices.relative else "the others lose")
        words += f", with 95 % certainty at least {found.low:.3g}" if np.isfinite(found.low) else ""
    words += f"; {100 * each.share:.1f} % of the decisions"
    return words if each.because_of is None else f"{words}; {each.because_of}"


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"


def _asked(metric: Metric) -> str:
    return f"{metric.of} {metric.against} {_depth(metric)}"


def _depth(metric: Metric) -> int:
    return DEPTH if metric.option is None else int(metric.option)
