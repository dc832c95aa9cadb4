"""What events tell as numbers: a value, the place of a class, a time until the event, or a set of classes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from setpoint.core.times import DAY
from setpoint.data.arrays import NULL_TIME, Array, Mask, null_mask
from setpoint.data.labels import KNOWN, UNKNOWN, VOID
from setpoint.data.language.evaluate import is_true
from setpoint.data.rows import AT, KNOWN_AT, times_of
from setpoint.declare.label import Label
from setpoint.labels.meet import Ints, Pairs, values_of

MICROSECOND = 1 / DAY
"""The shortest time until an event, in days: one at the very time of its decision still happened."""


class Told(NamedTuple):
    """A number for each row of a source, NaN for NULL; `strange` where a text is none of the label's classes."""

    value: Array
    strange: Mask


class Found(NamedTuple):
    """State, value and time of settling of each decision's label."""

    state: np.ndarray
    value: np.ndarray
    settled_at: np.ndarray


def tell_numbers(label: Label, table: pa.Table) -> Told:
    """What each row of the label's source tells: its value, or the place of the class that it names."""
    values = values_of(label.value, label.source, table)
    if not label.classes:
        return Told(np.asarray(values, dtype=np.float64), np.zeros(table.num_rows, dtype=bool))
    null = null_mask(values)
    names, codes = np.unique(np.where(null, "", values).astype(str), return_inverse=True)
    places = {name: float(place) for place, name in enumerate(label.classes)}
    each = np.array([places.get(name, np.nan) for name in names.tolist()])[codes]
    return Told(np.where(null, np.nan, each), np.isnan(each) & ~null)


def tell_times(label: Label, table: pa.Table, met: Pairs, at: Ints, ends: Ints, until: int) -> tuple[Found, Mask]:
    """The days until the first event of each decision, or less than 0: for how long it was followed without one.

    Whether there was one is what the newest row says, as of any label. A decision is followed to the end of its time,
    or to `until`, from where on its source is not complete; an event that happened later is not counted, for others
    that did may not have come. Gives also which decisions are followed at all.
    """
    size = at.size
    truth = is_true(tell_numbers(label, table).value)
    known_at, happened = times_of(table, KNOWN_AT), times_of(table, AT)
    newest = met.newest(size)
    first = _first(met, happened, truth, size)
    followed = np.minimum(ends, until)
    had = (newest >= 0) & (first >= 0)
    had[had] = truth[newest[had]] & (happened[first[had]] <= followed[had])
    seen = had | (followed > at)
    lasted = np.where(had, happened[np.maximum(first, 0)] if happened.size else 0, followed) - at
    days = np.maximum(lasted / DAY, MICROSECOND)
    state = np.where(seen, KNOWN, UNKNOWN).astype(np.int8)
    value = np.where(seen, np.where(had, days, -days), np.nan)
    settled = np.where(had, known_at[np.maximum(first, 0)] if known_at.size else 0, followed + label.delay)
    return Found(state, value, np.where(seen, settled, NULL_TIME).astype(np.int64)), seen


def tell_sets(label: Label, table: pa.Table, met: Pairs, complete_at: Ints, complete: Mask) -> Found:
    """The classes that the rows of each decision name, as a whole number: bit j is class j.

    A set may grow until its time is over. A row that names no class of the label leaves its decision unknown.
    """
    size = complete_at.size
    told, known_at = tell_numbers(label, table), times_of(table, KNOWN_AT)
    place = told.value[met.row]
    named = ~np.isnan(place)
    sets = np.zeros(size, dtype=np.int64)
    np.bitwise_or.at(sets, met.decision[named], np.int64(1) << place[named].astype(np.int64))
    met_any, torn = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    met_any[met.decision] = True
    torn[met.decision[told.strange[met.row]]] = True
    last = complete_at.copy()
    np.maximum.at(last, met.decision, known_at[met.row])
    absent = VOID if label.absent == "void" else KNOWN
    state = np.where(complete & ~torn, np.where(met_any, KNOWN, absent), UNKNOWN).astype(np.int8)
    value = np.where(state == KNOWN, sets.astype(np.float64), np.nan)
    return Found(state, value, np.where(state == UNKNOWN, NULL_TIME, last).astype(np.int64))


def _first(met: Pairs, happened: Ints, truth: Mask, size: int) -> Ints:
    """The row of each decision that happened first of those that hold; -1 where none does."""
    kept = met.where(truth[met.row])
    order = np.lexsort((happened[kept.row], kept.decision))
    found = np.full(size, -1, dtype=np.int64)
    found[kept.decision[order][::-1]] = kept.row[order][::-1]
    return found
