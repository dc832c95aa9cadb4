"""Samples as declared: which kind, how many rows, by which columns; `data/samples/draw.py` draws them.

A system's decisions may themselves be a sample that somebody chose: then it is declared who did, and to which known
shares of the population they are raked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from setpoint.core import times
from setpoint.core.errors import DeclarationError, WrongType
from setpoint.declare.goal import TOLERANCE

Kind = Literal["simple", "stratified", "weighted", "pps", "time", "newest", "group"]
Allocation = Literal["proportional", "equal", "neyman"]
Choosing = Literal["convenience", "quota", "judgement", "snowball"]


@dataclass(frozen=True)
class Sampling:
    """How to sample rows; all of these but `newest` without a half-life give rows a known chance.

    `n` counts rows, or groups where groups are drawn. `by` names the columns that strata, weights, sizes or groups
    are read from. `every` and `half_life` are microseconds (0: none), `rows_each` 0 takes groups whole.
    """

    kind: Kind
    n: int
    by: tuple[str, ...] = ()
    allocation: Allocation = "proportional"
    spread: str = ""
    every: int = 0
    half_life: int = 0
    rows_each: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The sampling as JSON-like data; what does not belong to its kind is left out."""
        told = {
            "by": list(self.by),
            "allocation": self.allocation if self.kind == "stratified" else "",
            "spread": self.spread,
            "every": self.every,
            "half_life": self.half_life,
            "rows_each": self.rows_each,
        }
        return {"kind": self.kind, "n": self.n, **{name: value for name, value in told.items() if value}}


@dataclass(frozen=True)
class Chosen:
    """Decisions that are a sample which somebody or something chose, so that no row has a known chance.

    `margins` are the population's shares of the levels of request fields and features that the rows are raked to;
    `most` holds every weight between the mean over `most` and `most` times the mean, 0: nowhere.
    """

    kind: Choosing
    judged_by: str
    reason: str = ""
    margins: tuple[tuple[str, tuple[tuple[str, float], ...]], ...] = ()
    most: float = 0.0

    @property
    def by(self) -> tuple[str, ...]:
        """The columns whose shares are known."""
        return tuple(name for name, _ in self.margins)

    @property
    def words(self) -> str:
        """The sample in words.

        >>> chosen("quota", judged_by="the call centre").words
        'quota, chosen by the call centre; as it is: no share of the population is known'
        """
        done = (
            f"raked to known shares of {', '.join(self.by)}"
            if self.by
            else "as it is: no share of the population is known"
        )
        why = f" ({self.reason})" if self.reason else ""
        return f"{self.kind}, chosen by {self.judged_by}{why}; {done}"

    def to_dict(self) -> dict[str, Any]:
        """The sample as JSON-like data."""
        told = {"reason": self.reason, "margins": {name: dict(shares) for name, shares in self.margins}}
        more = {name: value for name, value in {**told, "most": self.most}.items() if value}
        return {"kind": self.kind, "judged_by": self.judged_by, **more}


def simple(n: int) -> Sampling:
    """A simple random sample of `n` rows.

    >>> simple(1000).to_dict()
    {'kind': 'simple', 'n': 1000}
    """
    return Sampling("simple", _count("simple", n))


def stratified(
    n: int, *, by: str | Sequence[str], allocation: Allocation = "proportional", spread: str = ""
) -> Sampling:
    """`n` rows, some of each stratum: as many as it has, equally, or (neyman) where the column `spread` spreads most.

    >>> stratified(1000, by=["country", "device"], allocation="equal").by
    ('country', 'device')
    """
    if allocation not in get_args(Allocation):
        raise DeclarationError(f"allocation={allocation!r}.", expected='"proportional", "equal" or "neyman"')
    if bool(spread) != (allocation == "neyman"):
        raise DeclarationError(
            f"A stratified sample with allocation={allocation!r} and spread={spread!r}.",
            expected='allocation="neyman" with the column whose spread counts, or neither',
        )
    return Sampling("stratified", _count("stratified", n), _columns("stratified", by), allocation, spread)


def weighted(n: int, *, by: str) -> Sampling:
    """`n` rows, each next one drawn in proportion to a column among the rows that are left.

    >>> weighted(100, by="total").kind
    'weighted'
    """
    return Sampling("weighted", _count("weighted", n), _columns("weighted", by))


def pps(n: int, *, by: str) -> Sampling:
    """`n` rows with chances in proportion to size, a column that runs about as the values do.

    >>> pps(100, by="total").kind
    'pps'
    """
    return Sampling("pps", _count("pps", n), _columns("pps", by))


def by_time(n: int, *, every: str = "1d") -> Sampling:
    """`n` rows, as many of every day (hour, week) as of every other.

    >>> by_time(100, every="1w").every == times.WEEK
    True
    """
    length = times.duration(every)
    if length <= 0:
        raise DeclarationError(f"by_time(every={every!r}).", expected="a positive duration")
    return Sampling("time", _count("by_time", n), every=length)


def newest(n: int, *, half_life: str | None = None) -> Sampling:
    """The newest `n` rows, or newer ones likelier: a row a half-life older is half as likely.

    >>> newest(100, half_life="30d").half_life == 30 * times.DAY
    True
    """
    length = 0 if half_life is None else times.duration(half_life)
    if half_life is not None and length <= 0:
        raise DeclarationError(f"newest(half_life={half_life!r}).", expected="a positive duration")
    return Sampling("newest", _count("newest", n), half_life=length)


def by_group(n_groups: int, *, by: str | Sequence[str], rows_each: int | None = None) -> Sampling:
    """All rows, or at most `rows_each`, of so many groups.

    >>> by_group(50, by="user_id").to_dict()
    {'kind': 'group', 'n': 50, 'by': ['user_id']}
    """
    each = 0 if rows_each is None else _count("by_group", rows_each)
    return Sampling("group", _count("by_group", n_groups), _columns("by_group", by), rows_each=each)


def chosen(
    kind: Choosing,
    *,
    judged_by: str,
    margins: Mapping[str, Mapping[str, float]] | None = None,
    most: float | None = None,
    reason: str = "",
) -> Chosen:
    """Decisions that came about by somebody's choice, not by chance: who answered, what an expert picked.

    `kind` is "convenience", "quota", "judgement" or "snowball", `judged_by` who or what chose. `margins` gives the
    population's share of each level of a request field or feature: rows that train and judge are raked to them (Deming
    and Stephan 1940). A level is named by its text; "(none)" is NULL, and "(other)" stands for all that are not named.
    `most` trims the weights. Raking mends only what the margins see, so no interval follows from the design.

    >>> survey = chosen("convenience", judged_by="who answered", margins={"sex": {"f": 0.51, "m": 0.49}}, most=5)
    >>> survey.by, survey.to_dict()["margins"]
    (('sex',), {'sex': {'f': 0.51, 'm': 0.49}})
    """
    if kind not in get_args(Choosing):
        raise DeclarationError(f"chosen({kind!r}).", expected=", ".join(f'"{each}"' for each in get_args(Choosing)))
    if not isinstance(judged_by, str) or not judged_by.strip():
        raise DeclarationError(f"chosen({kind!r}, judged_by={judged_by!r}).", expected="who or what chose the rows")
    if kind == "judgement" and not reason.strip():
        raise DeclarationError('chosen("judgement") without reason=.', expected="why these rows were picked")
    if most is not None and not (isinstance(most, (int, float)) and most > 1):
        raise DeclarationError(
            f"chosen({kind!r}, most={most!r}).",
            expected="more than 1: weights are held within mean / most and most * mean",
        )
    shares = tuple((name, _shares(name, each)) for name, each in (margins or {}).items())
    return Chosen(kind, judged_by, reason, shares, 0.0 if most is None else float(most))


def _shares(name: str, shares: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    if not isinstance(shares, Mapping) or not shares or not all(isinstance(level, str) for level in shares):
        raise WrongType(f"margins= gives {name!r} the shares {shares!r}.", expected='such as {"f": 0.51, "m": 0.49}')
    values = list(shares.values())
    if not all(isinstance(value, (int, float)) and math.isfinite(value) and value > 0 for value in values):
        raise DeclarationError(f"margins= gives {name!r} the shares {dict(shares)}.", expected="numbers above 0")
    if abs(sum(values) - 1) > TOLERANCE:
        raise DeclarationError(
            f"margins= gives {name!r} the shares {dict(shares)}.", expected="shares that add up to 1"
        )
    return tuple((level, float(value)) for level, value in shares.items())


def _count(name: str, n: int) -> int:
    if not isinstance(n, int) or isinstance(n, bool):
        raise WrongType(f"{name}({n!r}).", expected="a whole number")
    if n < 1:
        raise DeclarationError(f"{name}({n}).", expected="at least 1")
    return n


def _columns(name: str, by: str | Sequence[str]) -> tuple[str, ...]:
    columns = (by,) if isinstance(by, str) else tuple(by)
    if not columns or not all(isinstance(column, str) and column for column in columns):
        raise WrongType(f"{name}(by={by!r}).", expected='the name of a column, such as by="country"')
    if len(set(columns)) != len(columns):
        raise DeclarationError(f"{name}(by={by!r}) names a column twice.", expected="each column once")
    return columns
