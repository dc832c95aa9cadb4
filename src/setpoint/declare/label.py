"""The label: which events carry the truth of a decision, and how late they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from setpoint.core import times
from setpoint.core.errors import DeclarationError, LeakRefused, WrongType
from setpoint.declare.expr import (
    OF_THE_LABEL,
    Action,
    Aggregate,
    Column,
    Expr,
    Family,
    FeatureRef,
    Field,
    Followed,
    Literal,
    Neighbours,
    Now,
    to_dict,
    walk,
)
from setpoint.declare.fold import aggregate
from setpoint.declare.source import EVENTS, Source, info
from setpoint.declare.window import EXACT, Window

FOLDED = ("count", "sum", "mean", "min", "max", "first", "last", "distinct")
"""The folds that a label may make of the rows of its key."""

EACH, LAST, FIRST = "each", "last", "first"
"""Whose an event is that several decisions of one key could have: each one's, the last one's or the first one's."""

EXCLUDE, WEIGHTED = "exclude", "weighted"
"""What becomes of decisions whose label is not mature when a model is trained."""

VALUE, TIME, SET = "value", "time", "set"
"""What the number of a label is. VALUE: the value itself, 1 or 0 of a condition, the place of a class.

TIME: the days from the decision to the event, or less than 0: how many days it was followed without one.
SET: a whole number whose bit j says that class j is among the rows of the decision.
"""
MOST_CLASSES = 50
"""So many bits of a whole number a float64 holds with room to spare."""


@dataclass(frozen=True)
class Label:
    """The declared truth of a decision.

    `value` is an expression over the columns of `source`, whose rows meet a decision by the column `on`; or a condition
    on folds of the rows of one or several sources (`source` and `others`). When no row came `within` microseconds after
    the decision, the label is negative or void as `absent` says. A row of `void_source` for which `void_when` holds
    makes it void at once. `censored_when` is an expression over the action. `segments` gives some values of the request
    field `by` a shorter time than `within`, the longest. `attribute` says whose an event is that several decisions of
    one key could have, `immature` what becomes of decisions in training whose time has not passed. `classes` are those
    that a text names. `gives` says what a label's number is: see VALUE, TIME and SET.
    """

    value: Expr
    source: Source
    on: str
    within: int
    absent: str
    void_when: Expr | None
    void_source: Source | None
    censored_when: Expr | None
    others: tuple[Source, ...] = ()
    by: str | None = None
    segments: tuple[tuple[str, int], ...] = ()
    attribute: str = EACH
    immature: str = EXCLUDE
    classes: tuple[str, ...] = ()
    gives: str = VALUE

    @property
    def carriers(self) -> tuple[Source, ...]:
        """The sources whose rows carry the truth."""
        return (self.source, *self.others)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every source that the label reads, each once."""
        found = [*self.carriers, *([] if self.void_source is None else [self.void_source])]
        return tuple({info(source).name: source for source in found}.values())

    @property
    def delay(self) -> int:
        """How much later than an event happens its sources have said so."""
        return max(info(source).delay or 0 for source in self.carriers)

    @property
    def matures_after(self) -> int:
        """The age by which every label is settled: the longest time, and the sources' delay."""
        return self.within + self.delay

    @property
    def folds(self) -> bool:
        """Whether the truth is a condition on folds of rows, and not what one row says."""
        return any(isinstance(node, (Aggregate, Followed)) for node in walk(self.value, into_aggregates=False))

    def to_dict(self) -> dict[str, Any]:
        """The label as JSON-like data; what is left as it is by default is left out."""
        found: dict[str, Any] = {
            "value": to_dict(self.value),
            "source": info(self.source).name,
            "on": self.on,
            "within": self.within,
            "absent": self.absent,
            "void_when": None if self.void_when is None else to_dict(self.void_when),
            "censored_when": None if self.censored_when is None else to_dict(self.censored_when),
        }
        if self.by is not None:
            found |= {"by": self.by, "segments": [list(pair) for pair in self.segments]}
        if self.attribute != EACH:
            found["attribute"] = self.attribute
        if self.immature != EXCLUDE:
            found["immature"] = self.immature
        if self.classes:
            found["classes"] = list(self.classes)
        if self.gives != VALUE:
            found["gives"] = self.gives
        return found


def label(
    value: Expr,
    *,
    on: str,
    within: str | timedelta | Mapping[str, str | timedelta],
    by: str | None = None,
    absent: str = "negative",
    void_when: Expr | None = None,
    censored_when: Expr | None = None,
    attribute: str = EACH,
    immature: str = EXCLUDE,
    classes: Sequence[str] | None = None,
) -> Label:
    """The truth of a decision: what the events of its key `on` say, within a time after the decision.

    `value` is a condition on the columns of one event, of which the last known counts (a correction), or on folds of
    all events of the key in that time: `sp.count(refunds) >= 2`, and of several sources joined by `&`, `|` and `~`.
    For goals of numbers it is a number; for goals of classes a text, one of `classes`. A text that is none of them
    leaves its decision unknown.

    `within` is one time, or a time for each value of the request field `by`; other values have the longest. `absent`
    says what it means when no event came in time: "negative" (nothing happened, as with a return or a fraud report; 0
    where the label is a number) or "void" (there is no truth, as with a cancelled flight). `void_when` names an event
    that makes the label void at once, `censored_when` the actions that prevent the truth from showing.

    `on` may be a request field that many decisions share, such as the user: `attribute` then says whose an event is,
    that of "each" decision whose time it falls in, of the "last" before it or of the "first". `immature` says what
    becomes in training of decisions whose time has not passed: "exclude", or "weighted" by how late labels come.

    >>> from setpoint.declare.feature import count
    >>> from setpoint.declare.source import events
    >>> arrivals = events("arrivals", "flights.parquet", id="flight_id", at="landed_at", delay="0s")
    >>> label(arrivals.arr_delay > 15, on="flight_id", within="2d", absent="void").within // times.HOUR
    48
    >>> refunds = events("refunds", "refunds.parquet", at="ts", delay="1h")
    >>> disputes = events("disputes", "disputes.parquet", at="ts", delay="1h")
    >>> lasting = {"web": "30d", "shop": "7d"}
    >>> label((count(refunds) >= 2) | (count(disputes) > 0), on="order_id", within=lasting, by="channel").value
    ((count(refunds) >= 2) | (count(disputes) > 0))
    """
    if not isinstance(value, Expr):
        raise WrongType(f"The label's value is {value!r}.", expected="an expression such as returns.reason == 'fraud'")
    _one_of("absent", absent, ("negative", "void"))
    _one_of("attribute", attribute, (EACH, LAST, FIRST))
    _one_of("immature", immature, (EXCLUDE, WEIGHTED))
    if immature == WEIGHTED and absent != "negative":
        raise DeclarationError(
            f"The label has immature={immature!r} and absent={absent!r}.",
            expected='absent="negative": only then is what has not come yet negative, or a positive to come',
        )
    named = () if classes is None else _classes(classes, value)
    longest, segments = _times(within, by)
    if censored_when is not None:
        for node in walk(censored_when):
            if isinstance(node, (Column, Field, Aggregate, Now)):
                raise DeclarationError(f"censored_when reads {node}.", expected="only the action taken")
        if not any(isinstance(node, (Action, Literal)) for node in walk(censored_when)):
            raise DeclarationError("censored_when does not read the action.", expected='sp.action == "block"')
    source, *others = _carriers(value, on, min([longest, *[length for _, length in segments]]))
    void_source = None if void_when is None else _only_source("void_when", void_when)
    for read in (source, *others, *([] if void_source is None else [void_source])):
        kept = info(read).retention
        if kept is not None and kept < longest:
            raise DeclarationError(
                f"The label waits {times.spell(longest)}, "
                f"but {info(read).name!r} keeps its rows for {times.spell(kept)}.",
                expected="a time within retention=",
            )
    return Label(
        value,
        source,
        on,
        longest,
        absent,
        void_when,
        void_source,
        censored_when,
        others=tuple(others),
        by=by,
        segments=segments,
        attribute=attribute,
        immature=immature,
        classes=named,
    )


def followed(first: Source | Expr, then: Source | Expr, *, within: str | timedelta) -> Followed:
    """For a label: whether an event was followed by another of the same key, strictly later but within a time.

    Each is a source, or a condition on the columns of one; both must happen in the label's time.

    >>> from setpoint.declare.source import events
    >>> visits = events("visits", "visits.parquet", at="ts", delay="0s")
    >>> orders = events("orders", "orders.parquet", at="ts", delay="0s")
    >>> label(followed(visits.page == "price", orders, within="1d"), on="user_id", within="7d").value
    followed((visits.page == 'price'), orders, within='1d')
    """
    return _sequence("followed", first, then, within, wanted=True)


def unfollowed(first: Source | Expr, then: Source | Expr, *, within: str | timedelta) -> Followed:
    """For a label: whether an event was not followed by another of the same key within a time.

    That time must have passed within the label's own: an event at its end has not gone without an answer.

    >>> from setpoint.declare.source import events
    >>> tickets = events("tickets", "tickets.parquet", at="ts", delay="0s")
    >>> answers = events("answers", "answers.parquet", at="ts", delay="0s")
    >>> label(unfollowed(tickets, answers, within="2d"), on="customer", within="30d").value
    unfollowed(tickets, answers, within='2d')
    """
    return _sequence("unfollowed", first, then, within, wanted=False)


def _classes(classes: Sequence[str], value: Expr) -> tuple[str, ...]:
    if isinstance(classes, str) or not all(isinstance(name, str) and name for name in classes):
        raise WrongType(f"The label has classes={classes!r}.", expected="a list of names")
    names = tuple(classes)
    if not 2 <= len(set(names)) == len(names) <= MOST_CLASSES:
        raise DeclarationError(
            f"The label has classes={list(names)!r}.", expected=f"2 to {MOST_CLASSES} names, each once"
        )
    if any(isinstance(node, (Aggregate, Followed)) for node in walk(value, into_aggregates=False)):
        raise DeclarationError(
            f"The label has classes= and folds events: {value}.", expected="a text column of one event source"
        )
    return names


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        expected = " or ".join(f'"{one}"' for one in known)
        raise DeclarationError(f"The label has {name}={value!r}.", expected=expected)


def _times(
    within: str | timedelta | Mapping[str, str | timedelta], by: str | None
) -> tuple[int, tuple[tuple[str, int], ...]]:
    """The longest time, and that of each segment."""
    segmented = isinstance(within, Mapping)
    if segmented != (by is not None):
        raise DeclarationError(
            f"The label has within={within!r} and by={by!r}.",
            expected='one time, or a time for each value of a request field: within={"web": "7d"}, by="channel"',
        )
    each = within.items() if isinstance(within, Mapping) else [("", within)]
    lengths = []
    for name, length in each:
        found = times.duration(length)
        if found <= 0 or not isinstance(name, str):
            raise DeclarationError(f"The label has within={within!r}.", expected="a positive duration")
        lengths.append((name, found))
    if not lengths or (by is not None and (not isinstance(by, str) or not by)):
        raise DeclarationError(f"The label has within={within!r} and by={by!r}.", expected="a time for each segment")
    return max(length for _, length in lengths), tuple(lengths) if segmented else ()


def _carriers(value: Expr, on: str, shortest: int) -> tuple[Source, ...]:
    """The sources that a label's value reads, the one with columns or the first that it folds in front."""
    nodes = list(walk(value, into_aggregates=False))
    folded = [node for node in nodes if isinstance(node, Aggregate)]
    if not folded:
        return (_only_source("The label's value", value),)
    for node in nodes:
        if isinstance(node, (Column, Field, FeatureRef, Now, Action, Neighbours, Family)):
            raise DeclarationError(
                f"The label's value reads {node} beside folds of rows.",
                expected="folds of event sources and constants",
                hint="A condition on a row goes into where=: sp.count(refunds, where=refunds.amount > 5) > 0.",
            )
        if isinstance(node, Followed) and node.within > shortest:
            raise DeclarationError(
                f"The label's value has {node}, which is longer than the label's own time.",
                expected=f"at most {times.spell(shortest)}",
            )
    for node in folded:
        _check_fold(node, on)
    found = {info(node.source).name: node.source for node in folded}
    for source in found.values():
        _must_be_knowable("The label's value", source)
    return tuple(found.values())


def _check_fold(node: Aggregate, on: str) -> None:
    if node.kind not in FOLDED:
        raise DeclarationError(f"The label's value folds {node}.", expected=f"one of {', '.join(FOLDED)}")
    if node.by != OF_THE_LABEL and (node.keys or tuple(column for _, column in node.by) != (on,)):
        raise DeclarationError(
            f"The label's value folds {node} by another key than {on!r}.", expected=f"its own key, on={on!r}"
        )
    if node.last:
        raise DeclarationError(
            f"The label's value folds {node} over a window.",
            expected="no last=: a label folds what comes within its own time after the decision",
        )


def _sequence(
    name: str, first: Source | Expr, then: Source | Expr, within: str | timedelta, *, wanted: bool
) -> Followed:
    length = times.duration(within)
    if length <= 0:
        raise DeclarationError(f"{name} has within={within!r}.", expected="a positive duration")
    return Followed(_rows(name, first), _rows(name, then), length, wanted)


def _rows(name: str, what: Source | Expr) -> Aggregate:
    """The rows of a source, or those for which a condition on its columns holds."""
    if isinstance(what, Source):
        return aggregate("count", what, by=None, stretch=Window(0, EXACT), where=None)
    if not isinstance(what, Expr):
        raise WrongType(f"{name} is of {what!r}.", expected="an event source, or a condition on its columns")
    source = _only_source(name, what)
    return aggregate("count", source, by=None, stretch=Window(0, EXACT), where=what)


def _only_source(what: str, value: Expr) -> Source:
    for node in walk(value):
        if isinstance(node, (Field, Now, Action, Aggregate)):
            raise DeclarationError(f"{what} reads {node}.", expected="columns of one event source")
    sources = {id(node.source): node.source for node in walk(value) if isinstance(node, Column)}
    if len(sources) != 1:
        names = sorted(info(source).name for source in sources.values())
        raise DeclarationError(f"{what} reads {names or 'no source'}.", expected="columns of one event source")
    source = next(iter(sources.values()))
    if info(source).kind != EVENTS:
        raise DeclarationError(f"{what} reads the table {info(source).name!r}.", expected="an event source")
    _must_be_knowable(what, source)
    return source


def _must_be_knowable(what: str, source: Source) -> None:
    if not info(source).knowable:
        raise LeakRefused(
            f"{what} reads {info(source).name!r}, which does not declare when its rows are known.",
            expected="known_at= or delay= on that source",
        )
