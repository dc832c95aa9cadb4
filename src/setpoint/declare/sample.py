"""Samples as declared: which kind, how many rows, by which columns; `data/sample_draw.py` draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from setpoint.core import times
from setpoint.core.errors import DeclarationError, WrongType

Kind = Literal["simple", "stratified", "weighted", "pps", "time", "newest", "group"]
Allocation = Literal["proportional", "equal", "neyman"]


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
