"""Contracts: what the rows of a source must be, stated beyond what was seen of them.

A rule of rows sets those aside that break it; a rule of the source (`fresh`, `volume`) is found broken by checks and
ticks. A condition that is NULL for a row keeps it, as CHECK does in SQL (ISO/IEC 9075-2, table constraints).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias

from setpoint.core import times
from setpoint.core.digest import digest
from setpoint.core.errors import DeclarationError, WrongType
from setpoint.declare.expr import (
    COMPARISONS,
    Binary,
    Call,
    Column,
    Expr,
    Literal,
    PythonCall,
    spell,
    to_dict,
    walk,
)
from setpoint.declare.source import Source, SourceInfo, info

REFUSE_ABOVE = 0.2
"""A batch is refused whole when more than this share of its rows would be quarantined."""


@dataclass(frozen=True, eq=False)
class Holds:
    """A condition on each row; `refuse_above` is the share of broken rows that refuses a whole batch, None: any."""

    name: str
    condition: Expr
    refuse_above: float | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns it reads, each once, in order of first use."""
        found = {node.name: node for node in walk(self.condition) if isinstance(node, Column)}
        return tuple(found.values())

    def to_dict(self) -> dict[str, Any]:
        """The rule as JSON-like data."""
        return {"holds": to_dict(self.condition), "name": self.name, "refuse_above": self.refuse_above}


@dataclass(frozen=True, eq=False)
class NotNull:
    """A column that no row may lack."""

    name: str
    column: Column
    refuse_above: float | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The column."""
        return (self.column,)

    def to_dict(self) -> dict[str, Any]:
        """The rule as JSON-like data."""
        return {"not_null": self.column.name, "name": self.name, "refuse_above": self.refuse_above}


@dataclass(frozen=True, eq=False)
class Unique:
    """Columns whose values no two different rows of the source share; with a NULL among them, a row shares nothing."""

    name: str
    columns: tuple[Column, ...]
    refuse_above: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The rule as JSON-like data."""
        named = [column.name for column in self.columns]
        return {"unique": named, "name": self.name, "refuse_above": self.refuse_above}


@dataclass(frozen=True, eq=False)
class References:
    """Columns whose values a row of another source has in the columns `to`; with a NULL among them, none is needed."""

    name: str
    columns: tuple[Column, ...]
    to: tuple[Column, ...]
    refuse_above: float | None = None

    @property
    def target(self) -> SourceInfo:
        """The other source."""
        return info(self.to[0].source)

    def to_dict(self) -> dict[str, Any]:
        """The rule as JSON-like data."""
        return {
            "references": [column.name for column in self.columns],
            "to": [self.target.name, *[column.name for column in self.to]],
            "name": self.name,
            "refuse_above": self.refuse_above,
        }


@dataclass(frozen=True)
class Fresh:
    """The newest row of the source happened no longer ago than this many microseconds."""

    limit: int

    @property
    def name(self) -> str:
        """What the rule is called."""
        return f"fresh({times.spell(self.limit)!r})"

    def to_dict(self) -> dict[str, Any]:
        """The rule as JSON-like data."""
        return {"fresh": self.limit}


@dataclass(frozen=True)
class Volume:
    """How many rows happen in each stretch of `every` microseconds, judged `after` it has ended."""

    every: int
    at_least: int | None = None
    at_most: int | None = None
    after: int | None = None

    @property
    def name(self) -> str:
        """What the rule is called."""
        ends = [f"{word}={end}" for word, end in (("at_least", self.at_least), ("at_most", self.at_most)) if end]
        return f"volume(every={times.spell(self.every)!r}, {', '.join(ends)})"

    def to_dict(self) -> dict[str, Any]:
        """The rule as JSON-like data."""
        return {"volume": self.every, "at_least": self.at_least, "at_most": self.at_most, "after": self.after}


RowRule: TypeAlias = Holds | NotNull | Unique | References
SourceRule: TypeAlias = Fresh | Volume
Rule: TypeAlias = RowRule | SourceRule


@dataclass(frozen=True, eq=False)
class StatedContract:
    """The rules of one source, in their order; of two that a row breaks the first is told."""

    source: Source
    rules: tuple[Rule, ...]
    refuse_above: float = REFUSE_ABOVE

    @property
    def row_rules(self) -> tuple[RowRule, ...]:
        """The rules that set rows aside."""
        return tuple(rule for rule in self.rules if isinstance(rule, RowRule))

    @property
    def source_rules(self) -> tuple[SourceRule, ...]:
        """The rules of the source as a whole."""
        return tuple(rule for rule in self.rules if isinstance(rule, SourceRule))

    @property
    def targets(self) -> tuple[Source, ...]:
        """The other sources that its rows refer to."""
        named = {rule.target.name: rule.to[0].source for rule in self.rules if isinstance(rule, References)}
        named.pop(info(self.source).name, None)
        return tuple(named.values())

    def to_dict(self) -> dict[str, Any]:
        """The rules as JSON-like data: equal content, equal data."""
        return {"rules": [rule.to_dict() for rule in self.rules], "refuse_above": self.refuse_above}


def contract(source: Source, *rules: Rule | Expr, refuse_above: float = REFUSE_ABOVE) -> StatedContract:
    """What the rows of a source must be: each a rule, or a condition over its columns that no row may break.

    A row that breaks a rule is set aside with the rule's name and its own values. A batch of which more than the share
    `refuse_above` is set aside is refused whole. Raises DeclarationError for a rule that cannot mean anything.

    >>> from setpoint.declare.source import events
    >>> sales = events("sales", "sales.parquet", at="ts", delay="0s")
    >>> [rule.name for rule in contract(sales, sales.price > 0, not_null(sales.shop), fresh("2h")).rules]
    ['(sales.price > 0)', 'not_null(shop)', "fresh('2h')"]
    """
    if not isinstance(source, Source):
        raise WrongType(f"contract({source!r}) needs a source first.", expected="sp.events(...) or sp.table(...)")
    name = info(source).name
    found: list[Rule] = []
    for given in rules:
        rule = holds(given) if isinstance(given, Expr) else given
        if not isinstance(rule, Rule):
            raise WrongType(
                f"The contract of {name!r} has the rule {given!r}.",
                expected=f"a condition such as {name}.price > 0, or sp.not_null, unique, references, fresh or volume",
            )
        _check_source(info(source), rule)
        if rule.name in [other.name for other in found]:
            raise DeclarationError(
                f"The contract of {name!r} has two rules named {rule.name!r}.", expected="each rule once"
            )
        found.append(rule)
    stated = StatedContract(source, tuple(found), _share(f"The contract of {name!r}", refuse_above))
    _refuse_contradictions(stated)
    return stated


def holds(condition: Expr, *, name: str | None = None, refuse_above: float | None = None) -> Holds:
    """A rule that a condition holds for each row, with a name of its own, or a share of its own that refuses a batch.

    >>> from setpoint.declare.source import events
    >>> sales = events("sales", "sales.parquet", at="ts", delay="0s")
    >>> holds(sales.paid_at >= sales.ts, name="paid-in-time", refuse_above=0.01).name
    'paid-in-time'
    """
    if not isinstance(condition, Expr):
        raise WrongType(f"holds({condition!r}) is given no condition.", expected="such as sales.price > 0")
    for node in walk(condition):
        if not isinstance(node, (Binary, Call, Column, Literal, PythonCall)):
            raise DeclarationError(f"The rule {condition} reads {node}.", expected="columns of one source")
    named = {info(node.source).name for node in walk(condition) if isinstance(node, Column)}
    if not named:
        raise DeclarationError(
            f"The rule {condition} reads no column: it is the same for every row.",
            expected="a condition over the columns of a source",
        )
    if len(named) > 1:
        raise DeclarationError(
            f"The rule {condition} reads two sources: {' and '.join(sorted(named))}.",
            expected="columns of one source",
            hint="That a row of another source exists is said by sp.references(column, to=other.column).",
        )
    for node in walk(condition):
        same = isinstance(node, Binary) and node.op in COMPARISONS and digest(to_dict(node.left)) == digest(
            to_dict(node.right)
        )  # fmt: skip
        if same:
            raise DeclarationError(
                f"The rule {condition} compares {node} with itself: it is the same for every row.",
                expected="a condition that a row can break",
            )
    return Holds(_named(name, str(condition)), condition, _own_share(str(condition), refuse_above))


def not_null(column: Column, *, name: str | None = None, refuse_above: float | None = None) -> NotNull:
    """A rule that no row lacks a value in a column.

    >>> from setpoint.declare.source import events
    >>> not_null(events("sales", "sales.parquet", at="ts", delay="0s").shop).name
    'not_null(shop)'
    """
    _columns("not_null", [column])
    words = f"not_null({column.name})"
    return NotNull(_named(name, words), column, _own_share(words, refuse_above))


def unique(*columns: Column, name: str | None = None, refuse_above: float | None = None) -> Unique:
    """A rule that no two rows share the values of these columns: of those that do, the first known is kept.

    Deliveries and versions of one and the same row share them freely. A NULL equals nothing.

    >>> from setpoint.declare.source import events
    >>> sales = events("sales", "sales.parquet", at="ts", delay="0s")
    >>> unique(sales.shop, sales.number).name
    'unique(shop, number)'
    """
    _columns("unique", columns)
    words = f"unique({', '.join(column.name for column in columns)})"
    return Unique(_named(name, words), tuple(columns), _own_share(words, refuse_above))


def references(
    columns: Column | Sequence[Column],
    *,
    to: Column | Sequence[Column],
    name: str | None = None,
    refuse_above: float | None = None,
) -> References:
    """A rule that a row names one of another source: a row of a table at all, an event that happened by then.

    A NULL names nothing and is kept. Several columns go together.

    >>> from setpoint.declare.source import events, table, always
    >>> sales = events("sales", "sales.parquet", at="ts", delay="0s")
    >>> shops = table("shops", "shops.parquet", key="shop", valid_from=always)
    >>> references(sales.shop, to=shops.shop).name
    'references(shop, to=shops.shop)'
    """
    ours = [columns] if isinstance(columns, Expr) else list(columns)
    theirs = [to] if isinstance(to, Expr) else list(to)
    _columns("references", ours)
    _columns("references(to=)", theirs)
    if len(ours) != len(theirs):
        raise DeclarationError(
            f"references() pairs {len(ours)} columns with {len(theirs)}.", expected="as many on both sides"
        )
    words = f"references({', '.join(one.name for one in ours)}, to={', '.join(map(spell, theirs))})"
    return References(_named(name, words), tuple(ours), tuple(theirs), _own_share(words, refuse_above))


def fresh(limit: str | timedelta) -> Fresh:
    """A rule that the newest row of the source happened no longer ago than this.

    >>> fresh("2h").limit // times.HOUR
    2
    """
    return Fresh(_positive("fresh", limit))


def volume(
    *,
    every: str | timedelta,
    at_least: int | None = None,
    at_most: int | None = None,
    after: str | timedelta | None = None,
) -> Volume:
    """A rule on how many rows happen in each stretch of time: a day or part of it from midnight UTC, weeks from Monday.

    A stretch is judged once it has ended and `after` has passed, by default the delay that the source declares.

    >>> volume(every="1d", at_least=100).name
    "volume(every='1d', at_least=100)"
    """
    length = _positive("volume(every=)", every)
    if times.DAY % length and length % times.DAY:
        raise DeclarationError(
            f"volume(every={every!r}) does not divide a day.", expected='such as "1h", "6h", "1d" or "7d"'
        )
    if at_least is None and at_most is None:
        raise DeclarationError("volume() states no bound.", expected="at_least= or at_most=")
    for word, end in (("at_least", at_least), ("at_most", at_most)):
        if end is not None and (isinstance(end, bool) or not isinstance(end, int) or end < 0):
            raise WrongType(f"volume({word}={end!r}).", expected="a whole number of rows")
    if at_least is not None and at_most is not None and at_least > at_most:
        raise DeclarationError(f"volume(at_least={at_least}, at_most={at_most}) is kept by no number of rows.")
    wait = None if after is None else times.duration(after)
    if wait is not None and wait < 0:
        raise DeclarationError(f"volume(after={after!r}).", expected="zero or more")
    return Volume(length, at_least, at_most, wait)


def check_contracts(contracts: object) -> tuple[StatedContract, ...]:
    """The contracts of a system, one for each source at most; raises where two are of the same or go in a circle."""
    if isinstance(contracts, (str, StatedContract)) or not isinstance(contracts, Iterable):
        raise WrongType(f"contracts= is {contracts!r}.", expected="a list of sp.contract(...)")
    found: dict[str, StatedContract] = {}
    for one in contracts:
        if not isinstance(one, StatedContract):
            raise WrongType(f"contracts= holds {one!r}.", expected="sp.contract(source, ...)")
        name = info(one.source).name
        if name in found:
            raise DeclarationError(f"contracts= holds two of the source {name!r}.", expected="one with all its rules")
        found[name] = one
    in_order_of_reference(found, found)
    return tuple(found.values())


def in_order_of_reference(sources: Iterable[str], contracts: Mapping[str, StatedContract]) -> list[str]:
    """Names of sources, each after those that its rows refer to; raises DeclarationError where they go in a circle.

    >>> from setpoint.declare.source import events, table, always
    >>> sales = events("sales", "sales.parquet", at="ts", delay="0s")
    >>> shops = table("shops", "shops.parquet", key="shop", valid_from=always)
    >>> in_order_of_reference(["sales", "shops"], {"sales": contract(sales, references(sales.shop, to=shops.shop))})
    ['shops', 'sales']
    """
    done: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " > ".join((*path[path.index(name) :], name))
            raise DeclarationError(
                f"The contracts of {circle} refer to each other in a circle.",
                expected="references that end somewhere",
                hint="Leave one of them out: which rows of one are kept decides which of the other are.",
            )
        if name not in done:
            for target in contracts[name].targets if name in contracts else ():
                visit(info(target).name, (*path, name))
            done.append(name)

    for name in sources:
        visit(name, ())
    return done


def _columns(what: str, columns: Sequence[object]) -> None:
    for column in columns:
        if not isinstance(column, Column):
            raise WrongType(f"{what}() is given {column!r}.", expected="columns of a source, such as sales.shop")
    named = [column.name for column in columns if isinstance(column, Column)]
    if not named:
        raise DeclarationError(f"{what}() names no column.", expected="at least one")
    if len(set(named)) < len(named):
        raise DeclarationError(f"{what}({', '.join(named)}) names a column twice.", expected="each once")
    sources = {info(column.source).name for column in columns if isinstance(column, Column)}
    if len(sources) > 1:
        raise DeclarationError(
            f"{what}({', '.join(named)}) reads two sources: {' and '.join(sorted(sources))}.",
            expected="columns of one source",
        )


def _check_source(source: SourceInfo, rule: Rule) -> None:
    """Refuses a rule that reads another source, and one about times of a source without."""
    if isinstance(rule, SourceRule):
        if source.at is None:
            raise DeclarationError(
                f"The contract of {source.name!r} has the rule {rule.name}, but its rows have no times.",
                expected="valid_from= a column of times",
            )
        return
    other = info(rule.columns[0].source)
    if other != source:
        raise DeclarationError(
            f"The contract of {source.name!r} has the rule {rule.name}, which reads {other.name!r}.",
            expected=f"columns of {source.name!r}",
        )


def _named(name: str | None, words: str) -> str:
    if name is None:
        return words
    if not isinstance(name, str) or not name.strip():
        raise WrongType(f"The rule {words} is named {name!r}.", expected="a text")
    return name


def _own_share(words: str, share: float | None) -> float | None:
    return None if share is None else _share(f"The rule {words}", share)


def _share(what: str, share: object) -> float:
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0.0 <= share <= 1.0:
        raise WrongType(f"{what} has refuse_above={share!r}.", expected="a share of rows from 0 to 1")
    return float(share)


def _positive(what: str, value: str | timedelta) -> int:
    length = times.duration(value)
    if length <= 0:
        raise DeclarationError(f"{what} is {value!r}.", expected='a positive duration, such as "2h"')
    return length


# --- contradictions ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Span:
    """The values that a column may have by now, and which rule said so last; `texts` None: any."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    texts: frozenset[Any] | None = None
    said_by: str = ""

    @property
    def empty(self) -> bool:
        """Whether no value is left."""
        if self.texts is not None:
            return not self.texts
        return self.low > self.high or (self.low == self.high and (self.open_low or self.open_high))

    def also(self, op: str, end: float) -> _Span:
        """What is left where the value stands so to an end."""
        found = self
        if op in (">", ">=", "==") and (end > found.low or (end == found.low and op == ">")):
            found = replace(found, low=end, open_low=op == ">")
        if op in ("<", "<=", "==") and (end < found.high or (end == found.high and op == "<")):
            found = replace(found, high=end, open_high=op == "<")
        return found

    def among(self, values: Iterable[Any]) -> _Span:
        """What is left where the value is one of these."""
        given = frozenset(values)
        return replace(self, texts=given if self.texts is None else self.texts & given)


def _refuse_contradictions(stated: StatedContract) -> None:
    """Refuses ranges, and lists of texts, of a column that leave no value."""
    spans: dict[str, _Span] = {}
    source = info(stated.source)
    for name, values in source.expect:
        span = _Span(said_by=f"expect={{{name!r}: {values!r}}}")
        numbers = [value for value in values if not isinstance(value, str)]
        spans[name] = span.also(">=", numbers[0]).also("<=", numbers[1]) if numbers else span.among(values)
    for rule in stated.rules:
        if not isinstance(rule, Holds):
            continue
        for part in _conjuncts(rule.condition):
            read = _simple(part)
            if read is None:
                continue
            name, op, value = read
            before = spans.get(name, _Span(said_by=rule.name))
            after = before.among(value) if op == "isin" else before.also(op, value)
            if after.empty:
                both = "" if before.said_by == rule.name else f" and {before.said_by}"
                raise DeclarationError(
                    f"The contract of {source.name!r} states {rule.name}{both}, which leave {name!r} no value.",
                    expected="rules that a row can keep",
                )
            spans[name] = replace(after, said_by=rule.name)


def _conjuncts(condition: Expr) -> Iterable[Expr]:
    if isinstance(condition, Binary) and condition.op == "&":
        yield from _conjuncts(condition.left)
        yield from _conjuncts(condition.right)
    else:
        yield condition


_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}


def _simple(part: Expr) -> tuple[str, str, Any] | None:
    """A column, how it stands to a constant, and the constant, where a condition says no more."""
    if isinstance(part, Call) and part.function == "isin" and isinstance(part.arguments[0], Column):
        known = [one.value for one in part.arguments[1:] if isinstance(one, Literal)]
        texts = len(known) == len(part.arguments) - 1 and all(isinstance(value, str) for value in known)
        return (part.arguments[0].name, "isin", known) if texts else None
    if not isinstance(part, Binary) or part.op not in _TURNED:
        return None
    left, right, op = part.left, part.right, part.op
    if isinstance(left, Literal):
        left, right, op = right, left, _TURNED[op]
    if not isinstance(left, Column) or not isinstance(right, Literal) or right.value is None:
        return None
    if isinstance(right.value, str):
        return (left.name, "isin", [right.value]) if op == "==" else None
    return left.name, op, float(right.value)
