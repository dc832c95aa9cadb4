"""The truth of decisions: known, void, censored or unknown as of a time, by meeting each with the events of its key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from setpoint.core.errors import DataError
from setpoint.data.arrays import NULL_TIME, Mask, to_array
from setpoint.data.labels import CENSORED, KNOWN, STATES, UNKNOWN, VOID, Labels
from setpoint.data.language.evaluate import Inputs, evaluate, is_true
from setpoint.data.rows import AT, KNOWN_AT, kinds, known_rows, times_of
from setpoint.declare.kinds import BOOL, NUMBER, TEXT
from setpoint.declare.label import SET, TIME, Label
from setpoint.declare.source import info
from setpoint.labels.meet import Ints, Pairs, attribute, codes_of, holds, keyed, meet
from setpoint.labels.rules import NEVER, answer
from setpoint.labels.told_numbers import tell_numbers, tell_sets, tell_times

__all__ = ["CENSORED", "KNOWN", "STATES", "UNKNOWN", "VOID", "Labels", "ends_of", "resolve"]


def resolve(
    label: Label,
    keys: pa.Array,
    at: Ints,
    rows: Mapping[str, pa.Table],
    as_of: int,
    *,
    actions: pa.Array | None = None,
    outcome_columns: Sequence[str] = (),
    segments: pa.Array | None = None,
    complete_to: Mapping[str, int] | None = None,
) -> Labels:
    """The labels of decisions with these keys and times, from what was known by `as_of`.

    An event counts for a decision when it shares its key and happened from the decision's time up to and with
    `within` after it. Of several, the last by (known_at, at) is the truth: a correction; where the last ones, of one
    time and known at one time, contradict each other, none is, and the label is unknown, as where a text names no
    class. When its value is NULL
    the event is taken back. Void is what any row that meets `void_when` makes it, at once; censored, what the action
    taken does, and that goes first. A label that folds events is known once none can come that could change it.

    Without an event, the label is what `absent` says, but only once its sources are complete up to `within` after the
    decision: their declared delay later, and not while one is not fresh, which is complete only up to what
    `complete_to` says. From then on the decision is mature.

    A time until an event is known of every decision that was followed at all, and a set of classes once it cannot grow.
    See `told_numbers`.

    `actions` are the actions taken; without them none censors. `segments` are the values of the field that the label's
    time goes by; `keys` those of the column that it names as `on`.
    """
    size = at.size
    ends = ends_of(label, at, segments)
    distinct, codes = codes_of(keys)
    tables = {info(source).name: known_rows(rows[info(source).name], as_of) for source in label.sources}
    complete_at = ends + label.delay
    complete = complete_at <= complete_until(label, as_of, complete_to)

    source = label.source
    found = tables[info(source).name]
    met = attribute(meet(keyed(found, source, label.on, distinct), codes, at, ends), at, label.attribute)
    mature = np.asarray(complete)
    if label.gives == TIME:
        until = complete_until(label, as_of, complete_to) - label.delay
        (state, value, settled_at), mature = tell_times(label, found, met, at, ends, until)
    elif label.gives == SET:
        state, value, settled_at = tell_sets(label, found, met, complete_at, complete)
    elif label.folds:
        state, value, settled_at = _from_folds(label, tables, distinct, codes, at, ends, complete_at, complete)
    else:
        state, value, settled_at = _from_one(label, found, met, complete_at, complete, as_of)

    if label.void_when is not None and label.void_source is not None:
        table = tables[info(label.void_source).name]
        voiding = meet(keyed(table, label.void_source, label.on, distinct), codes, at, ends)
        first = voiding.where(holds(label.void_when, label.void_source, table)[voiding.row]).oldest(size)
        void = first >= 0
        state[void], value[void] = VOID, np.nan
        settled_at[void] = times_of(table, KNOWN_AT)[first[void]]

    if label.censored_when is not None and actions is not None:
        taken = to_array(actions, TEXT)
        censored = is_true(evaluate(label.censored_when, Inputs(size, action=taken)))
        state[censored], value[censored], settled_at[censored] = CENSORED, np.nan, at[censored]

    carrier = met.newest(size)
    outcome = {name: _outcome(found, name, carrier) for name in outcome_columns}
    for column in outcome.values():
        column[state != KNOWN] = np.nan
    return Labels(state, value, settled_at, mature, outcome, as_of)


def complete_until(label: Label, as_of: int, complete_to: Mapping[str, int] | None) -> int:
    """The time up to which all sources are complete that carry a label."""
    carriers = [info(source).name for source in label.carriers]
    return min([as_of, *[until for name, until in (complete_to or {}).items() if name in carriers]])


def ends_of(label: Label, at: Ints, segments: pa.Array | None) -> Ints:
    """When the time of each decision's label ends; raises DataError where it goes by segments that are not given."""
    if label.by is None:
        return at + label.within
    if segments is None or len(segments) != at.size:
        raise DataError(
            f"The label's time goes by {label.by!r}, of which {0 if segments is None else len(segments)} values "
            f"are given for {at.size} decisions.",
            expected="a value for each decision",
        )
    distinct, codes = codes_of(segments)
    lengths = dict(label.segments)
    each = [lengths.get(str(name), label.within) for name in distinct.to_pylist()]
    return at + np.array([*each, label.within], dtype=np.int64)[codes]


_Found = tuple[npt.NDArray[np.int8], npt.NDArray[np.float64], Ints]
"""State, value and time of settling."""


def _from_one(label: Label, table: pa.Table, met: Pairs, complete_at: Ints, complete: Mask, as_of: int) -> _Found:
    """Labels that the newest event tells."""
    size = complete_at.size
    state = np.full(size, UNKNOWN, dtype=np.int8)
    value = np.full(size, np.nan)
    settled_at = np.full(size, NULL_TIME, dtype=np.int64)
    rows, place = np.unique(met.row, return_inverse=True)
    near = table.take(pa.array(rows))
    truth, strange = tell_numbers(label, near)
    known_at, happened = times_of(near, KNOWN_AT), times_of(near, AT)
    newest = Pairs(met.decision, place.astype(np.int64)).newest(size)
    carried = np.flatnonzero(newest >= 0)
    torn = np.zeros(size, dtype=bool)
    last = newest[met.decision]
    beside = (known_at[place] == known_at[last]) & (happened[place] == happened[last])
    apart = (truth[place] != truth[last]) & ~(np.isnan(truth[place]) & np.isnan(truth[last]))
    torn[met.decision[beside & apart]] = True

    told = newest[carried]
    torn[carried[strange[told]]] = True
    given = ~np.isnan(truth[told])
    state[carried[given]] = KNOWN
    value[carried[given]] = truth[told[given]]
    settled_at[carried[given]] = known_at[told[given]]

    waits_until = complete_at.copy()
    waits_until[carried] = np.maximum(complete_at[carried], known_at[told])
    absent = (state == UNKNOWN) & complete & (waits_until <= as_of)
    state[absent] = KNOWN if label.absent == "negative" else VOID
    value[absent] = 0.0 if label.absent == "negative" else np.nan
    settled_at[absent] = waits_until[absent]
    state[torn], value[torn], settled_at[torn] = UNKNOWN, np.nan, NULL_TIME
    return state, value, settled_at


def _from_folds(
    label: Label,
    tables: Mapping[str, pa.Table],
    distinct: pa.Array,
    codes: Ints,
    at: Ints,
    ends: Ints,
    complete_at: Ints,
    complete: Mask,
) -> _Found:
    """Labels that a condition on all events tells."""
    said = answer(label, tables, distinct, codes, at, ends)
    certain = said.certain < NEVER
    state = np.where(certain | complete, KNOWN, UNKNOWN).astype(np.int8)
    value = np.where(state == KNOWN, said.value, np.nan)
    settled_at = np.where(certain, said.certain, np.maximum(complete_at, said.known_at))
    settled_at[state == UNKNOWN] = NULL_TIME
    if label.absent == "negative":
        value[(state == KNOWN) & np.isnan(value)] = 0.0
    else:
        void = complete & (~said.met | np.isnan(said.value))
        state[void | ((state == KNOWN) & np.isnan(value))] = VOID
        value[state == VOID] = np.nan
    return state, value, settled_at


def _outcome(table: pa.Table, name: str, carrier: Ints) -> npt.NDArray[np.float64]:
    """A column of each decision's newest event."""
    kind = kinds(table).get(name)
    if kind not in (NUMBER, BOOL):
        raise DataError(
            f"The outcome column {name!r} is {'a ' + kind if kind else 'no column of the source of the label'}.",
            expected="a column of numbers of the source of the label",
        )
    column = np.full(carrier.size, np.nan)
    there = carrier >= 0
    column[there] = to_array(table[name], kind)[carrier[there]]
    return column
