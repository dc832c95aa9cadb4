"""What a model makes of one request, and why: for goals of every kind, whether or not decisions were taken."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import NothingYet
from setpoint.core.times import iso
from setpoint.declare.plan import Plan
from setpoint.history import requests_of
from setpoint.learn.scorer import Scorer
from setpoint.registry import models
from setpoint.system.backends import open_learners
from setpoint.system.features import read_features
from setpoint.system.opened import Opened
from setpoint.system.scorers import Scorers
from setpoint.watch.why_changes import changes_of, flips_of, need_changeable
from setpoint.watch.why_score import BACKGROUND, tables_of


def why_request(opened: Opened, key: str, model: str, *, counterfactual: bool = False) -> dict[str, Any]:
    """What a model (by a beginning of its digest) makes of the request of a key, and why.

    Raises NothingYet where there is no such request or model.
    """
    plan = opened.plan
    with opened.workspaces.recorded() as (metadata, tables, _), ExitStack():
        folders = opened.workspaces.newest()[0]
        found = [body["model"] for body in models.all_models(metadata) if body["model"].startswith(model)]
        if not found or not model:
            raise NothingYet(f"No model is called {model!r}.", hint="`setpoint runs` lists the models.")
        scorer = Scorers(folders.models, open_learners(opened.settings.threads)).of(found[-1])
        rows = dict(opened.events.rows_of(metadata, tables))
    requests = requests_of(plan, rows, start=None, end=None)
    named = pc.equal(pc.cast(requests.table[plan.system.decide.key], pa.string()), key)
    places = np.flatnonzero(named.to_numpy(zero_copy_only=False))
    if not places.size:
        raise NothingYet(f"No request is called {key!r}.", expected="the key of a row of the spine")
    spread = np.linspace(0, len(requests.at) - 1, min(len(requests.at), BACKGROUND)).astype(np.int64)
    wanted = np.concatenate([spread, places[-1:]])
    wanted = np.unique(wanted)
    features = read_features(opened, rows, requests.table.take(pa.array(wanted)), requests.at[wanted])
    place = int(np.searchsorted(wanted, places[-1]))
    told = _told(plan, scorer, features, place, at=int(requests.at[places[-1]]), model=found[-1])
    if counterfactual:
        lines, changes = _changes(plan, scorer, features, place)
        told["story"] += lines
        told["tables"] |= {"What would have changed it": changes} if changes else {}
    return {"subject": key, **told}


def _told(plan: Plan, scorer: Scorer, features: pa.Table, place: int, *, at: int, model: str) -> dict[str, Any]:
    values = features.slice(place, 1).to_pylist()[0]
    names, found = plan.system.label.classes, scorer.explain_outputs(values, names=plan.system.label.classes)
    sampled = found is None
    if found is None:
        found = scorer.explain_outputs(values, names=names, background=features) or []
    score = "; ".join(f"{each['output']} {each['score']:.4g}".strip() for each in found)
    return {
        "kind": f"what the model {model[:12]} makes of it, a goal of kind {plan.system.kind!r}",
        "story": [
            f"decided at {iso(at)}, by what could be seen then",
            f"it predicts {score}",
            *([found[0]["sampled"]] if sampled and found else []),
        ],
        "tables": tables_of({"outputs": found}),
    }


def _changes(plan: Plan, scorer: Scorer, features: pa.Table, place: int) -> tuple[list[str], list[dict[str, Any]]]:
    """What would have changed the action, or the class that is answered."""
    need_changeable(plan)
    row = features.slice(place, 1)
    flips = flips_of(plan, scorer, row, threshold=scorer.threshold.constant)
    return changes_of(plan, row.to_pylist()[0], flips, scorer, others=features)
