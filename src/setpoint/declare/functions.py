"""Functions of values: what an expression can compute row by row, the same when training and when deciding.

NULL goes through all of them. A result that is no finite number is NULL, such as the logarithm of zero.
"""

from __future__ import annotations

from functools import reduce

from setpoint.core.errors import DeclarationError, WrongType
from setpoint.declare.expr import Call, Expr, Literal, Operand, as_expr


def log(value: Operand) -> Expr:
    """The natural logarithm; NULL from zero down.

    >>> from setpoint.declare.expr import field
    >>> log(field("total"))
    log(field('total'))
    """
    return Call("log", (as_expr(value),))


def exp(value: Operand) -> Expr:
    """The exponential; NULL where it is too great for a number.

    >>> from setpoint.declare.expr import field
    >>> exp(-field("age"))
    exp((0.0 - field('age')))
    """
    return Call("exp", (as_expr(value),))


def sqrt(value: Operand) -> Expr:
    """The square root; NULL below zero.

    >>> from setpoint.declare.expr import field
    >>> sqrt(field("area"))
    sqrt(field('area'))
    """
    return Call("sqrt", (as_expr(value),))


def power(base: Operand, exponent: Operand) -> Expr:
    """The base raised to the exponent; NULL where that is no real number.

    >>> from setpoint.declare.expr import field
    >>> power(field("side"), 3)
    power(field('side'), 3)
    """
    return Call("power", (as_expr(base), as_expr(exponent)))


def floor(value: Operand) -> Expr:
    """The greatest whole number that is not above the value.

    >>> from setpoint.declare.expr import field
    >>> floor(field("total") / 10)
    floor((field('total') / 10))
    """
    return Call("floor", (as_expr(value),))


def ceil(value: Operand) -> Expr:
    """The smallest whole number that is not below the value.

    >>> from setpoint.declare.expr import field
    >>> ceil(field("total"))
    ceil(field('total'))
    """
    return Call("ceil", (as_expr(value),))


def round(value: Operand, decimals: int = 0) -> Expr:
    """The value taken to so many decimals: its product with a power of ten to the nearest whole number, ties to even.

    >>> from setpoint.declare.expr import field
    >>> round(field("total"), 2)
    round(field('total'), 2)
    """
    if isinstance(decimals, bool) or not isinstance(decimals, int) or not 0 <= decimals <= 15:
        raise DeclarationError(f"round({value}) has decimals={decimals!r}.", expected="0 to 15")
    return Call("round", (as_expr(value), Literal(decimals)))


def sign(value: Operand) -> Expr:
    """-1, 0 or 1: on which side of zero the value lies.

    >>> from setpoint.declare.expr import field
    >>> sign(field("balance"))
    sign(field('balance'))
    """
    return Call("sign", (as_expr(value),))


def sin(value: Operand) -> Expr:
    """The sine of an angle in radians.

    >>> from setpoint.declare.expr import field
    >>> sin(field("angle"))
    sin(field('angle'))
    """
    return Call("sin", (as_expr(value),))


def cos(value: Operand) -> Expr:
    """The cosine of an angle in radians.

    >>> from setpoint.declare.expr import field
    >>> cos(field("angle"))
    cos(field('angle'))
    """
    return Call("cos", (as_expr(value),))


def minimum(first: Operand, second: Operand, *more: Operand) -> Expr:
    """The smallest of several numbers or times; NULL where one of them is.

    >>> from setpoint.declare.expr import field
    >>> minimum(field("total"), 100)
    minimum(field('total'), 100)
    """
    return _of_all("minimum", first, second, *more)


def maximum(first: Operand, second: Operand, *more: Operand) -> Expr:
    """The greatest of several numbers or times; NULL where one of them is.

    >>> from setpoint.declare.expr import field
    >>> maximum(field("total"), 0)
    maximum(field('total'), 0)
    """
    return _of_all("maximum", first, second, *more)


def coalesce(first: Operand, second: Operand, *more: Operand) -> Expr:
    """The first of several values that is there; NULL where none is.

    >>> from setpoint.declare.expr import field
    >>> coalesce(field("nickname"), field("name"), "nobody")
    fill(field('nickname'), fill(field('name'), 'nobody'))
    """
    *others, final = [as_expr(value) for value in (first, second, *more)]
    return reduce(lambda rest, value: Call("fill", (value, rest)), reversed(others), final)


def if_else(condition: Operand, then: Operand, otherwise: Operand) -> Expr:
    """One value where a condition holds, and the other where it does not or is NULL; either may be None, a NULL.

    >>> from setpoint.declare.expr import field
    >>> if_else(field("total") > 0, field("discount") / field("total"), None)
    if_else((field('total') > 0), (field('discount') / field('total')), None)
    """
    if then is None and otherwise is None:
        raise DeclarationError(f"if_else({condition}) is NULL either way.", expected="at least one value")
    return Call("if_else", (as_expr(condition), as_expr(then), as_expr(otherwise)))


def joined(first: Operand, second: Operand, *more: Operand, by: str = "") -> Expr:
    """Texts one after another, with `by` between them; NULL where one of them is.

    >>> from setpoint.declare.expr import field
    >>> joined(field("origin"), field("dest"), by="-")
    joined(field('origin'), field('dest'), '-')
    """
    if not isinstance(by, str):
        raise WrongType(f"joined(by={by!r}) is not a text.", expected='such as by="-"')
    return Call("joined", tuple(as_expr(part) for part in (first, second, *more)), by)


def _of_all(name: str, *values: Operand) -> Expr:
    return reduce(lambda left, right: Call(name, (left, right)), [as_expr(value) for value in values])
