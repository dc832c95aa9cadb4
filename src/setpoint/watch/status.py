"""The whole loop on one screen: what decides, what wants to, how it does, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from setpoint.core.ports import Metadata, Tables
from setpoint.core.times import SECOND, iso, spell
from setpoint.data.ingest.kept import Unreachable
from setpoint.data.log.decisions import DECISIONS, OUTCOMES, lasts_by
from setpoint.declare.plan import Plan
from setpoint.features.freshness import Freshness
from setpoint.registry import audit, models
from setpoint.watch.consistency import CONSISTENCY
from setpoint.watch.feedback_loop import COLUMNS, feedback_loop, told_loop
from setpoint.watch.young_labels import told_young

RECENT = 30
"""Ticks that the rate of mismatches is told of."""

MATURED = 90
"""Ticks whose matured decisions the length of the feedback loop is measured on."""


def loop_status(
    plan: Plan,
    metadata: Metadata,
    tables: Tables,
    *,
    where: str,
    fresh: Sequence[Freshness] = (),
    unreachable: Mapping[str, Unreachable] | None = None,
    young: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The state of a system's loop as sections of facts; `where` says which workspace this is.

    `unreachable` are the sources that cannot be read now, in a section of their own where there are any; `young` is
    what is known of decisions whose label's time is not over.
    """
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
        "release": {**_release(state), **_waiting(plan, state)},
        "data": {
            "decision parts": len(tables.parts(DECISIONS)),
            "matured parts": len(tables.parts(OUTCOMES)),
        },
        "labels": {**_labels(plan, tables), **({} if young is None else told_young(young))},
        **({"sources": {name: str(told) for name, told in unreachable.items()}} if unreachable else {}),
        "freshness": _freshness(fresh) or {"sources": "no feature reads one"},
        "consistency": _consistency(metadata.find(CONSISTENCY)[-RECENT:]),
        "incidents": {each["id"]: f"{each['severity']}: {each['title']}" for each in incidents} or {"open": "none"},
        "last acts": {f"{iso(act['at'])[:10]} {act['act']}": _short(act) for act in acts[-6:]} or {"acts": "none yet"},
    }
    return {"system": plan.system.name, "sections": sections}


def _labels(plan: Plan, tables: Tables) -> dict[str, str]:
    """How long the feedback loop is, by the newest decisions whose time is over."""
    parts = tables.parts(OUTCOMES)[-MATURED:]
    by = lasts_by(plan)
    columns = [*COLUMNS, *([] if by is None else [by])]
    if not parts:
        return {"feedback loop": "not measured yet: no decision's time is over"}
    return told_loop(feedback_loop(plan, tables.read(OUTCOMES, columns=columns, parts=parts)))


def _model(metadata: Metadata, state: dict[str, Any] | None) -> dict[str, Any]:
    champion = None if state is None else state["release"]["champion"]
    if champion is None:
        return {"deciding": "the fallback rule: no model has been promoted yet"}
    document = models.get(metadata, champion)
    metrics = document["report"]["metrics"]
    name = "auc" if "auc" in metrics else next(iter(metrics))
    return {
        "deciding": champion[:12],
        "trained": iso(document["trained_at"]),
        "learner": document["recipe"]["learner"],
        "decisions learned from": document["rows"]["usable"],
        f"{'AUC' if name == 'auc' else name} when judged": metrics[name]["estimate"],
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


def _waiting(plan: Plan, state: dict[str, Any] | None) -> dict[str, str]:
    """What waits for a person, where anything may."""
    release = {} if state is None else state["release"]
    model = release.get("waiting")
    if model is None:
        return {} if plan.system.release.approval is None else {"waits for approval": "none"}
    since = iso(release["waiting_since"])
    return {"waits for approval": f"{model[:12]}, since {since}: `setpoint approve {model[:12]} --by NAME`"}


def _freshness(fresh: Sequence[Freshness]) -> dict[str, str]:
    """How old each source is, and of its features those that have a limit of their own or are stale."""
    found = {}
    for source in dict.fromkeys(each.source for each in fresh):
        theirs = [each for each in fresh if each.source == source]
        usual = next((each.limit for each in theirs if not each.declared), None)
        limit = "no limit yet" if usual is None else f"at most {_about(usual)} by what is usual"
        age = theirs[0].age
        found[source] = "holds at all times" if age is None else f"{_about(age)} old; {limit}"
        late = [each.feature for each in theirs if each.stale and not each.declared]
        if late:
            found[source] += f"; STALE: {', '.join(late)}"
        for each in theirs:
            if each.declared and each.limit is not None:
                told = "STALE" if each.stale else "fresh"
                found[f"{each.feature} ({source})"] = f"{told}: at most {_about(each.limit)}, declared"
    return found


def _about(length: int) -> str:
    """A duration in whole seconds, minutes or hours: more is not read.

    >>> _about(93_784_000_000)
    '1d 2h 3m'
    """
    return spell(length // (60 * SECOND) * 60 * SECOND if length >= 60 * SECOND else length // SECOND * SECOND)


def _consistency(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How many logged values of the newest ticks differ from what they should be."""
    if not found:
        return {"worked out again": "nothing yet: the ticks of a live system take a sample"}
    values, wrong = sum(each["values"] for each in found), sum(each["mismatches"] for each in found)
    facts: dict[str, Any] = {
        "worked out again": f"{sum(each['decisions'] for each in found):,} decisions of {len(found)} ticks",
        "mismatches": f"{wrong:,} of {values:,} values",
        "mismatch rate": wrong / values if values else 0.0,
        "cost": f"{sum(each['cpu_seconds'] for each in found) / len(found):.2f} CPU s a tick",
    }
    first = next((each["first"][0] for each in reversed(found) if each["first"]), None)
    if first is not None:
        facts["newest difference"] = f"{first['feature']} of {first['key']} at {first['at']}: " + (
            first["because"] or f"logged {first['logged']}, should be {first['recomputed']}"
        )
    return facts


def _short(act: dict[str, Any]) -> str:
    return f"{act['subject'][:12]}  {act['reason'][:110]}"
