"""The whole loop on one screen: what decides, what wants to, how it does, and what is wrong."""

from __future__ import annotations

from typing import Any

from setpoint.core.ports import Metadata, Tables
from setpoint.core.times import iso
from setpoint.data.decisions import DECISIONS, OUTCOMES
from setpoint.declare.plan import Plan
from setpoint.registry import audit, models


def loop_status(plan: Plan, metadata: Metadata, tables: Tables, *, where: str) -> dict[str, Any]:
    """The state of a system's loop as sections of facts; `where` says which workspace this is."""
    state = metadata.get("loop", plan.system.name)
    acts = audit.trail(metadata)
    incidents = [] if state is None else [each for each in state["incidents"] if each["closed_at"] is None]
    sections: dict[str, dict[str, Any]] = {
        "system": {
            "name": plan.system.name,
            "declaration": plan.system.digest[:12],
            "workspace": where,
            "last tick": None if state is None else iso(state["tick"] * plan.tick),
        },
        "model": _model(metadata, state),
        "release": _release(state),
        "data": {
            "decision parts": len(tables.parts(DECISIONS)),
            "matured parts": len(tables.parts(OUTCOMES)),
        },
        "incidents": {each["id"]: f"{each['severity']}: {each['title']}" for each in incidents} or {"open": "none"},
        "last acts": {f"{iso(act['at'])[:10]} {act['act']}": _short(act) for act in acts[-6:]} or {"acts": "none yet"},
    }
    return {"system": plan.system.name, "sections": sections}


def _model(metadata: Metadata, state: dict[str, Any] | None) -> dict[str, Any]:
    champion = None if state is None else state["release"]["champion"]
    if champion is None:
        return {"deciding": "the fallback rule: no model has been promoted yet"}
    document = models.get(metadata, champion)
    held_out = document["report"]["metrics"]["auc"]
    return {
        "deciding": champion[:12],
        "trained": iso(document["trained_at"]),
        "learner": document["recipe"]["learner"],
        "decisions learned from": document["rows"]["usable"],
        "AUC when judged": held_out["estimate"],
    }


def _release(state: dict[str, Any] | None) -> dict[str, Any]:
    release = {} if state is None else state["release"]

    def name(role: str) -> str:
        return str(release.get(role) or "none")[:12]

    last = release.get("last_training")
    return {
        "in shadow": name("challenger"),
        "watching its successor": name("previous"),
        "last training": None if last is None else iso(last),
    }


def _short(act: dict[str, Any]) -> str:
    return f"{act['subject'][:12]}  {act['reason'][:110]}"
