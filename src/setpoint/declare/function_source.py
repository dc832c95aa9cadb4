"""The source text of a user's function: what its version is a digest of."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from setpoint.core.errors import DeclarationError, WrongType


def source_of(function: Callable[..., Any], *, what: str) -> str:
    """The source text of a function, refused where the text does not say all that it computes; `what` names it.

    >>> source_of(len, what="label program")
    Traceback (most recent call last):
        ...
    setpoint.core.errors.WrongType: <built-in function len> is not a function. Expected: a function in Python.
    """
    if not inspect.isfunction(function):
        raise WrongType(f"{function!r} is not a function.", expected="a function in Python")
    if function.__closure__:
        names = ", ".join(function.__code__.co_freevars)
        raise DeclarationError(
            f"The {what} {function.__name__!r} reads {names} of the function around it.",
            expected="a function whose source text says what it computes",
            hint="Pass it as an argument, or write it at the top of the file.",
        )
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError) as error:
        raise DeclarationError(
            f"The source text of the {what} {function.__name__!r} cannot be found, so it has no version.",
            expected="a function in a file",
        ) from error
