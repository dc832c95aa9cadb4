"""Why a decision has its score: what each feature that the model saw added to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.core.errors import ModelCorrupt, NameUnknown
from setpoint.core.records import RULE
from setpoint.data.log.decisions import features_of
from setpoint.declare.prediction import ENDS, PROBABILITY, Form
from setpoint.watch.consistency import ScorerOf

BACKGROUND = 100
"""Other decisions that a model which does not say what it goes by is asked about."""
SILENT = "The model does not say what it goes by, and there is nothing to compare with."
SHOWN = 3
"""Classes or labels that are explained: those with the greatest predictions."""
LINE = 3
"""Reasons that the story names; the table has more."""


def explain_score(
    log: pa.Table, scorer_of: ScorerOf, *, others: Callable[[], pa.Table], form: Form = PROBABILITY
) -> dict[str, Any] | None:
    """Why the model gave a logged decision its score: the reasons, and what they add up to.

    Of a goal that takes no action, `outputs` has why for each number that was predicted. A model that does not say what
    it goes by is asked about the decision between `others`, rows of the log. None where the rule decided; only
    `missing`, in words, where the model cannot be asked.
    """
    model, features = log["model"][0].as_py(), features_of(log)
    if model == RULE:
        return None
    try:
        scorer = scorer_of(model)
    except (ModelCorrupt, NameUnknown) as error:
        return {"missing": error.problem}
    if scorer is None:
        return {"missing": f"The model {model[:12]} is not there any more."}
    gone = sorted(set(scorer.inputs) - set(features.column_names))
    if gone:
        return {"missing": f"The log has no {', '.join(gone)}."}
    values = features.to_pylist()[0]
    if not form.acts:
        outputs = scorer.explain_outputs(values, names=form.names)
        if outputs is None:
            background = _sample(features_of(others()), scorer.inputs)
            outputs = scorer.explain_outputs(values, names=form.names, background=background)
        return {"missing": SILENT} if outputs is None else {"outputs": outputs}
    found = scorer.explain_row(values)
    if found is None:
        found = scorer.explain_row(values, background=_sample(features_of(others()), scorer.inputs))
    return found or {"missing": SILENT}


def _sample(rows: pa.Table, inputs: Sequence[str]) -> pa.Table | None:
    """Some of the rows, spread evenly over them; None where they lack an input."""
    if not set(inputs) <= set(rows.column_names):
        return None
    return rows.take(np.linspace(0, rows.num_rows - 1, min(rows.num_rows, BACKGROUND)).astype(np.int64))


def story_of(why: dict[str, Any]) -> list[str]:
    """The greatest reasons in one line, and what calibration makes of the model's prediction in another."""
    if "missing" in why:
        return [f"what its features added to the score cannot be told: {why['missing']}"]
    if "outputs" in why:
        sampled = why["outputs"][0].get("sampled")
        return [] if sampled is None else [sampled]
    named = why["reasons"][:LINE]
    if not named:
        return ["no feature moved the score from its base"]
    sampled = [why["sampled"]] if "sampled" in why else []
    return [f"mostly because {'; '.join(each['words'] for each in named)}", why["calibration"], *sampled]


def tables_of(why: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The reasons of a score as a table; of several predictions those of the greatest, or of both ends."""
    if "outputs" not in why:
        rows = table_of(why)
        return {f"Why this score ({why['scale']})": rows} if rows else {}
    found = why["outputs"]
    ranked = sorted(found, key=lambda each: -each["score"])[:SHOWN] if len(found) > len(ENDS) else found
    return {
        f"Why {each['output'] or 'this prediction'} ({each['scale']})": table_of(each)
        for each in ranked
        if each["reasons"]
    }


def table_of(why: dict[str, Any]) -> list[dict[str, Any]]:
    """The reasons, all other features, and the base, which add up to the last row."""
    if "missing" in why:
        return []
    bounds = ("low", "high") if "sampled" in why else ()
    rows = [
        {"because": each["words"], "adds": each["adds"], **{name: each[name] for name in bounds}, "code": each["code"]}
        for each in why["reasons"]
    ]
    ends = (("all other features", "others"), ("base, the same for every decision", "base"), ("in all", "total"))
    rest = dict.fromkeys(bounds)
    return [*rows, *({"because": words, "adds": why[name], **rest, "code": ""} for words, name in ends)]
