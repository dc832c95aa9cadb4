"""Labels against a reference in pure Python that looks at every event for every decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

import setpoint as sp
from setpoint.data.arrays import NULL_TIME
from setpoint.data.rows import AT, ID, KNOWN_AT
from setpoint.declare.label import Label
from setpoint.declare.source import info
from setpoint.labels.join import CENSORED, KNOWN, UNKNOWN, VOID, Labels, resolve

KEYS = ("a", "b", "c", None)
ACTIONS = ("block", "pass", None)
SEGMENTS = ("web", "shop", "phone", None)


class Event(NamedTuple):
    """A row of a source."""

    key: str | None
    at: int
    known_at: int
    id: str
    amount: float | None


class Decision(NamedTuple):
    """What is decided on, when, and what was done."""

    key: str | None
    at: int
    action: str | None
    segment: str | None


class Case(NamedTuple):
    """A declaration, the rows of its sources, decisions, and the time from which one looks."""

    label: Label
    returns: list[Event]
    cancels: list[Event]
    decisions: list[Decision]
    as_of: int
    complete_to: int | None


def events(ids: str) -> st.SearchStrategy[list[Event]]:
    """Few keys and times, so that ties, corrections and edges are common."""
    row = st.tuples(
        st.sampled_from(KEYS), st.integers(0, 30), st.integers(0, 40), st.sampled_from((None, 0.0, 3.0, 7.0, -1.0))
    )
    return st.lists(row, max_size=12).map(
        lambda rows: [Event(key, at, known, f"{ids}{n:02d}", amount) for n, (key, at, known, amount) in enumerate(rows)]
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Every way to declare a label over every history."""
    delay = draw(st.sampled_from((None, 0, 3)))
    timing: dict[str, Any] = {"known_at": "seen"} if delay is None else {"delay": f"{delay}us"}
    returns = sp.events("returns", "r.parquet", id="n", at="ts", **timing)
    cancels = sp.events("cancels", "c.parquet", id="n", at="ts", known_at="seen")
    void = draw(st.sampled_from((None, cancels.amount > 0, returns.amount < 0)))
    within: Any = f"{draw(st.integers(1, 12))}us"
    by = draw(st.sampled_from((None, "channel")))
    if by is not None:
        within = {"web": within, "shop": f"{draw(st.integers(1, 12))}us"}
    declared = sp.label(
        returns.amount > 5,
        on="k",
        within=within,
        by=by,
        attribute=draw(st.sampled_from(("each", "each", "last", "first"))),
        absent=draw(st.sampled_from(("negative", "void"))),
        void_when=void,
        censored_when=draw(st.sampled_from((None, sp.action == "block"))),
    )
    rows = draw(events("r"))
    if delay is not None:
        rows = [event._replace(known_at=event.at + delay) for event in rows]
    decision = st.builds(
        Decision, st.sampled_from(KEYS), st.integers(0, 30), st.sampled_from(ACTIONS), st.sampled_from(SEGMENTS)
    )
    return Case(
        declared,
        rows,
        draw(events("c")),
        draw(st.lists(decision, max_size=8)),
        draw(st.integers(-1, 50)),
        draw(st.sampled_from((None, None, 20))),
    )


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


def resolved(case: Case, as_of: int | None = None) -> Labels:
    """The labels of a case."""
    return resolve(
        case.label,
        pa.array([decision.key for decision in case.decisions], pa.string()),
        np.array([decision.at for decision in case.decisions], dtype=np.int64),
        {"returns": table(case.returns), "cancels": table(case.cancels)},
        case.as_of if as_of is None else as_of,
        actions=pa.array([decision.action for decision in case.decisions], pa.string()),
        outcome_columns=["amount"],
        segments=pa.array([decision.segment for decision in case.decisions], pa.string()),
        complete_to=None if case.complete_to is None else {"returns": case.complete_to},
    )


Answer = tuple[int, float | None, int, bool, float | None]
"""State, value, time of settling, maturity and outcome."""


def end_of(label: Label, decision: Decision) -> int:
    """When a decision's time is over."""
    return decision.at + (dict(label.segments).get(decision.segment or "", label.within) if label.by else label.within)


def answer(case: Case, place: int) -> Answer:
    """The label of one decision, by the words of the law."""
    label, as_of, decision = case.label, case.as_of, case.decisions[place]
    end = end_of(label, decision)
    watched_to = end + (info(label.source).delay or 0)
    mature = watched_to <= (as_of if case.complete_to is None else min(as_of, case.complete_to))

    def meets(event: Event, other: Decision = decision) -> bool:
        return (
            event.key is not None
            and event.key == other.key
            and other.at <= event.at <= end_of(label, other)
            and event.known_at <= as_of
        )

    def ours(event: Event) -> bool:
        vying = [(other.at, number) for number, other in enumerate(case.decisions) if meets(event, other)]
        whose = {"each": (decision.at, place), "last": max(vying), "first": min(vying)}[label.attribute]
        return whose == (decision.at, place)

    if label.censored_when is not None and decision.action == "block":
        return CENSORED, None, decision.at, mature, None
    if label.void_when is not None and label.void_source is not None:
        of_returns = info(label.void_source).name == "returns"
        rows = case.returns if of_returns else case.cancels
        voids = [
            event.known_at
            for event in rows
            if meets(event) and event.amount is not None and (event.amount < 0 if of_returns else event.amount > 0)
        ]
        if voids:
            return VOID, None, min(voids), mature, None
    carried = [event for event in case.returns if meets(event) and ours(event)]
    met = sorted((event.known_at, event.at, event.id, event.amount) for event in carried)
    complete = end + (info(label.source).delay or 0)
    if met:
        known_at, at, _, amount = met[-1]
        beside = [other for known, happened, _, other in met if (known, happened) == (known_at, at)]
        if len({None if other is None else other > 5 for other in beside}) > 1:
            return UNKNOWN, None, NULL_TIME, mature, None
        if amount is not None:
            return KNOWN, float(amount > 5), known_at, mature, amount
        complete = max(complete, known_at)
    if complete > as_of or (case.complete_to is not None and watched_to > case.complete_to):
        return UNKNOWN, None, NULL_TIME, mature, None
    if label.absent == "void":
        return VOID, None, complete, mature, None
    return KNOWN, 0.0, complete, mature, None


def answers(labels: Labels) -> list[Answer]:
    """Labels as the reference tells them."""

    def plain(values: np.ndarray) -> list[float | None]:
        return [None if np.isnan(value) else value for value in values.tolist()]

    columns = (
        labels.state.tolist(),
        plain(labels.value),
        labels.settled_at.tolist(),
        labels.mature.tolist(),
        plain(labels.outcome["amount"]),
    )
    return list(zip(*columns, strict=True))


@settings(max_examples=300)
@given(cases())
def test_every_label_is_what_the_law_says(case: Case) -> None:
    """State, value, time of settling, maturity and outcome of every decision."""
    assert answers(resolved(case)) == [answer(case, place) for place in range(len(case.decisions))]


@settings(max_examples=50)
@given(cases(), events("later"))
def test_what_becomes_known_later_changes_no_label(case: Case, later: list[Event]) -> None:
    """Labels as of a time are the same whenever they are resolved."""
    fresh = [event._replace(known_at=case.as_of + 1 + event.known_at) for event in later]
    more = case._replace(returns=case.returns + fresh, cancels=case.cancels + fresh)
    assert answers(resolved(more)) == answers(resolved(case))


@settings(max_examples=50)
@given(cases())
def test_a_label_is_settled_from_the_time_it_says(case: Case) -> None:
    """Looking from that very time gives the same state and value."""
    labels = resolved(case)
    assert ((labels.settled_at == NULL_TIME) == (labels.state == UNKNOWN)).all()
    for place, moment in enumerate(labels.settled_at.tolist()):
        if moment != NULL_TIME:
            then = resolved(case, as_of=moment)
            assert moment <= case.as_of or labels.state[place] == CENSORED
            assert then.state[place] == labels.state[place]
            np.testing.assert_equal(then.value[place], labels.value[place])


@settings(max_examples=40)
@given(cases())
def test_one_decision_alone_has_the_label_it_has_among_many(case: Case) -> None:
    """Labels of decisions do not touch each other, unless an event is only one's."""
    case = case._replace(label=replace(case.label, attribute="each"))
    together = answers(resolved(case))
    assert together == [answers(resolved(case._replace(decisions=[one])))[0] for one in case.decisions]
