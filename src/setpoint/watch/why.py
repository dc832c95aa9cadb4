"""Why: one decision, model or incident, explained from what was recorded."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import NothingYet
from setpoint.core.ports import Metadata, Tables
from setpoint.core.records import FEATURE, FIELD, RULE
from setpoint.core.times import iso
from setpoint.data.decisions import DECISIONS, OUTCOMES
from setpoint.declare.plan import Plan
from setpoint.labels.join import STATES
from setpoint.registry import audit, lineage, models


def explain(plan: Plan, metadata: Metadata, tables: Tables, subject: str) -> dict[str, Any]:
    """What is recorded about a decision (by id or key), a model or an incident (by id; a beginning of it is enough).

    Raises NothingYet when nothing recorded has this name.
    """
    found = _incident(metadata, subject) or _model(metadata, subject) or _decision(plan, metadata, tables, subject)
    if found is None:
        raise NothingYet(
            f"Nothing recorded is called {subject!r}.",
            expected="the id or key of a decision, or the id of a model or incident",
            hint="`setpoint status` shows the last acts and open incidents.",
        )
    return found


def _incident(metadata: Metadata, subject: str) -> dict[str, Any] | None:
    for body in metadata.find("incident"):
        if body["id"].startswith(subject):
            closed = "still open" if body["closed_at"] is None else f"closed {iso(body['closed_at'])}"
            return {
                "subject": body["id"],
                "kind": f"incident at {body['level']} level ({body['severity']})",
                "story": [
                    body["title"],
                    f"began {iso(body['first_bad'])}, opened {iso(body['opened_at'])}, {closed}",
                    f"suspected cause: {body['cause']}",
                    f"next: {body['next_step']}",
                ],
                "tables": {"Evidence": [dict(each) for each in body["subjects"]]},
            }
    return None


def _model(metadata: Metadata, subject: str) -> dict[str, Any] | None:
    for body in models.all_models(metadata):
        if body["model"].startswith(subject):
            report = body["report"]
            verdict = "passed the gate" if report["passed"] else "was refused: " + "; ".join(report["reasons"])
            acts = audit.trail(metadata, subject=body["model"])
            return {
                "subject": body["model"],
                "kind": "model",
                "story": [
                    f"trained {iso(body['trained_at'])} with {body['recipe']['learner']}; {verdict}",
                    *[f"{iso(act['at'])[:10]} {act['act']}: {act['reason']}" for act in acts],
                ],
                "tables": {
                    "Guardrails": [
                        {"must": each["guardrail"], "verdict": each["verdict"], "because": each["reason"]}
                        for each in report["guardrails"]
                    ],
                    "Importances": [{"feature": name, "share": share} for name, share in body["importances"][:12]],
                    "Made from": [link.to_dict() for link in lineage.trace_model(metadata, body["model"])],
                },
            }
    return None


def _decision(plan: Plan, metadata: Metadata, tables: Tables, subject: str) -> dict[str, Any] | None:
    for part in reversed(tables.parts(DECISIONS)):
        names = tables.read(DECISIONS, parts=[part], columns=["decision_id", "key"])
        named = pc.or_(pc.equal(names["decision_id"], subject), pc.equal(pc.cast(names["key"], pa.string()), subject))
        if pc.any(named).as_py():
            chosen = tables.read(DECISIONS, parts=[part]).filter(named)
            return _told(plan, metadata, tables, chosen.slice(chosen.num_rows - 1).to_pylist()[0])
    return None


def _told(plan: Plan, metadata: Metadata, tables: Tables, row: dict[str, Any]) -> dict[str, Any]:
    action = plan.system.goal.act.name if row["acted"] else f"not {plan.system.goal.act.name}"
    by = "the fallback rule" if row["model"] == RULE else f"model {row['model'][:12]}"
    shares = {} if row["model"] == RULE else dict(models.get(metadata, row["model"])["importances"])
    values = [
        {"feature": name, "value": _null(row[FEATURE + name]), "importance": shares.get(name)} for name in plan.features
    ]
    ranked = sorted(values, key=lambda each: -(each["importance"] or 0.0))
    return {
        "subject": row["decision_id"],
        "kind": f"decision on {row['key']}",
        "story": [
            f"at {iso(row['at'])}: {action}, by {by}",
            f"score {row['score']:.4f} against the threshold {row['threshold']:.4f}"
            + (f"; degraded: {row['degraded']}" if row["degraded"] else ""),
            _truth(tables, row),
        ],
        "tables": {
            "Request": [{"field": name, "value": str(row[FIELD + name])} for name in plan.fields],
            "What it saw": ranked,
            "Made from": [link.to_dict() for link in lineage.trace_decision(metadata, row)],
        },
    }


def _null(value: Any) -> Any:
    """A value as JSON has it: NULL where a number is NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _truth(tables: Tables, row: dict[str, Any]) -> str:
    for part in tables.parts(OUTCOMES):
        outcomes = tables.read(OUTCOMES, parts=[part], columns=["decision_id", "state", "value", "settled_at"])
        found = outcomes.filter(pc.equal(outcomes["decision_id"], row["decision_id"])).to_pylist()
        if found:
            state = STATES[found[0]["state"]]
            truth = f"{state}: {bool(found[0]['value'])}" if state == "known" else state
            return f"its label is {truth}, settled {iso(found[0]['settled_at'])}"
    return "its label is not mature yet"
