"""Completeness: what share of the events that labels wait for has come, of those that should have by now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from setpoint.data.arrays import Mask
from setpoint.data.rows import AT, KNOWN_AT, known_rows, times_of
from setpoint.declare.contract import Fresh
from setpoint.declare.declaration import System
from setpoint.declare.label import Label
from setpoint.declare.source import Source, info
from setpoint.labels.clock import LEVEL, DelayCurve, delay_curve
from setpoint.labels.join import ends_of
from setpoint.labels.meet import Ints, attribute, codes_of, keyed, meet
from setpoint.measure.intervals import normal_quantile

LEAST_EXPECTED = 1.0
"""Below so many events that are expected, nothing is said of what share of them has come."""


@dataclass(frozen=True)
class Completeness:
    """How complete a label's source is, of the decisions whose time is not over.

    `come` of `decisions` have met an event, where `expected` should have, going by how late events came to decisions
    that were watched to the end; `share` is the one over the other with its interval, NaN where nothing can be
    expected. All is told as of `complete_to`: now, or when its newest row was known while the source is not `fresh`.
    """

    source: str
    fresh: bool
    complete_to: int
    decisions: int
    come: int
    expected: float
    share: float
    low: float
    high: float

    @property
    def behind(self) -> bool:
        """Whether fewer events have come than chance explains."""
        return self.high < 1.0

    def to_dict(self) -> dict[str, Any]:
        """The completeness as JSON-like data."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        numbers = {name: value if math.isfinite(value) else None for name, value in found.items() if name in _NUMBERS}
        return {**found, **numbers, "behind": self.behind}


_NUMBERS = ("expected", "share", "low", "high")


def complete_to(rows: pa.Table, as_of: int, *, limit: int | None) -> int:
    """The time up to which a source is complete: now, or when its newest row was known if it is older than `limit`.

    A silence within the limit is nothing that happened; a longer one may be a delivery that did not come, and then
    absence proves nothing.

    >>> rows = pa.table({AT: [0, 5], KNOWN_AT: [1, 7]})
    >>> complete_to(rows, 12, limit=9), complete_to(rows, 20, limit=9), complete_to(rows, 20, limit=None)
    (12, 7, 20)
    """
    known = known_rows(rows, as_of)
    if limit is None or not known.num_rows:
        return as_of
    happened = times_of(known, AT)
    happened = happened[happened <= as_of]
    newest = int(happened.max()) if happened.size else as_of
    return as_of if as_of - newest <= limit else int(times_of(known, KNOWN_AT)[-1])


def stale_sources(system: System, rows: Mapping[str, pa.Table], as_of: int) -> dict[str, int]:
    """The sources of a system's label that break their contract of freshness, each with the time it is complete to."""
    found: dict[str, int] = {}
    for source in system.label.carriers:
        name = info(source).name
        rules = system.contracts[name].rules if name in system.contracts else ()
        limits = [rule.limit for rule in rules if isinstance(rule, Fresh)]
        if limits:
            until = complete_to(rows[name], as_of, limit=min(limits))
            found |= {name: until} if until < as_of else {}
    return found


def completeness(
    label: Label,
    keys: pa.Array,
    at: Ints,
    rows: Mapping[str, pa.Table],
    as_of: int,
    *,
    limits: Mapping[str, int] | None = None,
    segments: pa.Array | None = None,
) -> tuple[Completeness, ...]:
    """How complete each source is that carries a label, for decisions with these keys and times.

    `limits` are how old sources may be (microseconds); one that is older is judged as of its newest delivery.
    """
    ends = ends_of(label, at, segments)
    found = []
    for source in label.carriers:
        name = info(source).name
        until = complete_to(rows[name], as_of, limit=(limits or {}).get(name))
        known_at = first_known(label, source, keys, at, ends, rows[name], until)
        over = ends + (info(source).delay or 0)
        found.append(_judge(name, at, over, known_at, until, fresh=until == as_of))
    return tuple(found)


def first_known(
    label: Label, source: Source, keys: pa.Array, at: Ints, ends: Ints, rows: pa.Table, as_of: int
) -> npt.NDArray[np.float64]:
    """When the first event of a source became known for each decision; infinite where none is known yet."""
    distinct, codes = codes_of(keys)
    table = known_rows(rows, as_of)
    met = attribute(meet(keyed(table, source, label.on, distinct), codes, at, ends), at, label.attribute)
    first = met.oldest(at.size)
    moments = np.full(at.size, np.inf)
    moments[first >= 0] = times_of(table, KNOWN_AT)[first[first >= 0]]
    return moments


def _judge(
    name: str, at: Ints, over: Ints, known_at: npt.NDArray[np.float64], until: int, *, fresh: bool
) -> Completeness:
    came: Mask = np.isfinite(known_at)
    old, young = over <= until, (over > until) & (at <= until)
    waits = np.where(came, known_at - at, over - at)[old].astype(np.int64)
    lasts = over - at
    curve = delay_curve(np.minimum(waits, lasts[old]), came[old], horizon=int(lasts[old].max()) if old.any() else 0)
    age, decisions, come = until - at[young], int(young.sum()), int((came & young).sum())
    expected, deviation = _expected(curve, age)
    if not expected >= LEAST_EXPECTED:
        expected = expected if math.isfinite(expected) else float("nan")
        return Completeness(name, fresh, until, decisions, come, expected, *[float("nan")] * 3)
    share, z = come / expected, normal_quantile(LEVEL)
    if come == 0:
        return Completeness(name, fresh, until, decisions, come, expected, 0.0, 0.0, _NONE_OF / expected)
    spread = z * math.sqrt(max(1 / come - 1 / decisions, 0.0) + deviation**2)
    bounds = share * math.exp(-spread), share * math.exp(spread)
    return Completeness(name, fresh, until, decisions, come, expected, share, *bounds)


_NONE_OF = -math.log((1 - LEVEL) / 2)
"""The greatest mean of a Poisson count that is still likely to be 0 (Garwood 1936)."""


def _expected(curve: DelayCurve, age: Ints) -> tuple[float, float]:
    """How many of decisions of these ages should have met an event, and the relative standard error of that."""
    if not curve.complete or age.size == 0:
        return float("nan"), float("nan")
    places = np.searchsorted(curve.age, age, side="right") - 1
    weight = np.bincount(places[places >= 0], minlength=curve.age.size)
    total = float(weight @ curve.share)
    steps, survival = np.diff(curve.greenwood, prepend=0.0), 1 - curve.share
    inner = np.cumsum((weight * survival)[::-1])[::-1]
    return total, math.sqrt(float((steps * inner**2).sum())) / total if total > 0 else float("nan")
