"""Why a decision has its score, for who asks for it along with the decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.core.errors import SetpointError
from setpoint.declare.prediction import PROBABILITY, Form
from setpoint.serve.snapshot import Explains, Scorer

BY_RULE = "the fallback rule decided"
SILENT = "the model does not say what it goes by"


def explain_decision(scorer: Scorer | None, values: Mapping[str, Any], *, form: Form = PROBABILITY) -> dict[str, Any]:
    """What each feature added to the score that a model gave these values; only `missing`, in words, if nobody can say.

    Of a goal that takes no action `outputs` has that for each number that was predicted. The decision is taken and
    logged by then, so a model that fails to explain itself changes nothing about it.

    >>> explain_decision(None, {})
    {'missing': 'the fallback rule decided'}
    """
    if scorer is None:
        return {"missing": BY_RULE}
    if not isinstance(scorer, Explains):
        return {"missing": SILENT}
    try:
        if not form.acts:
            outputs = scorer.explain_outputs(values, names=form.names)
            return {"missing": SILENT} if outputs is None else {"outputs": outputs}
        found = scorer.explain_row(values)
    except SetpointError as error:
        return {"missing": error.problem}
    return {"missing": SILENT} if found is None else dict(found)
