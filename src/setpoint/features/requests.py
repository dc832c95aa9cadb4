"""A batch of decisions that are asked about together, and the answers that expressions read."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from setpoint.core.errors import NameUnknown
from setpoint.data.arrays import Array
from setpoint.data.language.evaluate import Inputs, aggregate_key, evaluate
from setpoint.declare.expr import Aggregate, Column, Expr, Field
from setpoint.declare.kinds import TEXT
from setpoint.declare.named import Feature
from setpoint.declare.plan import Plan
from setpoint.declare.source import info
from setpoint.features.needs import Window
from setpoint.features.ranges import rises
from setpoint.features.windows import window_start

Name = TypeVar("Name", bound=Hashable)


class Requests:
    """Decisions: their request fields as a table and as arrays, their times, and what each had seen of the sources.

    Without `arrived` a decision has seen of a source the rows that were known at its time.
    """

    def __init__(
        self, table: pa.Table, at: Array, fields: Mapping[str, Array], arrived: Mapping[str, Array] | None = None
    ) -> None:
        self.table, self.at, self.fields = table, at, fields
        self._arrived = arrived
        self._seen: dict[str, Array] = {}
        self._starts: dict[Window, Array] = {}
        self._plain: dict[str, list[Any]] = {}

    def arrived(self, source: str, known_at: Array) -> Array:
        """How many rows of a source each decision has seen."""
        if source not in self._seen:
            if self._arrived is None:
                self._seen[source] = _known(known_at, self.at)
            elif source in self._arrived:
                self._seen[source] = np.asarray(self._arrived[source], dtype=np.int64)
            else:
                raise NameUnknown("source", source, self._arrived, where="What the decisions had seen")
        return self._seen[source]

    @cached_property
    def in_order(self) -> bool:
        """Whether they are in order of time, and have seen what was known at their times."""
        return self._arrived is None and rises(self.at)

    def plain(self, name: str) -> list[Any]:
        """A field as Python has it."""
        if name not in self._plain:
            self._plain[name] = self.table.column(name).to_pylist()
        return self._plain[name]

    def starts(self, window: Window) -> Array:
        """The start of a window for each decision."""
        if window not in self._starts:
            self._starts[window] = window_start(self.at, window)
        return self._starts[window]

    def again(self, of: Array, source: str, known_at: Array) -> Requests:
        """Requests without fields, each at the time of the decision `of` and with what it had seen of a source."""
        return Requests(pa.table({}), self.at[of], {}, {source: self.arrived(source, known_at)[of]})


def _known(known_at: Array, at: Array) -> Array:
    """How many rows were known at each time: quick when times are in order, so they are put so."""
    if at.size < 1000 or rises(at):
        return np.searchsorted(known_at, at, side="right")
    order = np.argsort(at)
    found = np.empty(at.size, dtype=np.int64)
    found[order] = np.searchsorted(known_at, at[order], side="right")
    return found


class Answers:
    """What has been read for some decisions: columns of tables by (source, name), aggregates by their key.

    A value is put in place when an expression reads it.
    """

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self.columns: _Waiting[tuple[str, str]] = _Waiting()
        self.aggregates: _Waiting[str] = _Waiting()
        self.texts: dict[Hashable, Callable[[], pa.Array]] = {}
        self.inputs = Inputs(requests.at.size, self.columns, requests.fields, {}, self.aggregates, now=requests.at)


class _Waiting(dict[Name, Array]):
    """Arrays by name, some of which are worked out when they are first read."""

    def __init__(self) -> None:
        super().__init__()
        self._work: dict[Name, Callable[[], Array]] = {}

    def later(self, name: Name, work: Callable[[], Array]) -> None:
        """Say what gives an array."""
        self._work[name] = work

    def __missing__(self, name: Name) -> Array:
        self[name] = self._work[name]()
        return self[name]


def features_of(plan: Plan, answers: Answers) -> pa.Table:
    """The features of a plan, once all that they read has been answered."""
    return pa.table({one.name: _column(one, plan.features[one.name], answers) for one in plan.inputs})


def _column(feature: Feature, kind: str, answers: Answers) -> pa.Array:
    if kind != TEXT:
        return pa.array(evaluate(feature.expr, answers.inputs))
    if isinstance(feature.expr, Field):
        return answers.requests.table.column(feature.expr.name).cast(pa.string())
    name = _name(feature.expr)
    if name in answers.texts:
        return answers.texts[name]()
    return pa.array(evaluate(feature.expr, answers.inputs), pa.string())


def _name(expr: Expr) -> Hashable:
    """Under which name the answers hold the value of an expression that is read as it is."""
    if isinstance(expr, Column):
        return (info(expr.source).name, expr.name)
    return aggregate_key(expr) if isinstance(expr, Aggregate) else None
