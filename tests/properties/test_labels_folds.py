"""Labels that fold several events, against a reference in pure Python that looks at every event for every decision."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

import setpoint as sp
from setpoint.data.arrays import NULL_TIME
from setpoint.data.rows import AT, ID, KNOWN_AT
from setpoint.declare.expr import Expr, as_expr
from setpoint.declare.label import Label
from setpoint.labels.join import KNOWN, UNKNOWN, VOID, Labels, resolve

KEYS = ("a", "b", None)
RETURNS = sp.events("returns", "r.parquet", id="n", at="ts", known_at="seen")
CANCELS = sp.events("cancels", "c.parquet", id="n", at="ts", known_at="seen")
SOURCES = {"returns": RETURNS, "cancels": CANCELS}
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


class Event(NamedTuple):
    """A row of a source."""

    key: str | None
    at: int
    known_at: int
    id: str
    amount: float | None


Rows = dict[str, list[Event]]
"""The events of each source."""

Truth = bool | None
"""What a condition says; None for NULL."""


class Rule(NamedTuple):
    """A condition as an expression, and as a function of the events that came and the end of the label's time.

    `counts` says whether any of the events counts for it at all.
    """

    expr: Expr
    says: Callable[[Rows, int], Truth]
    counts: Callable[[Rows], bool]


def fold(kind: str, events: Sequence[Event]) -> float | None:
    """What a fold of amounts gives, by its definition."""
    filled = sorted((event for event in events if event.amount is not None), key=lambda e: (e.at, e.known_at, e.id))
    amounts = [event.amount for event in filled if event.amount is not None]
    if kind == "count":
        return float(len(amounts))
    if kind == "distinct":
        return float(len(set(amounts)))
    if kind == "sum":
        return math.fsum(amounts)
    if not amounts:
        return None
    if kind == "mean":
        return math.fsum(amounts) / len(amounts)
    return {"min": min(amounts), "max": max(amounts), "first": amounts[0], "last": amounts[-1]}[kind]


FOLDS: dict[str, Callable[..., Any]] = {
    "count": sp.count, "distinct": sp.distinct, "sum": sp.sum, "mean": sp.mean,
    "min": sp.min, "max": sp.max, "first": sp.first, "last": sp.last,
}  # fmt: skip


@st.composite
def folds(draw: st.DrawFn) -> Rule:
    """A fold of one source against a number."""
    name, kind = draw(st.sampled_from(sorted(SOURCES))), draw(st.sampled_from(sorted(FOLDS)))
    op, limit = draw(st.sampled_from(sorted(COMPARE))), draw(st.sampled_from((0, 1, 2, 1.5, 3.0)))
    positive = draw(st.booleans())
    source = SOURCES[name]
    left = FOLDS[kind](source.amount, where=source.amount > 0 if positive else None)
    mirrored = draw(st.booleans())
    flipped = {">=": "<=", ">": "<", "<": ">", "<=": ">="}.get(op, op)
    expr = COMPARE[flipped](as_expr(limit), left) if mirrored else COMPARE[op](left, limit)

    def chosen(rows: Rows) -> list[Event]:
        return [one for one in rows[name] if one.amount is not None and (not positive or one.amount > 0)]

    def says(rows: Rows, end: int) -> Truth:
        found = fold(kind, chosen(rows))
        return None if found is None else bool(COMPARE[op](found, limit))

    return Rule(expr, says, lambda rows: bool(chosen(rows)))


@st.composite
def sequences(draw: st.DrawFn) -> Rule:
    """One kind of event that is followed by another, or not."""
    first, then = draw(st.sampled_from(sorted(SOURCES))), draw(st.sampled_from(sorted(SOURCES)))
    length, wanted = draw(st.integers(1, 4)), draw(st.booleans())
    high = SOURCES[first].amount >= 3
    expr = (sp.followed if wanted else sp.unfollowed)(high, SOURCES[then], within=f"{length}us")

    def says(rows: Rows, end: int) -> Truth:
        for event in rows[first]:
            if event.amount is None or event.amount < 3:
                continue
            after = [other for other in rows[then] if event.at < other.at <= min(event.at + length, end)]
            if after if wanted else not after and event.at + length <= end:
                return True
        return False

    def counts(rows: Rows) -> bool:
        return bool(rows[then]) or any((event.amount or 0) >= 3 for event in rows[first])

    return Rule(expr, says, counts)


def join(op: str, left: Rule, right: Rule) -> Rule:
    """Two conditions joined, by Kleene's logic."""

    def says(rows: Rows, end: int) -> Truth:
        found = (left.says(rows, end), right.says(rows, end))
        decisive = op == "|"
        if decisive in found:
            return decisive
        return None if None in found else not decisive

    expr = left.expr & right.expr if op == "&" else left.expr | right.expr
    return Rule(expr, says, lambda rows: left.counts(rows) or right.counts(rows))


def negate(rule: Rule) -> Rule:
    """The opposite of a condition."""

    def says(rows: Rows, end: int) -> Truth:
        found = rule.says(rows, end)
        return None if found is None else not found

    return Rule(~rule.expr, says, rule.counts)


rules = st.recursive(
    folds() | sequences(),
    lambda inner: st.builds(join, st.sampled_from("&|"), inner, inner) | st.builds(negate, inner),
    max_leaves=3,
)


class Case(NamedTuple):
    """A declaration with its reference, the rows of its sources, decisions, and the time from which one looks."""

    label: Label
    rule: Rule
    rows: Rows
    decisions: list[tuple[str | None, int]]
    as_of: int


def events(ids: str) -> st.SearchStrategy[list[Event]]:
    """Few keys and times, so that ties and edges are common."""
    row = st.tuples(
        st.sampled_from(KEYS), st.integers(0, 12), st.integers(0, 6), st.sampled_from((None, 0.0, 1.0, 3.0, -1.0, 5.0))
    )
    return st.lists(row, max_size=10).map(
        lambda rows: [
            Event(key, at, at + late, f"{ids}{n:02d}", amount) for n, (key, at, late, amount) in enumerate(rows)
        ]
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Every kind of condition over every history."""
    rule = draw(rules)
    label = sp.label(
        rule.expr,
        on="k",
        within=f"{draw(st.integers(4, 9))}us",
        absent=draw(st.sampled_from(("negative", "void"))),
    )
    decisions = st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 10)), max_size=5)
    rows = {"returns": draw(events("r")), "cancels": draw(events("c"))}
    return Case(label, rule, rows, draw(decisions), draw(st.integers(10, 25)))


def table(rows: Sequence[Event]) -> pa.Table:
    """Rows as ingest gives them."""
    ordered = sorted(rows, key=lambda event: (event.known_at, event.at, event.id))
    return pa.table(
        {
            "k": pa.array([event.key for event in ordered], pa.string()),
            "amount": pa.array([event.amount for event in ordered], pa.float64()),
            AT: pa.array([event.at for event in ordered], pa.int64()),
            KNOWN_AT: pa.array([event.known_at for event in ordered], pa.int64()),
            ID: pa.array([event.id for event in ordered], pa.string()),
        }
    )


def resolved(case: Case, *, as_of: int | None = None, rows: Rows | None = None) -> Labels:
    """The labels of a case."""
    return resolve(
        case.label,
        pa.array([key for key, _ in case.decisions], pa.string()),
        np.array([at for _, at in case.decisions], dtype=np.int64),
        {name: table(found) for name, found in (rows or case.rows).items()},
        case.as_of if as_of is None else as_of,
    )


def truth(case: Case, place: int) -> tuple[int, float | None]:
    """The state and value of a decision whose time is over, by the words of the law."""
    key, at = case.decisions[place]
    end = at + case.label.within
    met = {
        name: [e for e in rows if key is not None and e.key == key and at <= e.at <= end and e.known_at <= case.as_of]
        for name, rows in case.rows.items()
    }
    said = case.rule.says(met, end)
    if case.label.absent == "void" and (said is None or not case.rule.counts(met)):
        return VOID, None
    return KNOWN, float(bool(said))


@settings(max_examples=200)
@given(cases())
def test_a_label_whose_time_is_over_is_what_its_condition_says(case: Case) -> None:
    """Of all events of its key that came in its time and are known."""
    labels = resolved(case)
    for place, (_, at) in enumerate(case.decisions):
        over = at + case.label.within <= case.as_of
        found = labels.state[place], None if np.isnan(labels.value[place]) else labels.value[place]
        if over:
            assert found == truth(case, place)
        assert over or labels.state[place] in (UNKNOWN, KNOWN)
        assert labels.mature[place] == over


@settings(max_examples=200)
@given(cases(), events("later"), events("more"))
def test_a_label_known_before_its_time_is_over_cannot_change(case: Case, later: list[Event], more: list[Event]) -> None:
    """Whatever events are added after the time from which one looks."""
    before = resolved(case)
    early = (before.state == KNOWN) & ~before.mature
    added = {
        name: [*case.rows[name], *[event._replace(known_at=case.as_of + 1 + event.known_at) for event in new]]
        for name, new in (("returns", later), ("cancels", more))
    }
    after = resolved(case, as_of=100, rows=added)
    np.testing.assert_array_equal(after.value[early], before.value[early])
    np.testing.assert_array_equal(after.settled_at[early], before.settled_at[early])


@settings(max_examples=100)
@given(cases())
def test_a_folded_label_is_settled_from_the_time_it_says(case: Case) -> None:
    """Looking from that very time gives the same state and value."""
    labels = resolved(case)
    assert ((labels.settled_at == NULL_TIME) == (labels.state == UNKNOWN)).all()
    for place, moment in enumerate(labels.settled_at.tolist()):
        if moment != NULL_TIME:
            then = resolved(case, as_of=moment)
            assert moment <= case.as_of
            assert then.state[place] == labels.state[place]
            np.testing.assert_equal(then.value[place], labels.value[place])
