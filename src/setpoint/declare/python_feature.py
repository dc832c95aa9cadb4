"""Features written in Python: one function of arrays, which means the same for one row and for many."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from setpoint.core.digest import digest
from setpoint.core.errors import DeclarationError
from setpoint.declare.expr import Operand, PythonCall, as_expr
from setpoint.declare.function_source import source_of

KINDS = ("number", "text", "bool")
"""What a Python feature can give."""


@dataclass(frozen=True)
class PythonFeature:
    """A Python function as part of expressions: applied to expressions, it is one.

    `version` is the digest of its source text, so that a changed function is another feature.
    """

    name: str
    function: Callable[..., Any]
    kind: str
    version: str

    def __call__(self, *arguments: Operand) -> PythonCall:
        """The function of these expressions."""
        if not arguments:
            raise DeclarationError(f"{self.name}() is applied to nothing.", expected="at least one expression")
        signature = inspect.signature(self.function)
        try:
            signature.bind(*arguments)
        except TypeError as error:
            raise DeclarationError(f"{self.name} is applied to {len(arguments)} values: {error}.") from error
        return PythonCall(
            self.name, self.function, tuple(as_expr(value) for value in arguments), self.kind, self.version
        )


def python_feature(*, kind: str) -> Callable[[Callable[..., Any]], PythonFeature]:
    """Makes a feature of a function of numpy arrays that gives an array of `kind`: "number", "text" or "bool".

    Each argument comes as an array with one entry for each row: numbers and truth values as float64 with NaN for NULL,
    texts as objects with None, times as int64 microseconds with -2**63. The answer has one entry for each row too, and
    must not depend on the other rows: on the first batch it is compared with the answers for a shuffled batch and for
    rows on their own, and a function that does not agree to the last bit is run row by row.

    Its version is its source text, so what else it reads (other functions, names of its module) should not change.

    >>> from setpoint.declare.expr import field
    >>> @python_feature(kind="bool")
    ... def night(hour):
    ...     return hour < 6
    >>> night(field("hour"))
    night(field('hour'))
    """
    if kind not in KINDS:
        raise DeclarationError(f"python_feature has kind={kind!r}.", expected=f"one of {', '.join(KINDS)}")

    def made(function: Callable[..., Any]) -> PythonFeature:
        source = source_of(function, what="Python feature")
        return PythonFeature(function.__name__, function, kind, digest([function.__name__, kind, source]))

    return made
