"""Why a decision has its score: what each feature that the model saw added to it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from setpoint.core.errors import ModelCorrupt, NameUnknown
from setpoint.core.records import RULE
from setpoint.data.decisions import features_of
from setpoint.watch.consistency import ScorerOf

LINE = 3
"""Reasons that the story names; the table has more."""


def explain_score(log: pa.Table, scorer_of: ScorerOf) -> dict[str, Any] | None:
    """Why the model gave a logged decision its score: the reasons, and what they add up to.

    None where the rule decided, and for a model that does not say what it goes by; only `missing`, in words, where the
    model cannot be asked any more.
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
    found: dict[str, Any] | None = scorer.explain_row(features.to_pylist()[0])
    return found


def story_of(why: dict[str, Any]) -> list[str]:
    """The greatest reasons in one line, and what calibration makes of the model's prediction in another."""
    if "missing" in why:
        return [f"what its features added to the score cannot be told: {why['missing']}"]
    named = why["reasons"][:LINE]
    if not named:
        return ["no feature moved the score from its base"]
    return [f"mostly because {'; '.join(each['words'] for each in named)}", why["calibration"]]


def table_of(why: dict[str, Any]) -> list[dict[str, Any]]:
    """The reasons, all other features, and the base, which add up to the last row."""
    if "missing" in why:
        return []
    rows = [{"because": each["words"], "adds": each["adds"], "code": each["code"]} for each in why["reasons"]]
    ends = (("all other features", "others"), ("base, the same for every decision", "base"), ("in all", "total"))
    return [*rows, *({"because": words, "adds": why[name], "code": ""} for words, name in ends)]
