"""The expression language of a declaration.

An expression is frozen data: comparing or adding two builds a third, nothing is computed. What evaluates it is
data/language/evaluate.py. Expressions are hashed by identity; equality of content is equality of `to_dict`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from setpoint.core import times
from setpoint.core.errors import NameUnknown, WrongType
from setpoint.declare.path import check as check_path
from setpoint.declare.pattern import check as check_pattern
from setpoint.declare.window import Window, is_named, name_of
from setpoint.declare.window import spell as spell_window

if TYPE_CHECKING:
    from setpoint.core.ports import TextBase
    from setpoint.declare.source import Source

Operand: TypeAlias = "Expr | float | int | str | bool | datetime | None"

ARITHMETIC = ("+", "-", "*", "/")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True, eq=False, repr=False)
class Expr:
    """One node of an expression."""

    def __add__(self, other: Operand) -> Expr:
        return Binary("+", self, _shift(other))

    def __radd__(self, other: Operand) -> Expr:
        return Binary("+", _shift(other), self)

    def __sub__(self, other: Operand) -> Expr:
        return Binary("-", self, _shift(other))

    def __rsub__(self, other: Operand) -> Expr:
        return Binary("-", _shift(other), self)

    def __mul__(self, other: Operand) -> Expr:
        return Binary("*", self, as_expr(other))

    def __rmul__(self, other: Operand) -> Expr:
        return Binary("*", as_expr(other), self)

    def __truediv__(self, other: Operand) -> Expr:
        return Binary("/", self, as_expr(other))

    def __rtruediv__(self, other: Operand) -> Expr:
        return Binary("/", as_expr(other), self)

    def __eq__(self, other: object) -> Expr:  # type: ignore[override]
        return Binary("==", self, as_expr(other))

    def __ne__(self, other: object) -> Expr:  # type: ignore[override]
        return Binary("!=", self, as_expr(other))

    def __lt__(self, other: Operand) -> Expr:
        return Binary("<", self, as_expr(other))

    def __le__(self, other: Operand) -> Expr:
        return Binary("<=", self, as_expr(other))

    def __gt__(self, other: Operand) -> Expr:
        return Binary(">", self, as_expr(other))

    def __ge__(self, other: Operand) -> Expr:
        return Binary(">=", self, as_expr(other))

    def __and__(self, other: Operand) -> Expr:
        return Binary("&", self, as_expr(other))

    def __or__(self, other: Operand) -> Expr:
        return Binary("|", self, as_expr(other))

    def __invert__(self) -> Expr:
        return Call("not", (self,))

    def __neg__(self) -> Expr:
        return Binary("-", Literal(0.0), self)

    __hash__ = object.__hash__

    def __bool__(self) -> NoReturn:
        raise WrongType(
            f"The expression {self} has no truth value: it is a description, not a number.",
            expected="&, | and ~ instead of and, or and not",
            hint="Put each comparison in parentheses; for a range use .between(low, high).",
        )

    def __iter__(self) -> Iterator[NoReturn]:
        raise WrongType(f"The expression {self} cannot be looped over.", expected="one expression")

    def __contains__(self, item: object) -> NoReturn:
        raise WrongType(f"`in` does not work on the expression {self}.", hint="Use .isin([...]).")

    def between(self, low: Operand, high: Operand) -> Expr:
        """True from low to high, both included."""
        return Binary("&", Binary(">=", self, as_expr(low)), Binary("<=", self, as_expr(high)))

    def isin(self, values: Sequence[str | float | int]) -> Expr:
        """True where the value is one of these."""
        return Call("isin", (self, *[as_expr(value) for value in values]))

    def is_null(self) -> Expr:
        """True where there is no value."""
        return Call("is_null", (self,))

    def fill(self, value: Operand) -> Expr:
        """The value, or this one where there is none."""
        return Call("fill", (self, as_expr(value)))

    def lower(self) -> Expr:
        """A text in lower case, character by character."""
        return Call("lower", (self,))

    def upper(self) -> Expr:
        """A text in upper case, character by character."""
        return Call("upper", (self,))

    def strip(self) -> Expr:
        """A text without the white space around it."""
        return Call("strip", (self,))

    def length(self) -> Expr:
        """How many characters a text has."""
        return Call("length", (self,))

    def matches(self, pattern: str) -> Expr:
        """True where a whole text is as a regular expression of RE2 says, in which digits and words are ASCII.

        >>> field("email").matches(r"[^@ ]+@[^@ ]+")
        matches(field('email'), '[^@ ]+@[^@ ]+')
        """
        return Call("matches", (self, Literal(check_pattern(pattern))))

    def json(self, path: str, *, kind: str = "text", fold: str = "") -> Expr:
        """What lies at a path of the JSON in a text or nested column, where it is of this kind; NULL where it is not.

        A path names fields and places, such as "items[0].price"; `[*]` stands for every place of a list. What lies
        there of this kind `fold` brings together: its "count", "first", "last", "min", "max", "sum" or "mean". The fold
        "size" counts the entries of the list at a path, whatever they are.

        >>> field("basket").json("items[*].price", kind="number", fold="sum")
        json(field('basket'), 'items[*].price', 'number', 'sum')
        """
        check_path(path, kind, fold)
        return Call("json", (self, Literal(path), Literal(kind), Literal(fold)))

    def year(self, *, zone: str = "UTC") -> Expr:
        """The year of a time on the calendar of a zone."""
        return Call("year", (self,), zone)

    def month(self, *, zone: str = "UTC") -> Expr:
        """The month 1 to 12 of a time on the calendar of a zone."""
        return Call("month", (self,), zone)

    def day(self, *, zone: str = "UTC") -> Expr:
        """The day of the month 1 to 31 of a time on the calendar of a zone."""
        return Call("day", (self,), zone)

    def minute(self, *, zone: str = "UTC") -> Expr:
        """The minute of the hour 0 to 59 of a time on the clocks of a zone."""
        return Call("minute", (self,), zone)

    def hour(self, *, zone: str = "UTC") -> Expr:
        """The hour of the day 0 to 23 (with minutes as a fraction) of a time on the clocks of a zone."""
        return Call("hour", (self,), zone)

    def weekday(self, *, zone: str = "UTC") -> Expr:
        """The day of the week, Monday 0 to Sunday 6, of a time on the clocks of a zone."""
        return Call("weekday", (self,), zone)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return spell(self)


@dataclass(frozen=True, eq=False, repr=False)
class Literal(Expr):
    """A constant: number, text, truth value or NULL; `unit` says a number is a time or duration in microseconds."""

    value: float | int | str | bool | None
    unit: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Column(Expr):
    """A column of a source."""

    source: Source
    name: str


@dataclass(frozen=True, eq=False, repr=False)
class Field(Expr):
    """A field of the request: what the caller knows at decision time."""

    name: str


@dataclass(frozen=True, eq=False, repr=False)
class FeatureRef(Expr):
    """Another feature of the same system, by name."""

    name: str


@dataclass(frozen=True, eq=False, repr=False)
class Now(Expr):
    """The time of the decision."""


@dataclass(frozen=True, eq=False, repr=False)
class Action(Expr):
    """The action that was taken."""


@dataclass(frozen=True, eq=False, repr=False)
class Binary(Expr):
    """Two operands and an operator."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, eq=False, repr=False)
class Call(Expr):
    """A named function of expressions; `option` is its one constant (a zone)."""

    function: str
    arguments: tuple[Expr, ...]
    option: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class PythonCall(Expr):
    """A Python function of arrays, applied to expressions; `version` is the digest of its source text."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Expr, ...]
    kind: str
    version: str

    def __reduce__(self) -> tuple[Any, ...]:
        return (_call_again, (self.function.__module__, self.function.__qualname__, self.arguments))


def _call_again(module: str, name: str, arguments: tuple[Expr, ...]) -> Expr:
    """A call of the Python feature of this name, as unpickling makes it."""
    called: Expr = attrgetter(name)(import_module(module))(*arguments)
    return called


@dataclass(frozen=True, eq=False, repr=False)
class Embedded(Expr):
    """One of the numbers that a frozen base model makes of a text: number `place` of `size`.

    `base` is the name that was declared; `model` is what the plan found under it, None before there is a plan.
    """

    text: Expr
    base: str
    size: int
    place: int
    model: TextBase | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Aggregate(Expr):
    """A fold over the rows of a source that one key had in a window before the decision.

    `by` pairs names with columns of the source: the name is a request field's, unless `keys` gives the expression of
    that part of the key. `last` and `hop` are microseconds (`last` 0: all time); with a calendar `unit` ("day", "week",
    "month") of a `zone`, `last` counts units, the running one included. `decimals` is the scale of exact sums, None
    where the plan chooses it, `parameter` the one number of a kind (the q of a quantile, the rank of a top), `cap` how
    many different values a kind tells apart exactly.
    """

    kind: str
    source: Source
    column: Expr | None
    by: tuple[tuple[str, str], ...]
    last: int
    hop: int
    where: Expr | None = None
    decimals: int | None = None
    unit: str = ""
    zone: str = ""
    parameter: float = 0.0
    cap: int = 0
    keys: tuple[Expr, ...] = ()

    @property
    def window(self) -> Window:
        """The stretch of time it folds."""
        return Window(self.last, self.hop, self.unit, self.zone)

    @property
    def parts(self) -> tuple[Expr, ...]:
        """What gives each part of the key when deciding."""
        return self.keys or tuple(Field(name) for name, _ in self.by)

    def __getitem__(self, last: str) -> Aggregate:
        """Itself, where this is its window: an aggregate is a family of one, so code need not know how many it has.

        >>> from setpoint.declare.feature import count
        >>> from setpoint.declare.source import events
        >>> count(events("p", "p.parquet", at="ts", delay="0s"), by="user_id", last="1h")["60m"]
        count(p, by=[user_id], last='1h')
        """
        if not is_named(self.window, str(last)):
            raise NameUnknown("window", str(last), [name_of(self.window)], where=str(self))
        return self


OF_THE_LABEL = (("", ""),)
"""The `by` of an aggregate without one: only a label can say whose rows it folds."""

DEFAULT_CAPS = {"distinct": 4096, "top": 1024, "neighbours": 1000}
"""How many different values a fold tells apart unless it is declared."""


@dataclass(frozen=True, eq=False, repr=False)
class Neighbours(Expr):
    """A fold of `of`, an aggregate by one key, over the different keys that the rows of a window name.

    `edges` says which: its `column` names a neighbour in each row that its window, key and `where` select; its kind is
    "neighbours" and its `cap` says how many are looked at: of more, those with the smallest hashes.
    """

    edges: Aggregate
    fold: str
    of: Aggregate
    decimals: int = 6


@dataclass(frozen=True, eq=False, repr=False)
class Followed(Expr):
    """Whether a row of `first` has one of `then` after it, by `within` microseconds later (or, not `wanted`, has none).

    Only a label has one: both fold rows of its key, and in its time.
    """

    first: Aggregate
    then: Aggregate
    within: int
    wanted: bool


@dataclass(frozen=True, eq=False, repr=False)
class Family(Expr):
    """Several expressions, one for each of several windows; a feature declared as one becomes so many features."""

    members: tuple[tuple[str, Expr], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the windows."""
        return tuple(label for label, _ in self.members)

    def __getitem__(self, last: str) -> Expr:
        """The member of one window, by the name it was declared with."""
        for label, member in self.members:
            if label == "".join(str(last).split()):
                return member
        raise NameUnknown("window", str(last), self.labels, where=f"The family {self}")


Node: TypeAlias = Expr


def as_expr(value: object) -> Expr:
    """The expression of a plain value; raises WrongType for what cannot be in one."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, datetime):
        return Literal(times.time(value), "time")
    if isinstance(value, float) and not math.isfinite(value):
        raise WrongType(
            f"{value!r} cannot be part of an expression: no value is ever infinite or not a number.",
            expected="a finite number",
            hint="What has no value is NULL: write .is_null(), or None.",
        )
    if isinstance(value, int) and not is_exact(value):
        shown = str(value) if abs(value) < 10**40 else f"A whole number of {len(str(abs(value)))} digits"
        raise WrongType(
            f"{shown} cannot be part of an expression: no 64-bit float is exactly that number.",
            expected=f"whole numbers up to {2**53}",
            hint="What such a number names belongs in a text; or write it as a float.",
        )
    if value is None or isinstance(value, (bool, int, float, str)):
        return Literal(value)
    raise WrongType(
        f"{value!r} ({type(value).__name__}) cannot be part of an expression.",
        expected="a column, field, feature, number, text or time",
    )


def is_exact(number: int) -> bool:
    """Whether a whole number is one of the 64-bit floats, which numbers are computed as.

    >>> is_exact(2**53), is_exact(2**53 + 1), is_exact(10**400)
    (True, False, False)
    """
    return abs(number) <= 2**53 or (abs(number) < 2**1024 and int(float(number)) == number)


def _shift(value: object) -> Expr:
    """An operand of + and -, where a text is a duration."""
    if isinstance(value, str):
        return Literal(times.duration(value), "duration")
    return as_expr(value)


def children(expr: Expr) -> tuple[Expr, ...]:
    """The direct parts of an expression."""
    if isinstance(expr, Binary):
        return (expr.left, expr.right)
    if isinstance(expr, (Call, PythonCall)):
        return expr.arguments
    if isinstance(expr, Embedded):
        return (expr.text,)
    if isinstance(expr, Aggregate):
        return tuple(part for part in (expr.column, expr.where, *expr.keys) if part is not None)
    if isinstance(expr, Neighbours):
        return (expr.edges, expr.of)
    if isinstance(expr, Followed):
        return (expr.first, expr.then)
    if isinstance(expr, Family):
        return tuple(member for _, member in expr.members)
    return ()


def walk(expr: Expr, *, into_aggregates: bool = True) -> Iterator[Expr]:
    """The expression and all its parts, outermost first."""
    yield expr
    if isinstance(expr, (Aggregate, Neighbours)) and not into_aggregates:
        return
    for part in children(expr):
        yield from walk(part, into_aggregates=into_aggregates)


def spell(expr: Expr) -> str:
    """The expression as a user would write it."""
    if isinstance(expr, Literal):
        if expr.unit == "duration":
            return repr(times.spell(int(expr.value or 0)))
        return times.iso(int(expr.value or 0)) if expr.unit == "time" else repr(expr.value)
    if isinstance(expr, Column):
        return f"{source_name(expr.source)}.{expr.name}"
    if isinstance(expr, Field):
        return f"field({expr.name!r})"
    if isinstance(expr, FeatureRef):
        return f"feature({expr.name!r})"
    if isinstance(expr, Now):
        return "now"
    if isinstance(expr, Action):
        return "action"
    if isinstance(expr, Binary):
        return f"({spell(expr.left)} {expr.op} {spell(expr.right)})"
    if isinstance(expr, Call):
        inner = ", ".join([spell(part) for part in expr.arguments] + ([repr(expr.option)] if expr.option else []))
        return f"{expr.function}({inner})"
    if isinstance(expr, PythonCall):
        return f"{expr.name}({', '.join(spell(part) for part in expr.arguments)})"
    if isinstance(expr, Embedded):
        return f"embedding({spell(expr.text)}, base={expr.base!r}, size={expr.size})[{expr.place}]"
    if isinstance(expr, Aggregate):
        return f"{expr.kind}({_spell_fold(expr)})"
    if isinstance(expr, Neighbours):
        return f"neighbours({_spell_fold(expr.edges)}, fold={expr.fold!r}, of={spell(expr.of)})"
    if isinstance(expr, Followed):
        name = "followed" if expr.wanted else "unfollowed"
        return f"{name}({_spell_rows(expr.first)}, {_spell_rows(expr.then)}, within={times.spell(expr.within)!r})"
    if isinstance(expr, Family):
        inner = ", ".join(f"{label}={spell(member)}" for label, member in expr.members)
        return f"family({inner})"
    raise WrongType(f"{type(expr).__name__} is not an expression.")


def _spell_rows(rows: Aggregate) -> str:
    """The rows that are counted: those of a source, or those for which a condition holds."""
    return source_name(rows.source) if rows.where is None else spell(rows.where)


def _spell_fold(expr: Aggregate) -> str:
    """The arguments of an aggregate."""
    what = spell(expr.column) if expr.column is not None else source_name(expr.source)
    by = ", ".join(name if name == column else f"{name}={column}" for name, column in expr.by)
    parameter = {"quantile": f", q={expr.parameter:g}", "top": f", rank={expr.parameter:g}"}.get(expr.kind, "")
    cap = f", cap={expr.cap}" if expr.cap != DEFAULT_CAPS.get(expr.kind, 0) else ""
    where = f", where={spell(expr.where)}" if expr.where is not None else ""
    if expr.by == OF_THE_LABEL:
        return what + where
    last = spell_window(expr.window)
    if expr.kind == "latest":
        last = f", ttl={times.spell(expr.last)!r}" if expr.last else ""
    return f"{what}{parameter}, by=[{by}]{last}{where}{cap}"


def to_dict(expr: Expr) -> dict[str, Any]:
    """The expression as JSON-like data; equal content gives equal data."""
    if isinstance(expr, Literal):
        return {"literal": expr.value, "unit": expr.unit}
    if isinstance(expr, Column):
        return {"column": [source_name(expr.source), expr.name]}
    if isinstance(expr, Field):
        return {"field": expr.name}
    if isinstance(expr, FeatureRef):
        return {"feature": expr.name}
    if isinstance(expr, Now):
        return {"now": True}
    if isinstance(expr, Action):
        return {"action": True}
    if isinstance(expr, Binary):
        return {"op": expr.op, "left": to_dict(expr.left), "right": to_dict(expr.right)}
    if isinstance(expr, Call):
        return {
            "call": expr.function,
            "arguments": [to_dict(part) for part in expr.arguments],
            "option": expr.option,
        }
    if isinstance(expr, PythonCall):
        return {
            "python": expr.name,
            "version": expr.version,
            "kind": expr.kind,
            "arguments": [to_dict(part) for part in expr.arguments],
        }
    if isinstance(expr, Embedded):
        found = {} if expr.model is None else {"version": list(expr.model.version)}
        return {
            "embedding": expr.base,
            "text": to_dict(expr.text),
            "size": expr.size,
            "place": expr.place,
            **found,
        }
    if isinstance(expr, Aggregate):
        return {
            "aggregate": expr.kind,
            "source": source_name(expr.source),
            "column": None if expr.column is None else to_dict(expr.column),
            "by": [list(pair) for pair in expr.by],
            "last": expr.last,
            "hop": expr.hop,
            "where": None if expr.where is None else to_dict(expr.where),
            "decimals": expr.decimals,
            "unit": expr.unit,
            "zone": expr.zone,
            "parameter": expr.parameter,
            "cap": expr.cap,
            "keys": [to_dict(key) for key in expr.keys],
        }
    if isinstance(expr, Neighbours):
        return {
            "neighbours": to_dict(expr.edges),
            "fold": expr.fold,
            "of": to_dict(expr.of),
            "decimals": expr.decimals,
        }
    if isinstance(expr, Followed):
        rows = {"first": to_dict(expr.first), "then": to_dict(expr.then)}
        return {"followed": rows, "within": expr.within, "wanted": expr.wanted}
    if isinstance(expr, Family):
        return {"family": {label: to_dict(member) for label, member in expr.members}}
    raise WrongType(f"{type(expr).__name__} is not an expression.")


def rewrite(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """The expression with `change` applied to every part outside aggregates, innermost first."""
    if isinstance(expr, Binary):
        return change(Binary(expr.op, rewrite(expr.left, change), rewrite(expr.right, change)))
    if isinstance(expr, Call):
        return change(Call(expr.function, tuple(rewrite(part, change) for part in expr.arguments), expr.option))
    if isinstance(expr, PythonCall):
        return change(replace(expr, arguments=tuple(rewrite(part, change) for part in expr.arguments)))
    if isinstance(expr, Embedded):
        return change(replace(expr, text=rewrite(expr.text, change)))
    return change(expr)


def source_name(source: Source) -> str:
    """The name of a source (its columns own every public attribute, so this is a function)."""
    name: str = object.__getattribute__(source, "_info").name
    return name


def field(name: str) -> Field:
    """A field of the request: what the caller knows when asking for a decision.

    >>> field("total") > 5000
    (field('total') > 5000)
    """
    if not isinstance(name, str) or not name:
        raise WrongType(f"A field is named by a text, not by {name!r}.", expected='such as field("total")')
    return Field(name)


def feature(name: str) -> FeatureRef:
    """Another feature of the same system, by its name.

    >>> field("total") / feature("avg_30d")
    (field('total') / feature('avg_30d'))
    """
    if not isinstance(name, str) or not name:
        raise WrongType(f"A feature is named by a text, not by {name!r}.", expected='such as feature("avg_30d")')
    return FeatureRef(name)


now = Now()
"""The time of the decision. A time minus a time is a number of seconds."""

action = Action()
"""The action a decision took."""
