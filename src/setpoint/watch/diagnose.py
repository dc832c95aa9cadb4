"""Suspected causes: which source the affected features have in common, and what to do next."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from setpoint.declare.declaration import System
from setpoint.declare.expr import Aggregate, Column, walk
from setpoint.declare.source import info
from setpoint.watch.finding import DIGEST, FEATURE, LABEL, PREDICTION, Finding
from setpoint.watch.performance import OF_PREDICTIONS, OF_RATES

REQUEST, SERVING, WORLD = "request", "serving", "world"
"""Causes that are no source: the caller's fields, our own serving, and the world itself."""


def sources_of(system: System) -> dict[str, tuple[str, ...]]:
    """The sources that each feature reads; "request" for one that reads only request fields.

    A table's column is looked up by a field, so its source is what varies.
    """
    found = {}
    for feature in system.features:
        names = {info(node.source).name for node in walk(feature.expr) if isinstance(node, (Column, Aggregate))}
        found[feature.name] = tuple(sorted(names)) or (REQUEST,)
    return found


def with_causes(findings: Sequence[Finding], system: System) -> list[Finding]:
    """The findings of one tick with the cause each is suspected to have.

    Faults go to the fewest sources that explain them all. What merely moved goes to its source when that is one;
    when several sources moved on one day, the world did. A score that moved alone is the serving's.
    """
    sources = sources_of(system)
    spine = info(system.decide.spine).name
    faults = {f.subject for f in findings if f.level == FEATURE and f.severity != DIGEST}
    moved = {f.subject for f in findings if f.level == FEATURE and f.severity == DIGEST}
    of_fault = suspects(faults, sources)
    of_move = suspects(moved, sources)
    if len(set(of_move.values())) > 1:
        of_move = dict.fromkeys(of_move, WORLD)
    inputs = [*of_fault.values(), *of_move.values()]
    caused = []
    for finding in findings:
        if finding.level == LABEL:
            cause = WORLD
        elif finding.level == PREDICTION:
            cause = SERVING if not inputs or finding.monitor == "degraded" else inputs[0]
        elif finding.level == FEATURE:
            cause = (of_move if finding.severity == DIGEST else of_fault)[finding.subject]
        else:
            cause = spine
        caused.append(replace(finding, cause=cause))
    return caused


def suspects(features: Collection[str], sources: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """One source for each affected feature: the one that explains most of them, then of the rest the next.

    Among equals the source most of whose features are affected comes first, then the first by name.

    >>> suspects({"temp", "wind"}, {"temp": ["weather"], "wind": ["weather", "planes"], "seats": ["planes"]})
    {'temp': 'weather', 'wind': 'weather'}
    """
    readers: dict[str, set[str]] = {}
    for feature, names in sources.items():
        for name in names:
            readers.setdefault(name, set()).add(feature)
    left, found = set(features), {}
    while left:
        known = {name: left & reading for name, reading in readers.items() if left & reading}
        if not known:
            found.update(dict.fromkeys(sorted(left), REQUEST))
            break
        best = min(known, key=lambda name: (-len(known[name]), -len(known[name]) / len(readers[name]), name))
        found.update(dict.fromkeys(sorted(known[best]), best))
        left -= known[best]
    return found


def next_step(cause: str, monitors: Collection[str]) -> str:
    """What somebody who reads of an incident should do first.

    >>> next_step("weather", ["null"])
    "Look at what source 'weather' delivered: run `setpoint check` and compare with the day before."
    """
    if {*OF_RATES, *OF_PREDICTIONS} & set(monitors):
        return "The scores no longer mean what they promise: a retraining is brought forward where the release says so."
    if "coverage below the promised" in monitors:
        return "Sets hold fewer outcomes than promised: train anew, which calibrates on newer decisions."
    if "mismatch" in monitors:
        return "Logged features are not what decisions should have seen: `setpoint verify` names the first such event."
    if "stale" in monitors:
        return f"Source {cause!r} has had nothing new for longer than it may: `setpoint status` tells since when."
    if {"not fresh", "amount of rows"} & set(monitors):
        return f"Source {cause!r} does not keep its contract: `setpoint check` tells which rule, and since when."
    if "degraded" in monitors:
        return "The fallback rule is deciding: look at the reasons in the decision log and at the model's latency."
    if {"missing day", "volume"} & set(monitors):
        return f"Ask who calls: decisions come from {cause!r}, and its volume changed."
    if cause == SERVING:
        return "No input moved with the score: score the logged features again and compare with the logged scores."
    if cause == WORLD:
        return "Several sources moved on one day, which no single pipeline explains: wait for the labels to judge it."
    if cause == REQUEST:
        return "Look at the requests: a caller sends other values than those that training saw."
    if {"null", "out of range", "unseen value", "one value"} & set(monitors):
        return f"Look at what source {cause!r} delivered: run `setpoint check` and compare with the day before."
    return f"Source {cause!r} moved but keeps its contract: watch live quality before acting."
