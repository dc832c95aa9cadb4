"""One decision, model or incident explained from what was recorded."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from setpoint.serve.asked import take_moment
from setpoint.system.backends import open_learners
from setpoint.system.opened import Opened
from setpoint.system.scorers import Scorers
from setpoint.system.why_request import why_request
from setpoint.system.workspaces import reading
from setpoint.watch.why import Records, explain


def why(
    opened: Opened, subject: str, *, feature: str | None = None, counterfactual: bool = False, model: str | None = None
) -> dict[str, Any]:
    """One decision, model or incident explained from what was recorded; raises NothingYet when there is none.

    With a `model`, what that model makes of the request of this key, whether or not it decided it.
    """
    if model is not None:
        return why_request(opened, subject, model, counterfactual=counterfactual)
    with opened.workspaces.recorded() as (metadata, tables, _), ExitStack() as stack:
        folders = opened.workspaces.newest()[0]
        moment = take_moment(opened.plan, metadata, tables, reading(stack, folders.log))
        rows = opened.events.rows_of(metadata, tables)
        scorer_of = Scorers(folders.models, open_learners(opened.settings.threads)).of
        records = Records(opened.plan, metadata, tables, moment, rows, stored=opened.metadata, scorer_of=scorer_of)
        return explain(records, subject, feature=feature, counterfactual=counterfactual)
