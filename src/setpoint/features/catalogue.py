"""The catalogue: every feature with its version, owner and users, how it fares, and which are proposed for removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.times import spell
from setpoint.data.arrays import to_array
from setpoint.data.log.decisions import features_of, sources_read
from setpoint.declare.expr import FeatureRef, walk
from setpoint.declare.kinds import NUMBER, TEXT
from setpoint.declare.plan import Plan
from setpoint.features.freshness import Freshness

ENOUGH = 1_000
"""Decisions from which on it can be told that a feature is constant, empty or a copy of another."""


@dataclass(frozen=True)
class Facts:
    """What is known of the features of a plan from what has run.

    `log` are the newest rows of the decision log, `importances` the shares of the newest champions, the newest first;
    `users` names the systems and models that read a version, `sizes` the bytes that a feature's state takes.
    """

    log: pa.Table | None = None
    importances: Sequence[Mapping[str, float]] = ()
    users: Mapping[str, Sequence[str]] = field(default_factory=dict)
    fresh: Sequence[Freshness] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One feature of the catalogue. What is not known is None; `proposal` says why it could go, "" when it should stay.

    `coverage` is the share of the newest decisions in which it has a value, `distinct` how many different ones.
    """

    name: str
    version: str
    kind: str
    definition: str
    owner: str
    note: str
    sources: tuple[str, ...]
    used_by: tuple[str, ...]
    coverage: float | None
    distinct: int | None
    age: int | None
    limit: int | None
    stale: bool
    importance: float | None
    state_bytes: int | None
    proposal: str

    def to_dict(self) -> dict[str, Any]:
        """The entry as JSON-like data, durations in words."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        found |= {"sources": list(self.sources), "used_by": list(self.used_by)}
        return found | {name: None if found[name] is None else spell(found[name]) for name in ("age", "limit")}


def make_catalogue(plan: Plan, facts: Facts) -> tuple[Entry, ...]:
    """Every feature of a plan, in order.

    One is proposed for removal when it has no value in any of the newest decisions, always the same one, those of a
    feature before it, or no importance in the newest champions; not when the goal or the fallback reads it.
    """
    values = _Values(plan, facts.log)
    needed = _read_elsewhere(plan)
    found = []
    for feature in plan.inputs:
        theirs = [each for each in facts.fresh if each.feature == feature.name]
        oldest = max(theirs, key=lambda each: -1 if each.age is None else each.age, default=None)
        reason = "" if feature.name in needed else _dead(feature.name, values, facts.importances)
        found.append(
            Entry(
                name=feature.name,
                version=feature.version,
                kind=plan.features[feature.name],
                definition=str(feature.expr),
                owner=feature.owner,
                note=feature.note,
                sources=sources_read([feature.expr]),
                used_by=tuple(facts.users.get(feature.version, ())),
                coverage=values.coverage(feature.name),
                distinct=values.distinct(feature.name),
                age=None if oldest is None else oldest.age,
                limit=None if oldest is None else oldest.limit,
                stale=any(each.stale for each in theirs),
                importance=facts.importances[0].get(feature.name, 0.0) if facts.importances else None,
                state_bytes=facts.sizes.get(feature.name),
                proposal=reason,
            )
        )
    return tuple(found)


class _Values:
    """The values of features in the newest decisions."""

    def __init__(self, plan: Plan, log: pa.Table | None) -> None:
        self._columns: dict[str, pa.Array] = {}
        self.rows = 0 if log is None else log.num_rows
        logged = pa.table({}) if log is None else features_of(log)
        for name, kind in plan.features.items():
            if name in logged.column_names and self.rows:
                column = logged[name].combine_chunks()
                if kind != TEXT:
                    column = pa.array(to_array(column, NUMBER), pa.float64(), from_pandas=True)
                self._columns[name] = column

    def coverage(self, name: str) -> float | None:
        """The share of decisions in which a feature has a value."""
        column = self._columns.get(name)
        return None if column is None else 1.0 - column.null_count / self.rows

    def distinct(self, name: str) -> int | None:
        """How many different values a feature has."""
        column = self._columns.get(name)
        return None if column is None else int(pc.count_distinct(column).as_py())

    def only(self, name: str) -> Any:
        """A value of a feature that has one."""
        return pc.drop_null(self._columns[name])[0].as_py()

    def copied(self, name: str) -> str | None:
        """The feature before this one that has the same value in every decision."""
        column = self._columns[name]
        for other, before in self._columns.items():
            if other == name:
                return None
            if before.type == column.type and before.equals(column):
                return other
        return None


def _dead(name: str, values: _Values, importances: Sequence[Mapping[str, float]]) -> str:
    """Why a feature could be removed; "" when nothing speaks for it."""
    coverage, distinct = values.coverage(name), values.distinct(name)
    if coverage is not None and distinct is not None and values.rows >= ENOUGH:
        among = f"in the newest {values.rows:,} decisions"
        if coverage == 0.0:
            return f"it has no value {among}"
        if coverage == 1.0 and distinct == 1:
            return f"it is always {values.only(name)!r} {among}"
        copied = values.copied(name)
        if copied is not None:
            return f"it has the values of {copied} {among}"
    if importances and not any(each.get(name, 0.0) for each in importances):
        champions = "the champion" if len(importances) == 1 else f"the last {len(importances)} champions"
        return f"it has no importance in {champions}"
    return ""


def _read_elsewhere(plan: Plan) -> set[str]:
    """Features that the goal, its guardrails or the fallback read by name."""
    goal = plan.system.goal
    names = {node.name for node in walk(plan.system.release.fallback.condition) if isinstance(node, FeatureRef)}
    names |= {rail.metric.by for rail in goal.must if rail.metric.by is not None}
    return names | set(goal.slices)


def counted(entries: Sequence[Entry]) -> dict[str, int]:
    """How many features there are, how many are proposed for removal, and how many are stale.

    >>> counted([])
    {'features': 0, 'proposed for removal': 0, 'stale': 0}
    """
    return {
        "features": len(entries),
        "proposed for removal": int(np.sum([bool(each.proposal) for each in entries])),
        "stale": int(np.sum([each.stale for each in entries])),
    }
