"""Freshness: how old the newest event behind each feature is, and whether that is older than it may be.

The age of a source at a time is how long ago the newest event that had happened and was known by then happened: one
that is announced for later, or whose clock is wrong, makes no source younger before its time. A limit is declared for
a feature (`System(freshness=...)`); for any other it is twice the greatest age that the source reached in its newest 30
days, each time just before something newer came in, so that nights, weekends and delays are part of what is usual and a
silence that goes on is not. Until a source has shown enough of what is usual, and where it holds at all times, there is
none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from setpoint.core.times import DAY
from setpoint.data.arrays import Array
from setpoint.data.log.decisions import plan_sources, sources_read
from setpoint.data.rows import ALWAYS, AT, KNOWN_AT, times_of
from setpoint.declare.plan import Plan

USUAL = 30 * DAY
"""How far back from its newest delivery it is looked for how old a source gets."""

ENOUGH_TIME, ENOUGH_ROWS = 14 * DAY, 30
"""How long a source must have been delivering, and how often something newer, before a limit is derived."""

FACTOR = 2
"""A derived limit is so many times the greatest age that is usual."""


@dataclass(frozen=True)
class Age:
    """How old a source is: when the newest event known by now happened and was known, and its greatest usual age.

    `newest_at` is None where nothing is known yet, or where the rows hold at all times; `usual` where there is too
    little to tell.
    """

    source: str
    now: int
    rows: int
    newest_at: int | None
    newest_known_at: int | None
    usual: int | None

    @property
    def age(self) -> int | None:
        """Microseconds since the newest event happened."""
        return None if self.newest_at is None else max(0, self.now - self.newest_at)


@dataclass(frozen=True)
class Freshness:
    """A feature and a source that it reads: how old that is, how old it may be, and who says so."""

    feature: str
    source: str
    age: int | None
    limit: int | None
    declared: bool
    newest_at: int | None

    @property
    def stale(self) -> bool:
        """Whether it is older than it may be."""
        return self.age is not None and self.limit is not None and self.age > self.limit


def age_of(source: str, rows: pa.Table, now: int, *, arrived: int | None = None) -> Age:
    """How old a source is at a time; `arrived` is how many of its rows got through, by default all known by then.

    >>> rows = pa.table({AT: [0, 5], KNOWN_AT: [1, 7]})
    >>> age_of("sales", rows, 6).age, age_of("sales", rows, 9).age
    (6, 4)
    """
    known = times_of(rows, KNOWN_AT)
    by_now = int(np.searchsorted(known, now, side="right"))
    count = by_now if arrived is None else min(by_now, arrived)
    if not count or known[0] == ALWAYS:
        return Age(source, now, count, None, None, None)
    at = times_of(rows, AT)
    recent = at[_within(known[:count]) : count]
    newest_at = int(recent[recent <= now].max(initial=ALWAYS))
    if newest_at == ALWAYS:
        return Age(source, now, count, None, None, None)
    return Age(source, now, count, newest_at, int(known[count - 1]), _usual(at[:by_now], known[:by_now], now))


def _within(known: Array) -> int:
    """Where the newest 30 days of deliveries begin."""
    return int(np.searchsorted(known, known[-1] - USUAL, side="left"))


def _usual(at: Array, known: Array, now: int) -> int | None:
    """The greatest age reached just before something newer came in: what is announced does so when it happens."""
    first = _within(known)
    at, came = at[first:], np.maximum(known, at)[first:]
    order = np.argsort(came, kind="stable")
    order = order[: int(np.searchsorted(came[order], now, side="right"))]
    newest, came = np.maximum.accumulate(at[order]), came[order]
    reached = (came[1:] - newest[:-1])[newest[1:] > newest[:-1]]
    enough = reached.size >= ENOUGH_ROWS and int(known[-1] - known[0]) >= ENOUGH_TIME
    return int(reached.max()) if enough else None


def freshness_of(
    plan: Plan, rows: Mapping[str, pa.Table], now: int, *, arrived: Mapping[str, int] | None = None
) -> tuple[Freshness, ...]:
    """How fresh each feature is in each source that it reads, in the order of the features."""
    counts = arrived or {}
    ages = {name: age_of(name, rows[name], now, arrived=counts.get(name)) for name in plan_sources(plan)}
    found = []
    for feature in plan.inputs:
        declared = plan.system.freshness.get(feature.name)
        for name in sources_read([feature.expr]):
            age, usual = ages[name], ages[name].usual
            limit = declared if declared is not None else None if usual is None else FACTOR * usual
            found.append(Freshness(feature.name, name, age.age, limit, declared is not None, age.newest_at))
    return tuple(found)
