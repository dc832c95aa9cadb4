"""The rules of a source as a whole, held against its rows at a time: does it bring rows, and as many as it should?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from setpoint.core.times import DAY, iso, spell
from setpoint.data.rows import AT, known_prefix, times_of
from setpoint.declare.contract import Fresh, SourceRule, Volume
from setpoint.declare.source import SourceInfo

Ints = npt.NDArray[np.int64]

STALE, AMOUNT = "not fresh", "amount of rows"
"""The kinds of breaches."""

MONDAY = 4 * DAY
"""The first Monday after 1970 began: from here stretches of time are counted."""


@dataclass(frozen=True)
class Breach:
    """A rule that a source does not keep: since when, in words, and by how much (1 is the limit)."""

    source: str
    rule: str
    kind: str
    since: int
    words: str
    times: float

    def to_dict(self) -> dict[str, Any]:
        """The breach as JSON-like data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def source_breaches(
    info: SourceInfo, rules: Sequence[SourceRule], rows: pa.Table, now: int, *, after: int | None = None
) -> list[Breach]:
    """The rules that a source does not keep at a time, by the rows that are known by then.

    Stretches of time that were judged up to `after` are not judged again.

    >>> from setpoint.core.times import HOUR
    >>> from setpoint.data.rows import KNOWN_AT
    >>> from setpoint.declare.source import events, info
    >>> sales = info(events("sales", "sales.parquet", at="ts", delay="0s"))
    >>> source_breaches(sales, [Fresh(2 * HOUR)], pa.table({AT: [0], KNOWN_AT: [0]}), 3 * HOUR)[0].words
    "The newest row of 'sales' happened at 1970-01-01T00:00:00Z, 3h before 1970-01-01T03:00:00Z; expected within 2h."
    """
    at = times_of(known_prefix(rows, now), AT)
    at = at[at <= now]
    found = []
    for rule in rules:
        breach = _stale(info, rule, at, now) if isinstance(rule, Fresh) else _volume(info, rule, at, now, after)
        if breach is not None:
            found.append(breach)
    return found


def _stale(info: SourceInfo, rule: Fresh, at: Ints, now: int) -> Breach | None:
    if not at.size:
        words = f"No row of {info.name!r} has happened by {iso(now)}; expected one within {spell(rule.limit)}."
        return Breach(info.name, rule.name, STALE, now, words, 1.0)
    newest = int(at.max())
    if now - newest <= rule.limit:
        return None
    words = (
        f"The newest row of {info.name!r} happened at {iso(newest)}, {spell(now - newest)} before {iso(now)}; "
        f"expected within {spell(rule.limit)}."
    )
    return Breach(info.name, rule.name, STALE, newest + rule.limit, words, (now - newest) / rule.limit)


def _volume(info: SourceInfo, rule: Volume, at: Ints, now: int, after: int | None) -> Breach | None:
    """Each whole stretch from the first row on that has ended, and for which `after` has passed."""
    wait = (info.delay or 0) if rule.after is None else rule.after
    if not at.size:
        return None
    first = -((MONDAY - int(at.min())) // rule.every)  # the first that begins at or after the first row
    if after is not None:
        first = max(first, (after - wait - MONDAY) // rule.every)
    end = (now - wait - MONDAY) // rule.every
    if end <= first:
        return None
    number = (at - MONDAY) // rule.every - first
    counts = np.bincount(number[(number >= 0) & (number < end - first)], minlength=end - first)
    few = counts < (rule.at_least or 0)
    many = counts > rule.at_most if rule.at_most is not None else np.zeros(counts.size, dtype=bool)
    wrong = np.flatnonzero(few | many)
    if not wrong.size:
        return None
    last = int(wrong[-1])
    start = MONDAY + (first + int(wrong[0])) * rule.every
    bounds = [f"at least {rule.at_least}"] if rule.at_least is not None else []
    bounds += [f"at most {rule.at_most}"] if rule.at_most is not None else []
    words = (
        f"Of {info.name!r} {int(counts[last])} rows happened in the {spell(rule.every)} from "
        f"{iso(MONDAY + (first + last) * rule.every)}; expected {' and '.join(bounds)}."
    )
    if wrong.size > 1:
        words += f" So it is in {wrong.size} of {counts.size} such stretches, the first from {iso(start)}."
    worst = float(np.max(np.maximum((rule.at_least or 0) / np.maximum(counts, 1), counts / (rule.at_most or np.inf))))
    return Breach(info.name, rule.name, AMOUNT, start, words, worst)
