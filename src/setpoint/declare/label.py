"""The label: which event carries the truth of a decision, and how late it comes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from setpoint.core import times
from setpoint.core.errors import DeclarationError, LeakRefused, WrongType
from setpoint.declare.expr import Action, Aggregate, Column, Expr, Field, Literal, Now, to_dict, walk
from setpoint.declare.source import EVENTS, Source, info


@dataclass(frozen=True)
class Label:
    """The declared truth of a decision.

    `value` is an expression over the columns of `source`, whose rows meet a decision by the column `on`. When no
    row came `within` microseconds after the decision, the label is negative or void as `absent` says. A row of
    `void_source` for which `void_when` holds makes it void at once. `censored_when` is an expression over the action.
    """

    value: Expr
    source: Source
    on: str
    within: int
    absent: str
    void_when: Expr | None
    void_source: Source | None
    censored_when: Expr | None

    def to_dict(self) -> dict[str, Any]:
        """The label as JSON-like data."""
        return {
            "value": to_dict(self.value),
            "source": info(self.source).name,
            "on": self.on,
            "within": self.within,
            "absent": self.absent,
            "void_when": None if self.void_when is None else to_dict(self.void_when),
            "censored_when": None if self.censored_when is None else to_dict(self.censored_when),
        }


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
    if not info(source).knowable:
        raise LeakRefused(
            f"{what} reads {info(source).name!r}, which does not declare when its rows are known.",
            expected="known_at= or delay= on that source",
        )
    return source


def label(
    value: Expr,
    *,
    on: str,
    within: str | timedelta,
    absent: str = "negative",
    void_when: Expr | None = None,
    censored_when: Expr | None = None,
) -> Label:
    """The truth of a decision: `value` of the event that shares its key `on`, within a time after the decision.

    `absent` says what it means when no event came in time: "negative" (nothing happened, as with a return or a
    fraud report) or "void" (there is no truth, as with a cancelled flight). `void_when` names an event that makes
    the label void at once, `censored_when` the actions that prevent the truth from showing.

    >>> from setpoint.declare.source import events
    >>> arrivals = events("arrivals", "flights.parquet", id="flight_id", at="landed_at", delay="0s")
    >>> label(arrivals.arr_delay > 15, on="flight_id", within="2d", absent="void").within // times.HOUR
    48
    """
    if not isinstance(value, Expr):
        raise WrongType(f"The label's value is {value!r}.", expected="an expression such as returns.reason == 'fraud'")
    if absent not in ("negative", "void"):
        raise DeclarationError(f"The label has absent={absent!r}.", expected='"negative" or "void"')
    length = times.duration(within)
    if length <= 0:
        raise DeclarationError(f"The label has within={within!r}.", expected="a positive duration")
    if censored_when is not None:
        for node in walk(censored_when):
            if isinstance(node, (Column, Field, Aggregate, Now)):
                raise DeclarationError(f"censored_when reads {node}.", expected="only the action taken")
        if not any(isinstance(node, (Action, Literal)) for node in walk(censored_when)):
            raise DeclarationError("censored_when does not read the action.", expected='sp.action == "block"')
    source = _only_source("The label's value", value)
    void_source = None if void_when is None else _only_source("void_when", void_when)
    return Label(value, source, on, length, absent, void_when, void_source, censored_when)
