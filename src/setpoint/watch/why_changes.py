"""What would have changed a decision, of what the goal says can be changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.core.errors import DeclarationError
from setpoint.core.records import RULE
from setpoint.data.log.decisions import features_of
from setpoint.declare.goal_kind import BINARY, MULTICLASS
from setpoint.declare.plan import Plan
from setpoint.learn.counterfactual import Flips, counterfactuals
from setpoint.learn.scorer import Scorer
from setpoint.watch.consistency import ScorerOf

NEVER = "nothing that can be changed would have changed it, at values that other decisions have"


def told_changes(
    plan: Plan, log: pa.Table, scorer_of: ScorerOf | None, *, others: Callable[[], pa.Table]
) -> tuple[list[str], list[dict[str, Any]]]:
    """What would have changed a logged decision, in words and as rows; `others` are rows of the log.

    Each is scored again by the model that decided. Raises DeclarationError where the goal says of nothing that it can
    be changed.
    """
    need_changeable(plan)
    model = log["model"][0].as_py()
    scorer = None if model == RULE or scorer_of is None else scorer_of(model)
    if not isinstance(scorer, Scorer):
        return ["the fallback rule decided: what would have changed it is in the rule"], []
    row = features_of(log).slice(0, 1)
    flips = flips_of(plan, scorer, row, threshold=log["threshold"][0].as_py())
    return changes_of(plan, row.to_pylist()[0], flips, scorer, others=features_of(others()))


def flips_of(plan: Plan, scorer: Scorer, row: pa.Table, *, threshold: float | None) -> Flips:
    """Whether rows are decided otherwise than one row, 1, or how near to that they are, less than 0.

    Two classes are decided by the threshold, several by the class that costs least to answer. Raises DeclarationError
    for goals that decide nothing, and where the threshold of the row is not known.
    """
    form = plan.prediction
    if form.kind not in (BINARY, MULTICLASS):
        raise DeclarationError(
            f"A goal of kind {form.kind!r} decides nothing that could be changed.",
            expected="a goal of two classes or of several",
        )
    if form.acts and threshold is None:
        raise DeclarationError(
            "The threshold depends on the request.", expected="`setpoint why DECISION --counterfactual` on a decision"
        )
    before = np.asarray(scorer.score(row))[0]
    if threshold is not None and form.acts:
        limit, acts = threshold, before >= threshold

        def crosses(rows: pa.Table) -> np.ndarray:
            scores = np.asarray(scorer.score(rows))
            return np.where((scores >= limit) != acts, 1.0, -np.abs(scores - limit))

        return crosses
    prices = np.array(form.prices)
    answered = int((before * prices).argmax())

    def answers(rows: pa.Table) -> np.ndarray:
        worth = np.asarray(scorer.score(rows)) * prices
        others = np.delete(worth, answered, axis=1).max(axis=1)
        return np.where(others > worth[:, answered], 1.0, others - worth[:, answered])

    return answers


def changes_of(
    plan: Plan, values: Mapping[str, Any], flips: Flips, scorer: Scorer, *, others: pa.Table
) -> tuple[list[str], list[dict[str, Any]]]:
    """What would have changed a row's decision, in words and as rows, each scored again by the real scorer."""
    names = [name for name in scorer.inputs if name in others.column_names]
    known = others.select(names)
    allowed = [(name, way) for name, way in plan.system.goal.changeable if name in names]
    found = counterfactuals(flips, values, others=known, changeable=allowed)
    rows = []
    for each in found:
        after = np.asarray(scorer.score(pa.Table.from_pylist([each.apply(values)], schema=known.schema)))
        rows.append(
            {"change": str(each), "score": _told(after[0]), "features": len(each.changes), "far": each.distance}
        )
    if not rows:
        return [NEVER], []
    return [f"it would have been decided otherwise with {rows[0]['change']}"], rows


def need_changeable(plan: Plan) -> None:
    """Raises DeclarationError where the goal says of nothing that it can be changed."""
    if not plan.system.goal.changeable:
        raise DeclarationError(
            f"The goal of the system {plan.system.name!r} says of no feature that it can be changed.",
            expected='changeable=["debt"], or {"debt": "down"}',
            hint="What would have changed a decision is told by features that a person could change.",
        )


def _told(score: Sequence[float] | float) -> float | str:
    """A score, or several in words."""
    numbers = np.asarray(score).reshape(-1)
    return float(numbers[0]) if numbers.size == 1 else ", ".join(f"{each:.3f}" for each in numbers)
