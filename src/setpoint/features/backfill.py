"""Backfill: a feature that is new, or was changed, for every decision that was taken before it was there.

The value is the one that the feature would have had: worked out from the rows that the decision had seen, as `verify`
does. Values are kept in a set of tables of the feature's version, a part for each part of the decision log, so what was
done is not done again, whatever stopped it. What is not there when a training set is made is worked out then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import NameUnknown
from setpoint.core.ports import Tables
from setpoint.core.records import FEATURE
from setpoint.data.arrays import Mask
from setpoint.data.log.decisions import DECISIONS, definitions_of, features_of, fields_of, plan_sources
from setpoint.data.rows import canonical_type
from setpoint.declare.expr import Aggregate, Column, Expr, Field, Neighbours, walk
from setpoint.declare.kinds import TEXT
from setpoint.declare.plan import Plan
from setpoint.declare.source import TABLE, info
from setpoint.features.reader import FeatureReader
from setpoint.features.verify import Versions, arrived_of, is_logged, of_version

SET = "backfill."
"""Prefix of the set of tables with the values of a version of a feature."""


class Progress(Protocol):
    """Told after every part how far a backfill is."""

    def __call__(self, *, done: int, of: int) -> None:
        """So many parts of so many are done."""
        ...


@dataclass(frozen=True)
class Filled:
    """What a backfill did for a feature: decisions that it worked out, and those that were there from an earlier one.

    `fields` are request fields that it reads and that `without` decisions do not have: there it stays NULL.
    """

    feature: str
    version: str
    decisions: int = 0
    before: int = 0
    without: int = 0
    fields: tuple[str, ...] = ()


def backfill(
    plan: Plan,
    rows: Mapping[str, pa.Table],
    tables: Tables,
    parts: Sequence[str],
    *,
    versions: Versions,
    progress: Progress | None = None,
) -> tuple[Filled, ...]:
    """Work out every feature for every decision of these parts of the log that lacks it; gives what was lacking.

    A part is written whole or not at all, and one that is there is not read again.
    """
    worker = _Worker(plan, rows)
    found: dict[str, Filled] = {}
    there = {name: set(tables.parts(SET + version)) for name, version in plan.versions.items()}
    for number, part in enumerate(parts):
        if not _all_there(plan, tables, part):
            log = tables.read(DECISIONS, parts=[part])
            masks = lacking(plan, log, versions)
            wanted = [name for name in masks if part not in there[name]]
            for name, values in worker.values(log, {name: masks[name] for name in wanted}).items():
                ids = log["decision_id"].filter(pa.array(masks[name]))
                tables.write(SET + plan.versions[name], part, pa.table({"decision_id": ids, "value": values}))
            for name, mask in masks.items():
                before = found.get(name, Filled(name, plan.versions[name]))
                found[name] = _counted(before, plan, log, mask, kept=name not in wanted)
        if progress is not None:
            progress(done=number + 1, of=len(parts))
    return tuple(found[name] for name in plan.versions if name in found)


def completed(
    plan: Plan, log: pa.Table, tables: Tables, rows: Mapping[str, pa.Table], *, versions: Versions
) -> pa.Table:
    """A decision log in which every feature of a plan has the values of its version, and only those.

    What the log lacks is taken from the tables of an earlier backfill, and worked out where they lack it too.
    """
    masks = lacking(plan, log, versions)
    if not masks:
        return log
    columns, left = {}, {}
    for name, mask in masks.items():
        columns[name], left[name] = _stored(log, tables, SET + plan.versions[name], name, mask, plan.features[name])
    for name, values in _Worker(plan, rows).values(log, {n: mask for n, mask in left.items() if mask.any()}).items():
        columns[name] = pc.replace_with_mask(columns[name], pa.array(left[name]), values)
    for name, values in columns.items():
        place = log.schema.get_field_index(FEATURE + name)
        column = values if plan.features[name] == TEXT else pc.fill_null(values, float("nan"))
        if place < 0:
            log = log.append_column(FEATURE + name, column)
        else:
            log = log.set_column(place, FEATURE + name, column)
    return log


def lacking(plan: Plan, log: pa.Table, versions: Versions) -> dict[str, Mask]:
    """Where a log has no value of the version that a feature has now, by feature; those that lack none are left out."""
    found = {}
    logged = features_of(log)
    for name, kind in plan.features.items():
        mask = np.ones(log.num_rows, dtype=np.bool_)
        if name in logged.column_names:
            mask = ~(of_version(plan, log, name, versions) & is_logged(logged[name], kind))
        if mask.any():
            found[name] = mask
    return found


class _Worker:
    """Works out features for rows of the log; what a set of features needs of the sources is prepared once."""

    def __init__(self, plan: Plan, rows: Mapping[str, pa.Table]) -> None:
        self._plan, self._rows = plan, {name: rows[name] for name in plan_sources(plan)}  # of one moment
        self._readers: dict[tuple[str, ...], FeatureReader] = {}

    def values(self, log: pa.Table, masks: Mapping[str, Mask]) -> dict[str, pa.Array]:
        """The values of features in the decisions that lack them, in order; NULL where a field is lacking too."""
        if not masks:
            return {}
        names = tuple(masks)
        chosen = np.logical_or.reduce([masks[name] for name in names])
        some = log.filter(pa.array(chosen))
        narrow = self._narrow(names)
        if names not in self._readers:
            self._readers[names] = FeatureReader(narrow, self._rows)
        requests = _with_fields(fields_of(some), self._plan)
        arrived = arrived_of(narrow, self._rows, some)
        found = self._readers[names].read(requests, some["at"].to_numpy(), arrived=arrived)
        values = {}
        for name in names:
            column = found[name].combine_chunks().filter(pa.array(masks[name][chosen]))
            without = _fields_lacking(self._plan, name, log)
            values[name] = pa.nulls(len(column), column.type) if without else column
        return values

    def _narrow(self, names: tuple[str, ...]) -> Plan:
        inputs = tuple(one for one in self._plan.inputs if one.name in names)
        return replace(self._plan, inputs=inputs, features={one.name: self._plan.features[one.name] for one in inputs})


def _values(log: pa.Table, feature: str, mask: Mask, kind: str) -> pa.Array:
    """A feature's column with NULL where it is lacking: a value of another version is none of its own."""
    arrow = pa.string() if kind == TEXT else pa.float64()
    if mask.all() or FEATURE + feature not in log.column_names:
        return pa.nulls(log.num_rows, arrow)
    return pc.if_else(pa.array(mask), None, log[FEATURE + feature].combine_chunks().cast(arrow))


def _stored(log: pa.Table, tables: Tables, name: str, feature: str, mask: Mask, kind: str) -> tuple[pa.Array, Mask]:
    """A feature's column with what was backfilled before, and where it is still lacking."""
    base = _values(log, feature, mask, kind)
    if not tables.parts(name):
        return base, mask
    stored = tables.read(name)
    places = pc.index_in(log["decision_id"].combine_chunks(), stored["decision_id"].combine_chunks())
    found = places.is_valid().to_numpy(zero_copy_only=False) & mask
    return pc.if_else(pa.array(found), stored["value"].combine_chunks().take(places), base), mask & ~found


def _all_there(plan: Plan, tables: Tables, part: str) -> bool:
    """Whether all decisions of a part were taken by the versions that the plan has."""
    try:
        named = tables.read(DECISIONS, columns=["definitions"], parts=[part])
    except NameUnknown:  # a part from before there were versions
        return False
    return bool(pc.all(pc.equal(named["definitions"], definitions_of(plan))).as_py())


def _counted(found: Filled, plan: Plan, log: pa.Table, mask: Mask, *, kept: bool) -> Filled:
    count, without = int(mask.sum()), _fields_lacking(plan, found.feature, log)
    if without:
        return replace(found, without=found.without + count, fields=tuple(dict.fromkeys([*found.fields, *without])))
    return replace(found, before=found.before + count) if kept else replace(found, decisions=found.decisions + count)


def _fields_lacking(plan: Plan, feature: str, log: pa.Table) -> tuple[str, ...]:
    """The request fields that a feature reads and that the decisions of a log do not have."""
    expr = next(one.expr for one in plan.inputs if one.name == feature)
    there = fields_of(log).column_names
    return tuple(dict.fromkeys(name for name in _fields_read(expr) if name not in there))


def _fields_read(expr: Expr) -> Iterator[str]:
    """The request fields in an expression, in the keys of its folds, and of its lookups in tables."""
    nodes = list(walk(expr))
    named_by_edges = {id(node.of) for node in nodes if isinstance(node, Neighbours)}
    for node in nodes:
        if isinstance(node, Field):
            yield node.name
        elif isinstance(node, Aggregate) and not node.keys and id(node) not in named_by_edges:
            yield from (name for name, _ in node.by)
        elif isinstance(node, Column) and info(node.source).kind == TABLE:
            yield from info(node.source).keys


def _with_fields(fields: pa.Table, plan: Plan) -> pa.Table:
    """Request fields with NULL for those that a plan has and the decisions do not."""
    for name, kind in plan.fields.items():
        if name not in fields.column_names:
            fields = fields.append_column(name, pa.nulls(fields.num_rows, canonical_type(kind)))
    return fields
