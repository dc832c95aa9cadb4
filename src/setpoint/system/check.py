"""Whether sources keep their contracts and decisions can meet their labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from setpoint.core.times import iso
from setpoint.data.contracts.source_rules import source_breaches
from setpoint.data.files.schemas import changes_of
from setpoint.data.log.entries import OPEN
from setpoint.data.log.source_report import report_entries, report_source
from setpoint.data.rows import AT
from setpoint.declare.source import info
from setpoint.features.python_verdicts import python_verdicts
from setpoint.history import Requests, requests_of
from setpoint.learn.audit import check_labeller, check_outcomes
from setpoint.learn.bias_sources import audit_training_set
from setpoint.system.disputed import disputed
from setpoint.system.labelled import all_decisions, label_states
from setpoint.system.opened import Opened
from setpoint.system.quarantine import entries


def check(opened: Opened) -> dict[str, Any]:
    """Whether sources keep their contracts and decisions can meet their labels; nothing is trained."""
    plan = opened.plan
    requests = requests_of(plan, opened.rows, start=None, end=None)
    states = label_states(opened, requests)
    keys = requests.table[plan.system.label.on].combine_chunks()
    findings = [finding.to_dict() for finding in check_outcomes(plan, keys, requests.at, opened.rows)]
    findings += [finding.to_dict() for finding in check_labeller(plan, opened.rows)]
    if states["known"] == 0:
        findings.append(
            {
                "kind": "no-label",
                "evidence": f"none of {requests.at.size} decisions meets a row of the label's source.",
                "hint": f"Do {plan.system.decide.key!r} and {plan.system.label.on!r} hold the same keys?",
            }
        )
    findings += _breaches(opened)
    waiting = [entry for entry in entries(opened) if entry.state == OPEN]
    waiting.sort(key=lambda entry: entry.told)
    return {
        "system": opened.declared.name,
        "passed": not findings,
        "sources": [_source_facts(opened, name) for name in opened.declared.sources],
        "labels": states,
        "findings": findings,
        "quarantine": [entry.to_dict() for entry in waiting],
        "python_features": python_verdicts(plan, opened.rows, requests.table, requests.at),
        "bias": _bias(opened, requests),
    }


def check_report(opened: Opened) -> dict[str, Any]:
    """What `check` says, with the contract, a profile of the rows and every quarantined row of each source."""
    found = check(opened)
    facts = {name: report_source(opened.contracts[name], rows) for name, rows in opened.rows.items()}
    return {
        **found,
        "at": iso(opened.clock.now()),
        "sources": [{**each, **facts[each["name"]]} for each in found["sources"]],
        "quarantine": report_entries(entries(opened), opened.contracts),
    }


def _bias(opened: Opened, requests: Requests) -> dict[str, Any] | None:
    """What the data say of the attributes that the goal protects; None where it protects none."""
    goal = opened.declared.goal
    if not goal.protect:
        return None
    examples = all_decisions(opened, requests)
    contested = disputed(opened, examples.keys)
    found = audit_training_set(goal, examples, contested=contested, seed=opened.settings.seed)
    return None if found is None else found.to_dict()


def _breaches(opened: Opened) -> list[dict[str, Any]]:
    """What sources as a whole do not keep of their contracts now, told events included."""
    stated = {name: each.source_rules for name, each in opened.declared.contracts.items() if each.source_rules}
    if not stated:
        return []
    rows: Mapping[str, pa.Table] = opened.rows
    if opened.workspaces.live.home.exists():
        with opened.workspaces.recorded() as (metadata, tables, _):
            known = opened.events.rows_of(metadata, tables)
            rows = {name: known[name] for name in stated}
    return [
        {"kind": breach.kind, "evidence": breach.words, "hint": f"It is stated by {breach.rule} of its contract."}
        for name, rules in stated.items()
        for breach in source_breaches(opened.contracts[name].info, rules, rows[name], opened.clock.now())
    ]


def _source_facts(opened: Opened, name: str) -> dict[str, Any]:
    found, declared = opened.sources.fitting[name], info(opened.declared.sources[name])
    known = next(choice.value for choice in opened.plan.choices if choice.name == f"source {name}")
    at = found.rows[AT].to_numpy()
    timed = at.size > 0 and declared.at is not None
    changes = [str(change) for change in changes_of(opened.sources.raw[name])]
    return {
        "name": name,
        "rows": found.rows.num_rows,
        "quarantined": found.quarantined.num_rows,
        "skipped": found.skipped,
        "first": iso(int(at.min())) if timed else None,
        "last": iso(int(at.max())) if timed else None,
        "known": known.split("; ", 1)[-1],
        **({"unreachable": str(opened.unreachable[name])} if name in opened.unreachable else {}),
        **({"early": found.early} if found.early else {}),
        **({"changes": changes} if changes else {}),
    }
