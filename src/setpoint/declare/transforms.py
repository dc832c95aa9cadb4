"""Transforms of features: buckets, hashes, crossings, categories and scales, declared beside what they transform.

All but two are functions of the value alone. `standardised` and `vocabulary` are fitted on the training side and
frozen with the model: the feature itself stays as it is, in the log and in the monitors, and the model sees it
transformed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from setpoint.core.errors import DeclarationError
from setpoint.declare.expr import Call, Expr, Family, Literal, Operand, as_expr, is_exact
from setpoint.declare.functions import cos, if_else, maximum, minimum, sin

SEEN = 100
"""How many of a text's values a vocabulary keeps unless it is declared."""


def bucket(value: Operand, *, edges: Sequence[float]) -> Expr:
    """The number of the bucket that holds a value: how many of the edges are not above it; NULL stays NULL.

    >>> from setpoint.declare.expr import field
    >>> bucket(field("age"), edges=[18, 65])  # 0 below 18, 1 from 18 on, 2 from 65 on
    bucket(field('age'), 18.0, 65.0)
    """
    numbers = _numbers("bucket", value, edges=edges)
    if not numbers or any(low >= high for low, high in pairwise(numbers)):
        raise DeclarationError(
            f"bucket({value}) has edges={list(edges)!r}.", expected="at least one, each above the last"
        )
    return Call("bucket", (as_expr(value), *[Literal(edge) for edge in numbers]))


def hashed(value: Operand, *, buckets: int = 1024, seed: int = 0) -> Expr:
    """A number from 0 to `buckets - 1` for each text or number, always the same for the same; NULL stays NULL.

    The hashing trick: Weinberger et al., "Feature hashing for large scale multitask learning" (ICML 2009). `seed` gives
    another hash.

    >>> from setpoint.declare.expr import field
    >>> hashed(field("page"), buckets=256)
    hashed(field('page'), 256, 0)
    """
    if not _whole(buckets) or not 2 <= buckets <= 2**32:
        raise DeclarationError(f"hashed({value}) has buckets={buckets!r}.", expected="2 to 2**32")
    if not _whole(seed) or not 0 <= seed < 2**53:
        raise DeclarationError(f"hashed({value}) has seed={seed!r}.", expected="a whole number from 0 on")
    return Call("hashed", (as_expr(value), Literal(buckets), Literal(seed)))


def cross(first: Operand, second: Operand, *more: Operand) -> Expr:
    """One text for several texts, numbers or truth values, which no others share; NULL where one of them is.

    The parts stand between bars; a bar or backslash within one is escaped, so that ("a|b", "c") is not ("a", "b|c").

    >>> from setpoint.declare.expr import field
    >>> cross(field("origin"), field("carrier"))
    cross(field('origin'), field('carrier'))
    """
    return Call("cross", tuple(as_expr(part) for part in (first, second, *more)))


def category(value: Expr, *, levels: Sequence[str], unseen: str = "other", missing: str | None = None) -> Expr:
    """A text where it is one of `levels`, and `unseen` where it is any other; NULL stays NULL or becomes `missing`.

    >>> from setpoint.declare.expr import field
    >>> category(field("os"), levels=["ios", "android"]) is not None
    True
    """
    words = list(levels) if isinstance(levels, Iterable) else []
    if isinstance(levels, str) or not words or not all(isinstance(word, str) for word in [*words, unseen]):
        raise DeclarationError(
            f"category({value}) has levels={levels!r}.", expected='texts, such as ["ios", "android"]'
        )
    if len(set(words)) != len(words):
        raise DeclarationError(f"category({value}) names a level twice: {words}.", expected="each once")
    known = if_else(value.isin(words), value, unseen)
    return if_else(value.is_null(), missing, known)


def scaled(value: Operand, *, center: float = 0.0, by: float = 1.0) -> Expr:
    """A number's distance from `center`, counted in units of `by`, both of which you state.

    >>> from setpoint.declare.expr import field
    >>> scaled(field("pressure"), center=1013.25, by=10)
    ((field('pressure') - 1013.25) / 10.0)
    """
    middle, unit = _numbers("scaled", value, numbers=[center, by])
    if unit == 0:
        raise DeclarationError(f"scaled({value}) has by=0.", expected="the length of a unit")
    return (as_expr(value) - middle) / unit


def clipped(value: Operand, *, low: float | None = None, high: float | None = None) -> Expr:
    """A number taken to `low` where it is below and to `high` where it is above; NULL stays NULL.

    >>> from setpoint.declare.expr import field
    >>> clipped(field("total"), low=0, high=1000)
    minimum(maximum(field('total'), 0.0), 1000.0)
    """
    ends = _numbers("clipped", value, ends=[end for end in (low, high) if end is not None])
    if not ends or sorted(ends) != ends:
        raise DeclarationError(f"clipped({value}) has low={low!r} and high={high!r}.", expected="low, high, or both")
    found = as_expr(value)
    if low is not None:
        found = maximum(found, float(low))
    return found if high is None else minimum(found, float(high))


def positional(value: Operand, *, period: float, dimensions: int = 4) -> Family:
    """A number that comes round again after `period`, as a family of sines and cosines: the ends of it lie together.

    Members "0" and "1" are the sine and cosine of one turn in a period, "2" and "3" of two turns, and so on: the
    first terms of a Fourier series. A feature `hour` declared as one becomes the features hour_0, hour_1, ...

    >>> from setpoint.declare.expr import field
    >>> turns = positional(field("hour"), period=24, dimensions=2)
    >>> turns["1"]
    cos((field('hour') * 0.2617993877991494))
    """
    (length,) = _numbers("positional", value, period=[period])
    if length <= 0:
        raise DeclarationError(f"positional({value}) has period={period!r}.", expected="more than zero")
    if not _whole(dimensions) or not 2 <= dimensions <= 64 or dimensions % 2:
        raise DeclarationError(
            f"positional({value}) has dimensions={dimensions!r}.", expected="an even number from 2 to 64"
        )
    members: list[tuple[str, Expr]] = []
    for turn in range(1, dimensions // 2 + 1):
        angle = as_expr(value) * (2 * math.pi * turn / length)
        members += [(str(len(members)), sin(angle)), (str(len(members) + 1), cos(angle))]
    return Family(tuple(members))


def standardised(value: Operand) -> Expr:
    """A number less its mean and over its standard deviation, both of the rows that a model is trained on.

    >>> from setpoint.declare.expr import field
    >>> standardised(field("total"))
    standardised(field('total'))
    """
    return Call("standardised", (as_expr(value),))


def vocabulary(value: Operand, *, most: int = SEEN, unseen: str = "other") -> Expr:
    """A text as one of the `most` commonest in the rows that a model is trained on, any other as `unseen`.

    >>> from setpoint.declare.expr import field
    >>> vocabulary(field("page"), most=50)
    vocabulary(field('page'), 50, 'other')
    """
    if not _whole(most) or not 1 <= most <= 253:
        raise DeclarationError(f"vocabulary({value}) has most={most!r}.", expected="1 to 253")
    if not isinstance(unseen, str):
        raise DeclarationError(f"vocabulary({value}) has unseen={unseen!r}.", expected="a text")
    return Call("vocabulary", (as_expr(value), Literal(most), Literal(unseen)))


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _numbers(function: str, value: Operand, **given: Sequence[float]) -> list[float]:
    """The constants of a transform as finite numbers."""
    ((name, numbers),) = given.items()
    if isinstance(numbers, str) or not isinstance(numbers, Iterable):
        raise DeclarationError(f"{function}({value}) has {name}={numbers!r}.", expected="a list of finite numbers")
    for number in numbers:
        plain = isinstance(number, (int, float)) and not isinstance(number, bool)
        if not plain or not (is_exact(number) if isinstance(number, int) else math.isfinite(number)):
            raise DeclarationError(f"{function}({value}) has {name} {number!r}.", expected="finite numbers")
    return [float(number) for number in numbers]
