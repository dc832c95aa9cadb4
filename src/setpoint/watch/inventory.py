"""Story: which features are there, who uses them, and how do they fare? The catalogue with all that was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from setpoint.core.ports import Metadata, Tables
from setpoint.data.log.decisions import DECISIONS
from setpoint.declare.plan import Plan
from setpoint.features.catalogue import Facts, counted, make_catalogue
from setpoint.features.freshness import Freshness
from setpoint.registry import audit, lineage, models
from setpoint.serve.asked import Moment
from setpoint.watch.consistency import DEFINITIONS

NEWEST = 10_000
"""Decisions of which coverage and distinct values are told."""

CHAMPIONS = 2
"""How many of the newest champions must have no use for a feature before it is proposed for removal."""


def take_inventory(plan: Plan, facts: Facts) -> dict[str, Any]:
    """The catalogue as one JSON-like document."""
    entries = make_catalogue(plan, facts)
    return {
        "system": plan.system.name,
        "counts": counted(entries),
        "features": [entry.to_dict() for entry in entries],
        "proposed": [{"feature": entry.name, "because": entry.proposal} for entry in entries if entry.proposal],
    }


def facts_of(
    recorded: Sequence[Metadata],
    tables: Tables | None,
    moment: Moment | None,
    *,
    fresh: Iterable[Freshness] = (),
) -> Facts:
    """What has been recorded of features; the first of the databases is that of the workspace where the system runs."""
    log = None if tables is None or moment is None else newest(tables, moment, NEWEST)
    return Facts(
        log=log,
        importances=champions(recorded[0]) if recorded else (),
        users=users_of(recorded),
        fresh=tuple(fresh),
    )


def newest(tables: Tables, moment: Moment, count: int) -> pa.Table | None:
    """The newest decisions of a moment, at least so many if there are; None when there is none."""
    found = [moment.newer]
    for part in reversed(moment.parts):
        if sum(rows.num_rows for rows in found) >= count:
            break
        found.insert(0, tables.read(DECISIONS, parts=[part]))
    rows = pa.concat_tables(found, promote_options="permissive").combine_chunks()
    return rows if rows.num_rows else None


def champions(metadata: Metadata) -> list[dict[str, float]]:
    """The importances of the newest champions, the newest first."""
    promoted = [act["subject"] for act in audit.trail(metadata, act=audit.PROMOTE)]
    found = list(dict.fromkeys(reversed(promoted)))[:CHAMPIONS]
    return [dict(models.get(metadata, model)["importances"]) for model in found]


def users_of(recorded: Sequence[Metadata]) -> Mapping[str, list[str]]:
    """The systems, and the models, that read each version of a feature."""
    found: dict[str, dict[str, None]] = {}
    for metadata in recorded:
        plans = {body["plan"]: body for body in metadata.find(DEFINITIONS)}
        for body in plans.values():
            _note(found, body["versions"], f"system {body['system']}")
        for body in metadata.find("declaration"):
            _note(found, body.get("versions", {}), f"system {body['name']}")
        for model in models.all_models(metadata):
            used = metadata.get(lineage.TRAINING_SET, model["training_set"])
            made_by = plans.get(used["plan"]) if used is not None else None
            if made_by is not None:
                read = {name for name, share in model["importances"] if share}
                versions = {name: version for name, version in made_by["versions"].items() if name in read}
                _note(found, versions, f"model {model['model'][:12]}")
    return {version: list(names) for version, names in found.items()}


def _note(found: dict[str, dict[str, None]], versions: Mapping[str, str], user: str) -> None:
    for version in versions.values():
        found.setdefault(version, {})[user] = None
