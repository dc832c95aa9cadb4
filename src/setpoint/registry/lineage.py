"""Lineage: from a decision to its model, its training set, the snapshot of the sources and their digests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from setpoint.core.errors import NothingYet
from setpoint.core.ports import Metadata
from setpoint.core.records import RULE
from setpoint.core.times import iso
from setpoint.registry import models

SNAPSHOT, TRAINING_SET = "snapshot", "training_set"


@dataclass(frozen=True)
class Link:
    """One step back: what it is, its digest, and what is known of it."""

    what: str
    digest: str
    detail: str

    def to_dict(self) -> dict[str, str]:
        """The link as JSON-like data."""
        return {"what": self.what, "digest": self.digest, "detail": self.detail}


def put_inputs(
    metadata: Metadata,
    *,
    training_set: str,
    snapshot: str,
    as_of: int,
    sources: Mapping[str, str],
    plan: str,
    rows: int,
) -> None:
    """Store what a training set was made from: a snapshot as of a time, with the digest of each source's rows."""
    metadata.put(SNAPSHOT, snapshot, {"snapshot": snapshot, "as_of": as_of, "sources": dict(sources)})
    body = {"training_set": training_set, "snapshot": snapshot, "plan": plan, "rows": rows, "as_of": as_of}
    metadata.put(TRAINING_SET, training_set, body)


def trace_model(metadata: Metadata, model: str) -> tuple[Link, ...]:
    """The links from a model down to the digests of the sources it learned from, nearest first.

    A link whose record is missing says so; it is never left out.
    """
    if model == RULE:
        return (Link("rule", RULE, "the fallback rule of the declaration; it was not trained"),)
    body = models.get(metadata, model)
    trained = body.get("trained") or [None, None]
    span = f"trained on decisions from {iso(trained[0])} to {iso(trained[1])}" if trained[0] is not None else "trained"
    links = [Link("model", model, f"{body['recipe']['learner']}, {span}, seed {body['seed']}")]
    used = metadata.get(TRAINING_SET, body["training_set"])
    if used is None:
        links.append(Link("training set", body["training_set"], "no record of how it was built"))
    else:
        detail = f"{used['rows']} decisions as of {iso(used['as_of'])}, plan {used['plan'][:8]}"
        links.append(Link("training set", body["training_set"], detail))
    taken = metadata.get(SNAPSHOT, body["snapshot"])
    if taken is None:
        return (*links, Link("snapshot", body["snapshot"], "no record of its sources"))
    links.append(Link("snapshot", body["snapshot"], f"what was known at {iso(taken['as_of'])}"))
    return (*links, *(Link("source", found, name) for name, found in sorted(taken["sources"].items())))


def trace_decision(metadata: Metadata, decision: Mapping[str, Any]) -> tuple[Link, ...]:
    """The links from one row of the decision log down to the sources; raises NothingYet when its model is unknown."""
    model = str(decision["model"])
    if model != RULE and metadata.get(models.NOUN, model) is None:
        raise NothingYet(
            f"Decision {decision['decision_id']} names the model {model}, which is not registered here.",
            expected="the registry of the project that took the decision",
        )
    detail = f"{decision['key']} at {iso(int(decision['at']))}, score {decision['score']}, acted {decision['acted']}"
    if decision.get("degraded"):
        detail += f"; the rule decided because {decision['degraded']}"
    return (Link("decision", str(decision["decision_id"]), detail), *trace_model(metadata, model))
