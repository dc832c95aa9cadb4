"""What is derived from the declaration, and every feature with what is known of it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from setpoint.core.errors import NothingYet
from setpoint.declare.base_rate import with_base_rate
from setpoint.declare.formats import format_choices
from setpoint.declare.goal_kind import goal_kind
from setpoint.declare.plan import Choice, diff_declarations
from setpoint.features.freshness import freshness_of
from setpoint.history import requests_of
from setpoint.learn.spaces import spaces_of
from setpoint.learn.tried import tried_learners
from setpoint.learn.worth import worth_before
from setpoint.registry import runs
from setpoint.registry.bases import stale_models
from setpoint.registry.forecast import forecast
from setpoint.serve.asked import take_moment
from setpoint.system.backends import open_learners
from setpoint.system.labelled import all_decisions, base_rate
from setpoint.system.opened import Opened
from setpoint.system.workspaces import reading
from setpoint.watch.inventory import facts_of, take_inventory


def show_plan(opened: Opened) -> dict[str, Any]:
    """The plan with each choice's reason, and what changed since it was last shown."""
    plan = with_base_rate(opened.plan, base_rate(opened))
    declared = {**opened.declared.to_dict(), "versions": dict(plan.versions)}
    if plan.bases:
        declared["bases"] = {name: str(version) for name, version in plan.bases.items()}
    before = opened.metadata.get("declaration", opened.declared.name)
    changes = [] if before is None else diff_declarations(before, declared)
    opened.metadata.put("declaration", opened.declared.name, declared)
    tries = Choice("learners", *_learners(opened))
    kind = Choice("kind of goal", *goal_kind(opened.declared.goal, opened.declared.label))
    return {
        "system": opened.declared.name,
        "digest": opened.plan.digest,
        "choices": [choice.to_dict() for choice in (kind, tries, *plan.choices, *format_choices())],
        "features": [
            {
                "name": feature.name,
                "kind": plan.features[feature.name],
                "definition": str(feature.expr),
                "version": feature.version,
                "owner": feature.owner,
                "note": feature.note,
            }
            for feature in plan.inputs
        ],
        "warnings": list(plan.warnings),
        "changes": [change.to_dict() for change in changes],
        "stale_models": _stale_models(opened),
        "next_training": _next_training(opened),
    }


def _next_training(opened: Opened) -> dict[str, Any] | None:
    """What a retraining of as many rows as the newest run had would cost; None before there is a run."""
    with opened.workspaces.registries() as registries:
        found = [run for each in registries for run in each.find(runs.NOUN, system=opened.declared.name)]
    found.sort(key=lambda run: int(run["at"]))
    rows = found[-1].get("rows") if found else None
    expected = forecast(found, rows) if rows else None
    return None if expected is None else {"rows": rows, **expected.to_dict()}


def worth(opened: Opened) -> dict[str, Any]:
    """What labels, rule, costs and value say of training a model at all, before one is trained."""
    plan = opened.plan
    examples = all_decisions(opened, requests_of(plan, opened.rows, start=None, end=None))
    return {"system": opened.declared.name, **worth_before(plan, examples, seed=opened.settings.seed).to_dict()}


def _learners(opened: Opened) -> tuple[str, str]:
    """The learners that are tried, in order, and why; raises NameUnknown for one, or a parameter, that is not there."""
    declared = opened.declared.learners
    found = tried_learners(declared, open_learners(opened.settings.threads))
    spaces_of(opened.declared.goal.search, found)
    if declared:
        return ", ".join(map(str, declared)), "declared; by turns in this order, best guess of each first"
    return ", ".join(found), "boosted trees and a linear model, by turns; learners=[...] names others"


def _stale_models(opened: Opened) -> list[dict[str, str]]:
    """The models that learned from another base model than the one that is here now."""
    with opened.workspaces.registries() as registries:
        return [model.to_dict() for model in stale_models(registries, opened.plan.bases)]


def catalogue(opened: Opened) -> dict[str, Any]:
    """Every feature with version, owner, users, coverage, freshness and importance, and those that could go."""
    plan = opened.plan
    with ExitStack() as stack:
        try:
            folders, settings, where = opened.workspaces.newest()
        except NothingYet:
            fresh = freshness_of(plan, opened.rows, opened.clock.now())
            return take_inventory(plan, facts_of([opened.metadata], None, None, fresh=fresh))
        metadata, tables = folders.open_metadata(settings), folders.open_tables()
        stack.callback(metadata.close)
        moment = take_moment(plan, metadata, tables, reading(stack, folders.log))
        rows = opened.events.rows_of(metadata, tables)
        fresh = freshness_of(plan, rows, opened.moment_of(metadata, where))
        return take_inventory(plan, facts_of([metadata, opened.metadata], tables, moment, fresh=fresh))
