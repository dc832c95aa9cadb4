"""What a model is expected to do when a row is changed, one line each: stay the same, never fall, stay steady."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.declare.kinds import BOOL, NUMBER, TEXT

FAULTS: Mapping[str, tuple[tuple[str, ...], float]] = {
    "noise": ((NUMBER,), 0.1),
    "typos": ((TEXT,), 0.1),
    "missing": ((NUMBER, TEXT, BOOL), 0.1),
    "units": ((NUMBER,), 1000.0),
}
"""What can befall a row: the kinds of features that it befalls, and its size where nothing is said."""
MOST_EDITS = 20
"""Edits of one decision, at most: each asks the model about every name again."""
NONE = "none"
"""The action of not acting."""
Value: TypeAlias = "str | float | bool | None"


@dataclass(frozen=True)
class SameIfChanged:
    """The score of a decision moves by at most `by` whatever `name` is, but for a share of `at_most`."""

    name: str
    values: tuple[Value, ...]
    by: float
    at_most: float

    @property
    def names(self) -> tuple[str, ...]:
        """The fields and features that it speaks of."""
        return (self.name,)

    def __str__(self) -> str:
        return f"same_if_changed({self.name!r})"

    def to_dict(self) -> dict[str, Any]:
        """The expectation as JSON-like data."""
        told = {"name": self.name, "values": list(self.values), "by": self.by, "at_most": self.at_most}
        return {"behaviour": "same_if_changed", **told}


@dataclass(frozen=True)
class NeverFalls:
    """The score of a decision falls by at most `by` when `name` is raised, but for a share of `at_most`."""

    name: str
    by: float
    at_most: float

    @property
    def names(self) -> tuple[str, ...]:
        """The fields and features that it speaks of."""
        return (self.name,)

    def __str__(self) -> str:
        return f"never_falls_when_raised({self.name!r})"

    def to_dict(self) -> dict[str, Any]:
        """The expectation as JSON-like data."""
        return {"behaviour": "never_falls_when_raised", "name": self.name, "by": self.by, "at_most": self.at_most}


@dataclass(frozen=True)
class SteadyUnder:
    """What befalls rows turns the action of a share of at most `at_most`, and costs the goal's metric at most `drop`.

    `on` are the features that it befalls, all that it can where there are none.
    """

    fault: str
    on: tuple[str, ...]
    size: float
    at_most: float
    drop: float | None

    @property
    def names(self) -> tuple[str, ...]:
        """The fields and features that it speaks of."""
        return self.on

    def __str__(self) -> str:
        return f"steady_under({', '.join(repr(part) for part in (self.fault, *self.on))})"

    def to_dict(self) -> dict[str, Any]:
        """The expectation as JSON-like data."""
        told = {"fault": self.fault, "on": list(self.on), "size": self.size, "at_most": self.at_most}
        return {"behaviour": "steady_under", **told, "drop": self.drop}


@dataclass(frozen=True)
class SteadyUnderAttack:
    """Edits that look for the worst turn at most a share of `at_most` from right to wrong, and cost at most `drop`.

    At most `edits` of the names in `on` are edited: a number by up to `size` of its standard deviations, a text by one
    letter each time.
    """

    on: tuple[str, ...]
    edits: int
    size: float
    at_most: float
    drop: float | None

    @property
    def names(self) -> tuple[str, ...]:
        """The fields and features that it speaks of."""
        return self.on

    def __str__(self) -> str:
        return f"steady_under_attack({', '.join(map(repr, self.on))}, edits={self.edits})"

    def to_dict(self) -> dict[str, Any]:
        """The expectation as JSON-like data."""
        told = {"on": list(self.on), "edits": self.edits, "size": self.size, "at_most": self.at_most}
        return {"behaviour": "steady_under_attack", **told, "drop": self.drop}


@dataclass(frozen=True)
class MustDecide:
    """These rows get this action, but for a share of `at_most`; what a row does not say is as usual."""

    rows: tuple[tuple[tuple[str, Value], ...], ...]
    action: str
    at_most: float

    @property
    def names(self) -> tuple[str, ...]:
        """The fields and features that it speaks of, in order of their first row."""
        return tuple(dict.fromkeys(name for row in self.rows for name, _ in row))

    def __str__(self) -> str:
        return f"must_decide({len(self.rows)} rows, {self.action!r})"

    def to_dict(self) -> dict[str, Any]:
        """The expectation as JSON-like data."""
        rows = [dict(row) for row in self.rows]
        return {"behaviour": "must_decide", "rows": rows, "action": self.action, "at_most": self.at_most}


Behaviour: TypeAlias = SameIfChanged | NeverFalls | SteadyUnder | SteadyUnderAttack | MustDecide


def same_if_changed(
    name: str, *, values: Sequence[Value] = (), by: float = 0.05, at_most: float = 0.05
) -> SameIfChanged:
    """That a score does not hang on `name`: set to other values it moves by at most `by`.

    Judged on held-out decisions, of which a share of at most `at_most` may break it (an invariance test: Ribeiro et
    al. 2020, "Beyond Accuracy: Behavioral Testing of NLP Models with CheckList"). Without `values` they are those seen
    in training: the commonest texts, the deciles of numbers.

    >>> str(same_if_changed("country", values=["at", "de"]))
    "same_if_changed('country')"
    """
    where = f"same_if_changed({name!r})"
    if isinstance(values, str):
        raise WrongType(f"{where} has values={values!r}.", expected='a list such as ["a", "b"]')
    known = tuple(_value(where, value) for value in values)
    return SameIfChanged(_name(where, name), known, _size(where, "by", by, math.inf), _share(where, at_most))


def never_falls_when_raised(name: str, *, by: float = 0.01, at_most: float = 0.05) -> NeverFalls:
    """That a score never falls by more than `by` when `name` is raised, a number or a truth value.

    Learners that can are told to keep to it: where every feature that follows from `name` rises or falls with it,
    LightGBM's trees never lower the score. Judged on held-out decisions whoever learned it, of which a share of at
    most `at_most` may break it (a directional expectation: Ribeiro et al. 2020).

    >>> str(never_falls_when_raised("amount"))
    "never_falls_when_raised('amount')"
    """
    where = f"never_falls_when_raised({name!r})"
    return NeverFalls(_name(where, name), _size(where, "by", by, math.inf), _share(where, at_most))


def steady_under(
    fault: str, *, on: Sequence[str] = (), size: float | None = None, at_most: float = 0.1, drop: float | None = None
) -> SteadyUnder:
    """That what befalls rows in practice turns few actions, and costs little of the goal's metric where `drop` is told.

    noise    every number moves by a normal error of `size` standard deviations
    typos    a share of `size` of the texts has one letter wrong
    missing  a share of `size` of the values is NULL
    units    one number of each row is told in a unit `size` times as large or as small

    >>> str(steady_under("missing", on=["country"], at_most=0.05))
    "steady_under('missing', 'country')"
    """
    where = f"steady_under({fault!r})"
    if fault not in FAULTS:
        raise NameUnknown("fault", fault, FAULTS, where="steady_under()")
    if isinstance(on, str):
        raise WrongType(f"{where} has on={on!r}.", expected=f"a list such as [{on!r}]")
    names = tuple(_name(where, name) for name in on)
    usual = FAULTS[fault][1]
    told = usual if size is None else _size(where, "size", size, 1.0 if fault in ("typos", "missing") else math.inf)
    least = None if drop is None else _size(where, "drop", drop, math.inf)
    return SteadyUnder(fault, names, told, _share(where, at_most), least)


def steady_under_attack(
    on: Sequence[str], *, edits: int = 2, size: float = 0.5, at_most: float = 0.2, drop: float | None = None
) -> SteadyUnderAttack:
    """That somebody who knows the scores, and edits a few values of a decision, seldom turns it from right to wrong.

    `on` are the request fields and features that can be edited, `edits` how many edits a decision suffers. A number
    moves by up to `size` of its standard deviations, once, within what training has seen; a text has one letter wrong,
    left out, said twice, swapped with the next, or replaced by one that looks alike, each time. The edit that moves the
    score most against the label is taken first (a greedy attack: Gao et al. 2018, "Black-box Generation of Adversarial
    Text Sequences", Jin et al. 2020, "Is BERT Really Robust?"). `drop` is the most of the goal's metric that may be
    lost on the decisions so edited: the worst-case metric.

    >>> str(steady_under_attack(["subject", "total"], edits=3))
    "steady_under_attack('subject', 'total', edits=3)"
    """
    where = f"steady_under_attack({on!r})"
    if isinstance(on, str) or not on:
        raise WrongType(f"{where}.", expected='a list of names such as ["total"]')
    if not isinstance(edits, int) or isinstance(edits, bool) or not 1 <= edits <= MOST_EDITS:
        raise DeclarationError(f"{where} has edits={edits!r}.", expected=f"a whole number from 1 to {MOST_EDITS}")
    names = tuple(dict.fromkeys(_name(where, name) for name in on))
    least = None if drop is None else _size(where, "drop", drop, math.inf)
    return SteadyUnderAttack(names, edits, _size(where, "size", size, math.inf), _share(where, at_most), least)


def must_decide(rows: Iterable[Mapping[str, Value]], action: str, *, at_most: float = 0.0) -> MustDecide:
    """That these rows get this action, the goal's or "none": what any model worth anything decides rightly.

    A row names request fields or features, such as {"total": 9000, "country": "at"}; what it does not name is as usual:
    the median of a number, the commonest text. A share of at most `at_most` of the rows may break it (a minimum
    functionality test: Ribeiro et al. 2020).

    >>> str(must_decide([{"total": 9000}, {"total": 8000}], "block"))
    "must_decide(2 rows, 'block')"
    """
    where = f"must_decide(..., {action!r})"
    if isinstance(rows, (str, Mapping)):
        raise WrongType(f"{where} has the rows {rows!r}.", expected='a list of rows such as [{"total": 9000}]')
    known = []
    for row in rows:
        if not isinstance(row, Mapping) or not row:
            raise WrongType(f"{where} has the row {row!r}.", expected='such as {"total": 9000}')
        known.append(tuple((_name(where, name), _value(where, value)) for name, value in row.items()))
    if not known:
        raise DeclarationError(f"{where} has no rows.", expected='rows such as {"total": 9000}')
    if not isinstance(action, str) or not action:
        raise WrongType(f"{where} names no action.", expected='the goal\'s action, or "none"')
    return MustDecide(tuple(known), action, _share(where, at_most, sampled=False))


def check_behaviours(behaves: Sequence[Behaviour], known: Iterable[str], *, action: str) -> None:
    """Raises NameUnknown for an expectation of a field, feature or action that a system does not have."""
    names, actions = list(known), (action, NONE)
    for each in behaves:
        for name in each.names:
            if name not in names:
                raise NameUnknown("field or feature", name, names, where=str(each))
        if isinstance(each, MustDecide) and each.action not in actions:
            raise NameUnknown("action", each.action, actions, where=str(each))


def check_kinds(behaves: Sequence[Behaviour], kinds: Mapping[str, str]) -> None:
    """Raises WrongType for a value or a fault that does not go with the kind of a field or feature."""
    for each in behaves:
        for name in each.names:
            kind = kinds[name]
            if isinstance(each, NeverFalls) and kind not in (NUMBER, BOOL):
                raise WrongType(f"{each}: {name!r} is a {kind}.", expected="a number or truth value")
            if isinstance(each, SteadyUnderAttack) and kind not in (NUMBER, TEXT):
                raise WrongType(f"{each}: {name!r} is a {kind}.", expected="a number or text")
            if isinstance(each, SteadyUnder) and kind not in FAULTS[each.fault][0]:
                wanted = " or ".join(FAULTS[each.fault][0])
                raise WrongType(f"{each}: {name!r} is a {kind}.", expected=f"a {wanted}")
            for value in _values_of(each, name):
                if value is not None and kind not in _KINDS[type(value)]:
                    raise WrongType(f"{each}: {name!r} is a {kind}, not {value!r}.", expected=f"a {kind}")


_KINDS: Mapping[type, tuple[str, ...]] = {str: (TEXT,), bool: (BOOL,), int: (NUMBER, BOOL), float: (NUMBER, BOOL)}


def _values_of(behaviour: Behaviour, name: str) -> Sequence[Value]:
    if isinstance(behaviour, SameIfChanged):
        return behaviour.values
    if isinstance(behaviour, MustDecide):
        return [value for row in behaviour.rows for given, value in row if given == name]
    return ()


def _name(where: str, name: object) -> str:
    if not isinstance(name, str) or not name:
        raise WrongType(f"{where} names {name!r}.", expected="the name of a request field or feature")
    return name


def _value(where: str, value: object) -> Value:
    if value is not None and not isinstance(value, (str, bool, int, float)):
        raise WrongType(f"{where} has the value {value!r}.", expected="a number, text or truth value")
    if isinstance(value, float) and not math.isfinite(value):
        raise DeclarationError(f"{where} has the value {value!r}.", expected="a finite number; None is NULL")
    return value


def _size(where: str, word: str, value: object, most: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= most or value == math.inf:
        words = "a number from 0" if most == math.inf else f"a number from 0 to {most:g}"
        raise DeclarationError(f"{where} has {word}={value!r}.", expected=words)
    return float(value)


def _share(where: str, value: object, *, sampled: bool = True) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1 or (sampled and not value):
        words = "a share above 0, for no sample shows that there is none," if sampled else "a share from 0"
        raise DeclarationError(f"{where} has at_most={value!r}.", expected=f"{words} and below 1")
    return float(value)
