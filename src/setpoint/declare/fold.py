"""How an aggregate is built and checked: what it folds, for which key, over which window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypeAlias, TypeVar

from setpoint.core import times
from setpoint.core.errors import DeclarationError, WrongType
from setpoint.declare.expr import (
    OF_THE_LABEL,
    Action,
    Aggregate,
    Column,
    Expr,
    Family,
    FeatureRef,
    Field,
    Neighbours,
    Now,
    as_expr,
    spell,
    walk,
)
from setpoint.declare.scales import MOST
from setpoint.declare.source import EVENTS, TABLE, Source, info
from setpoint.declare.window import Last, Span, Window, label, window

By: TypeAlias = str | Sequence[str] | Mapping[str, str] | Mapping[Expr, str] | Mapping[str | Expr, str] | None
"""What a fold is kept for: request fields, where they are named otherwise in the source, or expressions (a join).

None, which only a label may have: for the label's own key.
"""

Hop: TypeAlias = str | timedelta | None
"""The step of a window's far edge; None: about a 240th of it."""

Built = TypeVar("Built", bound=Expr)

CAPS = (2, 65_536)
"""How small and how great a cap may be."""


def fold(
    kind: str,
    what: Expr | Source,
    *,
    by: By,
    last: Last = None,
    hop: Hop = None,
    where: Expr | None = None,
    decimals: int | None = 0,
    parameter: float = 0.0,
    cap: int = 0,
) -> Aggregate | Family:
    """The aggregate of one window, or the family of several.

    Raises WrongType or DeclarationError for what cannot mean anything.

    >>> from setpoint.declare.source import events
    >>> fold("max", events("payments", "p.parquet", at="ts", delay="0s").amount, by="card", last="1d")
    max(payments.amount, by=[card], last='1d')
    """

    def one(span: Span) -> Aggregate:
        return aggregate(
            kind,
            what,
            by=by,
            stretch=window(span, hop, what=titled(kind, what)),
            where=where,
            decimals=decimals,
            parameter=parameter,
            cap=cap,
        )

    return each(last, one, what=titled(kind, what))


def titled(kind: str, what: Expr | Source) -> str:
    """What messages call a fold.

    >>> from setpoint.declare.source import events
    >>> titled("count", events("payments", "p.parquet", at="ts", delay="0s"))
    'count(payments)'
    """
    return f"{kind}({info(what).name if isinstance(what, Source) else what})"


def each(last: Last, build: Callable[[Span], Built], *, what: str) -> Built | Family:
    """What `build` gives for one window, or the family of what it gives for each of several.

    >>> from setpoint.declare.expr import field
    >>> each(["1h", "1d"], lambda span: field(f"n_{span}"), what="n").labels
    ('1h', '1d')
    """
    if not isinstance(last, Sequence) or isinstance(last, str):
        return build(last)
    if not last:
        raise DeclarationError(f"{what} has an empty list of windows.", expected='such as last=["1h", "1d"]')
    members: dict[str, Expr] = {}
    for span in last:
        built = build(span)
        name = label(span)
        if name in members:
            raise DeclarationError(
                f"{what} has two windows named {name!r}.",
                expected="windows of different names, which become the ends of the features' names",
                hint="Declare one of them as a feature of its own.",
            )
        members[name] = built
    return Family(tuple(members.items()))


def aggregate(
    kind: str,
    what: Expr | Source,
    *,
    by: By,
    stretch: Window,
    where: Expr | None,
    decimals: int | None = 0,
    parameter: float = 0.0,
    cap: int = 0,
) -> Aggregate:
    """One aggregate, checked for what needs no data."""
    title = titled(kind, what)
    source = _source(title, kind, what, where)
    pairs, keys = _key(title, by)
    if pairs != OF_THE_LABEL:
        _check_retention(title, source, stretch)
    if decimals is not None:
        decimals = checked_decimals(title, decimals)
    return Aggregate(
        kind,
        source,
        what if isinstance(what, Expr) else None,
        pairs,
        stretch.last,
        stretch.hop,
        None if where is None else as_expr(where),
        decimals,
        stretch.unit,
        stretch.zone,
        parameter,
        cap,
        keys,
    )


def checked_cap(title: str, cap: int) -> int:
    """A cap on how many different values are told apart, given back when it can be one.

    >>> checked_cap("distinct(payments.shop)", 100)
    100
    """
    low, high = CAPS
    if isinstance(cap, bool) or not isinstance(cap, int) or not low <= cap <= high:
        raise DeclarationError(f"{title} has cap={cap!r}.", expected=f"a whole number from {low} to {high}")
    return cap


def checked_decimals(title: str, decimals: int) -> int:
    """To how many places values are taken before they are added, given back when sums can be exact at it.

    >>> checked_decimals("sum(payments.amount)", 2)
    2
    """
    if isinstance(decimals, bool) or not isinstance(decimals, int) or not 0 <= decimals <= MOST:
        raise DeclarationError(
            f"{title} has decimals={decimals!r}.",
            expected=f"a whole number from 0 to {MOST}; a sum without decimals= takes what the data needs",
        )
    return decimals


def _source(title: str, kind: str, what: Expr | Source, where: Expr | None) -> Source:
    """The one source that a fold reads."""
    parts = [what] if isinstance(what, Expr) else []
    if not isinstance(what, (Expr, Source)):
        raise WrongType(f"{kind} folds {what!r}.", expected="a column of an event source, such as purchases.price")
    if isinstance(what, Source) and kind != "count":
        raise WrongType(
            f"{title} folds rows, which are only counted.",
            expected=f"one of their columns, such as {info(what).name}.price",
        )
    if where is not None:
        parts.append(as_expr(where))
    for part in parts:
        for node in walk(part):
            if isinstance(node, (Aggregate, Neighbours, Family)):
                raise DeclarationError(f"{title} folds another aggregate.", expected="columns of a source")
            if isinstance(node, (Field, FeatureRef, Now, Action)):
                raise DeclarationError(
                    f"{title} reads {node}, which no row of a source has.",
                    expected="columns of one event source",
                    hint="Compare the aggregate itself with it, as in sp.mean(...) - sp.field(...).",
                )
    found = {id(node.source): node.source for part in parts for node in walk(part) if isinstance(node, Column)}
    if isinstance(what, Source):
        found[id(what)] = what
    if len(found) != 1:
        named = sorted(info(source).name for source in found.values())
        raise DeclarationError(f"{title} reads {named or 'no source'}.", expected="columns of exactly one event source")
    source = next(iter(found.values()))
    declared = info(source)
    if declared.kind != EVENTS and not (kind == "latest" and declared.kind == TABLE):
        raise DeclarationError(
            f"{title} folds the table {declared.name!r}.",
            expected="an event source",
            hint="A table's column is used as it is, such as planes.seats, or by another key in sp.latest(..., by=...)",
        )
    return source


def _key(title: str, by: By) -> tuple[tuple[tuple[str, str], ...], tuple[Expr, ...]]:
    """The pairs of names and source columns, and the expression of each part where one is more than a field."""
    if by is None:
        return OF_THE_LABEL, ()
    if isinstance(by, str):
        parts: list[tuple[object, object]] = [(by, by)]
    elif isinstance(by, Mapping):
        parts = list(by.items())
    elif isinstance(by, Sequence):
        parts = [(name, name) for name in by]
    else:
        parts = [(None, None)]
    pairs: list[tuple[str, str]] = []
    keys: list[Expr] = []
    for name, column in parts:
        if not isinstance(column, str) or not column or not isinstance(name, (str, Expr)):
            raise WrongType(
                f"{title} has by={by!r}, which does not name request fields.",
                expected='by="user_id", by=["origin", "dest"], by={"request field": "source column"}, '
                'by={merchants.owner: "source column"}, or by=[] for all rows',
            )
        key = name if isinstance(name, Expr) else Field(name)
        _check_key_part(title, key)
        pairs.append((key.name if isinstance(key, Field) else spell(key), column))
        keys.append(key)
    columns = [column for _, column in pairs]
    if len(set(columns)) != len(columns):
        raise DeclarationError(f"{title} has by={by!r}, which names a column twice.", expected="each column once")
    joined = any(not isinstance(key, Field) for key in keys)
    return tuple(pairs), tuple(keys) if joined else ()


def _check_key_part(title: str, key: Expr) -> None:
    for node in walk(key):
        if isinstance(node, Column) and info(node.source).kind == TABLE:
            continue
        if isinstance(node, (Column, Aggregate, Neighbours, Family, FeatureRef, Now, Action)):
            raise DeclarationError(
                f"{title} has a key that reads {node}.",
                expected="columns of tables and request fields",
                hint="An aggregate finds its rows by what is known of the request, not by another aggregate.",
            )


def _check_retention(title: str, source: Source, stretch: Window) -> None:
    """Refuses a window that would look for rows that the source no longer keeps."""
    declared = info(source)
    if declared.retention is None:
        return
    reach = stretch.reach
    if reach is not None and reach <= declared.retention:
        return
    kept = times.spell(declared.retention)
    if reach is None:
        given = f'ttl="{kept}"' if title.startswith("latest(") else f'last="{kept}", hop="exact"'
        told, hint = "folds all time", f"Give it {given}."
    else:
        exactly = reach - stretch.hop + 1
        told, hint = f"looks back {times.spell(exactly)}", "Shorten the window."
        if stretch.hop > 1:
            told += f" and up to {times.spell(stretch.hop)} more, the step of its far edge"
        if exactly <= declared.retention:
            hint = 'Give it hop="exact", or shorten the window.'
    raise DeclarationError(
        f"{title} {told}, but {declared.name!r} keeps its rows for {kept}.",
        expected="a window within retention=",
        hint=hint,
    )
